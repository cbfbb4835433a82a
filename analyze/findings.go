package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Result judges the requests added so far as of a moment at or after the last of them, microseconds since 1970 UTC. The
// auditor may go on afterwards. ok is false when a state that was continued no longer holds what the percentiles need:
// then the requests must be read from the start.
func (a *Auditor) Result(asOf int64) (r Result, ok bool) {
	r = Result{Tenant: a.tenant.Name, Requests: a.Requests, LastPull: a.LastPull, Statuses: a.statuses()}
	if r.Spacing, ok = a.spacing(); !ok {
		return Result{}, false
	}
	r.Egress = a.egress(asOf)
	r.Findings = a.findings(asOf, r.Egress)
	r.Verdict = verdict(r.Findings)
	return r, true
}

func verdict(findings []Finding) Verdict {
	v := Pass
	for _, f := range findings {
		switch f.Severity {
		case Violation:
			return Fail
		case Warning:
			v = Warn
		}
	}
	return v
}

func (a *Auditor) statuses() []StatusCount {
	counts := make([]StatusCount, 0, len(a.Counts))
	for k, t := range a.Counts {
		counts = append(counts, StatusCount{Method: k.Method, Class: k.Class, Status: k.Status, Requests: t.N, Expected: t.Expected})
	}
	slices.SortFunc(counts, func(a, b StatusCount) int {
		return cmp.Or(cmp.Compare(a.Method, b.Method), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Status, b.Status))
	})
	return counts
}

func (a *Auditor) spacing() (s Spacing, ok bool) {
	p := &a.Spacing
	s = Spacing{
		Class: a.policy.Frequency.Class, Requests: p.Requests, MinInterval: a.policy.Frequency.MinInterval,
		Violations: p.Violations.Count, Indeterminate: p.Indeterminate, Min: -1,
	}
	if p.Gaps.N > 0 {
		s.Min = p.Gaps.Min
	}
	var ok50, ok95 bool
	s.P50, ok50 = p.Gaps.Percentile(0.50)
	s.P95, ok95 = p.Gaps.Percentile(0.95)
	return s, ok50 && ok95
}

func (a *Auditor) egress(asOf int64) Egress {
	w, length := a.Egress, micros(a.policy.Egress.Window)
	w.close(a.tenant.Cap.told()) // w is a copy: its group may still grow
	return Egress{
		Window: a.policy.Egress.Window, Current: w.current(a.tenant.Resets, asOf, length), Peak: w.Peak, PeakAt: w.PeakAt, Total: w.Total,
		Cap: w.resolve(a.tenant.Cap, a.policy.Egress.Cap),
	}
}

// findings tells of each rule that fired, heaviest first.
func (a *Auditor) findings(asOf int64, e Egress) []Finding {
	all := map[string]Finding{}
	for name, h := range a.fired(asOf) {
		if h.Count > 0 {
			all[name] = Finding{Rule: name, Count: h.Count, First: h.First, Last: h.Last, Requests: slices.Clone(h.IDs)}
		}
	}
	if f, near := a.near(asOf, e); near {
		all[RuleEgressNear] = f
	}
	var findings []Finding
	for _, r := range rules {
		f, ok := all[r.name]
		if !ok {
			continue
		}
		f.Severity, f.Advice, f.Section = r.severity, r.advice, r.section(a.policy)
		if r.name == RuleAuth && a.React.AuthRunMax >= authBurst {
			f.Severity = Violation
		}
		if r.name != RuleEgressNear {
			f.Detail = a.detail(r.name, f, e)
		}
		findings = append(findings, f)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return b.Severity.weight() - a.Severity.weight() })
	return findings
}

// fired gives what each rule counted, as of asOf.
func (a *Auditor) fired(asOf int64) map[string]hits {
	a.explainOver()
	w := a.Egress
	w.Over.IDs = slices.Clone(w.Over.IDs)
	w.close(a.tenant.Cap.told())
	x := &a.React
	fired := map[string]hits{
		RuleSpacing: a.Spacing.Violations, RuleInterleaved: a.Spacing.Interleaved, RuleRateLimited: x.RateLimited,
		RuleNoBackoff: x.NoBackoff, RuleEgressCap: x.EgressCap, RuleOverCap: w.Over, RuleAfter509: x.AfterCap,
		RuleUnexpectedStatus: x.Unexpected, RuleNoAnswer: x.NoAnswer, RuleAuth: x.Auth, RuleBlindRetry: x.Blind,
		RuleHastyRetry: x.Hasty, RuleDuplicateDownload: a.Load.Again, RuleCutShort: a.Load.Cut, RuleOutsideWindow: x.OutsideWindow,
		RulePersistentError: a.persistent(),
	}
	fired[RuleLostReport] = a.lost(asOf)
	stale := a.Load.Stale
	stale.IDs = slices.Clone(stale.IDs)
	if a.Load.LastAt != 0 {
		a.idle(&stale, asOf)
	}
	fired[RuleStalePull] = stale
	return fired
}

// lost adds to the reports given up those whose time has passed as of asOf.
func (a *Auditor) lost(asOf int64) hits {
	h := a.React.Lost
	h.IDs = slices.Clone(h.IDs)
	for _, d := range a.React.Deferred {
		if !d.Fetched && asOf-d.At > micros(reportWait) {
			a.lose(&h, d)
		}
	}
	return h
}

