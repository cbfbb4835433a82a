package analyze

import (
	"cmp"
	"slices"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/store"
)

// Result judges the requests added so far as of a moment at or after the last of them, microseconds
// since 1970 UTC. Of AboutNow and AboutRange, the former counts the last NowNights nights and the
// latter all that was added. The auditor may go on afterwards.
func (a *Auditor) Result(asOf int64, about About) Result {
	r, _ := a.result(asOf, about, nil, nil)
	return r
}

// result also gives all incidents. whole is the audit of the whole log where a holds a range of it,
// seen is Options.Seen.
func (a *Auditor) result(
	asOf int64, about About, whole *Auditor, seen map[string]int64,
) (Result, []incident) {
	v := a.view(asOf, about)
	log := a
	if whole != nil {
		log = whole
		for _, x := range whole.wholeEnds(asOf) {
			if v.reaches(&x) {
				v.ends = append(v.ends, x)
			}
		}
	}
	r := Result{
		Tenant: a.tenant.Name, Since: v.since, Facts: a.tenant.Cap, Egress: a.egress(asOf),
		FirstRequest: log.First, LastRequest: log.Upto, LastPull: log.LastPull,
	}
	for _, at := range a.tenant.Resets {
		r.Resets = append(r.Resets, Reset{At: at})
	}
	v.count(a, &r)
	if a.tellNights {
		r.Nights = v.nightCounts(a.calend)
	}
	v.tellEnds(a)
	all := v.incidents(a)
	if about == AboutNew {
		v.only = slices.DeleteFunc(slices.Clone(all), func(x incident) bool {
			n, ok := seen[x.ID]
			return ok && x.Hits <= n
		})
		r.Incidents = v.told(a, v.only)
	} else {
		r.Incidents = v.told(a, all)
	}
	r.Findings = v.findings(a, &r, about, all)
	r.Violating = v.violating(r.Findings)
	r.seen = map[string]int64{}
	for _, x := range all {
		r.seen[x.ID] = x.Hits
	}
	r.judge(about)
	return r, all
}

// count fills in what is counted whether a rule fires or not.
func (v *view) count(a *Auditor, r *Result) {
	r.Statuses = v.statuses(a.table.rows)
	for _, s := range r.Statuses {
		if s.Class == store.OpaqueClass {
			r.Opaque += s.Requests
		}
		if s.Class == store.StorageClass {
			r.Storage += s.Requests
		}
		if a.policy.LeadsToStorage(s.Status, s.Class) {
			r.Redirected += s.Requests
		}
	}
	for _, n := range v.counted {
		r.Requests += n.Requests
		r.Foreign += n.Foreign
		r.Audio += n.Bytes
		requests, _ := n.distinct(faults)
		r.AtFault += requests
	}
	for _, n := range v.nights {
		if n.N > v.night-RecentNights {
			requests, _ := n.distinct(faults)
			r.Recent.AtFault += requests
			r.Recent.Refused += n.Refused
		}
	}
	r.Spacing = v.spacing(a)
}

// violating counts the different requests in findings that are violations.
func (v *view) violating(all []Finding) (n int64) {
	var grave uint64
	for i := range all {
		if all[i].Severity == Violation {
			grave |= 1 << rules.Index(all[i].Rule)
		}
	}
	for _, night := range v.counted {
		requests, _ := night.distinct(grave)
		n += requests
	}
	return n
}

// nightCounts are the nights that are counted.
func (v *view) nightCounts(c calendar) (all []NightCount) {
	for _, n := range v.counted {
		if n.Requests == 0 && len(n.Hits) == 0 {
			continue
		}
		night := NightCount{
			Date: c.date(n.N), Requests: n.Requests, Recordings: n.Recordings, Bytes: n.Bytes,
			Refused: n.Refused, Least: n.Least,
		}
		for i := range n.Hits {
			night.Findings = append(night.Findings, Tally{n.Hits[i].Rule, n.Hits[i].Count})
		}
		slices.SortFunc(night.Findings, func(a, b Tally) int { return cmp.Compare(a.Of, b.Of) })
		all = append(all, night)
	}
	return all
}

