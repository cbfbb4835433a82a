package analyze

import (
	"fmt"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// reactions judges what the client did after each answer. Every rule looks back over a bounded time, so what is kept
// is bounded by the requests of that time; only persistent counts what failed at the server for good.
type reactions struct {
	RateLimited, NoBackoff, EgressCap, AfterCap hits
	Unexpected, NoAnswer, Auth, Blind, Hasty    hits
	OutsideWindow                               hits
	Lost                                        hits
	Backoff                                     map[string]*backoff // by class
	KeptRefused                                 int64               // of RateLimited: requests that kept the minimum interval
	CapAt                                       int64               // start of the last refusal for egress
	AuthRun, AuthRunMax                         int64
	Bad                                         map[uint64]int64     // parameters: start of the last answer that makes a repeat pointless
	FailedUntil                                 map[uint64]int64     // parameters: end of the latest request, where it failed at the server
	Failures                                    map[uint64]*failures // parameters: failures at the server
	Deferred                                    []deferral
	Waiting                                     map[uint64]int // parameters: how many of Deferred wait for a repeat
	Errors                                      map[string]int64
}

// backoff is a class's run of refusals for frequency.
type backoff struct {
	Run        int   // consecutive refusals
	At         int64 // start of the last
	RetryAfter int64 // of the last, seconds
}

// deferral is a report that the vendor will keep for a repeat.
type deferral struct {
	At, ID  int64
	Params  uint64
	Fetched bool
}

// failures are the answers of a server error that the same parameters got.
type failures struct {
	Count int64
	Last  int64     // start of the last
	Early []failure // the first MaxIDs
}

type failure struct{ At, ID int64 }

func (x *reactions) init() {
	x.Backoff = map[string]*backoff{}
	x.Bad, x.FailedUntil = map[uint64]int64{}, map[uint64]int64{}
	x.Failures = map[uint64]*failures{}
	x.Waiting = map[uint64]int{}
	x.Errors = map[string]int64{}
}

func (a *Auditor) react(r *store.Call, rt *route, t *tally) {
	a.repeats(r)
	a.refusals(r, rt, t)
	x := &a.React
	switch {
	case rt.class == store.OpaqueClass: // the status is the tunnel's, not the vendor's
	case r.Status == 0:
		x.Errors[r.Error]++
		a.hit(&x.NoAnswer, RuleNoAnswer, r, func() string { return "no answer came: " + orUnknown(r.Error) })
	case !t.Expected:
		a.hit(&x.Unexpected, RuleUnexpectedStatus, r, func() string {
			return fmt.Sprintf("%s was answered %d, which the vendor's table does not list for it", rt.method, r.Status)
		})
	}
	if rt.egress && a.tenant.Window != nil && !a.tenant.Window.Contains(r.Start()) {
		a.hit(&x.OutsideWindow, RuleOutsideWindow, r, func() string { return "started outside the nightly window" })
	}
	a.remember(r, t.Role)
}

func orUnknown(s string) string {
	if s == "" {
		return "cause unknown"
	}
	return s
}

// refusals judges what was refused and what was asked after a refusal.
func (a *Auditor) refusals(r *store.Call, rt *route, t *tally) {
	x := &a.React
	if rt.egress && x.CapAt != 0 && r.StartedAt-x.CapAt <= micros(afterCapWait) && !a.resetBetween(x.CapAt, r.StartedAt) {
		a.hit(&x.AfterCap, RuleAfter509, r, func() string {
			return "started " + seconds(r.StartedAt-x.CapAt) + " after a refusal for egress"
		})
	}
	a.backOff(r, rt, t)
	switch t.Role {
	case limits.RoleEgressCap:
		x.CapAt = r.StartedAt
		a.hit(&x.EgressCap, RuleEgressCap, r, func() string {
			return fmt.Sprintf("refused (%d) with %d bytes in the window", r.Status, a.Egress.Sum)
		})
	case limits.RoleAuth:
		x.AuthRun++
		x.AuthRunMax = max(x.AuthRunMax, x.AuthRun)
		a.hit(&x.Auth, RuleAuth, r, func() string {
			return fmt.Sprintf("answered %d, number %d in a row", r.Status, x.AuthRun)
		})
		return
	}
	x.AuthRun = 0
}

// resetBetween says whether support reset the window after a refusal at from and no later than to.
func (a *Auditor) resetBetween(from, to int64) bool {
	for _, at := range a.tenant.Resets {
		if at >= from && at <= to {
			return true
		}
	}
	return false
}

// backOff judges the wait after n consecutive refusals of a class: max(Retry-After, min(limit, interval × 2^(n−1))).
func (a *Auditor) backOff(r *store.Call, rt *route, t *tally) {
	b := rt.backoff
	if b.Run > 0 {
		wait := micros(a.policy.Frequency.BackoffMax)
		if n := b.Run - 1; n < 32 && rt.interval<<n < wait {
			wait = rt.interval << n
		}
		wait = max(wait, b.RetryAfter*1e6)
		if gap := r.StartedAt - b.At; gap < wait {
			a.hit(&a.React.NoBackoff, RuleNoBackoff, r, func() string {
				return fmt.Sprintf("started %s after refusal number %d in a row; the wait is %s", seconds(gap), b.Run, seconds(wait))
			})
		}
	}
	if t.Role != limits.RoleRateLimited {
		b.Run = 0
		return
	}
	*b = backoff{Run: b.Run + 1, At: r.StartedAt, RetryAfter: r.RetryAfter}
	kept := rt.paced && a.Spacing.Kept
	if kept {
		a.React.KeptRefused++
	}
	a.hit(&a.React.RateLimited, RuleRateLimited, r, func() string {
		why := fmt.Sprintf("refused (%d), number %d in a row for class %s", r.Status, b.Run, rt.class)
		if kept {
			why += ", though the minimum interval was kept"
		}
		return why
	})
}

// repeats judges requests whose parameters were sent before.
func (a *Auditor) repeats(r *store.Call) {
	x := &a.React
	if len(x.Bad) > 0 {
		if at, ok := x.Bad[r.ParamsHash]; ok && r.StartedAt-at <= micros(blindRetryWindow) {
			a.hit(&x.Blind, RuleBlindRetry, r, func() string {
				return "same parameters as a request refused " + seconds(r.StartedAt-at) + " before"
			})
		}
	}
	if len(x.FailedUntil) > 0 {
		if end, ok := x.FailedUntil[r.ParamsHash]; ok && r.StartedAt-end < micros(hastyRetryDelay) {
			a.hit(&x.Hasty, RuleHastyRetry, r, func() string {
				if r.StartedAt < end {
					return "same parameters as a request that failed at the server, started before that had ended"
				}
				return "same parameters as a request that failed at the server, " + seconds(r.StartedAt-end) + " after its end"
			})
		}
	}
	a.fetchDeferred(r)
}

// fetchDeferred marks the deferred reports that r asks for again, and gives up those whose time has passed.
func (a *Auditor) fetchDeferred(r *store.Call) {
	x := &a.React
	for len(x.Deferred) > 0 && r.StartedAt-x.Deferred[0].At > micros(reportWait) {
		d := x.Deferred[0]
		x.Deferred = x.Deferred[1:]
		if !d.Fetched {
			x.stopWaiting(d.Params)
			a.lose(&x.Lost, d)
		}
	}
	if len(x.Waiting) == 0 || x.Waiting[r.ParamsHash] == 0 {
		return
	}
	for i := range x.Deferred {
		if d := &x.Deferred[i]; d.Params == r.ParamsHash {
			d.Fetched = true
		}
	}
	delete(x.Waiting, r.ParamsHash)
}

func (x *reactions) stopWaiting(params uint64) {
	if x.Waiting[params]--; x.Waiting[params] <= 0 {
		delete(x.Waiting, params)
	}
}

// lose counts a deferred report that nobody fetched.
func (a *Auditor) lose(h *hits, d deferral) {
	h.note(d.At, d.ID)
	if a.explain != nil {
		a.explain(Hit{Rule: RuleLostReport, ID: d.ID, At: d.At, Why: "deferred, and not asked for again with the same parameters within 24 h"})
	}
}

// remember keeps what later requests are judged by.
func (a *Auditor) remember(r *store.Call, role limits.Role) {
	x := &a.React
	if len(x.FailedUntil) > 0 {
		delete(x.FailedUntil, r.ParamsHash) // only the latest answer counts
	}
	switch role {
	case limits.RoleBadRequest:
		forgetOlder(x.Bad, r.StartedAt-micros(blindRetryWindow))
		x.Bad[r.ParamsHash] = r.StartedAt
	case limits.RoleDeferred:
		x.Deferred = append(x.Deferred, deferral{At: r.StartedAt, ID: r.ID, Params: r.ParamsHash})
		x.Waiting[r.ParamsHash]++
	case limits.RoleServerError, limits.RoleUnavailable:
		forgetOlder(x.FailedUntil, r.StartedAt-micros(hastyRetryDelay))
		x.FailedUntil[r.ParamsHash] = r.StartedAt + r.Duration
	}
	if role == limits.RoleServerError {
		f := x.Failures[r.ParamsHash]
		if f == nil {
			f = &failures{}
			x.Failures[r.ParamsHash] = f
		}
		a.fail(f, failure{r.StartedAt, r.ID})
	}
}

// fail counts a failure at the server. The ones before the one that makes them persistent are explained with it.
func (a *Auditor) fail(f *failures, now failure) {
	f.Count++
	f.Last = now.At
	if len(f.Early) < MaxIDs {
		f.Early = append(f.Early, now)
	}
	if a.explain == nil || f.Count < persistentErrors {
		return
	}
	explain := []failure{now}
	if f.Count == persistentErrors {
		explain = f.Early
	}
	for i, e := range explain {
		n := f.Count - int64(len(explain)-1-i)
		a.explain(Hit{RulePersistentError, e.ID, e.At, fmt.Sprintf("failure number %d with the same parameters", n)})
	}
}

// forgetOlder keeps a map of times from growing beyond what its rule looks back to.
func forgetOlder(m map[uint64]int64, than int64) {
	if len(m) < 1024 || len(m)&(len(m)-1) != 0 { // only at powers of two: amortized
		return
	}
	for k, at := range m {
		if at < than {
			delete(m, k)
		}
	}
}
