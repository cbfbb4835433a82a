package outlook

import (
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
)

// totals is a series of so many days of a weekly volume.
func totals(id string, days int) forecast.Named {
	s := forecast.Series{Start: time.Date(2026, 8, 3, 0, 0, 0, 0, time.UTC)}
	for d := range days {
		s.Bytes = append(s.Bytes, float64(weekly(d))*(1+.1*float64(d*d%7)))
	}
	return forecast.Named{ID: id, Series: s}
}

// TestDailyBudget: it keeps the chance under 5 %, and a hundredth of the cap more does not.
func TestDailyBudget(t *testing.T) {
	s := totals("a", 90)
	for _, limit := range []int64{70_000, 90_000, 300_000} {
		for _, growth := range []float64{0, .2} {
			r, err := ProjectDaily([]forecast.Named{s}, mustPolicy(t), DefaultHorizon, WhatIf{Cap: limit, Growth: growth})
			if err != nil {
				t.Fatal(err)
			}
			m, err := forecast.Fit(s.Series, 5)
			if err != nil {
				t.Fatal(err)
			}
			b, limits := r.Tenants[0].Budget, forecast.Cap{float64(limit)}
			for name, c := range map[string]struct {
				n     nights
				bytes int64
			}{"tonight": {nights{first: true}, b.Tonight}, "daily": {nights{all: true}, b.Daily}} {
				c.n.bytes = float64(c.bytes)
				within := dailyChance(m, c.n, limits, 1+growth)
				c.n.bytes += .01 * float64(limit)
				over := dailyChance(m, c.n, limits, 1+growth)
				if c.bytes > 0 && within >= mostRisk || over < mostRisk {
					t.Errorf("cap %d, growth %v, %s: %d gives a chance of %.3f, a little more %.3f", limit, growth, name, c.bytes, within, over)
				}
			}
		}
	}
}

// TestReachedComesFirst: a tenant at its cap is the worst, with a forecast or without, and every score that is missing says
// why.
func TestReachedComesFirst(t *testing.T) {
	r, err := ProjectDaily([]forecast.Named{totals("calm", 30), totals("young", 2)}, mustPolicy(t), DefaultHorizon, WhatIf{Cap: 15_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Tenants {
		if p.Unscored == "" {
			t.Errorf("%s: no scores, and no word why", p.Tenant)
		}
	}
	a, b := Projection{Tenant: "reached", Chance: -1, Current: 5, Cap: egress.Cap{Bytes: 5}}, Projection{Tenant: "near", Chance: .9, Current: 4, Cap: egress.Cap{Bytes: 5}}
	if compareProjections(a, b) >= 0 {
		t.Error("a tenant at its cap comes after one that may reach it")
	}
}
