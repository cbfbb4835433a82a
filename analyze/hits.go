package analyze

import "github.com/6dcca832/headroom/analyze/rules"

// What a rule fires is counted in the night of the hit. Beside the hits, each night counts requests
// by the set of rules that they made fire (their mask), so that an incident can tell of how many
// different requests it consists.

// Hit is one request, or one stretch of time, that made a rule fire.
type Hit struct {
	Rule string
	ID   int64 // the request; 0 means that it is about none
	// Item is the listed recording that a hit without a request is about, as
	// store.Recording.ItemHash gives it; 0 means none.
	Item uint64
	At   int64 // its start
	Why  string
}

func newHit(rule int, e *rules.Evidence) Hit {
	return Hit{Rule: rules.All[rule].Name, ID: e.ID, Item: e.Item, At: e.At, Why: e.Reason()}
}

// member is a request of the group with the last start.
type member struct {
	ID      int64
	Classes uint32
	Mask    uint64
	Refused bool
}

// refusedBit marks, in a mask of rules, requests that the vendor refused.
const refusedBit = 1 << 63

// incidental has the bits of the rules that incidents are made of, faults those of rules whose
// requests are at fault.
var incidental, faults = func() (all, faults uint64) {
	for i, r := range rules.All {
		if r.Severity.AtLeast(rules.Warning) && !r.Absence && !r.Now {
			faults |= 1 << i
		}
		for _, c := range r.Causes {
			all |= 1 << rules.Index(c)
		}
	}
	return all | faults, faults
}()

// closeGroup judges the requests of one start by the cap that was told, once all of them are in the
// sum.
func (a *Auditor) closeGroup() {
	why, hit := a.group.Reached(a.Window.Sum)
	if !hit {
		return
	}
	for i := range a.Group {
		m := &a.Group[i]
		a.fire(a.groupOf, &rules.Evidence{ID: m.ID, At: a.Window.At, Classes: m.Classes, Why: why})
	}
}

// fire counts a hit.
func (a *Auditor) fire(rule int, e *rules.Evidence) {
	r := rules.All[rule]
	if (e.At < a.from || e.At >= a.until) && !r.Now {
		return
	}
	if r.Absence || r.Now || e.Undecided {
		if a.ending != nil {
			a.ending.ends = append(a.ending.ends, ended{rule, *e})
		}
		return
	}
	n := a.current
	if a.ending != nil || n == nil || !n.holds(e.At) {
		n = a.nightOf(e.At)
	}
	n.hits(rule).Add(e)
	if a.onHit != nil {
		a.onHit(rule, e)
	}
	bit := uint64(1) << rule & incidental
	if a.hearing && a.ending == nil && rule != a.groupOf && e.ID == a.call.ID &&
		e.At == a.call.StartedAt {
		a.mask |= bit
		return
	}
	if bit != 0 && e.ID != 0 {
		a.remask(n, e.ID, bit)
	}
}

// remask adds a rule to those that an earlier request made fire.
func (a *Auditor) remask(n *night, id int64, bit uint64) {
	old, refused := a.maskOf(id)
	if old&bit != 0 {
		return
	}
	now := old | bit
	if refused {
		now |= refusedBit
	}
	if old&^refusedBit != 0 {
		n.countMask(old, -1)
	}
	n.countMask(now, 1)
	if a.ending != nil {
		a.ending.masks[id] = now
		return
	}
	a.Masks[id] = now
	for i := range a.Group {
		if a.Group[i].ID == id {
			a.Group[i].Mask = now
		}
	}
}

// maskOf is what a request made fire so far, and whether it was refused.
func (a *Auditor) maskOf(id int64) (mask uint64, refused bool) {
	if a.ending != nil {
		if m, ok := a.ending.masks[id]; ok {
			return m, m&refusedBit != 0
		}
	}
	for i := range a.Group {
		if m := &a.Group[i]; m.ID == id {
			if m.Mask != 0 && m.Refused {
				return m.Mask | refusedBit, true
			}
			return m.Mask, m.Refused
		}
	}
	m := a.Masks[id]
	return m, m&refusedBit != 0
}
