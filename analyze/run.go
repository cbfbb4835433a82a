package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Options say what to audit.
type Options struct {
	// Policy is what requests are judged by. It must be set.
	Policy *limits.Policy
	// AsOf is the moment taken as "now"; later requests are left out. It must be set.
	AsOf time.Time
	// Since (inclusive) and Until (exclusive) select requests by StartedAt; the zero time means no bound. Rolling sums
	// look back past Since.
	Since, Until time.Time
	// Tenants are the tenants to audit; none means all.
	Tenants []string
	// About gives what is known of a tenant beside its requests; nil means nothing. Name and Resets are filled in.
	About func(name string) egress.Tenant
	// Known are tenants that are audited even if the log has nothing of them: those of the
	// configuration.
	Known []string
	// Seen makes the audit tell what is new: incidents whose ids are not in it, or that consist of
	// more than it says. It is Report.Seen of the audit before, and not nil.
	Seen map[string]int64
	// NoCache leaves saved states alone. The snapshot should be one without a cache as well.
	NoCache bool
	// Forecast also asks whether a tenant that is not far from its cap will reach it, for egress-near; a Chance that
	// About gives goes before. By default, egress-near looks at what is there.
	Forecast bool
}

// needed refuses options without what has no default: without a policy nothing can be judged, and year 1 is no "now".
func needed(p *limits.Policy, asOf time.Time) error {
	switch {
	case p == nil:
		return errors.New("no Policy is given; limits.Builtin has one")
	case asOf.IsZero():
		return errors.New("no AsOf is given; time.Now() is the usual one")
	}
	return nil
}

// Run audits the tenants of a snapshot. The states it returns may be saved with store.SaveStates under the key, to make
// the next run cost only what was added; there are none where Options select a range.
func Run(ctx context.Context, snap store.Snapshot, o Options) (*Report, Saved, error) {
	r := &runner{snap: snap, o: o, asOf: o.AsOf.UnixMicro()}
	if err := r.prepare(ctx); err != nil {
		return nil, Saved{}, err
	}
	results, err := r.all(ctx)
	if err != nil {
		return nil, Saved{}, err
	}
	slices.SortFunc(results, func(a, b Result) int {
		return cmp.Or(a.Verdict.order()-b.Verdict.order(), cmp.Compare(a.Tenant, b.Tenant))
	})
	report := &Report{
		AsOf: o.AsOf.UTC(), Since: o.Since, Until: o.Until, PolicyName: o.Policy.Name, PolicyVersion: o.Policy.Version,
		Tenants: results, Later: r.later, Dropped: r.facts.Dropped,
	}
	return report, Saved{Key: r.key, States: r.saved}, nil
}

// Saved are states for store.SaveStates.
type Saved struct {
	Key    []byte
	States []store.State
}

func (v Verdict) order() int {
	switch v {
	case Fail:
		return 0
	case Warn:
		return 1
	case NoData:
		return 2
	}
	return 3
}

// Explain calls f for each request that made a rule fire for a tenant, in order of time but for rules that can only be
// judged later (lost-report, persistent-error).
func Explain(ctx context.Context, snap store.Snapshot, o Options, tenant string, f func(Hit)) error {
	r := &runner{snap: snap, o: o, asOf: o.AsOf.UnixMicro()}
	r.o.Tenants = []string{tenant}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	t, err := r.about(ctx, tenant)
	if err == nil {
		_, err = r.fromStart(ctx, t, &scratch{}, f)
	}
	return err
}

// runner is one Run.
type runner struct {
	snap    store.Snapshot
	o       Options
	asOf    int64
	tenants []store.TenantInfo
	facts   egress.Events
	key     []byte
	states  map[string]store.State
	later   int64

	mu    sync.Mutex // guards what the workers add to
	saved []store.State
}

func (r *runner) prepare(ctx context.Context) (err error) {
	if err := needed(r.o.Policy, r.o.AsOf); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if r.facts, err = egress.ReadEvents(ctx, r.snap, r.asOf); err != nil {
		return err
	}
	for _, t := range r.snap.Tenants() {
		if t.Requests > 0 && (len(r.o.Tenants) == 0 || slices.Contains(r.o.Tenants, t.Name)) {
			r.tenants = append(r.tenants, t)
		}
	}
	if r.key, err = stateKey(r.o.Policy); err != nil {
		return err
	}
	if r.whole() {
		r.states, err = r.snap.States(ctx, r.key)
	}
	return err
}

// whole says that no range is selected.
func (r *runner) whole() bool { return r.o.Since.IsZero() && r.o.Until.IsZero() }

