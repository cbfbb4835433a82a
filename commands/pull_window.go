package commands

import (
	"context"
	"math"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

// known is what the log says of the limits of the tenants that are to be pulled, as of now.
type known struct {
	now    time.Time
	snap   store.Snapshot
	caps   map[string]egress.Cap
	resets map[string][]int64
	// refused are noted refusals for egress, of which the log may have no row.
	refused map[string]time.Time
}

// known reads the log. Its snapshot is the caller's to close.
func (s *session) known(
	ctx context.Context, names []string, refused map[string]time.Time,
) (k *known, err error) {
	k = &known{now: time.Now().UTC().Truncate(time.Microsecond), refused: refused}
	if k.snap, names, err = s.snapshot(ctx, names); err != nil {
		return nil, err
	}
	r, err := s.audit(ctx, k.snap, span{asOf: k.now}, names)
	if err != nil {
		k.snap.Close()
		return nil, err
	}
	k.caps, k.resets = map[string]egress.Cap{}, map[string][]int64{}
	for i := range r.Tenants {
		t := &r.Tenants[i]
		k.caps[t.Tenant] = t.Egress.Cap
		for _, reset := range t.Resets {
			k.resets[t.Tenant] = append(k.resets[t.Tenant], reset.At)
		}
	}
	return k, nil
}

// fill tells a pull what a tenant's rolling window holds, and how long the vendor's last answers
// ask it to wait.
func (k *known) fill(ctx context.Context, p *limits.Policy, t *pull.Tenant) error {
	limit := k.caps[t.Name]
	t.Cap, t.CapKnown = limit.Bytes, limit.Known()
	counts := k.now.Add(-p.Egress.Window).UnixMicro() + 1 // towards the cap, from then on
	from := min(counts, k.now.Add(-api.DefaultRetries.MaxWait).UnixMicro())
	for _, at := range k.resets[t.Name] {
		counts = max(counts, at+1)
	}
	if noted := k.refused[t.Name]; noted.UnixMicro() >= counts && !noted.After(k.now) {
		t.Refused = noted
	}
	asked := newAskedWaits(p)
	classes := map[*store.Route]string{}
	for batch, err := range k.snap.Scan(ctx, t.Name, store.Range{From: from, To: math.MaxInt64}) {
		if err != nil {
			return err
		}
		for i := range batch {
			c := &batch[i]
			class, ok := classes[c.Route]
			if !ok {
				class = egress.Class(p, c.Route)
				classes[c.Route] = class
			}
			role := egress.Role(p, c.Status, class)
			asked.hear(c, class, role)
			if c.StartedAt < counts || !egress.Counts(p, class) {
				continue
			}
			at := time.UnixMicro(c.StartedAt)
			if c.ResponseBytes > 0 {
				t.Spent = append(t.Spent, pull.Spend{At: at, Bytes: c.ResponseBytes})
			}
			if role == limits.RoleEgressCap && at.After(t.Refused) {
				t.Refused = at
			}
		}
	}
	t.NotBefore = asked.until()
	return nil
}

// askedWaits are the waits that the last answers of a tenant ask for, and that a process which was
// killed, or has just ended, can no longer keep: after a failure at the server, of the same
// request; after a refusal for frequency, of its class. Any client's answers count.
type askedWaits struct {
	policy  *limits.Policy
	failed  map[uint64]int64         // by parameters: until when
	refused map[string]rules.Backoff // by class
}

func newAskedWaits(p *limits.Policy) *askedWaits {
	return &askedWaits{p, map[uint64]int64{}, map[string]rules.Backoff{}}
}

// hear takes the next answer, in order of start.
func (w *askedWaits) hear(c *store.Call, class string, role limits.Role) {
	delete(w.failed, c.ParamsHash)
	switch role {
	case limits.RoleServerError, limits.RoleUnavailable:
		wait := max(api.DefaultRetries.Pause, time.Duration(c.RetryAfter)*time.Second)
		w.failed[c.ParamsHash] = c.StartedAt + c.Duration + bearable(wait.Microseconds())
	case limits.RoleRateLimited:
		run := w.refused[class].Run + 1
		w.refused[class] = rules.Backoff{Run: run, At: c.StartedAt, RetryAfter: c.RetryAfter}
	default:
		delete(w.refused, class)
	}
}

// bearable bounds a wait as a run does: what an answer asks for beyond that is not waited for.
func bearable(micros int64) int64 { return min(micros, api.DefaultRetries.MaxWait.Microseconds()) }

// until is when all of these waits are over; the zero time where there was none.
func (w *askedWaits) until() time.Time {
	var last int64
	for _, at := range w.failed {
		last = max(last, at)
	}
	for class, b := range w.refused {
		last = max(last, b.At+bearable(b.Wait(w.policy, class)))
	}
	if last == 0 {
		return time.Time{}
	}
	return time.UnixMicro(last)
}
