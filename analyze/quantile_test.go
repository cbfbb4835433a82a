package analyze

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// plainRank is a percentile by nearest rank, in integers: the smallest value that percent of all do not exceed.
func plainRank(values []int64, percent int) int64 {
	sorted := slices.Sorted(slices.Values(values))
	k := (percent*len(sorted) + 99) / 100
	return sorted[max(k, 1)-1]
}

// spreads are ways in which gaps may be distributed.
var spreads = map[string]func(*rand.Rand) int64{
	"wide":      func(r *rand.Rand) int64 { return r.Int64N(1e12) },
	"few":       func(r *rand.Rand) int64 { return r.Int64N(7) },
	"one":       func(*rand.Rand) int64 { return 3e6 },
	"two peaks": func(r *rand.Rand) int64 { return 3e6 + r.Int64N(2)*86400e6 + r.Int64N(3) },
	"long tail": func(r *rand.Rand) int64 { return int64(r.ExpFloat64() * 4e6) },
}

func checkPercentiles(t *testing.T, g *Gaps, all []int64) {
	t.Helper()
	for _, percent := range []int{50, 95} {
		v, ok := g.Percentile(float64(percent) / 100)
		if want := plainRank(all, percent); !ok || v != want {
			t.Fatalf("percentile %d of %d values: %d, %t, want %d", percent, len(all), v, ok, want)
		}
	}
	if g.N != int64(len(all)) || g.Min != slices.Min(all) {
		t.Fatalf("N %d and Min %d, want %d and %d", g.N, g.Min, len(all), slices.Min(all))
	}
}

func TestGapsAreExactAtAnyNumber(t *testing.T) {
	for name, next := range spreads {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var g Gaps
			var all []int64
			for range 300 {
				v := next(r)
				g.Add(v)
				all = append(all, v)
				checkPercentiles(t, &g, all)
			}
		})
	}
}

func TestGapsAreExactAfterShrink(t *testing.T) {
	for name, next := range spreads {
		for _, first := range []int{1, 100, 4 * nearWidth, 20 * nearWidth} {
			t.Run(name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, uint64(first)))
				var g Gaps
				var all []int64
				add := func(n int) {
					for range n {
						v := next(r)
						g.Add(v)
						all = append(all, v)
					}
				}
				add(first)
				for range 12 { // nights
					g.Shrink(0.50, 0.95)
					checkPercentiles(t, &g, all)
					add(200)
					checkPercentiles(t, &g, all)
				}
			})
		}
	}
}

func TestGapsShrinkBoundsWhatIsHeld(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var g Gaps
	for range 100_000 {
		g.Add(r.Int64N(1e12))
	}
	g.Shrink(0.50, 0.95)
	if g.All != nil {
		t.Errorf("still holds all %d values", len(g.All))
	}
	for _, n := range g.Near {
		if len(n.Values) > 2*nearWidth+2 {
			t.Errorf("holds %d values near %g, want at most %d", len(n.Values), n.Rank, 2*nearWidth+2)
		}
	}
}

// Values that all lie on one side move the rank out of its neighbourhood: then no answer is right, and a wrong one must
// not be given.
func TestGapsNoticeDrift(t *testing.T) {
	for _, side := range []int64{0, 2e9} {
		r := rand.New(rand.NewPCG(7, 8))
		var g Gaps
		var all []int64
		for range 10 * nearWidth {
			v := 1e9 + r.Int64N(1e6)
			g.Add(v)
			all = append(all, v)
		}
		g.Shrink(0.50, 0.95)
		noticed := false
		for range 10 * nearWidth {
			g.Add(side)
			all = append(all, side)
			v, ok := g.Percentile(0.50)
			noticed = noticed || !ok
			if len(all)%499 == 0 && ok && v != plainRank(all, 50) {
				t.Fatalf("after %d values says %d, which is wrong, and does not say so", len(all), v)
			}
		}
		if !noticed {
			t.Error("the median left its neighbourhood and nothing was said")
		}
	}
}

func TestGapsWithoutValues(t *testing.T) {
	var g Gaps
	if v, ok := g.Percentile(0.5); v != -1 || !ok {
		t.Errorf("no values: %d, %t, want -1, true", v, ok)
	}
	g.Shrink(0.50, 0.95)
	if v, ok := g.Percentile(0.5); v != -1 || !ok {
		t.Errorf("no values, shrunk: %d, %t, want -1, true", v, ok)
	}
	g.Add(5)
	if v, ok := g.Percentile(0.95); v != 5 || !ok {
		t.Errorf("first value after Shrink: %d, %t, want 5, true", v, ok)
	}
	if _, ok := g.Percentile(0.75); ok {
		t.Error("answers a percentile that was not kept")
	}
}
