package analyze_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/store"
)

// This file is the audit a second time, written from the promises alone and as plainly as they are worded: for every
// question it looks at all requests. It takes quadratic time, knows the numbers of the built-in policy by heart and shares
// nothing with the package under test but the types of its answers.

const (
	second = int64(1e6)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	audio = "recording_audio"
)

// answers are the rows of the vendor's table: which methods a status is listed for.
var answers = map[int]string{
	200: "GET POST", 202: "POST", 204: "POST", 400: "GET POST", 401: "GET POST", 403: "GET POST", 404: "GET POST",
	405: "GET POST", 422: "POST", 429: "GET POST", 500: "GET POST", 503: "GET POST", 509: "GET",
}

func expected(status int, method string) bool {
	return slices.Contains(strings.Fields(answers[status]), method)
}

// class is what the guide's table of endpoints says of a route.
func class(r *store.Route) string {
	switch {
	case r.Method == "GET" && r.Template == "/rest/api/v2/recordings":
		return "recording_list"
	case r.Method == "GET" && strings.HasPrefix(r.Template, "/rest/api/v2/recordings/"):
		return audio
	case r.Method == "POST" && strings.HasPrefix(r.Template, "/rest/api/v1/historic-data/"):
		return "historical_report"
	case r.Method == "POST" && strings.HasSuffix(r.Template, "/click-to-dial"):
		return "click_to_dial"
	}
	return "other"
}

// question is what an audit is asked: unbounded where since is math.MinInt64 and until math.MaxInt64.
type question struct{ asOf, since, until int64 }

// call is a request with what the rules compare.
type call struct {
	store.Request
	class  string
	params string // equal for the same parameters
	item   string // equal for the same recording
}

// brute audits one tenant.
type brute struct {
	question
	about  egress.Tenant
	resets []int64 // up to asOf
	seen   []call  // all that may fill the rolling window, in order
	rows   []call  // the selected ones
	ids    map[string][]int64
	result analyze.Result
}

