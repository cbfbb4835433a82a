package analyze

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/store"
)

// Explain calls f for each request that made a rule fire for a tenant and counts, in order of time
// but for rules that can only be judged later (lost-report, persistent-error).
func Explain(
	ctx context.Context, snap store.Snapshot, o Options, tenant string, f func(Hit),
) error {
	r, t, err := explaining(ctx, snap, o, tenant)
	if err != nil {
		return err
	}
	since := int64(math.MinInt64)
	if o.about() != AboutRange {
		c := newCalendar(t.Zone)
		since = c.start(c.night(r.asOf) - NowNights + 1)
	}
	x := &explained{f: func(_ int, h Hit, until int64) {
		if h.At >= since || until == 0 || until >= since {
			f(h)
		}
	}}
	_, err = r.tenant(ctx, r.info(tenant), &scratch{}, x)
	return err
}

// NoIncidentError says that a tenant has no incident with an id.
type NoIncidentError struct {
	ID, Tenant string
	Known      []string // the ids of those that it has, in the order in which they began
}

func (e *NoIncidentError) Error() string {
	return fmt.Sprintf("explain incident %q: tenant %q has no such incident", e.ID, e.Tenant)
}

// ExplainIncident calls f for each request of an incident, in order of time, with why it counts.
// Where there is no such incident, the error is a *NoIncidentError.
func ExplainIncident(
	ctx context.Context, snap store.Snapshot, o Options, tenant, id string, f func(Hit),
) error {
	r, t, err := explaining(ctx, snap, o, tenant)
	if err != nil {
		return err
	}
	type found struct {
		rule int
		hit  Hit
	}
	var all []found
	x := &explained{f: func(rule int, h Hit, _ int64) { all = append(all, found{rule, h}) }}
	if _, err := r.tenant(ctx, r.info(tenant), &scratch{}, x); err != nil {
		return err
	}
	i := slices.IndexFunc(x.incidents, func(i incident) bool { return i.ID == id })
	if i < 0 {
		none := &NoIncidentError{ID: id, Tenant: tenant}
		for _, other := range x.incidents {
			none.Known = append(none.Known, other.ID)
		}
		return none
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.hit.At, b.hit.At), cmp.Compare(a.hit.ID, b.hit.ID),
			cmp.Compare(a.rule, b.rule))
	})
	c := newCalendar(t.Zone)
	for _, h := range all {
		if x.incidents[i].covers(h.rule, c.night(h.hit.At)) {
			f(h.hit)
		}
	}
	return nil
}

// explained is what somebody wants to know of one tenant: its hits, and then its incidents.
type explained struct {
	f         func(rule int, h Hit, until int64)
	incidents []incident
}

func explaining(
	ctx context.Context, snap store.Snapshot, o Options, tenant string,
) (*runner, egress.Tenant, error) {
	o.NoCache, o.Tenants = true, []string{tenant}
	r := &runner{snap: snap, o: o, asOf: o.AsOf.UnixMicro()}
	err := r.prepare(ctx)
	if err != nil {
		return nil, egress.Tenant{}, err
	}
	t, err := r.about(ctx, tenant)
	return r, t, err
}

func (x *explained) begin(a *Auditor) {
	a.onHit = func(rule int, e *rules.Evidence) {
		x.f(rule, newHit(rule, e), until(rule, e))
	}
}

// until is when a hit is over: that of a request when it starts.
func until(rule int, e *rules.Evidence) int64 {
	if rules.All[rule].Absence || rules.All[rule].Now {
		return e.Until
	}
	return max(e.At, 1)
}

func (x *explained) heard(*Auditor) {}

func (x *explained) end(_ *Auditor, _ *Result, all []incident) { x.incidents = all }
