package analyze

import (
	"math"
	"slices"

	"github.com/6dcca832/headroom/analyze/rules"
)

// view is what a log says as of a moment, from which incidents and findings are made: its nights,
// with what only the end of the log fires, and which of them are counted.
type view struct {
	asOf         int64
	night        int32 // that of asOf
	since, until int64 // what is counted, until exclusive
	nights       []*night
	counted      []*night // those of nights from since on
	ends         []ended
	only         []incident // where only these are told; nil means all
}

// view asks the rules what only the end decides, and puts it beside what requests have fired.
func (a *Auditor) view(asOf int64, about About) *view {
	a.flush()
	v := &view{asOf: asOf, night: a.calend.night(asOf), since: math.MinInt64, until: a.until}
	a.facts.FirstAt, a.facts.LastPull = a.First, a.LastPull
	a.facts.LastPullID, a.facts.Pulled = a.LastID, a.Pulled
	a.facts.Egress = a.figures(asOf)
	a.facts.Night = func(ago int) (bytes, recordings int64) {
		if i, ok := search(a.ledger.Nights, v.night-int32(ago)); ok {
			return a.ledger.Nights[i].Bytes, a.ledger.Nights[i].Recordings
		}
		return 0, 0
	}
	a.facts.Missing = func() []rules.Missing { return a.Listed.missing(asOf, a.accounted) }
	a.ending = &ledger{masks: map[int64]uint64{}}
	if len(a.Group) > 0 {
		a.closeGroup()
	}
	for i, j := range a.judges {
		if j != nil && (!a.ranged() || !rules.All[i].Whole) {
			j.End(asOf, a.fires[i])
		}
	}
	v.nights, v.ends = a.combined(), a.ending.ends
	a.ending = nil
	v.counted = v.nights
	if about == AboutNow {
		first := v.night - NowNights + 1
		v.since = a.calend.start(first)
		v.counted = v.nights[v.index(first):]
	} else if a.from != math.MinInt64 {
		v.since = a.from
	}
	return v
}

// figures are the rolling sum as of a moment, as the rules' sentences tell it.
func (a *Auditor) figures(asOf int64) rules.Egress {
	e := a.egress(asOf)
	return rules.Egress{
		Current: e.Current, Peak: e.Peak, Survived: a.Window.Survived, Cap: e.Cap,
	}
}

func (a *Auditor) egress(asOf int64) Egress {
	w := a.Window
	w.Close() // w is a copy: its group may still grow
	return Egress{
		Window: a.policy.Egress.Window, Current: w.Current(a.tenant.Resets, asOf),
		Peak: w.Peak, PeakAt: w.PeakAt, Total: w.Total,
		Cap: w.Resolve(a.tenant.Cap, a.policy.Egress.Cap, asOf),
	}
}

// combined is the ledger with what only the end fires.
func (a *Auditor) combined() []*night {
	all := slices.Clone(a.ledger.Nights)
	for _, o := range a.ending.Nights {
		i, ok := search(all, o.N)
		if !ok {
			all = slices.Insert(all, i, o)
			continue
		}
		all[i] = all[i].with(o)
	}
	return all
}

// with is a copy of a night with more hits.
func (n *night) with(o *night) *night {
	c := *n
	c.Hits, c.Masks = slices.Clone(n.Hits), slices.Clone(n.Masks)
	for i := range c.Hits {
		c.Hits[i].Hits = c.Hits[i].Clone()
	}
	for i := range o.Hits {
		c.hits(o.Hits[i].Rule).Merge(&o.Hits[i].Hits)
	}
	for _, m := range o.Masks {
		c.countMask(m.Mask, m.N)
	}
	return &c
}

// index is the place in v.nights of the first that is not before a night.
func (v *view) index(n int32) int {
	i, _ := search(v.nights, n)
	return i
}

// wholeEnds are what rules that judge the whole log fire at its end.
func (a *Auditor) wholeEnds(asOf int64) []ended {
	ends := a.view(asOf, AboutRange).ends
	return slices.DeleteFunc(ends, func(x ended) bool { return !rules.All[x.rule].Whole })
}

// sum adds up what counts of a rule.
func (v *view) sum(rule int, c calendar) (h rules.Hits) {
	nights := v.counted
	if v.only != nil {
		nights = v.nights
	}
	for _, n := range nights {
		if x := n.fired(rule); x != nil && v.tells(rule, n.N) {
			h.Merge(x)
		}
	}
	for i := range v.ends {
		if x := &v.ends[i]; x.rule == rule && !x.e.Undecided && v.reaches(x) &&
			v.tells(rule, c.night(x.e.At)) {
			h.Add(&x.e)
		}
	}
	return h
}

// tells says whether a hit of a rule in a night is to be told.
func (v *view) tells(rule int, night int32) bool {
	return v.only == nil ||
		slices.ContainsFunc(v.only, func(x incident) bool { return x.covers(rule, night) })
}

// reaches says whether what only the end decides is about what is counted: an absence that goes on,
// or ended after that begins.
func (v *view) reaches(x *ended) bool {
	if rules.All[x.rule].Now {
		return true
	}
	return x.e.At < v.until && (x.e.Until == 0 || x.e.Until >= v.since)
}
