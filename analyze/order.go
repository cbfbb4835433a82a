package analyze

import (
	"cmp"
	"slices"

	"github.com/6dcca832/headroom/analyze/rules"
)

// compareResults puts first who must act first: (1) requests are being refused, (2) data are at
// risk, or refusals at the cap are likely within the week, (3) another open violation, (4) another
// open warning, (5) no data, (6) nothing. Within each: requests refused, then at fault, in the last
// nights, then how full the window is, then the name.
func compareResults(a, b Result) int {
	return cmp.Or(
		cmp.Compare(a.urgency(), b.urgency()),
		cmp.Compare(b.Recent.Refused, a.Recent.Refused),
		cmp.Compare(b.Recent.AtFault, a.Recent.AtFault),
		cmp.Compare(b.used(), a.used()),
		cmp.Compare(a.Tenant, b.Tenant))
}

func (r *Result) used() float64 {
	share, ok := r.Egress.Utilization()
	if !ok {
		return -1
	}
	return share
}

// likely is the forecast chance of reaching the cap from which on refusals are expected (ours).
const likely = 0.5

// atRisk are the rules about data that may be lost.
var atRisk = rulesThat(func(r *rules.Rule) bool { return r.AtRisk })

// rulesThat are the names of the rules that something is true of.
func rulesThat(is func(*rules.Rule) bool) (names []string) {
	for _, r := range rules.All {
		if is(r) {
			names = append(names, r.Name)
		}
	}
	return names
}

// urgency is from 1, act now, to 6, nothing to do.
func (r *Result) urgency() int {
	rank := 6
	if r.Verdict == NoData {
		rank = 5
	}
	for i := range r.Incidents {
		if x := &r.Incidents[i]; x.Open {
			rank = min(rank, x.urgency())
		}
	}
	// Of a range, what ended counts as well.
	switch {
	case rank <= 4:
	case r.Verdict == Fail:
		rank = 3
	case r.Verdict == Warn:
		rank = 4
	}
	return rank
}

// compareIncidents puts open ones first, by the ranks of tenants: so the first is why its tenant
// stands where it does. Within a rank that comes first which does most harm: in recordings and
// reports that may be lost, then requests refused, then bytes wasted, then hits. Those that ended
// follow, the one that ended last first.
func compareIncidents(a, b incident) int {
	switch {
	case a.Open && b.Open:
		return cmp.Or(
			cmp.Compare(a.urgency(), b.urgency()),
			cmp.Compare(b.atRisk(), a.atRisk()),
			cmp.Compare(b.Refused, a.Refused),
			cmp.Compare(b.WastedBytes, a.WastedBytes),
			cmp.Compare(b.Hits, a.Hits),
			cmp.Compare(b.Last, a.Last),
			cmp.Compare(a.ID, b.ID))
	case a.Open:
		return -1
	case b.Open:
		return 1
	}
	return cmp.Or(cmp.Compare(b.end(), a.end()), cmp.Compare(a.ID, b.ID))
}

// atRisk counts what an incident's rules about data that may be lost have found.
func (x *Incident) atRisk() (n int64) {
	for i, rule := range x.Rules {
		if slices.Contains(atRisk, rule) {
			n += x.Counts[i]
		}
	}
	return n
}

// urgency is the incident's part in that of its tenant, while it is open.
func (x *Incident) urgency() int {
	switch {
	case x.recentlyRefused:
		return 1
	case x.refusalLikely || x.atRisk() > 0:
		return 2
	case x.Severity == rules.Violation:
		return 3
	}
	return 4
}

// Weighs says whether something that counts weighs as much as a severity or more: of an audit about
// now, open incidents; else findings. A tenant without data weighs as a warning.
func (r *Report) Weighs(least rules.Severity) bool {
	for i := range r.Tenants {
		t := &r.Tenants[i]
		if t.Verdict == NoData && rules.Warning.AtLeast(least) {
			return true
		}
		for _, x := range t.Incidents {
			if r.About == AboutNow && x.Open && x.Severity.AtLeast(least) {
				return true
			}
		}
		for _, f := range t.Findings {
			if (r.About != AboutNow || f.Severity == rules.Notice) && f.Severity.AtLeast(least) {
				return true
			}
		}
	}
	return false
}