// persistent counts parameters, not requests.
func (a *Auditor) persistent() hits {
	var all hits
	var answers []failure
	for _, f := range a.React.Failures {
		if f.Count >= persistentErrors {
			all.Count++
			answers = append(answers, f.Early...)
			all.Last = max(all.Last, f.Last)
		}
	}
	slices.SortFunc(answers, func(a, b failure) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	for i, f := range answers[:min(len(answers), MaxIDs)] {
		if i == 0 {
			all.First = f.At
		}
		all.IDs = append(all.IDs, f.ID)
	}
	return all
}

// near fires when the cap is close, now or by forecast.
func (a *Auditor) near(asOf int64, e Egress) (Finding, bool) {
	share, known := e.Utilization()
	full, likely := known && share >= nearCap, a.tenant.Chance >= nearCapChance
	if !full && !likely {
		return Finding{}, false
	}
	var why []string
	if full {
		why = append(why, fmt.Sprintf("%d bytes in the last %s are %.0f %% of the cap of %d (%s)",
			e.Current, hours(e.Window), 100*share, e.Cap.Bytes, e.Cap.Source))
	}
	if likely {
		why = append(why, fmt.Sprintf("the forecast gives %.0f %% for reaching the cap within 7 days", 100*a.tenant.Chance))
	}
	return Finding{Rule: RuleEgressNear, Count: 1, First: asOf, Last: asOf, Detail: strings.Join(why, "; ")}, true
}

func hours(d time.Duration) string { return fmt.Sprintf("%g h", d.Hours()) }

// detail says in one sentence what happened.
func (a *Auditor) detail(name string, f Finding, e Egress) string {
	p, x := a.policy, &a.React
	switch name {
	case RuleSpacing:
		s := fmt.Sprintf("%d of %d gaps between %s requests were under %s; the shortest was %s",
			f.Count, a.Spacing.Requests-1, p.Frequency.Class, seconds(micros(p.Frequency.MinInterval)), seconds(a.Spacing.Shortest))
		if n := a.Spacing.Indeterminate; n > 0 {
			s += fmt.Sprintf("; %d more cannot be decided at the log's resolution", n)
		}
		return s
	case RuleInterleaved:
		return "the two requests came from different clients: " + strings.Join(slices.Sorted(maps.Keys(a.Spacing.Pairs)), "; ")
	case RuleRateLimited:
		return fmt.Sprintf("%d requests were refused as too frequent", f.Count)
	case RuleNoBackoff:
		return fmt.Sprintf("%d requests came too soon after a refusal", f.Count)
	case RuleEgressCap:
		return fmt.Sprintf("%d requests were refused because the rolling egress cap was reached; the largest sum just before a served request was %d bytes", f.Count, a.Egress.Survived)
	case RuleOverCap:
		return fmt.Sprintf("at %d requests the last %s held at least the cap of %d bytes that support told; the peak was %d", f.Count, hours(p.Egress.Window), e.Cap.Bytes, e.Peak)
	case RuleAfter509:
		return fmt.Sprintf("%d %s requests started within %s after a refusal for egress", f.Count, p.Egress.Class, minutes(afterCapWait))
	case RuleUnexpectedStatus:
		return "answers that the vendor's table does not list for the method: " + a.unexpected()
	case RuleNoAnswer:
		return fmt.Sprintf("%d requests got no answer: %s", f.Count, tallyWords(x.Errors))
	case RuleLostReport:
		return fmt.Sprintf("%d reports were deferred and not asked for again within %s", f.Count, hours(reportWait))
	case RuleAuth:
		return fmt.Sprintf("%d requests were refused for their token or its rights, up to %d in a row", f.Count, x.AuthRunMax)
	case RuleBlindRetry:
		return fmt.Sprintf("%d requests repeated parameters that had just been refused as wrong", f.Count)
	case RuleHastyRetry:
		return fmt.Sprintf("%d requests were repeated less than %s after they had failed at the server", f.Count, seconds(micros(hastyRetryDelay)))
	case RulePersistentError:
		return fmt.Sprintf("%d different requests failed at the server %d times or more", f.Count, persistentErrors)
	case RuleDuplicateDownload:
		return fmt.Sprintf("%d downloads of recordings that were complete already wasted %d bytes, %.1f %% of all audio bytes",
			f.Count, a.Load.AgainBytes, 100*share(a.Load.AgainBytes, e.Total))
	case RuleCutShort:
		return fmt.Sprintf("%d downloads ended before their end and cost %d bytes", f.Count, a.Load.CutBytes)
	case RuleOutsideWindow:
		return fmt.Sprintf("%d %s requests started outside the nightly window", f.Count, p.Egress.Class)
	case RuleStalePull:
		return fmt.Sprintf("%d stretches of more than %s without a %s request", f.Count, days(micros(p.Frequency.PullEvery)), p.Egress.Class)
	}
	return ""
}

func minutes(d time.Duration) string { return fmt.Sprintf("%g min", d.Minutes()) }

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// unexpected lists answers outside the table, most frequent first.
func (a *Auditor) unexpected() string {
	words := map[string]int64{}
	for _, s := range a.statuses() {
		if !s.Expected && s.Status != 0 {
			words[fmt.Sprintf("%d to %s", s.Status, s.Method)] += s.Requests
		}
	}
	return tallyWords(words)
}

// tallyWords writes "reset ×12, dns ×3".
func tallyWords(counts map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = fmt.Sprintf("%s ×%d", orUnknown(k), counts[k])
	}
	return strings.Join(words, ", ")
}
