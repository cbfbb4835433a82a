package analyze

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/rules"
)

// Incidents are put together from the nights, in three steps.
//
// An episode of a rule is a longest run of nights in which it fired. A night without a request of
// the classes of the episode's hits does not end it, nor does one about which the rule cannot
// decide yet; a night with such requests in which it did not fire does. What a rule about absence
// fires is an episode by itself, until what was missing came.
//
// Two episodes belong together where one's rule is a known effect of the other's (Rule.Causes), it
// begins no later than the policy's window after the other's last night, and it does not end before
// the other begins. What belongs together, directly or through others, is an incident. Its cause is
// the earliest episode in it that has no cause in it.
//
// Episodes of notices are in no incident, but for those that are the cause of something.

// episode is a run of nights in which a rule fired.
type episode struct {
	rule        int
	first, last int32 // nights
	every       bool  // it is of all nights between these, else of those in which the rule fired
	open        bool
	until       int64 // when what was missing came; 0 else
	hits        rules.Hits
}

// incident is an Incident with what it is made of.
type incident struct {
	Incident
	episodes []*episode
	// firstNight and lastNight are those of First and Last, and of absences up to their end.
	firstNight, lastNight int32
}

// incidents are all of them, in the order in which they began.
func (v *view) incidents(a *Auditor) []incident {
	all := v.episodes(a)
	window := int32((a.policy.Egress.Window + 24*time.Hour - 1) / (24 * time.Hour))
	group := make([]int, len(all))
	for i := range group {
		group[i] = i
	}
	caused := make([]bool, len(all))
	for i, effect := range all {
		for j, cause := range all {
			if !slices.Contains(rules.All[effect.rule].Causes, rules.All[cause.rule].Name) ||
				effect.first > cause.last+window || effect.last < cause.first {
				continue
			}
			caused[i] = true
			join(group, i, j)
		}
	}
	var out []incident
	at := map[int]int{}
	for i, e := range all {
		k, ok := at[group[i]]
		if !ok {
			k = len(out)
			at[group[i]] = k
			out = append(out, incident{})
		}
		out[k].episodes = append(out[k].episodes, e)
		if !caused[i] && out[k].Cause == "" {
			out[k].Cause = rules.All[e.rule].Name
		}
	}
	out = slices.DeleteFunc(out, func(x incident) bool { return x.weight() == rules.Notice })
	for i := range out {
		v.fill(a, &out[i])
	}
	return out
}

// join puts the groups of two into one.
func join(group []int, i, j int) {
	from, to := group[i], group[j]
	for k := range group {
		if group[k] == from {
			group[k] = to
		}
	}
}

// episodes are those of all rules that may be in incidents, in the order in which they began.
func (v *view) episodes(a *Auditor) []*episode {
	var fired uint64
	for _, n := range v.nights {
		for i := range n.Hits {
			fired |= 1 << n.Hits[i].Rule
		}
	}
	var all []*episode
	for of := fired & incidental; of != 0; of &= of - 1 {
		all = append(all, v.runs(bits.TrailingZeros64(of), a.calend)...)
	}
	all = append(all, v.absences(a.calend)...)
	slices.SortStableFunc(all, func(x, y *episode) int {
		return cmp.Or(cmp.Compare(x.first, y.first), cmp.Compare(x.hits.First, y.hits.First),
			cmp.Compare(x.rule, y.rule))
	})
	return all
}

// runs are the episodes of a rule whose hits are requests.
func (v *view) runs(rule int, c calendar) (all []*episode) {
	undecided := map[int32]bool{}
	for i := range v.ends {
		if x := &v.ends[i]; x.rule == rule && x.e.Undecided {
			undecided[c.night(x.e.At)] = true
		}
	}
	var e *episode
	for _, n := range v.nights {
		h := n.fired(rule)
		switch {
		case h != nil && e == nil:
			e = &episode{rule: rule, first: n.N, open: true}
			all = append(all, e)
			fallthrough
		case h != nil:
			e.last = n.N
			e.hits.Merge(h)
		case e != nil && n.Classes&e.hits.Classes != 0 && !undecided[n.N]:
			e.open = false
			e = nil
		}
	}
	return all
}

// absences are the episodes of rules about absence, and about the night of as-of.
func (v *view) absences(c calendar) (all []*episode) {
	going := map[int]*episode{}
	for i := range v.ends {
		x := &v.ends[i]
		if x.e.Undecided {
			continue
		}
		if e := going[x.rule]; e != nil && x.e.Until == 0 {
			e.hits.Add(&x.e)
			e.first = min(e.first, c.night(x.e.At))
			continue
		}
		e := &episode{
			rule: x.rule, first: c.night(x.e.At), last: v.night, every: true, open: x.e.Until == 0,
		}
		if !e.open {
			e.last, e.until = c.night(x.e.Until), x.e.Until
		} else {
			going[x.rule] = e
		}
		e.hits.Add(&x.e)
		all = append(all, e)
	}
	return all
}

func (x *incident) weight() (s rules.Severity) {
	for _, e := range x.episodes {
		if w := rules.All[e.rule].Weight(&e.hits); w.AtLeast(s) {
			s = w
		}
	}
	return s
}

