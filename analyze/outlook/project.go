package outlook

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/analyze/internal/pool"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

const (
	// DefaultHorizon is how many days ahead a forecast looks.
	DefaultHorizon = 14
	// ChanceDays is how many days ahead the chance of reaching the cap and the budgets look, as
	// egress-near does.
	ChanceDays = 7
	// scoredDays are the last days that a forecast is scored on: enough for a share in whole percents,
	// and recent.
	scoredDays = 120
)

// Report is the forecast of several tenants, worst first.
type Report struct {
	AsOf    time.Time
	Horizon int // days
	WhatIf  WhatIf
	Tenants []Projection
}

// Of is the forecast of a tenant, nil where the report has none of it: the tenants are in another
// order than those of an audit.
func (r *Report) Of(tenant string) *Projection {
	for i := range r.Tenants {
		if r.Tenants[i].Tenant == tenant {
			return &r.Tenants[i]
		}
	}
	return nil
}

// Projection is the forecast of one tenant. Sizes are bytes.
type Projection struct {
	Tenant  string
	AsOf    time.Time
	Cap     egress.Cap
	Current int64 // in the window that ends at AsOf
	// Window is the policy's window in whole days, see WindowDays.
	Window int
	// Method names how it was forecast; "" where it was not.
	Method string
	// History is the number of days from the first request that counts to AsOf.
	History int
	// Reason is a sentence on why there is no forecast; "" where there is one.
	Reason string
	Days   []Day
	// Chance is that of reaching the cap within ChanceDays, or the horizon if that is shorter;
	// negative means that there is none, because the cap or the volume is unknown.
	Chance float64
	// Early, Likely and Late are when the chance of having reached the cap becomes 10, 50 and 90 %;
	// the zero time means not within the horizon.
	Early, Likely, Late time.Time
	// Over is about when the sum came to be at or over its cap without a break, where it is now, and
	// Under about when it will be expected under it again; the zero time means that it is under, and
	// that it stays over within the horizon.
	Over, Under time.Time
	// Budget is nil where the cap is unknown.
	Budget *Budget
	// Scores tell how good forecasts were on the last Origins days, headroom's own first; nil where
	// the history is too short or never changes, and Unscored then says so.
	Scores   []forecast.Score
	Unscored string
	// Room is what leaves the window in each of the hours until it is empty.
	Room []RoomHour
	// DataUntil is the time of the last request, of any kind, that is known; the zero time where there
	// is none.
	DataUntil time.Time
	// Series is what was learned from, with its labels; its last day ends at AsOf, or is the last
	// whose data has come.
	Series forecast.Series
	Notes  []string

	far bool // see Chance
}

// Day is the largest rolling sum of the 24 hours up to At.
type Day struct {
	At    time.Time
	Point float64
	// Quantiles are those at forecast.Levels.
	Quantiles [len(forecast.Levels)]float64
}

// Quantile is the quantile at one of forecast.Levels; NaN at another.
func (d *Day) Quantile(level float64) float64 {
	if i := slices.Index(forecast.Levels[:], level); i >= 0 {
		return d.Quantiles[i]
	}
	return math.NaN()
}

// RoomHour is how many bytes leave the window in the hour up to At.
type RoomHour struct {
	At    time.Time
	Bytes int64
}

