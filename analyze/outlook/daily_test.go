package outlook

import (
	"math"
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

// TestDailyBudget: every night as much keeps the chance under 5 %, tonight adds at most 2.5 points, and a hundredth of the cap
// more does not.
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
			b, limits, d := r.Tenants[0].Budget, forecast.Cap{float64(limit)}, &days{model: m, growth: 1 + growth}
			every := func(bytes float64) float64 {
				return limits.Crossing(d.fan(nights{all: true, bytes: bytes}, ChanceDays, true))[ChanceDays-1]
			}
			more := .01 * float64(limit)
			if p, q := every(float64(b.Daily)), every(float64(b.Daily)+more); b.Daily > 0 && p >= mostRisk || q < mostRisk {
				t.Errorf("cap %d, growth %v: %d every night gives a chance of %.3f, a little more %.3f", limit, growth, b.Daily, p, q)
			}
			checkTonight(t, float64(b.Tonight), more, limits, func(bytes float64, lean bool) []forecast.Fan {
				return []forecast.Fan{d.fan(nights{first: true, bytes: bytes}, ChanceDays, lean)}
			})
		}
	}
}

// checkTonight checks what a budget says of tonight against its definition.
func checkTonight(t *testing.T, got, more float64, limits forecast.Cap, fans func(bytes float64, lean bool) []forecast.Fan) {
	t.Helper()
	without := fans(0, false)
	added := func(bytes float64) float64 { return limits.Added(fans(bytes, true), without) }
	sure, room := limits[0], limits[len(limits)-1]
	for _, fan := range without {
		room = math.Min(room, limits[len(limits)-1]-fan[0].Known)
		for i := range fan {
			sure = math.Min(sure, limits[0]-fan[i].Quantile(.975))
		}
	}
	if p := added(got); p > mostAdded && got > sure {
		t.Errorf("cap %v: tonight's %.0f bytes add %.3f to the chance", limits, got, p)
	}
	if p := added(got + more); p <= mostAdded && got+more <= room {
		t.Errorf("cap %v: a little more than %.0f tonight adds only %.3f", limits, got, p)
	}
	if got < math.Floor(math.Min(sure, room)) || got > math.Max(room, 0) {
		t.Errorf("cap %v: tonight's %.0f bytes are not between the %.0f that fit for certain and the room of %.0f", limits, got, sure, room)
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