// held is how many of a tenant's requests were held back in the range. Such an event tells of a run that ended then.
func (r *runner) held(tenant string) (n int64) {
	for _, e := range r.facts.Paced {
		at := time.UnixMicro(e.At)
		if e.Tenant == tenant && (r.o.Since.IsZero() || !at.Before(r.o.Since)) && (r.o.Until.IsZero() || at.Before(r.o.Until)) {
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
	t.Name, t.Resets = name, r.facts.Resets[name]
	return t, t.Measure(ctx, r.snap, r.asOf)
}

// all audits the tenants on all processors; a tenant is for one of them.
func (r *runner) all(ctx context.Context) ([]Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]Result, len(r.tenants))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(r.tenants)) {
		wg.Go(func() {
			var s scratch
			for i := range next {
				var err error
				if results[i], err = r.tenant(ctx, r.tenants[i], &s); err != nil {
					cancel(fmt.Errorf("audit tenant %q: %w", r.tenants[i].Name, err))
				}
				results[i].Held = r.held(r.tenants[i].Name)
			}
		})
	}
	for i := range r.tenants {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return results, nil
}

// tenant audits one tenant, from a saved state where that is possible.
func (r *runner) tenant(ctx context.Context, info store.TenantInfo, scr *scratch) (Result, error) {
	if err := r.countLater(ctx, info); err != nil {
		return Result{}, err
	}
	t, err := r.about(ctx, info.Name)
	if err != nil {
		return Result{}, err
	}
	if s, ok := r.states[info.Name]; ok && s.UptoAt <= r.asOf && info.Last <= r.asOf {
		scr.seen.Reserve(0)
		result, ok, err := r.fromState(ctx, t, s, info.Last, scr)
		if ok || err != nil {
			return result, err
		}
	}
	scr.seen.Reserve(int(info.Requests))
	return r.fromStart(ctx, t, scr, nil)
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

// fromState continues a saved state; ok is false where it does not fit.
func (r *runner) fromState(ctx context.Context, t egress.Tenant, s store.State, last int64, scr *scratch) (result Result, ok bool, err error) {
	a := newAuditor(r.o.Policy, t, scr)
	if !a.resume(s.Data, r.snap.History(ctx, t.Name)) {
		return Result{}, false, nil
	}
	if last > s.UptoAt {
		if err := r.feed(ctx, a, store.Range{From: s.UptoAt + 1, To: r.asOf + 1}); err != nil {
			return Result{}, false, err
		}
	}
	if result, ok, err = r.judge(ctx, a); !ok || err != nil {
		return Result{}, false, err
	}
	if last > s.UptoAt {
		err = r.keep(a)
	}
	return result, true, err
}

// fromStart reads all requests of the range, and what the rolling sum at its start needs.
func (r *runner) fromStart(ctx context.Context, t egress.Tenant, scr *scratch, explain func(Hit)) (Result, error) {
	a := newAuditor(r.o.Policy, t, scr)
	defer func() { scr.gaps = a.Spacing.Gaps.All }()
	if explain != nil {
		a.Explain(explain)
	}
	rg := store.Range{To: r.asOf + 1}
	if !r.o.Until.IsZero() {
		rg.To = min(rg.To, r.o.Until.UnixMicro())
	}
	if !r.o.Since.IsZero() {
		since := r.o.Since.UnixMicro()
		rg.From = min(since, r.asOf) - micros(r.o.Policy.Egress.Window)
		a.From(since)
	} else {
		rg.From = math.MinInt64
	}
	if err := r.feed(ctx, a, rg); err != nil {
		return Result{}, err
	}
	if explain != nil {
		a.Result(r.asOf) // explains what can only be judged now
		return Result{}, nil
	}
	result, _, err := r.judge(ctx, a) // exact: it saw every request
	if err == nil && r.whole() {
		err = r.keep(a)
	}
	return result, err
}

// judge gives the auditor's result, with the forecast's word where the cap is not far. ok is Auditor.Result's.
func (r *runner) judge(ctx context.Context, a *Auditor) (result Result, ok bool, err error) {
	result, ok = a.Result(r.asOf)
	limit := result.Egress.Cap.Bytes
	if !ok || !r.o.Forecast || a.tenant.Chance > 0 || limit <= 0 || float64(result.Egress.Peak) < outlook.FarFromCap*float64(limit) {
		return result, ok, nil
	}
	o := outlook.Options{Policy: r.o.Policy, AsOf: r.o.AsOf}
	if a.tenant.Chance, err = outlook.Chance(ctx, r.snap, a.tenant, o, &a.scratch.seen); err != nil {
		return result, ok, err
	}
	result, ok = a.Result(r.asOf)
	return result, ok, nil
}

func (r *runner) feed(ctx context.Context, a *Auditor, rg store.Range) error {
	for batch, err := range r.snap.Scan(ctx, a.tenant.Name, rg) {
		if err != nil {
			return err
		}
		a.scratch.seen.Warm(batch)
		for i := range batch {
			if err := a.Add(&batch[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep saves the auditor's state, unless requests after asOf are still to come.
func (r *runner) keep(a *Auditor) error {
	data, ok, err := a.save()
	if err != nil || !ok {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saved = append(r.saved, store.State{Tenant: a.tenant.Name, UptoAt: a.Upto, Data: data})
	return nil
}
