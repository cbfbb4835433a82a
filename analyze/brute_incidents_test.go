package analyze_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
)

// causes are the arrows of the contract: effects by cause.
var effectsOf = map[string]string{
	"interleaved": "spacing", "spacing": "rate-limited", "rate-limited": "no-backoff", "cut-short": "duplicate-download",
	"duplicate-download": "egress-near over-cap egress-cap", "stale-pull": "egress-near over-cap egress-cap",
	"egress-near": "after-509", "over-cap": "after-509", "egress-cap": "after-509", "auth": "stale-pull",
	"persistent-error": "hasty-retry",
}

// bruteEpisode is a run of nights of one rule.
type bruteEpisode struct {
	rule         string
	nights       []int64
	first, last  int64 // times of hits
	until        int64
	count, bytes int64
	ids          []int64
	classes      []string
	open         bool
	severity     analyze.Severity
}

// nightOf is the night from noon to noon UTC.
func nightOf(at int64) int64 {
	n := (at - 12*hour) / day
	if at < 12*hour {
		n--
	}
	return n
}

func (b *brute) severityOf(rule string, at []int) analyze.Severity {
	switch rule {
	case rules.CutShort, rules.NoAnswer, rules.OutsideWindow, rules.ClockStepped:
		return analyze.Notice
	case rules.Auth:
		for _, i := range at {
			if b.authRun(&b.rows[i]) >= 5 {
				return analyze.Violation
			}
		}
		return analyze.Warning
	case rules.Interleaved, rules.EgressNear, rules.UnexpectedStatus, rules.BlindRetry, rules.HastyRetry,
		rules.PersistentError, rules.DuplicateDownload, rules.StalePull, rules.Growing:
		return analyze.Warning
	}
	return analyze.Violation
}

// runs cuts the nights in which a rule fired where a night with such requests had no hit.
func (b *brute) runs(rule string, at []int) (all []*bruteEpisode) {
	byNight := map[int64][]int{}
	for _, i := range at {
		n := nightOf(b.rows[i].StartedAt)
		byNight[n] = append(byNight[n], i)
	}
	seen := map[int64]bool{}
	for i := range b.rows {
		seen[nightOf(b.rows[i].StartedAt)] = true
	}
	var nights []int64
	for n := range seen {
		nights = append(nights, n)
	}
	slices.Sort(nights)
	var e *bruteEpisode
	var places []int
	for _, n := range nights {
		if hits := byNight[n]; len(hits) > 0 {
			if e == nil {
				e, places = &bruteEpisode{rule: rule, open: true, first: b.rows[hits[0]].StartedAt}, nil
				all = append(all, e)
			}
			e.nights = append(e.nights, n)
			places = append(places, hits...)
			for _, i := range hits {
				c := &b.rows[i]
				e.count++
				e.ids = append(e.ids, c.ID)
				e.last = c.StartedAt
				e.classes = append(e.classes, c.class)
				if rule == rules.DuplicateDownload || rule == rules.CutShort {
					e.bytes += c.ResponseBytes
				}
			}
			e.severity = b.severityOf(rule, places)
		} else if e != nil && b.active(n, e.classes) && !b.undecided(rule, n) {
			e.open, e = false, nil
		}
	}
	return all
}

// active says whether a night had requests of one of the classes.
func (b *brute) active(night int64, classes []string) bool {
	return anyOf(b.rows, func(c *call) bool { return nightOf(c.StartedAt) == night && slices.Contains(classes, c.class) })
}

func (b *brute) undecided(rule string, night int64) bool {
	return rule == rules.LostReport && anyOf(b.rows, func(c *call) bool {
		return nightOf(c.StartedAt) == night && c.Status == 202 && b.asOf-c.StartedAt <= day && !b.fetched(c)
	})
}