// tellEnds tells whoever wants to know of hits about those that only the end decides.
func (v *view) tellEnds(a *Auditor) {
	for i := range v.ends {
		if x := &v.ends[i]; a.onHit != nil && !x.e.Undecided && v.reaches(x) {
			a.onHit(x.rule, &x.e)
		}
	}
}

// judge gives the verdict.
func (r *Result) judge(about About) {
	r.Verdict = Pass
	severities := func(yield func(rules.Severity) bool) {
		for _, f := range r.Findings {
			if about != AboutNow && !yield(f.Severity) {
				return
			}
		}
		for _, i := range r.Incidents {
			if about == AboutNow && i.Open && !yield(i.Severity) {
				return
			}
		}
	}
	for s := range severities {
		switch s {
		case rules.Violation:
			r.Verdict = Fail
			return
		case rules.Warning:
			r.Verdict = Warn
		}
	}
	if r.Requests == 0 && about != AboutNew {
		r.Verdict = NoData
	}
}

func (v *view) statuses(rows []statusKind) []StatusCount {
	var counts []StatusCount
	at := map[int]int{}
	for _, n := range v.counted {
		for _, k := range n.Kinds {
			i, ok := at[k.Row]
			if !ok {
				i = len(counts)
				at[k.Row] = i
				s := rows[k.Row]
				counts = append(counts,
					StatusCount{Method: s.Method, Class: s.Class, Status: s.Status, Expected: s.Expected})
			}
			counts[i].Requests += k.N
		}
	}
	slices.SortFunc(counts, func(a, b StatusCount) int {
		return cmp.Or(cmp.Compare(a.Method, b.Method), cmp.Compare(a.Class, b.Class),
			cmp.Compare(a.Status, b.Status))
	})
	return counts
}

func (v *view) spacing(a *Auditor) Spacing {
	s := Spacing{Class: a.policy.Frequency.Class, MinInterval: a.policy.Frequency.MinInterval, Min: -1}
	rule := rules.Index(rules.Spacing)
	gaps := a.scratch.ranged // all that count, where a range is judged
	if !a.ranged() {
		gaps = a.scratch.gaps[:0]
	}
	for _, n := range v.counted {
		s.Requests += n.Paced
		s.Indeterminate += n.Indeterminate
		s.Slips += n.Slips
		if h := n.fired(rule); h != nil {
			s.Violations += h.Count
		}
		if n.Least >= 0 && (s.Min < 0 || n.Least < s.Min) {
			s.Min = n.Least
		}
		gaps = unpackGaps(append(gaps, n.gaps...), n.Gaps)
	}
	s.P50, s.P95 = nearest(gaps, 0.50), nearest(gaps, 0.95)
	if !a.ranged() {
		a.scratch.gaps = gaps[:0]
	}
	return s
}

// findings tells of each rule that fired, heaviest first.
func (v *view) findings(
	a *Auditor, r *Result, about About, incidents []incident,
) []Finding {
	var all []Finding
	for i, rule := range rules.All {
		h := v.sum(i, a.calend)
		if rule.Distinct {
			h.Count = int64(len(h.Keys))
		}
		if h.Count == 0 {
			continue
		}
		note := a.policy.Note(rule.Name)
		all = append(all, Finding{
			Rule: rule.Name, Severity: rule.Weight(&h), Count: h.Count, First: h.First, Last: h.Last,
			Requests: h.IDs(),
			Advice:   cmp.Or(note.Advice, rule.Advice), Section: note.Section, Page: note.Page,
			Basis: note.Basis,
			Detail: rule.Detail(&rules.Found{
				Hits: &h, Policy: a.policy, Egress: a.facts.Egress, Paced: r.Spacing.Requests,
				Indeterminate: r.Spacing.Indeterminate, Slips: r.Spacing.Slips,
				Audio: r.Audio, Of: about.counted(),
			}),
			Incident: latest(incidents, i, v.since),
		})
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return b.Severity.Compare(a.Severity) })
	return all
}
