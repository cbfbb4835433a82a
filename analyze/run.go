package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/internal/pool"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Options say what to audit.
type Options struct {
	// Policy is what requests are judged by. It must be set.
	Policy *limits.Policy
	// AsOf is the moment taken as "now"; later requests are left out. It must be set.
	AsOf time.Time
	// Since (inclusive) and Until (exclusive) select requests by StartedAt; the zero time means no
	// bound. With one of them the audit is about the range, else about now. Rolling sums and rules
	// about reactions look back past Since.
	Since, Until time.Time
	// Tenants are the tenants to audit; none means all.
	Tenants []string
	// Known are tenants that are audited even if the log has nothing of them: those of the
	// configuration.
	Known []string
	// About gives what is known of a tenant beside its requests; nil means nothing. Name and Resets
	// are filled in.
	About func(name string) egress.Tenant
	// Seen makes the audit tell what is new: incidents whose ids are not in it, or that consist of
	// more than it says. It is Report.Seen of the audit before; nil means that all is told.
	Seen map[string]int64
	// Days asks for Report.Days, which needs every request.
	Days bool
	// NoCache leaves saved states alone. The snapshot should be one without a cache as well.
	NoCache bool
	// Forecast also asks whether a tenant that is not far from its cap will reach it, for egress-near;
	// a Chance that About gives goes before. By default, egress-near looks at what is there.
	Forecast bool
}

func (o *Options) about() About {
	switch {
	case !o.Since.IsZero() || !o.Until.IsZero():
		return AboutRange
	case o.Seen != nil:
		return AboutNew
	}
	return AboutNow
}

// needed refuses options without what has no default: without a policy nothing can be judged, and
// year 1 is no "now".
func (o *Options) needed() error {
	switch {
	case o.Policy == nil:
		return errors.New("no Policy is given; limits.Builtin has one")
	case o.AsOf.IsZero():
		return errors.New("no AsOf is given; time.Now() is the usual one")
	}
	return nil
}

// Run audits the tenants of a snapshot. The states it returns may be saved with SaveStates under
// the key, to make the next run cost only what was added.
func Run(ctx context.Context, snap store.Snapshot, o Options) (*Report, Saved, error) {
	r := &runner{snap: snap, o: o, asOf: o.AsOf.UnixMicro()}
	if err := r.prepare(ctx); err != nil {
		return nil, Saved{}, err
	}
	results, days, err := r.all(ctx)
	if err != nil {
		return nil, Saved{}, err
	}
	report := &Report{
		About: o.about(), FromCache: !o.NoCache, AsOf: o.AsOf.UTC(), Since: o.Since, Until: o.Until,
		PolicyName: o.Policy.Name, PolicyVersion: o.Policy.Version,
		Tenants: results, Later: r.later, Dropped: r.events.Dropped, Seen: map[string]int64{}, Days: days,
	}
	for i := range results {
		if at := time.UnixMicro(results[i].Since).UTC(); report.About != AboutRange &&
			(i == 0 || at.Before(report.Since)) {
			report.Since = at
		}
		for id, n := range results[i].seen {
			report.Seen[id] = n
		}
	}
	slices.SortFunc(results, compareResults)
	return report, Saved{Key: r.key, States: r.saved}, nil
}

// Saved are states for SaveStates.
type Saved struct {
	Key    []byte
	States []store.State
}

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
	_, err = r.tenant(ctx, store.TenantInfo{Name: tenant, Requests: r.requests(tenant)}, &scratch{}, x)
	return err
}

