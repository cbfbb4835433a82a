package pagetest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/6dcca832/headroom/internal/measure"
)

// TestPageWritesNumbersAsTheProgramDoes compares what the page's script writes with package measure,
// around each threshold and at random.
func TestPageWritesNumbersAsTheProgramDoes(t *testing.T) {
	t.Parallel()
	b := open(t, 800, 600)
	file, _ := write(t, made(t, 1, 1, plainName))
	b.load(file, "")
	whole, shares := wholeNumbers(), []float64{0, .001, .29, .5, .999, 1, 1.5, 99.99, 100, 1e9}
	for n := range 200 {
		shares = append(shares, float64(n)/100, rand.Float64())
	}
	given := string(must(json.Marshal(map[string]any{"whole": whole, "shares": shares})))
	got := eval[struct {
		Count, Size, Gap, Percent, Tenths []string
	}](b, fmt.Sprintf(`(({ whole, shares }) => ({
		count: whole.map(Words.count), size: whole.map(Words.size), gap: whole.map(Words.gap),
		percent: shares.map((s) => Words.percent(s)), tenths: shares.map((s) => Words.percent(s, 1)),
	}))(%s)`, given))
	for i, n := range whole {
		for name, pair := range map[string][2]string{
			"count": {got.Count[i], measure.Grouped(n)},
			"size":  {got.Size[i], measure.Bytes(n)},
			"gap":   {got.Gap[i], measure.Duration(n)},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s of %d: the page writes %q, the program %q", name, n, pair[0], pair[1])
			}
		}
	}
	for i, s := range shares {
		if p, want := got.Percent[i], measure.Percent(s); p != want {
			t.Errorf("%v: the page writes %q, the program %q", s, p, want)
		}
		if p, want := got.Tenths[i], measure.PercentTenths(s); p != want {
			t.Errorf("%v: the page writes %q, the program %q", s, p, want)
		}
	}
}

// wholeNumbers are numbers that a script holds exactly: around powers, thresholds and at random.
func wholeNumbers() []int64 {
	all := []int64{0, 1, -1, 515, 1_125, 1_135, 19_250, 19_350, 100_500, 101_500} // some lie in the middle of two
	near := func(n float64) {
		for d := int64(-2); d <= 2; d++ {
			all = append(all, int64(n)+d)
		}
	}
	rules := measure.Dialect()
	for power := 1.; power < 1e15; power *= 1000 {
		near(power)
		near(rules.NextUnit * power)
		near(rules.TwoDecimals * power)
		near(rules.OneDecimal * power)
	}
	for _, s := range rules.Durations {
		near(float64(s.Below))
		near(float64(s.Unit))
	}
	for range 300 {
		all = append(all, int64(math.Pow(10, 15*rand.Float64())))
	}
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