// bruteAudit is the answer for one tenant and, by rule, the ids of all requests that made it fire.
func bruteAudit(q question, about egress.Tenant, log []store.Request, resets []int64) (analyze.Result, map[string][]int64) {
	b := &brute{question: q, about: about, ids: map[string][]int64{}}
	for _, r := range resets {
		if r <= q.asOf {
			b.resets = append(b.resets, r)
		}
	}
	for _, r := range log {
		if r.Tenant == about.Name && r.StartedAt <= q.asOf && r.StartedAt < q.until {
			b.seen = append(b.seen, newCall(r))
		}
	}
	slices.SortFunc(b.seen, func(x, y call) int {
		return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	for _, c := range b.seen {
		if c.StartedAt >= q.since {
			b.rows = append(b.rows, c)
		}
	}
	b.audit()
	return b.result, b.ids
}

func newCall(r store.Request) call {
	c := call{Request: r, class: class(r.Route)}
	c.params = "hash " + r.Params
	if r.Params == "" {
		c.params = r.Route.Method + " " + r.URL()
	}
	c.item = "key " + r.Key
	if r.Key == "" {
		c.item = c.params
	}
	return c
}

func (b *brute) audit() {
	r := &b.result
	r.Tenant, r.Requests = b.about.Name, int64(len(b.rows))
	for _, c := range b.rows {
		if c.class == audio {
			r.LastPull = c.StartedAt
		}
	}
	b.spacing()
	b.statuses()
	b.egress()
	b.simpleRules()
	b.noBackoff()
	b.egressRules()
	b.auth()
	b.retryRules()
	b.lostReports()
	b.persistentErrors()
	b.duplicates()
	b.stalePulls()
	b.judge()
}

// fire adds a finding for the requests at those places of b.rows.
func (b *brute) fire(rule string, severity analyze.Severity, at []int) {
	if len(at) == 0 {
		return
	}
	f := analyze.Finding{Rule: rule, Severity: severity, Count: int64(len(at))}
	f.First, f.Last = b.rows[at[0]].StartedAt, b.rows[at[len(at)-1]].StartedAt
	for _, i := range at {
		b.ids[rule] = append(b.ids[rule], b.rows[i].ID)
	}
	f.Requests = b.ids[rule][:min(20, len(at))]
	b.result.Findings = append(b.result.Findings, f)
}

// tell adds what a finding must say, if there is such a finding.
func (b *brute) tell(rule, detail string) {
	for i := range b.result.Findings {
		if f := &b.result.Findings[i]; f.Rule == rule {
			f.Detail = detail
		}
	}
}

// bytes adds up those of the requests that made a rule fire.
func (b *brute) bytes(rule string) (sum int64) {
	for _, c := range b.rows {
		if slices.Contains(b.ids[rule], c.ID) {
			sum += c.ResponseBytes
		}
	}
	return sum
}

// where gives the places of the requests for which f holds.
func (b *brute) where(f func(i int, c *call) bool) (at []int) {
	for i := range b.rows {
		if f(i, &b.rows[i]) {
			at = append(at, i)
		}
	}
	return at
}

func anyOf(calls []call, f func(*call) bool) bool {
	for i := range calls {
		if f(&calls[i]) {
			return true
		}
	}
	return false
}

func (b *brute) simpleRules() {
	b.fire(analyze.RuleRateLimited, analyze.Violation, b.where(func(_ int, c *call) bool { return c.Status == 429 }))
	b.fire(analyze.RuleEgressCap, analyze.Violation, b.where(func(_ int, c *call) bool { return c.Status == 509 }))
	b.fire(analyze.RuleNoAnswer, analyze.Notice, b.where(func(_ int, c *call) bool { return c.Status == 0 }))
	b.fire(analyze.RuleUnexpectedStatus, analyze.Warning, b.where(func(_ int, c *call) bool {
		return c.Status != 0 && !expected(c.Status, c.Route.Method)
	}))
	b.fire(analyze.RuleCutShort, analyze.Notice, b.where(func(_ int, c *call) bool { return c.class == audio && c.CutShort }))
	b.tell(analyze.RuleCutShort, fmt.Sprintf("%d bytes", b.bytes(analyze.RuleCutShort)))
	b.fire(analyze.RuleOutsideWindow, analyze.Notice, b.where(func(_ int, c *call) bool {
		return c.class == audio && b.about.Window != nil && !b.about.Window.Contains(c.Start())
	}))
}

func (b *brute) noBackoff() {
	b.fire(analyze.RuleNoBackoff, analyze.Violation, b.where(func(i int, c *call) bool {
		wait := second
		if c.class == audio {
			wait = 3 * second
		}
		var last *call
		n := 0
		for j := i - 1; j >= 0; j-- {
			before := &b.rows[j]
			if before.class != c.class {
				continue
			}
			if before.Status != 429 {
				break
			}
			if n++; n == 1 {
				last = before
			} else {
				wait = min(2*wait, 60*second)
			}
		}
		return n > 0 && c.StartedAt-last.StartedAt < max(last.RetryAfter*second, wait)
	}))
}

func (b *brute) egressRules() {
	b.fire(analyze.RuleAfter509, analyze.Violation, b.where(func(i int, c *call) bool {
		for j := range i {
			refused := b.rows[j].StartedAt
			if c.class == audio && b.rows[j].Status == 509 && c.StartedAt-refused <= 15*minute && !b.resetIn(refused, c.StartedAt) {
				return true
			}
		}
		return false
	}))
	e := b.result.Egress
	if e.Cap.Bytes > 0 && e.Current*10 >= e.Cap.Bytes*8 || b.about.Chance >= 0.1 {
		b.result.Findings = append(b.result.Findings, analyze.Finding{
			Rule: analyze.RuleEgressNear, Severity: analyze.Warning, Count: 1, First: b.asOf, Last: b.asOf,
		})
	}
}

func (b *brute) resetIn(from, to int64) bool {
	return slices.ContainsFunc(b.resets, func(r int64) bool { return from <= r && r <= to })
}

func (b *brute) auth() {
	severity := analyze.Warning
	run := 0
	refused := b.where(func(_ int, c *call) bool {
		if c.Status != 401 && c.Status != 403 {
			run = 0
			return false
		}
		if run++; run == 5 {
			severity = analyze.Violation
		}
		return true
	})
	b.fire(analyze.RuleAuth, severity, refused)
}

func (b *brute) retryRules() {
	b.fire(analyze.RuleBlindRetry, analyze.Warning, b.where(func(i int, c *call) bool {
		return anyOf(b.rows[:i], func(before *call) bool {
			return before.params == c.params && slices.Contains([]int{400, 404, 405, 422}, before.Status) &&
				c.StartedAt-before.StartedAt <= 10*minute
		})
	}))
	b.fire(analyze.RuleHastyRetry, analyze.Warning, b.where(func(i int, c *call) bool {
		for j := i - 1; j >= 0; j-- {
			before := &b.rows[j]
			if before.params == c.params {
				return (before.Status == 500 || before.Status == 503) && c.StartedAt < before.StartedAt+before.Duration+second
			}
		}
		return false
	}))
}

func (b *brute) lostReports() {
	b.fire(analyze.RuleLostReport, analyze.Violation, b.where(func(i int, c *call) bool {
		return c.Status == 202 && b.asOf-c.StartedAt > day &&
			!anyOf(b.rows[i+1:], func(later *call) bool {
				return later.params == c.params && later.StartedAt-c.StartedAt <= day
			})
	}))
}

func (b *brute) persistentErrors() {
	failed := map[string]int{}
	for _, c := range b.rows {
		if c.Status == 500 {
			failed[c.params]++
		}
	}
	distinct := 0
	for _, n := range failed {
		if n >= 3 {
			distinct++
		}
	}
	b.fire(analyze.RulePersistentError, analyze.Warning, b.where(func(_ int, c *call) bool {
		return c.Status == 500 && failed[c.params] >= 3
	}))
	for i := range b.result.Findings {
		if f := &b.result.Findings[i]; f.Rule == analyze.RulePersistentError {
			f.Count = int64(distinct)
		}
	}
}

func (b *brute) duplicates() {
	whole := func(c *call) bool { return c.class == audio && c.Status == 200 && !c.CutShort }
	b.fire(analyze.RuleDuplicateDownload, analyze.Warning, b.where(func(i int, c *call) bool {
		return whole(c) && anyOf(b.rows[:i], func(before *call) bool { return whole(before) && before.item == c.item })
	}))
	wasted, share := b.bytes(analyze.RuleDuplicateDownload), 0.0
	if all := b.result.Egress.Total; all > 0 {
		share = 100 * float64(wasted) / float64(all)
	}
	b.tell(analyze.RuleDuplicateDownload, fmt.Sprintf("%d bytes %.1f %%", wasted, share))
}

func (b *brute) stalePulls() {
	b.fire(analyze.RuleStalePull, analyze.Warning, b.where(func(i int, c *call) bool {
		next := b.asOf
		for j := len(b.rows) - 1; j > i; j-- {
			if b.rows[j].class == audio {
				next = b.rows[j].StartedAt
			}
		}
		return c.class == audio && next-c.StartedAt > 5*day
	}))
}

// judge puts the findings in order and gives the verdict.
func (b *brute) judge() {
	names := analyze.Rules()
	weights := []analyze.Severity{analyze.Violation, analyze.Warning, analyze.Notice}
	slices.SortFunc(b.result.Findings, func(x, y analyze.Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(weights, x.Severity), slices.Index(weights, y.Severity)),
			cmp.Compare(slices.Index(names, x.Rule), slices.Index(names, y.Rule)))
	})
	b.result.Verdict = analyze.Pass
	if len(b.result.Findings) > 0 {
		switch b.result.Findings[0].Severity {
		case analyze.Violation:
			b.result.Verdict = analyze.Fail
		case analyze.Warning:
			b.result.Verdict = analyze.Warn
		}
	}
}

// unbounded selects everything up to a moment.
func unbounded(asOf int64) question { return question{asOf, math.MinInt64, math.MaxInt64} }
