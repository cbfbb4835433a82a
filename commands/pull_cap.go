package commands

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// refusalHolds is how long a refusal bounds what a pull spends: four weeks, as far back as the
// recording lists go that a cap is measured from. Caps grow with the agents, and the log may have
// lacked bytes that others downloaded; a pull that never passed the sum could not find out.
const refusalHolds = 28 * 24 * time.Hour

// pullCap is the cap that a pull of a tenant keeps to, 0 for none, given what the audit knows of
// it, and where that is worth a word, how it is known.
//
// A cap that was learned from a refusal ends: after refusalHolds, or a window after the refusal
// where the log does not reach back a window before it, since the sum was then too low. From then
// on the cap is what it would be without the refusal. Where that is too much the vendor refuses
// once more, and the next sum is learned.
func (s *session) pullCap(
	ctx context.Context, snap store.Snapshot, tenant string, c egress.Cap, now time.Time,
) (bytes int64, known string, err error) {
	if c.Source != egress.CapLearned || c.High == 0 {
		return c.Bytes, "", nil
	}
	at, err := s.lastRefusal(ctx, snap, tenant, now.Add(-refusalHolds))
	if err != nil {
		return 0, "", err
	}
	why := fmt.Sprintf("the refusal was more than %s ago", measure.Span(refusalHolds))
	if !at.IsZero() {
		ends := at.Add(refusalHolds)
		if window := s.policy.Egress.Window; firstRow(snap, tenant).After(at.Add(-window)) {
			ends = at.Add(window)
			why = fmt.Sprintf("the log begins less than %s before the refusal, so that bytes are "+
				"missing from the sum", measure.Span(window))
		}
		if now.Before(ends) {
			return c.Bytes, fmt.Sprintf("learned from the refusal at %s and kept to until %s, unless "+
				"the config tells a cap", measure.Stamp(at, time.UTC), measure.Stamp(ends, time.UTC)), nil
		}
	}
	t := s.config.About(tenant)
	t.Name = tenant
	if err := t.Measure(ctx, snap, now.UnixMicro()); err != nil {
		return 0, "", err
	}
	w := egress.Window{Survived: c.Low, Refused: -1}
	without := w.Resolve(t.Cap, s.policy.Egress.Cap)
	instead := "no other cap is known, and the vendor's next refusal will tell"
	if without.Bytes > 0 {
		instead = fmt.Sprintf("%s (%s) holds", measure.Bytes(without.Bytes), without.Source)
	}
	s.tell("headroom: pull: %s: the cap of %s, learned from a refusal, no longer holds, since %s; %s",
		tenant, measure.Bytes(c.Bytes), why, instead)
	return without.Bytes, "", nil
}

// lastRefusal is when the vendor last refused for egress since a time; the zero time means never.
func (s *session) lastRefusal(
	ctx context.Context, snap store.Snapshot, tenant string, since time.Time,
) (at time.Time, err error) {
	from := store.Range{From: since.UnixMicro(), To: math.MaxInt64}
	for batch, err := range snap.Scan(ctx, tenant, from) {
		if err != nil {
			return at, err
		}
		for i := range batch {
			c := &batch[i]
			if s.policy.Role(c.Status) == limits.RoleEgressCap &&
				egress.Counts(s.policy, egress.Class(s.policy, c.Route)) {
				at = time.UnixMicro(c.StartedAt)
			}
		}
	}
	return at, nil
}

// firstRow is when the log of a tenant begins.
func firstRow(snap store.Snapshot, tenant string) time.Time {
	for _, t := range snap.Tenants() {
		if t.Name == tenant {
			return time.UnixMicro(t.First)
		}
	}
	return time.Now()
}
