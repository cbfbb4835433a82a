package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestCaps(t *testing.T) {
	fan := mustForecast(t, weekly(2, 100), 14)
	low, high := fan[6].Quantile(.5), fan[6].Quantile(.95)
	told, between := fan.Cross(Cap{low}, 14), fan.Cross(CapBetween(low, high), 14)
	if !(fan.Cross(Cap{high}, 14) < between && between < told) {
		t.Errorf("chance %v of an interval is not between %v and %v", between, fan.Cross(Cap{high}, 14), told)
	}
	if fan.Cross(nil, 14) != 0 || fan.First(nil, .1) != 0 || fan.Cross(Cap{0}, 1) != 1 || fan.Cross(Cap{0}, 0) != 0 {
		t.Error("no cap, a cap of 0 or no days are wrong")
	}
	warn, expect := fan.First(Cap{low}, .1), fan.First(Cap{low}, .5)
	if warn < 1 || expect < warn || expect > 7 {
		t.Errorf("warned of day %d, expected on day %d", warn, expect)
	}
	if got := CapBetween(5, 5); len(got) != 1 {
		t.Errorf("interval of one value: %v", got)
	}
}

// TestReached: the chance over several days is at least that of each alone and at most that of independent days, never falls
// with the days, and certainties stay certain.
func TestReached(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for range 1000 {
		daily := make([]float64, 1+r.IntN(MaxHorizon))
		for i := range daily {
			daily[i] = math.Pow(r.Float64(), 1+20*r.Float64())
		}
		got := slices.Clone(daily)
		reached(got, fresh, freshFar)
		most, none := 0., 1.
		for i, p := range daily {
			most, none = math.Max(most, p), none*(1-p)
			if got[i] < most || got[i] > math.Max(most, 1-none)+1e-12 || i > 0 && got[i] < got[i-1] {
				t.Fatalf("%v become %v", daily, got)
			}
		}
	}
	for _, c := range [][3]float64{{0, 0, 0}, {.4, 0, .4}, {0, .4, .4}, {1, .5, 1}, {.2, 1, 1}} {
		got := []float64{c[0], c[1]}
		if reached(got, fresh, freshFar); math.Abs(got[1]-c[2]) > 1e-15 || math.Abs(got[0]-c[0]) > 1e-15 {
			t.Errorf("%v become %v", c[:2], got)
		}
	}
	day := []float64{.2, .2}
	if reached(day, fresh, freshFar); math.Abs(day[1]-(1-math.Pow(.8, 1+fresh))) > 1e-15 {
		t.Errorf("two days of 20 %% become %v", day[1])
	}
}

func ExampleFan_Cross() {
	s := Series{Start: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}
	for range 6 {
		s.Bytes = append(s.Bytes, 10e9, 10e9, 9e9, 10e9, 11e9, 2e9, 1e9)
	}
	m, err := Fit(s, windowDays)
	if err != nil {
		fmt.Println(err)
		return
	}
	fan, err := m.Forecast(m.Calendar(14))
	if err != nil {
		fmt.Println(err)
		return
	}
	limit := CapBetween(48e9, 54e9)
	fmt.Printf("next Friday %.0f GB, chance of the cap within a week %.0f %%, first day to warn of %d\n",
		fan[4].Point/1e9, 100*fan.Cross(limit, 7), fan.First(limit, .1))
	// Output: next Friday 50 GB, chance of the cap within a week 35 %, first day to warn of 5
}