// fill tells what the episodes add up to.
func (v *view) fill(a *Auditor, x *incident) {
	of, firstNight, lastNight := uint64(0), x.episodes[0].first, x.episodes[0].last
	var classes uint32
	momentary := !slices.ContainsFunc(x.episodes,
		func(e *episode) bool { return !rules.All[e.rule].Now })
	for _, e := range x.episodes {
		of |= 1 << e.rule
		classes |= e.hits.Classes
		lastNight = max(lastNight, e.last)
		x.Open = x.Open || e.open
		x.Hits += e.hits.Count
		x.WastedBytes += e.hits.Bytes
		x.refusalLikely = x.refusalLikely ||
			rules.All[e.rule].Name == rules.EgressNear && a.facts.Chance() >= likely
		if momentary || !rules.All[e.rule].Now { // the moment of an audit is none of what happened
			x.extend(e)
		}
		k := slices.Index(x.Rules, rules.All[e.rule].Name)
		if k < 0 {
			k = len(x.Rules)
			x.Rules, x.Counts = append(x.Rules, rules.All[e.rule].Name), append(x.Counts, 0)
		}
		x.Counts[k] += e.hits.Count
	}
	masks, count := v.masks(x)
	x.Nights, x.CleanNights, x.Severity = count, -1, x.weight()
	if i := slices.Index(x.Rules, x.Cause); i > 0 {
		n := x.Counts[i]
		x.Rules = slices.Insert(slices.Delete(x.Rules, i, i+1), 0, x.Cause)
		x.Counts = slices.Insert(slices.Delete(x.Counts, i, i+1), 0, n)
	}
	clean := 0
	for i, n := range v.nights {
		requests, refused := n.distinct(masks[i])
		x.Requests += requests
		x.Refused += refused
		x.recentlyRefused = x.recentlyRefused || refused > 0 && n.N > v.night-RecentNights
		if n.N > lastNight && n.Classes&classes != 0 && !n.any(of) {
			clean++
		}
	}
	if !x.Open {
		x.CleanNights = clean
	}
	x.ID = a.tenant.Name + "-" + a.calend.date(firstNight).Format(time.DateOnly) + "-" + x.Cause
	x.ResetAt = v.reset(a, x, lastNight)
	x.Title = title(a, x)
}

// extend lets the incident reach over an episode's hits and nights.
func (x *incident) extend(e *episode) {
	if x.Last == 0 {
		x.First, x.firstNight, x.lastNight = e.hits.First, e.first, e.last
	}
	x.First, x.Last = min(x.First, e.hits.First), max(x.Last, e.hits.Last)
	x.firstNight, x.lastNight = min(x.firstNight, e.first), max(x.lastNight, e.last)
}

// masks are the rules of an incident that each of v.nights is about, and of how many nights the
// incident is; it may be about nights without a request, too.
func (v *view) masks(x *incident) (masks []uint64, nights int) {
	masks = make([]uint64, len(v.nights))
	counted := int32(math.MinInt32) // the last night that is counted without a request
	for _, e := range x.episodes {
		from, to := v.index(e.first), v.index(e.last+1)
		for i := from; i < to; i++ {
			if e.every || v.nights[i].fired(e.rule) != nil {
				masks[i] |= 1 << e.rule
			}
		}
		if first := max(e.first, counted+1); e.every && first <= e.last {
			nights += int(e.last-first) + 1 - (to - v.index(first))
			counted = e.last
		}
	}
	for _, m := range masks {
		if m != 0 {
			nights++
		}
	}
	return masks, nights
}

// any says whether one of the rules fired.
func (n *night) any(of uint64) bool {
	return slices.ContainsFunc(n.Hits, func(h ruleHits) bool { return of&(1<<h.Rule) != 0 })
}

// aboutEgress are the rules about the rolling window, which a reset empties.
var aboutEgress = rulesThat(func(r *rules.Rule) bool { return r.Rolling })

func (v *view) reset(a *Auditor, x *incident, lastNight int32) (at int64) {
	if !slices.ContainsFunc(x.Rules, func(r string) bool { return slices.Contains(aboutEgress, r) }) {
		return 0
	}
	until := min(v.asOf, a.calend.start(lastNight+1)+a.policy.Egress.Window.Microseconds())
	for _, r := range a.tenant.Resets {
		if r >= x.First && r <= until {
			at = r
		}
	}
	return at
}

// told are the incidents that an audit tells of: open ones, and those that ended within what is
// counted.
func (v *view) told(a *Auditor, all []incident) (told []Incident) {
	for _, x := range slices.SortedStableFunc(slices.Values(all), compareIncidents) {
		if x.Open || x.end() >= v.since {
			x.Detail = v.detail(a, &x)
			told = append(told, x.Incident)
		}
	}
	return told
}

// end is the last moment that an incident reaches.
func (x *incident) end() int64 {
	at := x.Last
	for _, e := range x.episodes {
		if e.until > at {
			at = e.until
		}
	}
	return at
}

// latest is the id of the last incident that a rule's hits belong to.
func latest(all []incident, rule int, since int64) (id string) {
	var at int64
	for i := range all {
		for _, e := range all[i].episodes {
			if e.rule == rule && e.hits.Last >= at && (e.open || max(e.hits.Last, e.until) >= since) {
				id, at = all[i].ID, e.hits.Last
			}
		}
	}
	return id
}

// covers says whether a hit is one of the incident's.
func (x *incident) covers(rule int, night int32) bool {
	return slices.ContainsFunc(x.episodes, func(e *episode) bool {
		return e.rule == rule && e.first <= night && night <= e.last
	})
}
