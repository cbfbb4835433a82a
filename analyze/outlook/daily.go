package outlook

import (
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/limits"
)

// ProjectDaily forecasts plain daily totals, with sums over as many calendar days as the policy's window has. Each series is a tenant of the report;
// its days end at midnight UTC, and the report is as of the end of the latest. Of w, only Cap and Growth count.
func ProjectDaily(series []forecast.Named, policy *limits.Policy, horizon int, w WhatIf) (*Report, error) {
	o := Options{Policy: policy, Horizon: horizon, WhatIf: WhatIf{Cap: w.Cap, Growth: w.Growth}}
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &Report{Horizon: o.Horizon, WhatIf: o.WhatIf}
	for _, s := range series {
		p := projectDaily(s, o)
		if p.AsOf.After(r.AsOf) {
			r.AsOf = p.AsOf
		}
		r.Tenants = append(r.Tenants, p)
	}
	slices.SortFunc(r.Tenants, compareProjections)
	return r, nil
}

func projectDaily(s forecast.Named, o Options) Projection {
	n := len(s.Series.Bytes)
	y, m, d := s.Series.Start.Date()
	p := Projection{
		Tenant: s.ID, AsOf: time.Date(y, m, d+n, 0, 0, 0, 0, time.UTC), History: n, Chance: -1, Series: s.Series, Window: WindowDays(o.Policy),
		Cap: egress.Cap{Source: egress.CapUnknown},
	}
	if c := o.WhatIf.Cap; c > 0 {
		p.Cap = egress.Cap{Bytes: c, Low: c, High: c, Source: egress.CapTold}
	}
	p.Current = whole(lastSum(s.Series.Bytes, p.Window))
	p.forecastDaily(o)
	p.score()
	return p
}

func (p *Projection) forecastDaily(o Options) {
	model, err := forecast.Fit(p.Series, p.Window)
	if err != nil {
		p.Reason = err.Error()
		return
	}
	p.Method = methodName(p.History)
	bands, err := model.Forecast(model.Calendar(max(o.Horizon, ChanceDays)))
	if err != nil {
		p.Reason = err.Error()
		return
	}
	for i := range bands {
		bands[i] = bands[i].Grown(1 + o.WhatIf.Growth)
	}
	limits := spread(p.Cap)
	p.fill([2]forecast.Fan{bands, bands}, limits.Crossing(bands), o.Horizon)
	if limits != nil {
		p.Budget = dailyBudget(model, limits, 1+o.WhatIf.Growth)
	}
}

// dailyBudget is that of the next day, and of every day from then on.
func dailyBudget(m *forecast.Model, limits forecast.Cap, growth float64) *Budget {
	most := limits[len(limits)-1]
	budget := func(n nights) int64 {
		return whole(math.Floor(largest(most, func(bytes float64) bool {
			n.bytes = bytes
			return dailyChance(m, n, limits, growth) < mostRisk
		})))
	}
	return &Budget{Tonight: budget(nights{first: true}), Daily: budget(nights{all: true}), Binds: BindsEgress}
}

// dailyChance is that of reaching the cap within ChanceDays, with what some days bring given.
func dailyChance(m *forecast.Model, n nights, limits forecast.Cap, growth float64) float64 {
	windows := m.Calendar(ChanceDays)
	for i := range windows {
		w := &windows[i]
		for day, share := range w.Days {
			if n.given(day) {
				w.Known += share * n.bytes
				w.Days[day] = 0
			}
		}
	}
	fan, err := m.Forecast(windows)
	if err != nil {
		return 1 // cannot be: sums of volumes are volumes, shares are 0 and 1
	}
	for i := range fan {
		fan[i] = fan[i].Grown(growth)
	}
	return fan.Cross(limits, ChanceDays)
}

// lastSum is the sum of the last days of a window; a day that nobody knows counts nothing.
func lastSum(y []float64, window int) (sum float64) {
	for _, v := range y[max(0, len(y)-window):] {
		if !math.IsNaN(v) {
			sum += v
		}
	}
	return sum
}
