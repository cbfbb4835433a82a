package analyze

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/store"
)

// observer looks on while a tenant is audited, and makes the audit read every request that counts.
type observer interface {
	// begin comes before the first request.
	begin(a *Auditor)
	// heard comes after each request that counts.
	heard(a *Auditor)
	// end comes after the result, with all incidents, also those that it does not tell.
	end(a *Auditor, r *Result, all []incident)
}

// observers look on one after the other.
type observers []observer

func (all observers) begin(a *Auditor) {
	for _, x := range all {
		x.begin(a)
	}
}

func (all observers) heard(a *Auditor) {
	for _, x := range all {
		x.heard(a)
	}
}

func (all observers) end(a *Auditor, r *Result, incidents []incident) {
	for _, x := range all {
		x.end(a, r, incidents)
	}
}

// tenant audits one tenant: its whole log, from a saved state where that is possible. Where a range
// is selected, it then audits the range alone; of the whole log comes what rules say that judge all
// of it (rules.Rule.Whole). x looks on at the audit that is told; it may be nil.
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
	if r.o.about() != AboutRange {
		a, err := r.whole(ctx, info, t, scr, x)
		if err != nil {
			return Result{}, err
		}
		defer a.release()
		return r.judge(ctx, a, nil, x)
	}
	whole, err := r.whole(ctx, info, t, scr, nil)
	if err != nil {
		return Result{}, err
	}
	defer whole.release()
	a, err := r.ranged(ctx, t, scr, x)
	if err != nil {
		return Result{}, err
	}
	defer a.release()
	return r.judge(ctx, a, whole, x)
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
	if s, ok := r.states[info.Name]; ok && info.Last <= r.asOf && s.UptoAt <= r.asOf && x == nil {
		if a, ok, err := r.fromState(ctx, t, s, info, scr); ok || err != nil {
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
	a.tellNights = r.o.Nights
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
	a := r.auditor(t, scr)
	from, until := int64(math.MinInt64), r.asOf+1
	rg := store.Range{From: math.MinInt64, To: r.asOf + 1}
	if !r.o.Since.IsZero() {
		from = r.o.Since.UnixMicro()
		back := max(r.o.Policy.Egress.Window, reactionReach)
		rg.From = min(from, r.asOf) - back.Microseconds()
	}
	if !r.o.Until.IsZero() {
		until = min(until, r.o.Until.UnixMicro())
		rg.To = min(rg.To, until+reactionReach.Microseconds()+1)
	}
	info := r.info(t.Name)
	scr.seen.Reserve(requestsIn(info, rg.From, rg.To))
	a.Range(from, until)
	a.Window.First, a.Window.HasFirst = info.First, info.Requests > 0
	if x != nil {
		x.begin(a)
	}
	return a, r.feed(ctx, a, rg, x)
}

// requestsIn is how many of a tenant's requests start in a range, if they are spread evenly.
func requestsIn(info store.TenantInfo, from, to int64) int {
	from, to = max(from, info.First), min(to, info.Last+1)
	if to <= from {
		return 0
	}
	share := float64(to-from) / float64(info.Last+1-info.First)
	return int(share * float64(info.Requests))
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
		x.end(a, &result, all)
	}
	return result, failed
}

// chance asks the outlook, unless the cap is far.
func (r *runner) chance(ctx context.Context, a *Auditor) (float64, error) {
	limit := a.facts.Egress.Cap.Bytes
	if limit <= 0 || float64(a.facts.Egress.Peak) < outlook.FarFromCap*float64(limit) {
		return a.tenant.Chance, nil
	}
	if chance, ok := r.o.Projected.Chance(a.tenant.Name, a.facts.Egress.Cap); ok {
		return chance, nil
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
