package outlook

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// ProjectDaily forecasts plain daily totals, with sums over as many calendar days as the policy's
// window has. Each series is a tenant of the report; its days end at midnight UTC, and the report
// is as of the end of the latest: the days that another one lacks are unknown. Of w, only Cap and
// Growth count.
func ProjectDaily(
	series []forecast.Named, policy *limits.Policy, horizon int, w WhatIf,
) (*Report, error) {
	o := Options{Policy: policy, Horizon: horizon, WhatIf: WhatIf{Cap: w.Cap, Growth: w.Growth}}
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &Report{Horizon: o.Horizon, WhatIf: o.WhatIf}
	for _, s := range series {
		if end := dailyEnd(s.Series); end.After(r.AsOf) {
			r.AsOf = end
		}
	}
	for _, s := range series {
		r.Tenants = append(r.Tenants, projectDaily(s, r.AsOf, o))
	}
	slices.SortFunc(r.Tenants, compareProjections)
	return r, nil
}

func projectDaily(s forecast.Named, asOf time.Time, o Options) Projection {
	p := Projection{
		Tenant: s.ID, AsOf: asOf, History: historyOf(s.Series), Chance: -1, Series: s.Series,
		Window: WindowDays(o.Policy),
		Cap:    egress.Cap{Source: egress.CapUnknown}, DataUntil: dailyEnd(s.Series),
	}
	if c := o.WhatIf.Cap; c > 0 {
		p.Cap = egress.Cap{Bytes: c, Low: c, High: c, Source: egress.CapTold}
	}
	p.forecastDaily(o)
	p.score()
	return p
}

// dailyEnd is the end of the last day of a series.
func dailyEnd(s forecast.Series) time.Time {
	y, m, d := s.Start.Date()
	return time.Date(y, m, d+len(s.Bytes), 0, 0, 0, 0, time.UTC)
}

// historyOf is the number of days from the first that had bytes.
func historyOf(s forecast.Series) int {
	first := slices.IndexFunc(s.Bytes, func(v float64) bool { return v > 0 })
	if first < 0 {
		return 0
	}
	return len(s.Bytes) - first
}

func (p *Projection) forecastDaily(o Options) {
	d := days{unknown: int(p.AsOf.Sub(p.DataUntil).Hours() / 24), growth: 1 + o.WhatIf.Growth}
	p.Current = whole(lastSum(p.Series.Bytes, p.Window-d.unknown))
	model, err := forecast.Fit(p.Series, p.Window)
	switch {
	case err != nil:
		p.Reason = err.Error()
		return
	case d.unknown > mostDailyUnknown:
		p.Reason = fmt.Sprintf("its last day is %s, %d days before that of others",
			p.DataUntil.AddDate(0, 0, -1).Format(time.DateOnly), d.unknown)
		return
	}
	d.model = model
	p.Method = methodName(p.History)
	p.dailyNotes(d.unknown)
	empty := 0 // days at the end
	for empty < len(p.Series.Bytes) && p.Series.Bytes[len(p.Series.Bytes)-1-empty] == 0 {
		empty++
	}
	p.Notes = append(p.Notes,
		stateNotes(model.State(), p.DataUntil.AddDate(0, 0, -empty), p.DataUntil)...)
	fan, limits := d.fan(nights{}, max(o.Horizon, ChanceDays), false), spread(p.Cap)
	p.fill([]forecast.Fan{fan}, limits.Crossing(fan), o.Horizon)
	if limits != nil {
		p.Budget = dailyBudget(&d, limits)
	}
}

// mostDailyUnknown are the days that a series may end before the latest one.
const mostDailyUnknown = forecast.MaxUnknown

// dailyNotes says what a reader of plain totals must know of them.
func (p *Projection) dailyNotes(unknown int) {
	missing := 0
	for _, v := range p.Series.Bytes[len(p.Series.Bytes)-p.History:] {
		if math.IsNaN(v) {
			missing++
		}
	}
	if missing > 0 {
		p.Notes = append(
			p.Notes,
			fmt.Sprintf(
				"%s of the series %s missing: nothing is learned from them, and they count 0 in sums.",
				measure.Count(int64(missing), "day"), isAre(missing)),
		)
	}
	if unknown > 0 {
		p.Notes = append(p.Notes, unknownNote(unknown, p.DataUntil))
	}
	p.unreliable()
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// dailyBudget is that of the next day, and of every day from then on.
func dailyBudget(d *days, limits forecast.Cap) *Budget {
	daily := largest(limits[len(limits)-1], func(bytes float64) bool {
		fan := d.fan(nights{all: true, bytes: bytes}, ChanceDays, true)
		return limits.Crossing(fan)[ChanceDays-1] < mostRisk
	})
	night := tonight(limits, func(bytes float64, lean bool) []forecast.Fan {
		return []forecast.Fan{d.fan(nights{first: true, bytes: bytes}, ChanceDays, lean)}
	})
	return &Budget{
		Tonight: whole(math.Floor(night)),
		Daily:   whole(math.Floor(daily)),
		Binds:   BindsEgress,
	}
}

// days are the coming days of plain daily totals.
type days struct {
	model   *forecast.Model
	unknown int // days up to now of which nothing is known
	growth  float64
}

// fan gives the bands of so many coming days, with what some of them bring given. Lean ones are for
// chances only.
func (d *days) fan(n nights, horizon int, lean bool) forecast.Fan {
	ask := d.model.Forecast
	if lean {
		ask = d.model.Chances
	}
	windows := d.model.Calendar(d.unknown + horizon)
	for i := range windows {
		w := &windows[i]
		for day, share := range w.Days {
			if n.given(day - d.unknown) {
				w.Known += share * n.bytes
				w.Days[day] = 0
			}
		}
	}
	fan, err := ask(windows)
	if err != nil {
		// Cannot be: sums of volumes are volumes, shares are 0 and 1.
		fan = make(forecast.Fan, len(windows))
	}
	fan = fan[d.unknown:]
	for i := range fan {
		fan[i] = fan[i].Grown(d.growth)
	}
	return fan
}

// lastSum is the sum of the last days of a window; a day that nobody knows counts nothing.
func lastSum(y []float64, window int) (sum float64) {
	for _, v := range y[max(0, len(y)-max(window, 0)):] {
		if !math.IsNaN(v) {
			sum += v
		}
	}
	return sum
}
