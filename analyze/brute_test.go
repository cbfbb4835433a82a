package analyze_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
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

func expected(status int, method, class string) bool {
	if status == 302 { // to a storage: ours, and for recordings alone
		return method == "GET" && class == audio
	}
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

// now says that no range is asked for, so that what counts are the last 30 nights.
func (q question) now() bool { return q.since == math.MinInt64 && q.until == math.MaxInt64 }

// call is a request with what the rules compare.
type call struct {
	store.Request
	class  string
	params string // equal for the same parameters
	item   string // equal for the same recording
	place  int    // in brute.all
}

// brute audits one tenant.
type brute struct {
	question
	about  egress.Tenant
	resets []int64 // up to asOf
	all    []call  // up to asOf, in order
	seen   []call  // all that may fill the rolling window, in order
	rows   []call  // the selected ones
	count  int64   // hits before this start are not counted
	ids    map[string][]int64
	absent []*bruteEpisode // stretches without a pull
	told   []string
	worst  analyze.Verdict  // of what is open
	hits   map[string][]int // places of b.rows, whether they count or not
	result analyze.Result
}

// bruteAudit is the answer for one tenant and, by rule, the ids of all requests that made it fire.
func bruteAudit(q question, about egress.Tenant, log []store.Request, resets []int64) (analyze.Result, map[string][]int64, []string) {
	b := &brute{question: q, about: about, ids: map[string][]int64{}, hits: map[string][]int{}}
	for _, r := range resets {
		if r <= q.asOf {
			b.resets = append(b.resets, r)
		}
	}
	for _, r := range log {
		if r.Tenant == about.Name && r.StartedAt <= q.asOf {
			b.all = append(b.all, newCall(r))
		}
	}
	slices.SortFunc(b.all, func(x, y call) int {
		return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	for i := range b.all {
		b.all[i].place = i
		c := b.all[i]
		if c.StartedAt < q.until {
			b.seen = append(b.seen, c)
		}
		if c.StartedAt >= q.since && c.StartedAt < q.until {
			b.rows = append(b.rows, c)
		}
	}
	b.count = q.since
	if q.now() {
		b.count = firstNight(q.asOf)
	}
	b.audit()
	return b.result, b.ids, b.told
}

// firstNight is when the 30 nights that end with a moment's begin, in UTC.
func firstNight(asOf int64) int64 {
	noon := asOf - asOf%day + 12*hour
	if noon > asOf {
		noon -= day
	}
	return noon - 29*day
}

func isPersonal(class string) bool { return class == "click_to_dial" || class == "callback" }

func newCall(r store.Request) call {
	c := call{Request: r, class: class(r.Route)}
	c.Duration = r.Call().Duration
	c.params = "hash " + r.Params
	if r.Params == "" {
		c.params = r.Route.Method + " " + r.URL()
	}
	if isPersonal(c.class) { // nobody knows what its parameters were
		c.params = fmt.Sprint("not known, of ", r.ID)
	}
	c.item = "key " + r.Key
	if r.Key == "" {
		c.item = c.params
	}
	return c
}

func (b *brute) audit() {
	r := &b.result
	r.Tenant = b.about.Name
	for _, c := range b.rows {
		if c.StartedAt >= b.count {
			r.Requests++
			if c.class == audio {
				r.Audio += c.ResponseBytes
			}
		}
	}
	for i, c := range b.all {
		if i == 0 {
			r.FirstRequest = c.StartedAt
		}
		r.LastRequest = c.StartedAt
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
	b.clockSteps()
	b.grows()
	b.worst = analyze.Pass
	b.told = b.incidents()
	b.faults()
	b.judge()
}

// fire adds a finding for the requests at those places of b.rows that count.
func (b *brute) fire(rule string, severity analyze.Severity, at []int) {
	b.hits[rule] = at
	at = slices.DeleteFunc(slices.Clone(at), func(i int) bool { return b.rows[i].StartedAt < b.count })
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

// before are the requests that a reaction looks back on: those of the range, and of the five days before it.
func (b *brute) before(c *call) []call {
	from := 0
	if b.since != math.MinInt64 {
		for from < c.place && b.all[from].StartedAt < min(b.since, b.asOf)-120*hour {
			from++
		}
	}
	return b.all[from:c.place]
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
	b.fire(rules.RateLimited, analyze.Violation, b.where(func(_ int, c *call) bool { return c.Status == 429 }))
	b.fire(rules.EgressCap, analyze.Violation, b.where(func(_ int, c *call) bool { return c.Status == 509 }))
	b.fire(rules.NoAnswer, analyze.Notice, b.where(func(_ int, c *call) bool { return c.Status == 0 }))
	b.fire(rules.UnexpectedStatus, analyze.Warning, b.where(func(_ int, c *call) bool {
		return c.Status != 0 && !expected(c.Status, c.Route.Method, c.class)
	}))
	b.fire(rules.CutShort, analyze.Notice, b.where(func(_ int, c *call) bool {
		return c.class == audio && c.CutShort && (c.Status == 200 || c.Status == 204)
	}))
	b.tell(rules.CutShort, measure.Bytes(b.bytes(rules.CutShort)))
	b.fire(rules.OutsideWindow, analyze.Notice, b.where(func(_ int, c *call) bool {
		return c.class == audio && b.about.Window != nil && !b.about.Window.Contains(c.Start())
	}))
}

func (b *brute) noBackoff() {
	b.fire(rules.NoBackoff, analyze.Violation, b.where(func(_ int, c *call) bool {
		earlier := b.before(c)
		wait := second
		if c.class == audio {
			wait = 3 * second
		}
		var last *call
		n := 0
		for j := len(earlier) - 1; j >= 0; j-- {
			before := &earlier[j]
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
	b.fire(rules.After509, analyze.Violation, b.where(func(_ int, c *call) bool {
		earlier := b.before(c)
		for j := range earlier {
			before := &earlier[j]
			refused := before.StartedAt
			if c.class == audio && before.Status == 509 && c.StartedAt-refused <= 15*minute && !b.resetIn(refused, c.StartedAt) {
				return true
			}
		}
		return false
	}))
	e := b.result.Egress
	if e.Cap.Bytes > 0 && e.Current*10 >= e.Cap.Bytes*8 || b.about.Chance >= 0.1 {
		b.result.Findings = append(b.result.Findings, analyze.Finding{
			Rule: rules.EgressNear, Severity: analyze.Warning, Count: 1, First: b.asOf, Last: b.asOf,
		})
	}
}

func (b *brute) resetIn(from, to int64) bool {
	return slices.ContainsFunc(b.resets, func(r int64) bool { return from <= r && r <= to })
}

func (b *brute) auth() {
	severity := analyze.Warning
	refused := b.where(func(_ int, c *call) bool {
		if c.Status != 401 && c.Status != 403 {
			return false
		}
		if b.authRun(c) >= 5 && c.StartedAt >= b.count {
			severity = analyze.Violation
		}
		return true
	})
	b.fire(rules.Auth, severity, refused)
}

// authRun is the number of a refused token in its row.
func (b *brute) authRun(c *call) int {
	run := 1
	earlier := b.before(c)
	for j := len(earlier) - 1; j >= 0 && (earlier[j].Status == 401 || earlier[j].Status == 403); j-- {
		run++
	}
	return run
}

// faults counts different requests in findings that weigh.
func (b *brute) faults() {
	ids := map[int64]bool{}
	for rule, at := range b.hits {
		if b.severityOf(rule, nil) == analyze.Notice {
			continue
		}
		for _, i := range at {
			if b.rows[i].StartedAt >= b.count {
				ids[b.rows[i].ID] = true
			}
		}
	}
	b.result.AtFault = int64(len(ids))
}

func (b *brute) retryRules() {
	b.fire(rules.BlindRetry, analyze.Warning, b.where(func(_ int, c *call) bool {
		earlier := b.before(c)
		for j := len(earlier) - 1; j >= 0 && c.Status >= 400; j-- {
			before := &earlier[j]
			if before.params == c.params && before.Status != 0 {
				return slices.Contains([]int{400, 404, 405, 422}, before.Status) && c.StartedAt-before.StartedAt <= 10*minute
			}
		}
		return false
	}))
	b.fire(rules.HastyRetry, analyze.Warning, b.where(func(_ int, c *call) bool {
		earlier := b.before(c)
		for j := len(earlier) - 1; j >= 0; j-- {
			before := &earlier[j]
			if before.params == c.params {
				return (before.Status == 500 || before.Status == 503) && c.StartedAt < before.StartedAt+before.Duration+second
			}
		}
		return false
	}))
}

func (b *brute) lostReports() {
	b.fire(rules.LostReport, analyze.Violation, b.where(func(_ int, c *call) bool {
		return c.Status == 202 && b.asOf-c.StartedAt > day && !b.fetched(c)
	}))
}

// fetched says whether a deferred report was asked for again in time.
func (b *brute) fetched(c *call) bool {
	return isPersonal(c.class) || anyOf(b.all, func(later *call) bool {
		after := later.StartedAt > c.StartedAt || later.StartedAt == c.StartedAt && later.ID > c.ID
		return after && later.params == c.params && later.StartedAt-c.StartedAt <= day
	})
}

func (b *brute) persistentErrors() {
	failed := map[string]int{}
	for _, c := range b.rows {
		if c.Status == 500 {
			failed[c.params]++
		}
	}
	counted := map[string]bool{}
	for _, c := range b.rows {
		if c.Status == 500 && failed[c.params] >= 3 && c.StartedAt >= b.count {
			counted[c.params] = true
		}
	}
	b.fire(rules.PersistentError, analyze.Warning, b.where(func(_ int, c *call) bool {
		return c.Status == 500 && failed[c.params] >= 3
	}))
	for i := range b.result.Findings {
		if f := &b.result.Findings[i]; f.Rule == rules.PersistentError {
			f.Count = int64(len(counted))
		}
	}
}

func (b *brute) duplicates() {
	whole := func(c *call) bool { return c.class == audio && c.Status == 200 && !c.CutShort }
	b.fire(rules.DuplicateDownload, analyze.Warning, b.where(func(i int, c *call) bool {
		return whole(c) && anyOf(b.rows[:i], func(before *call) bool { return whole(before) && before.item == c.item })
	}))
	wasted, share := b.bytes(rules.DuplicateDownload), 0.0
	if all := b.result.Audio; all > 0 {
		share = 100 * float64(wasted) / float64(all)
	}
	b.tell(rules.DuplicateDownload, fmt.Sprintf("%s %.1f%%", measure.Bytes(wasted), math.Floor(10*share+1e-9)/10))
}

// stalePulls are judged over the whole log: of a range, and of the last nights, those count that reach into it.
func (b *brute) stalePulls() {
	f := analyze.Finding{Rule: rules.StalePull, Severity: analyze.Warning}
	for i := range b.all {
		c := &b.all[i]
		next, ended := b.asOf, false
		for j := i + 1; j < len(b.all) && !ended; j++ {
			if b.all[j].class == audio {
				next, ended = b.all[j].StartedAt, true
			}
		}
		if c.class != audio || next-c.StartedAt <= 5*day || c.StartedAt >= b.until || ended && next < b.since {
			continue
		}
		e := &bruteEpisode{rule: f.Rule, first: c.StartedAt, last: c.StartedAt, count: 1, open: !ended, severity: f.Severity}
		for n := nightOf(c.StartedAt); n <= nightOf(next); n++ {
			e.nights = append(e.nights, n)
		}
		if ended {
			e.until = next
		}
		b.absent = append(b.absent, e)
		if ended && next < b.count {
			continue
		}
		if f.Count == 0 {
			f.First = c.StartedAt
		}
		f.Count++
		f.Last = c.StartedAt
		b.ids[f.Rule] = append(b.ids[f.Rule], c.ID)
	}
	if f.Count > 0 {
		f.Requests = b.ids[f.Rule][:min(20, len(b.ids[f.Rule]))]
		b.result.Findings = append(b.result.Findings, f)
	}
}

// judge puts the findings in order and gives the verdict.
func (b *brute) judge() {
	names := rules.Names()
	weights := []analyze.Severity{analyze.Violation, analyze.Warning, analyze.Notice}
	slices.SortFunc(b.result.Findings, func(x, y analyze.Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(weights, x.Severity), slices.Index(weights, y.Severity)),
			cmp.Compare(slices.Index(names, x.Rule), slices.Index(names, y.Rule)))
	})
	b.result.Verdict = b.worst
	if !b.now() {
		b.result.Verdict = analyze.Pass
	}
	if !b.now() && len(b.result.Findings) > 0 {
		switch b.result.Findings[0].Severity {
		case analyze.Violation:
			b.result.Verdict = analyze.Fail
		case analyze.Warning:
			b.result.Verdict = analyze.Warn
		case analyze.Notice:
			b.result.Verdict = analyze.Pass
		}
	}
	if b.result.Requests == 0 && b.result.Verdict != analyze.Fail {
		b.result.Verdict = analyze.NoData
	}
}

// unbounded selects everything up to a moment.
func unbounded(asOf int64) question { return question{asOf, math.MinInt64, math.MaxInt64} }
