package analyze

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/store"
)

// Example is a request of an incident, or one that came after it.
type Example struct {
	Request store.Request
	Part    ExamplePart
	// Rule is the one that the request is an example of; "" after the incident.
	Rule string
	// Worst says that it was chosen for what it cost, or for how short its gap was, not for coming
	// first.
	Worst bool
	Why   string
	// Before is the first complete download of a recording that was downloaded again; its ID is 0
	// for everything else.
	Before struct{ ID, At int64 }
}

// ExamplePart says what an example shows of an incident.
type ExamplePart string

// The parts of an incident, in the order of its examples.
const (
	PartCause  ExamplePart = "cause"  // the first requests with the likely cause, then the worst
	PartEffect ExamplePart = "effect" // the first requests with its heaviest effect, then the last
	PartAfter  ExamplePart = "after"  // the first requests that were served after an ended incident
)

// partExamples is how many of each kind are given, afterExamples how many after the incident.
const partExamples, afterExamples = 3, 2

// exampleHit is a hit that may become an example.
type exampleHit struct {
	id, at  int64
	rank    int64 // the worse, the higher
	classes uint32
	why     func() string
}

// nightHits are the first, the last and the worst hits of a rule in a night, at most partExamples
// of each.
type nightHits struct{ first, last, worst []exampleHit }

// nightOfRule names a night's hits of a rule.
type nightOfRule struct {
	night int32
	rule  int
}

// chooser is an observer that keeps, of each night, what may be told of an incident. What it keeps
// grows with the nights, not with the hits.
type chooser struct {
	ctx     context.Context
	snap    store.Snapshot
	most    int // incidents
	hits    map[nightOfRule]*nightHits
	served  map[int32]*nightServed
	tonight *nightServed // of the night n
	n       int32
	out     map[string][]Example
	err     error
}

// nightServed are the first requests of each class that were served after a night's last hit; once
// and done are the classes of which there is one, and enough.
type nightServed struct {
	hits       []exampleHit
	once, done uint32
}

func newChooser(ctx context.Context, snap store.Snapshot, most int) *chooser {
	return &chooser{
		ctx: ctx, snap: snap, most: most, n: math.MinInt32,
		hits: map[nightOfRule]*nightHits{}, served: map[int32]*nightServed{}, out: map[string][]Example{},
	}
}

func (x *chooser) begin(a *Auditor) {
	others := a.onHit
	a.onHit = func(rule int, e *rules.Evidence) {
		if others != nil {
			others(rule, e)
		}
		if incidental&(1<<rule) != 0 && e.ID != 0 {
			x.note(a, rule, e)
		}
	}
}

// note keeps a hit where it is among the first, the last or the worst of its night.
func (x *chooser) note(a *Auditor, rule int, e *rules.Evidence) {
	var night int32
	if n := a.current; n != nil && n.holds(e.At) {
		night = n.N
	} else {
		night = a.calend.night(e.At)
	}
	if s := x.served[night]; s != nil {
		*s = nightServed{hits: s.hits[:0]}
	}
	name := nightOfRule{night, rule}
	n := x.hits[name]
	if n == nil {
		n = &nightHits{}
		x.hits[name] = n
	}
	h := exampleHit{id: e.ID, at: e.At, rank: e.Bytes, classes: e.Classes, why: e.Why}
	switch {
	case rules.All[rule].Name == rules.Spacing:
		h.rank = -e.Size
	case h.rank == 0 && a.call.Call != nil && a.call.ID == e.ID:
		h.rank = a.call.ResponseBytes
	}
	n.keep(h)
}

func (n *nightHits) keep(h exampleHit) {
	if len(n.first) < partExamples {
		n.first = append(n.first, h)
	}
	if len(n.last) < partExamples {
		n.last = append(n.last, h)
	} else {
		copy(n.last, n.last[1:])
		n.last[partExamples-1] = h
	}
	if len(n.worst) < partExamples {
		n.worst = append(n.worst, h)
		return
	}
	least := 0
	for i := range n.worst {
		if n.worst[i].rank <= n.worst[least].rank {
			least = i
		}
	}
	if h.rank > n.worst[least].rank {
		n.worst[least] = h
	}
}

// heard keeps requests that were served and broke no rule.
func (x *chooser) heard(a *Auditor) {
	c, k := a.call.Call, a.kind
	if a.mask != 0 || k.Code < 200 || k.Code >= 300 || k.Broken {
		return
	}
	if a.current.N != x.n {
		x.n, x.tonight = a.current.N, &nightServed{}
		x.served[x.n] = x.tonight
	}
	s, bit := x.tonight, k.ClassBit
	if s.done&bit != 0 {
		return
	}
	if s.once&bit != 0 {
		s.done |= bit
	}
	s.once |= bit
	s.hits = append(s.hits, exampleHit{id: c.ID, at: c.StartedAt, classes: bit})
}

func (x *chooser) end(a *Auditor, r *Result, all []incident) {
	for i := range r.Incidents[:min(len(r.Incidents), x.most)] {
		id := r.Incidents[i].ID
		k := slices.IndexFunc(all, func(of incident) bool { return of.ID == id })
		if k >= 0 && x.err == nil {
			x.out[id], x.err = x.examples(a, &all[k])
		}
	}
}

