package analyze

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/store"
)

// Result judges the requests added so far as of a moment at or after the last of them, microseconds since 1970 UTC. The
// auditor may go on afterwards. ok is false when a state that was continued no longer holds what the percentiles need:
// then the requests must be read from the start.
func (a *Auditor) Result(asOf int64) (r Result, ok bool) {
	r = Result{Tenant: a.tenant.Name, Requests: a.Requests, LastPull: a.LastPull, Foreign: a.Foreign, Statuses: a.statuses()}
	if r.Spacing, ok = a.spacing(); !ok {
		return Result{}, false
	}
	for _, s := range r.Statuses {
		if s.Class == store.OpaqueClass {
			r.Opaque += s.Requests
		}
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
	w.Close() // w is a copy: its group may still grow
	return Egress{
		Window: a.policy.Egress.Window, Current: w.Current(a.tenant.Resets, asOf, length), Peak: w.Peak, PeakAt: w.PeakAt, Total: w.Total,
		Cap: w.Resolve(a.tenant.Cap, a.policy.Egress.Cap),
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
	over := a.Over
	over.IDs = slices.Clone(over.IDs)
	if told := a.tenant.Cap.ToldBytes(); told > 0 && a.Egress.Sum >= told {
		over.merge(a.Group)
	}
	x := &a.React
	fired := map[string]hits{
		RuleSpacing: a.Spacing.Violations, RuleInterleaved: a.Spacing.Interleaved, RuleRateLimited: x.RateLimited,
		RuleNoBackoff: x.NoBackoff, RuleEgressCap: x.EgressCap, RuleOverCap: over, RuleAfter509: x.AfterCap,
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
		// Rounded down, as reports do: a cap that is not reached is never at 100 %.
		why = append(why, fmt.Sprintf("%s bytes in the last %s are %.0f %% of the cap of %s (%s)",
			grouped(e.Current), hours(e.Window), math.Floor(100*share), grouped(e.Cap.Bytes), e.Cap.Source))
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
	n := func(thing string) string { return counted(f.Count, thing) }
	switch name {
	case RuleSpacing:
		s := fmt.Sprintf("%s under %s, of %s between %s requests; the shortest was %s",
			n("gap"), seconds(micros(p.Frequency.MinInterval)), grouped(a.Spacing.Requests-1), p.Frequency.Class, seconds(a.Spacing.Shortest))
		if more := a.Spacing.Indeterminate; more > 0 {
			s += fmt.Sprintf("; %s more cannot be decided at the log's resolution", grouped(more))
		}
		return s
	case RuleInterleaved:
		return "the two requests came from different clients: " + strings.Join(slices.Sorted(maps.Keys(a.Spacing.Pairs)), "; ")
	case RuleRateLimited:
		s := n("request") + " refused as too frequent"
		if kept := x.KeptRefused; kept > 0 {
			s += fmt.Sprintf("; %s of them started %s or more after the one before: either they arrived closer together, so leave a margin, or a program pulls that is not recorded here",
				grouped(kept), seconds(micros(p.Frequency.MinInterval)))
		}
		return s
	case RuleNoBackoff:
		return n("request") + " sent too soon after a refusal"
	case RuleEgressCap:
		s := n("request") + " refused because the rolling egress cap was reached"
		if served := a.Egress.Survived; served > 0 {
			s += fmt.Sprintf("; with %s bytes in the window a request was still served", grouped(served))
		}
		return s
	case RuleOverCap:
		return fmt.Sprintf("at %s the last %s held at least the cap of %s bytes that support told; the peak was %s bytes",
			n("request"), hours(p.Egress.Window), grouped(e.Cap.Bytes), grouped(e.Peak))
	case RuleAfter509:
		return fmt.Sprintf("%s started within %s after a refusal for egress", n(p.Egress.Class+" request"), minutes(afterCapWait))
	case RuleUnexpectedStatus:
		return "answers that the vendor's table does not list for the method: " + a.unexpected()
	case RuleNoAnswer:
		return n("request") + " without an answer: " + tallyWords(x.Errors)
	case RuleLostReport:
		return fmt.Sprintf("%s deferred and not asked for again within %s", n("report"), hours(reportWait))
	case RuleAuth:
		return fmt.Sprintf("%s refused for the token or its rights, up to %d in a row", n("request"), x.AuthRunMax)
	case RuleBlindRetry:
		return n("request") + " repeating parameters that had just been refused as wrong"
	case RuleHastyRetry:
		return fmt.Sprintf("%s repeated less than %s after a failure at the server", n("request"), seconds(micros(hastyRetryDelay)))
	case RulePersistentError:
		return fmt.Sprintf("%s that failed at the server %d times or more", n("different request"), persistentErrors)
	case RuleDuplicateDownload:
		return fmt.Sprintf("%s of recordings that were complete already wasted %s bytes, %.1f %% of all audio bytes",
			n("download"), grouped(a.Load.AgainBytes), 100*share(a.Load.AgainBytes, e.Total))
	case RuleCutShort:
		return fmt.Sprintf("%s broken off, which cost %s bytes", n("download"), grouped(a.Load.CutBytes))
	case RuleOutsideWindow:
		return n(p.Egress.Class+" request") + " outside the nightly window"
	case RuleStalePull:
		return fmt.Sprintf("%s of more than %s without a %s request", n("stretch"), days(micros(p.Frequency.PullEvery)), p.Egress.Class)
	}
	return ""
}

// counted writes "1 request", "1,623 requests" or "2 stretches".
func counted(n int64, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "ch"):
		return grouped(n) + " " + thing + "es"
	}
	return grouped(n) + " " + thing + "s"
}

// grouped writes 1234567 as "1,234,567".
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
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