// Project forecasts the rolling egress of the tenants of a snapshot. It reads all their requests,
// once.
func Project(ctx context.Context, snap store.Snapshot, o Options) (*Report, error) {
	if err := o.needed(); err != nil {
		return nil, fmt.Errorf("forecast: %w", err)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	known, err := egress.ReadEvents(ctx, snap, o.AsOf.UnixMicro())
	if err != nil {
		return nil, err
	}
	names := o.names(snap)
	out := make([]Projection, len(names))
	err = pool.Each(ctx, len(names), func(i int, s *egress.Items) error {
		t, err := o.about(ctx, snap, names[i], known.Resets)
		var c *collector
		if err == nil {
			c, err = collect(ctx, snap, o.Policy, t, o.AsOf.UnixMicro(), math.MinInt64, s)
		}
		if err == nil {
			out[i] = project(c, o)
			out[i].far = far(c.latest(), out[i].Cap)
			if !o.NoScores {
				out[i].score()
			}
		}
		return pool.Wrap(err, "forecast tenant %q", names[i])
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, compareProjections)
	return &Report{AsOf: o.AsOf.UTC(), Horizon: o.Horizon, WhatIf: o.WhatIf, Tenants: out}, nil
}

// compareProjections puts the worst first: what has reached its cap, then by chance in whole
// percents, since a difference that nobody sees is no order, then by how full the window is, then
// by name.
func compareProjections(a, b Projection) int {
	risk := func(p Projection) float64 {
		if p.used() >= 1 {
			return 1
		}
		return math.Floor(100*p.Chance) / 100
	}
	return cmp.Or(cmp.Compare(risk(b), risk(a)), cmp.Compare(b.used(), a.used()),
		cmp.Compare(a.Tenant, b.Tenant))
}

func (p *Projection) used() float64 {
	if p.Cap.Bytes <= 0 {
		return -1
	}
	return float64(p.Current) / float64(p.Cap.Bytes)
}

// project forecasts from what was collected of a tenant.
func project(c *collector, o Options) Projection {
	p := newProjection(c, o)
	if len(c.days) == 0 {
		p.Reason = "no recording was requested yet"
		p.modelless(c, o)
		return p
	}
	p.Series = c.habits().series(forecast.MaxHorizon)
	if c = c.latest(); len(c.days) == 0 {
		p.Reason = fmt.Sprintf("no recording was requested in the last %d days", learnDays)
		p.modelless(c, o)
		return p
	}
	p.forecast(c, o)
	return p
}

// forecast fills in what the last days say, which c has.
func (p *Projection) forecast(c *collector, o Options) {
	habits := c.habits()
	p.Notes = append(p.Notes, habits.notes()...)
	model, err := forecast.Fit(habits.series(forecast.MaxHorizon), p.Window)
	if err != nil {
		p.Reason = err.Error()
		p.modelless(c, o)
		return
	}
	p.Method = methodName(p.History)
	p.unreliable()
	if habits.unknown > 0 {
		p.Notes = append(p.Notes, unknownNote(habits.unknown, p.DataUntil))
	}
	p.Notes = append(p.Notes, stateNotes(model.State(), time.UnixMicro(c.lastPull), o.AsOf)...)
	l := newOutlook(c, habits, model, o)
	fans, limits := l.fans(nights{}, max(o.Horizon, ChanceDays), false), spread(p.Cap)
	p.fill(fans, l.chances(fans, limits), o.Horizon)
	if limits != nil && !o.NoBudget {
		p.Budget = l.budget(limits)
	}
}

func newProjection(c *collector, o Options) Projection {
	limit, note := o.WhatIf.limit(c)
	p := Projection{
		Tenant: c.tenant.Name, AsOf: o.AsOf.UTC(), Window: WindowDays(o.Policy), Cap: limit,
		Current: whole(c.current()), History: len(c.days), Chance: -1, Room: c.room(),
	}
	for _, note := range []string{note, limit.Note()} {
		if note != "" {
			p.Notes = append(p.Notes, note)
		}
	}
	if c.lastAt > 0 {
		p.DataUntil = time.UnixMicro(c.lastAt).UTC()
	}
	return p
}

// fill fills in what follows from the bands and from the chances of having reached the cap by the
// end of each day.
func (p *Projection) fill(fans []forecast.Fan, chances []float64, horizon int) {
	p.Days = projectDays(fans, p.AsOf, horizon)
	if chances == nil {
		return
	}
	p.over()
	p.Chance = chances[min(ChanceDays, horizon)-1]
	p.Early, p.Likely, p.Late = p.by(chances[:horizon], .1), p.by(chances[:horizon],
		.5), p.by(chances[:horizon], .9)
}

// over fills in since when the sum is at or over its cap and until when, to a day.
func (p *Projection) over() {
	if p.used() < 1 {
		return
	}
	y, limit := p.Series.Bytes, float64(p.Cap.Bytes)
	days := 0
	for len(y)-days > p.Window && lastSum(y[:len(y)-days-1], p.Window) >= limit {
		days++
	}
	p.Over = p.AsOf.AddDate(0, 0, -days)
	until := ", and stays so within the horizon"
	for i := range p.Days {
		if p.Days[i].Point < limit {
			p.Under = p.Days[i].At
			until = ", and expected under it again about " + measure.ShortDate(p.Under, time.UTC)
			break
		}
	}
	p.Notes = append(p.Notes,
		"At or over its cap since about "+measure.ShortDate(p.Over, time.UTC)+until+".")
}

// modelless gives the budget that needs no forecast.
func (p *Projection) modelless(c *collector, o Options) {
	if limits := spread(p.Cap); limits != nil && !o.NoBudget {
		p.Budget = newOutlook(c, c.habits(), nil, Options{}).budget(limits)
	}
}

// by is the end of the first day by which the chance is p.
func (p *Projection) by(chances []float64, chance float64) time.Time {
	for i, c := range chances {
		if c >= chance {
			return p.AsOf.Add(time.Duration(i+1) * 24 * time.Hour)
		}
	}
	return time.Time{}
}

// projectDays has the larger of each figure where there are several bands of a day.
func projectDays(fans []forecast.Fan, asOf time.Time, horizon int) []Day {
	days := make([]Day, horizon)
	for i := range days {
		d := &days[i]
		d.At = asOf.Add(time.Duration(i+1) * 24 * time.Hour)
		for _, fan := range fans {
			d.Point = math.Max(d.Point, fan[i].Point)
			for q := range d.Quantiles {
				d.Quantiles[q] = math.Max(d.Quantiles[q], fan[i].Quantiles[q])
			}
		}
	}
	return days
}

// score fills in how good forecasts of the tenant's own past would have been.
func (p *Projection) score() {
	if p.Reason != "" {
		p.Unscored = p.Reason
		return
	}
	scores, err := forecast.Evaluate(p.Series, p.Window, DefaultHorizon, scoredDays)
	if err != nil {
		p.Unscored = err.Error()
		return
	}
	p.Scores = scores
}

// methodName says what carries the forecast: shapes found elsewhere, the tenant's own weekdays, or
// both.
func methodName(history int) string {
	switch {
	case history < 14:
		return "weekly shapes"
	case history < 28:
		return "weekly shapes and weekday ensemble"
	}
	return "weekday ensemble"
}

// WindowDays is the length of the policy's rolling window in days, a part of one counting as a
// whole: the sums that a model of daily volumes learns its errors from.
func WindowDays(p *limits.Policy) int {
	const day = 24 * time.Hour
	return max(1, int((p.Egress.Window+day-1)/day))
}

// Past are the rolling sums at the ends of the last days up to AsOf, oldest first and resets aside:
// at most n, those of which all days are known.
func (p *Projection) Past(n int) []float64 {
	var sums []float64
	y := p.Series.Bytes
	for end := max(p.Window, len(y)-n+1); end <= len(y); end++ {
		sums = append(sums, lastSum(y[:end], p.Window))
	}
	return sums
}

// whole rounds bytes to what an int64 can hold.
func whole(bytes float64) int64 {
	if bytes >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(math.Round(math.Max(bytes, 0)))
}