// ExplainIncident calls f for each request of an incident, in order of time, with why it counts.
// The error says so where there is no such incident.
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
	info := store.TenantInfo{Name: tenant, Requests: r.requests(tenant)}
	if _, err := r.tenant(ctx, info, &scratch{}, x); err != nil {
		return err
	}
	i := slices.IndexFunc(x.incidents, func(i incident) bool { return i.ID == id })
	if i < 0 {
		return fmt.Errorf("explain incident %q: tenant %q has no such incident", id, tenant)
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
	o.NoCache, o.Tenants, o.Days = true, []string{tenant}, false
	r := &runner{snap: snap, o: o, asOf: o.AsOf.UnixMicro()}
	err := r.prepare(ctx)
	if err != nil {
		return nil, egress.Tenant{}, err
	}
	t, err := r.about(ctx, tenant)
	return r, t, err
}

// runner is one Run.
type runner struct {
	snap    store.Snapshot
	o       Options
	asOf    int64
	tenants []store.TenantInfo
	events  egress.Events
	key     []byte
	states  map[string]store.State

	mu    sync.Mutex // guards what the workers add to
	saved []store.State
	later int64
}

func (r *runner) prepare(ctx context.Context) (err error) {
	if err := r.o.needed(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if r.events, err = egress.ReadEvents(ctx, r.snap, r.asOf); err != nil {
		return err
	}
	for _, t := range r.snap.Tenants() {
		if r.wanted(t.Name) {
			r.tenants = append(r.tenants, t)
		}
	}
	for _, name := range r.o.Known {
		if r.wanted(name) &&
			!slices.ContainsFunc(r.tenants, func(t store.TenantInfo) bool { return t.Name == name }) {
			r.tenants = append(r.tenants, store.TenantInfo{Name: name})
		}
	}
	if r.key, err = stateKey(r.o.Policy); err != nil || r.o.NoCache {
		return err
	}
	r.states, err = r.snap.States(ctx, r.key)
	return err
}

func (r *runner) wanted(tenant string) bool {
	return len(r.o.Tenants) == 0 || slices.Contains(r.o.Tenants, tenant)
}

func (r *runner) requests(tenant string) int64 {
	i := slices.IndexFunc(r.tenants, func(t store.TenantInfo) bool { return t.Name == tenant })
	if i < 0 {
		return 0
	}
	return r.tenants[i].Requests
}

// held is how many of a tenant's requests were held back in the range. Such an event tells of a run
// that ended then.
func (r *runner) held(tenant string, since int64) (n int64) {
	for _, e := range r.events.Paced {
		if e.Tenant == tenant && e.At >= since && (r.o.Until.IsZero() || e.At < r.o.Until.UnixMicro()) {
			n += e.Count
		}
	}
	return n
}

func (r *runner) about(ctx context.Context, name string) (egress.Tenant, error) {
	t := egress.Tenant{Chance: -1}
	if r.o.About != nil {
		t = r.o.About(name)
	}
	t.Name, t.Resets = name, r.events.Resets[name]
	return t, t.Measure(ctx, r.snap, r.asOf)
}

// all audits the tenants on all processors; a tenant is for one of them.
func (r *runner) all(ctx context.Context) ([]Result, *Daily, error) {
	results := make([]Result, len(r.tenants))
	var days *Daily
	if r.o.Days {
		days = &Daily{Edges: gapEdges(r.o.Policy), Tenants: make([]TenantDays, len(r.tenants))}
	}
	err := pool.Each(ctx, len(r.tenants), func(i int, s *scratch) (err error) {
		name := r.tenants[i].Name
		var x observer
		if days != nil {
			x = &dayCounter{edges: days.Edges, out: TenantDays{Tenant: name}}
		}
		if results[i], err = r.tenant(ctx, r.tenants[i], s, x); err != nil {
			return fmt.Errorf("audit tenant %q: %w", name, err)
		}
		results[i].Held = r.held(name, results[i].Since)
		if c, ok := x.(*dayCounter); ok {
			days.Tenants[i] = c.result()
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if days != nil {
		days.Tenants = slices.DeleteFunc(days.Tenants,
			func(t TenantDays) bool { return len(t.Days) == 0 })
	}
	return results, days, nil
}

// observer looks on while a tenant is audited, and makes the audit read every request that counts.
type observer interface {
	// begin comes before the first request.
	begin(a *Auditor)
	// heard comes after each request that counts.
	heard(a *Auditor)
	// end comes after the result.
	end(a *Auditor, all []incident)
}

func (x *explained) begin(a *Auditor) {
	a.onHit = func(rule int, e *rules.Evidence) {
		x.f(rule, Hit{Rule: rules.All[rule].Name, ID: e.ID, At: e.At, Why: e.Reason()}, until(rule, e))
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

func (x *explained) end(_ *Auditor, all []incident) { x.incidents = all }

// tenant audits one tenant: all of its log, from a saved state where that is possible, and then a
// range, where one is selected.
func (r *runner) tenant(
	ctx context.Context, info store.TenantInfo, scr *scratch, x observer,
) (Result, error) {
	if err := r.countLater(ctx, info); err != nil {
		return Result{}, err
	}
	t, err := r.about(ctx, info.Name)
	if err != nil {
		return Result{}, err
	}
	ranged := r.o.about() == AboutRange
	looks := x
	if ranged {
		looks = nil
	}
	a, err := r.whole(ctx, info, t, scr, looks)
	if err != nil || !ranged {
		if err != nil {
			return Result{}, err
		}
		return r.judge(ctx, a, nil, looks)
	}
	b, err := r.ranged(ctx, t, scr, x)
	if err != nil {
		return Result{}, err
	}
	return r.judge(ctx, b, a, x)
}

// countLater counts the requests that start after asOf.
func (r *runner) countLater(ctx context.Context, info store.TenantInfo) error {
	if info.Last <= r.asOf {
		return nil
	}
	var n int64
	for batch, err := range r.snap.Scan(ctx, info.Name, store.Range{From: r.asOf + 1}) {
		if err != nil {
			return err
		}
		n += int64(len(batch))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.later += n
	return nil
}

// whole audits a tenant's log up to asOf, and saves the state where that went further.
func (r *runner) whole(
	ctx context.Context, info store.TenantInfo, t egress.Tenant, scr *scratch, x observer,
) (*Auditor, error) {
	s, ok := r.states[info.Name]
	if ok = ok && s.UptoAt <= r.asOf && info.Last <= r.asOf && x == nil; ok {
		a, ok, err := r.fromState(ctx, t, s, info, scr)
		if ok || err != nil {
			return a, err
		}
	}
	scr.seen.Reserve(int(info.Requests))
	a := r.auditor(t, scr)
	a.gapsFrom = a.calend.night(min(r.asOf, info.Last)) - NowNights + 1
	if x != nil {
		x.begin(a)
	}
	if err := r.feed(ctx, a, store.Range{From: math.MinInt64, To: r.asOf + 1}, x); err != nil {
		return nil, err
	}
	return a, r.finish(ctx, a, info)
}

func (r *runner) auditor(t egress.Tenant, scr *scratch) *Auditor {
	a := newAuditor(r.o.Policy, t, scr)
	a.facts.Configured = slices.Contains(r.o.Known, t.Name)
	return a
}

// fromState continues a saved state; ok is false where it does not fit.
func (r *runner) fromState(
	ctx context.Context, t egress.Tenant, s store.State, info store.TenantInfo, scr *scratch,
) (a *Auditor, ok bool, err error) {
	scr.seen.Reserve(0)
	a = r.auditor(t, scr)
	if !a.resume(s.Data, r.snap.History(ctx, t.Name)) {
		return nil, false, nil
	}
	if info.Last <= s.UptoAt {
		return a, true, r.list(ctx, a)
	}
	if err := r.feed(ctx, a, store.Range{From: s.UptoAt + 1, To: r.asOf + 1}, nil); err != nil {
		return nil, false, err
	}
	return a, true, r.finish(ctx, a, info)
}

// finish takes the recording list and keeps the state, unless requests after asOf are there
// already: a state stands for all rows that arrived before it.
func (r *runner) finish(ctx context.Context, a *Auditor, info store.TenantInfo) error {
	if err := r.list(ctx, a); err != nil || info.Last > r.asOf {
		return err
	}
	data, ok, err := a.save()
	if err != nil || !ok {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saved = append(r.saved, store.State{Tenant: a.tenant.Name, UptoAt: a.Upto, Data: data})
	return nil
}

func (r *runner) list(ctx context.Context, a *Auditor) error {
	all, err := r.snap.Recordings(ctx, a.tenant.Name, r.asOf-listedReach, r.asOf+1)
	if err != nil {
		return err
	}
	if err := a.list(all); err != nil || len(a.Listed.Missing) == 0 {
		return err
	}
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, m := range a.Listed.Missing {
		from, to = min(from, m.At), max(to, m.At+1)
	}
	a.accounted, err = egress.Accounted(ctx, r.snap, a.tenant.Name, from, to, r.asOf)
	return err
}

// ranged audits a range alone. What comes around it is heard by the rules that look back.
func (r *runner) ranged(
	ctx context.Context, t egress.Tenant, scr *scratch, x observer,
) (*Auditor, error) {
	scr.seen.Reserve(0)
	a := r.auditor(t, scr)
	from, until := int64(math.MinInt64), r.asOf+1
	rg := store.Range{From: math.MinInt64, To: r.asOf + 1}
	if !r.o.Since.IsZero() {
		from = r.o.Since.UnixMicro()
		rg.From = begin(min(from, r.asOf), max(r.o.Policy.Egress.Window, reactionReach))
	}
	if !r.o.Until.IsZero() {
		until = min(until, r.o.Until.UnixMicro())
		rg.To = min(rg.To, until+reactionReach.Microseconds()+1)
	}
	a.Range(from, until)
	if x != nil {
		x.begin(a)
	}
	return a, r.feed(ctx, a, rg, x)
}

// reactionReach is how far around a range the rules about reactions look.
const reactionReach = 24 * time.Hour

// judge gives the auditor's result, with the forecast's word where the cap is not far. whole is the
// audit of the whole log, where a range is selected.
func (r *runner) judge(ctx context.Context, a, whole *Auditor, x observer) (Result, error) {
	var failed error
	chance := a.tenant.Chance
	if r.o.Forecast && chance <= 0 {
		asked := false
		a.facts.Chance = func() float64 {
			if !asked {
				asked = true
				chance, failed = r.chance(ctx, a)
			}
			return chance
		}
	}
	result, all := a.result(r.asOf, r.o.about(), whole, r.o.Seen)
	result.Resets = nil
	for _, e := range r.events.Notes[a.tenant.Name] {
		result.Resets = append(result.Resets, Reset{At: e.At, Note: e.Note})
	}
	if x != nil {
		x.end(a, all)
	}
	return result, failed
}

// chance asks the outlook, unless the cap is far.
func (r *runner) chance(ctx context.Context, a *Auditor) (float64, error) {
	limit := a.facts.Egress.Cap.Bytes
	if limit <= 0 || float64(a.facts.Egress.Peak) < outlook.FarFromCap*float64(limit) {
		return a.tenant.Chance, nil
	}
	o := outlook.Options{Policy: r.o.Policy, AsOf: r.o.AsOf}
	return outlook.Chance(ctx, r.snap, *a.tenant, a.facts.Egress.Cap, o, &a.scratch.seen)
}

func (r *runner) feed(ctx context.Context, a *Auditor, rg store.Range, x observer) error {
	for batch, err := range r.snap.Scan(ctx, a.tenant.Name, rg) {
		if err != nil {
			return err
		}
		a.scratch.seen.Warm(batch)
		for i := range batch {
			if err := a.Add(&batch[i]); err != nil {
				return err
			}
			if x != nil && batch[i].StartedAt >= a.from && batch[i].StartedAt < a.until {
				x.heard(a)
			}
		}
	}
	return nil
}