// examples are those of one incident.
func (x *chooser) examples(a *Auditor, of *incident) ([]Example, error) {
	var out []Example
	var chosen []exampleHit
	take := func(part ExamplePart, rule int, worst bool, hits []exampleHit) {
		for _, h := range hits {
			if slices.ContainsFunc(chosen, func(c exampleHit) bool { return c.id == h.id }) {
				continue
			}
			e := Example{Part: part, Worst: worst}
			if rule >= 0 {
				e.Rule = rules.All[rule].Name
			}
			if h.why != nil {
				e.Why = h.why()
			}
			out, chosen = append(out, e), append(chosen, h)
		}
	}
	cause := rules.Index(of.Cause)
	found := x.ofRule(of, cause)
	take(PartCause, cause, false, found.first)
	take(PartCause, cause, true, found.worst)
	if effect := heaviestEffect(of); effect >= 0 {
		found = x.ofRule(of, effect)
		take(PartEffect, effect, false, found.first)
		take(PartEffect, effect, false, found.last)
	}
	if !of.Open {
		take(PartAfter, -1, false, x.after(a, of))
	}
	if len(chosen) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(chosen))
	for i := range chosen {
		ids[i] = chosen[i].id
	}
	requests, err := x.snap.ByID(x.ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("find examples of incident %q: %w", of.ID, err)
	}
	byID := make(map[int64]store.Request, len(requests))
	for _, q := range requests {
		byID[q.ID] = q
	}
	for i := range out {
		out[i].Request = byID[ids[i]]
		if out[i].Rule == rules.DuplicateDownload {
			if err := x.before(a.tenant.Name, &out[i]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// ofRule puts together what the nights of an incident hold of a rule.
func (x *chooser) ofRule(of *incident, rule int) (all nightHits) {
	for _, e := range of.episodes {
		for night := e.first; e.rule == rule && night <= e.last; night++ {
			if n := x.hits[nightOfRule{night, rule}]; n != nil {
				all.first = append(all.first, n.first...)
				all.last = append(all.last, n.last...)
				all.worst = append(all.worst, n.worst...)
			}
		}
	}
	byTime := func(a, b exampleHit) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
	}
	slices.SortFunc(all.first, byTime)
	slices.SortFunc(all.last, byTime)
	slices.SortFunc(all.worst,
		func(a, b exampleHit) int { return cmp.Or(cmp.Compare(b.rank, a.rank), byTime(a, b)) })
	all.first = all.first[:min(len(all.first), partExamples)]
	// The worst may be the first as well: then the next worst are told.
	all.worst = slices.DeleteFunc(all.worst, func(h exampleHit) bool {
		return slices.ContainsFunc(all.first, func(f exampleHit) bool { return f.id == h.id })
	})
	all.worst = all.worst[:min(len(all.worst), partExamples)]
	all.last = all.last[max(0, len(all.last)-partExamples):]
	return all
}

// heaviestEffect is the effect that the vendor answered with a refusal, else the first of the
// heaviest; -1 without effects.
func heaviestEffect(of *incident) int {
	best := -1
	weight := func(i int) int {
		switch r := rules.All[i]; {
		case slices.Contains([]string{rules.EgressCap, rules.RateLimited, rules.Auth}, r.Name):
			return 3
		case r.Severity == rules.Violation:
			return 2
		default:
			return 1
		}
	}
	for _, name := range of.Rules {
		i := rules.Index(name)
		if name != of.Cause && !rules.All[i].Absence && !rules.All[i].Now &&
			(best < 0 || weight(i) > weight(best)) {
			best = i
		}
	}
	return best
}

// after are the first requests of the cause's classes that were served after the last hit.
func (x *chooser) after(a *Auditor, of *incident) (all []exampleHit) {
	var classes uint32
	for _, e := range of.episodes {
		if rules.All[e.rule].Name == of.Cause {
			classes |= e.hits.Classes
		}
	}
	for night := a.calend.night(of.Last); a.current != nil && night <= a.current.N; night++ {
		s := x.served[night]
		if s == nil {
			continue
		}
		for _, h := range s.hits {
			if h.at > of.Last && h.classes&classes != 0 {
				all = append(all, h)
			}
		}
		if len(all) >= afterExamples {
			return all[:afterExamples]
		}
	}
	return all
}

// before finds the first complete download of an example's recording.
func (x *chooser) before(tenant string, e *Example) error {
	c := e.Request.Call()
	earlier, err := x.snap.History(x.ctx, tenant).Find(c.ItemHash, c.StartedAt)
	if err != nil {
		return fmt.Errorf("find the first download of request %d: %w", c.ID, err)
	}
	for i := range earlier {
		if b := &earlier[i]; b.ID != c.ID && b.Status == 200 && !b.CutShort {
			e.Before.ID, e.Before.At = b.ID, b.StartedAt
			return nil
		}
	}
	return nil
}
