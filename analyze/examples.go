package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/store"
)

// Example is a request of an incident.
type Example struct {
	Request store.Request
	Why     string
	// Worst says that it was chosen for breaking many rules or costing many bytes, not for coming
	// first.
	Worst bool
}

const (
	// exampleIncidents is of how many incidents of a tenant Examples are given: the first ones.
	exampleIncidents = 3
	// firstExamples and worstExamples are how many of an incident are given of each kind.
	firstExamples, worstExamples = 5, 5
	// worstCandidates is how many requests that broke most rules are compared by their bytes.
	worstCandidates = 50
)

// Examples gives the first requests of each tenant's incidents in a report, then the worst: those
// that broke most rules at once, then the largest. Keys are the incidents' ids. It reads the
// requests of the tenants that have an incident once more.
func Examples(
	ctx context.Context, snap store.Snapshot, o Options, r *Report,
) (map[string][]Example, error) {
	all := map[string][]Example{}
	o.AsOf, o.Until, o.Seen = r.AsOf, r.Until, nil
	o.Since = time.UnixMicro(1) // incidents are told whole, however early they began
	for i := range r.Tenants {
		t := &r.Tenants[i]
		incidents := t.Incidents[:min(len(t.Incidents), exampleIncidents)]
		if len(incidents) == 0 {
			continue
		}
		found := make([]exampleHits, len(incidents))
		for k := range incidents {
			found[k] = exampleHits{of: &incidents[k], byID: map[int64]*exampleHit{}}
		}
		err := Explain(ctx, snap, o, t.Tenant, func(h Hit) {
			for k := range found {
				found[k].note(h)
			}
		})
		for k := range found {
			if err == nil {
				all[found[k].of.ID], err = found[k].examples(ctx, snap)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("find examples of tenant %q: %w", t.Tenant, err)
		}
	}
	return all, nil
}

// exampleHits are the hits of one incident, by request.
type exampleHits struct {
	of   *Incident
	byID map[int64]*exampleHit
}

type exampleHit struct {
	id, at int64
	rules  int
	why    string
}

func (e *exampleHits) note(h Hit) {
	if h.ID == 0 || h.At < e.of.First || h.At > e.of.Last || !slices.Contains(e.of.Rules, h.Rule) {
		return
	}
	known := e.byID[h.ID]
	if known == nil {
		known = &exampleHit{id: h.ID, at: h.At}
		e.byID[h.ID] = known
	} else {
		known.why += "; "
	}
	known.rules++
	known.why += h.Rule + ": " + h.Why
}

func (e *exampleHits) examples(ctx context.Context, snap store.Snapshot) ([]Example, error) {
	inTime := make([]*exampleHit, 0, len(e.byID))
	for _, h := range e.byID {
		inTime = append(inTime, h)
	}
	byTime := func(a, b *exampleHit) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
	}
	slices.SortFunc(inTime, byTime)
	first := min(len(inTime), firstExamples)
	rest := slices.Clone(inTime[first:])
	slices.SortFunc(rest,
		func(a, b *exampleHit) int { return cmp.Or(cmp.Compare(b.rules, a.rules), byTime(a, b)) })
	chosen := append(inTime[:first:first], rest[:min(len(rest), worstCandidates)]...)
	ids := make([]int64, len(chosen))
	for i, h := range chosen {
		ids[i] = h.id
	}
	requests, err := snap.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Example, len(requests))
	for i, q := range requests {
		out[i] = Example{Request: q, Why: e.byID[q.ID].why, Worst: i >= first}
	}
	worst := out[min(first, len(out)):]
	slices.SortStableFunc(worst, func(a, b Example) int {
		return cmp.Or(cmp.Compare(e.byID[b.Request.ID].rules, e.byID[a.Request.ID].rules),
			cmp.Compare(b.Request.ResponseBytes, a.Request.ResponseBytes))
	})
	return out[:min(len(out), first+worstExamples)], nil
}