func (b *brute) incidents() []string {
	var all []*bruteEpisode
	for rule, at := range b.hits {
		if b.severityOf(rule, nil) != analyze.Notice || rule == rules.CutShort { // the cause of others
			all = append(all, b.runs(rule, at)...)
		}
	}
	all = append(all, b.absent...)
	for _, f := range b.result.Findings {
		if f.Rule == rules.EgressNear || f.Rule == rules.Growing {
			n := nightOf(b.asOf)
			all = append(all, &bruteEpisode{
				rule: f.Rule, nights: []int64{n}, first: b.asOf, last: b.asOf, count: 1, open: true, severity: analyze.Warning,
			})
		}
	}
	slices.SortFunc(all, func(x, y *bruteEpisode) int {
		return cmp.Or(cmp.Compare(x.nights[0], y.nights[0]), cmp.Compare(x.first, y.first),
			cmp.Compare(slices.Index(rules.Names(), x.rule), slices.Index(rules.Names(), y.rule)))
	})
	causes := func(x, y *bruteEpisode) bool { // x the cause, y the effect
		return slices.Contains(strings.Fields(effectsOf[x.rule]), y.rule) &&
			y.nights[0] <= x.nights[len(x.nights)-1]+5 && y.nights[len(y.nights)-1] >= x.nights[0]
	}
	done := map[*bruteEpisode]bool{}
	var lines []string
	for _, e := range all {
		if done[e] {
			continue
		}
		part := []*bruteEpisode{e}
		done[e] = true
		for i := 0; i < len(part); i++ {
			for _, other := range all {
				if !done[other] && (causes(other, part[i]) || causes(part[i], other)) {
					done[other] = true
					part = append(part, other)
				}
			}
		}
		slices.SortFunc(part, func(x, y *bruteEpisode) int { return slices.Index(all, x) - slices.Index(all, y) })
		if line := b.incident(part, causes); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func (b *brute) incident(part []*bruteEpisode, causes func(x, y *bruteEpisode) bool) string {
	i := slices.IndexFunc(part, func(e *bruteEpisode) bool {
		return !slices.ContainsFunc(part, func(x *bruteEpisode) bool { return causes(x, e) })
	})
	cause := part[i].rule
	severity, open := analyze.Notice, false
	nights, ids := map[int64]bool{}, map[int64]bool{}
	ofNow := func(e *bruteEpisode) bool {
		return slices.Contains([]string{rules.EgressNear, rules.Growing, rules.NeverPulled}, e.rule)
	}
	onlyNow := !slices.ContainsFunc(part, func(e *bruteEpisode) bool { return !ofNow(e) })
	first, last, lastNight, until := int64(1)<<62, int64(0), part[0].nights[0], int64(0)
	var hits, bytes, refused int64
	ofRules, counts := []string{cause}, map[string]int64{}
	var classes []string
	for _, e := range part {
		if e.severity.AtLeast(severity) {
			severity = e.severity
		}
		open = open || e.open
		if onlyNow || !ofNow(e) {
			first, last = min(first, e.first), max(last, e.last)
		}
		lastNight = max(lastNight, e.nights[len(e.nights)-1])
		until = max(until, e.until, e.last)
		for _, n := range e.nights {
			nights[n] = true
		}
		for _, id := range e.ids {
			ids[id] = true
		}
		hits, bytes = hits+e.count, bytes+e.bytes
		if !slices.Contains(ofRules, e.rule) {
			ofRules = append(ofRules, e.rule)
		}
		counts[e.rule] += e.count
		classes = append(classes, e.classes...)
	}
	if severity == analyze.Notice || !open && until < b.count {
		return ""
	}
	for i := range b.rows {
		if c := &b.rows[i]; ids[c.ID] && slices.Contains([]int{401, 403, 429, 509}, c.Status) {
			refused++
		}
	}
	clean := -1
	if !open {
		clean = 0
		counted := map[int64]bool{}
		for i := range b.rows {
			n := nightOf(b.rows[i].StartedAt)
			if n > lastNight && b.active(n, classes) && !counted[n] && !b.firedIn(ofRules, n) {
				clean++
			}
			counted[n] = true
		}
	}
	if open {
		if severity == analyze.Violation {
			b.worst = analyze.Fail
		} else if b.worst == analyze.Pass {
			b.worst = analyze.Warn
		}
	}
	id := b.about.Name + "-" + time.UnixMicro(part[0].nights[0]*day).UTC().Format(time.DateOnly) + "-" + cause
	var ofCounts []int64
	for _, rule := range ofRules {
		ofCounts = append(ofCounts, counts[rule])
	}
	return fmt.Sprintf("%s: incident %s: open %t, %d to %d, %d nights, clean %d, %d hits, %d requests, %d refused, %d wasted, %s, %v %v",
		b.about.Name, id, open, first, last, len(nights), clean, hits, len(ids), refused, bytes, severity, ofRules, ofCounts)
}

func (b *brute) firedIn(ofRules []string, night int64) bool {
	for _, rule := range ofRules {
		for _, i := range b.hits[rule] {
			if nightOf(b.rows[i].StartedAt) == night {
				return true
			}
		}
	}
	return false
}

// describeIncidents writes down what the promises fix of incidents.
func describeIncidents(r analyze.Result) (lines []string) {
	for _, x := range r.Incidents {
		lines = append(lines, fmt.Sprintf("%s: incident %s: open %t, %d to %d, %d nights, clean %d, %d hits, %d requests, %d refused, %d wasted, %s, %v %v",
			r.Tenant, x.ID, x.Open, x.First, x.Last, x.Nights, x.CleanNights, x.Hits, x.Requests, x.Refused, x.WastedBytes, x.Severity, x.Rules, x.Counts))
	}
	slices.Sort(lines)
	return lines
}

// clockSteps looks at the rows of each source in the order in which they arrived.
func (b *brute) clockSteps() {
	b.fire(rules.ClockStepped, analyze.Notice, b.where(func(_ int, c *call) bool {
		var before *call
		for j := range b.rows {
			x := &b.rows[j]
			if x.Source.ID == c.Source.ID && x.ID < c.ID && (before == nil || x.ID > before.ID) {
				before = x
			}
		}
		return before != nil && c.StartedAt+second < before.StartedAt && c.StartedAt+c.Duration+second < before.StartedAt+before.Duration
	}))
}

// grows compares the medians of two weeks of nights.
func (b *brute) grows() {
	week := func(ago int64) (median, n int64) {
		bytes := make([]int64, 7)
		for i := range b.all {
			c := &b.all[i]
			if k := nightOf(b.asOf) - ago - nightOf(c.StartedAt); c.class == audio && k >= 0 && k < 7 {
				bytes[k] += c.ResponseBytes
				if c.Status == 200 && !c.CutShort {
					n++
				}
			}
		}
		slices.Sort(bytes)
		return bytes[3], n
	}
	now, n := week(0)
	before, m := week(21)
	if n >= 20 && m >= 20 && before > 0 && 2*now >= 3*before {
		b.result.Findings = append(b.result.Findings, analyze.Finding{
			Rule: rules.Growing, Severity: analyze.Warning, Count: 1, First: b.asOf, Last: b.asOf,
		})
	}
}
