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

func TestNearestIsExactAtAnyNumber(t *testing.T) {
	for name, next := range spreads {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var all []int64
			for range 300 {
				all = append(all, next(r))
				for _, percent := range []int{50, 95} {
					got := nearest(slices.Clone(all), float64(percent)/100)
					if want := plainRank(all, percent); got != want {
						t.Fatalf("percentile %d of %d values: %d, want %d", percent, len(all), got, want)
					}
				}
			}
		})
	}
}

// TestGapsSurvivePacking: also when they are packed in parts.
func TestGapsSurvivePacking(t *testing.T) {
	for name, next := range spreads {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			var all []int64
			var packed []byte
			for range 5 {
				var part []int64
				for range r.IntN(200) {
					part = append(part, next(r))
				}
				all = append(all, part...)
				packed = packGaps(packed, part)
			}
			if got := unpackGaps(nil, packed); !slices.Equal(got, slices.Sorted(slices.Values(all))) {
				t.Fatalf("%d values, want %d", len(got), len(all))
			}
		})
	}
}
