package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
)

// view is a report in words, for the formats that people read. All of it is clean; none is escaped for a format.
type view struct {
	Title   string
	Range   string // "" for all requests
	Policy  string
	Tally   string
	Window  string // length of the rolling window: "5 days"
	Tenants []tenantView
	Notes   []string
}

type tenantView struct {
	Verdict  analyze.Verdict
	Name     string
	Requests int64
	Spacing  analyze.Spacing
	Egress   analyze.Egress
	Source   string // of the cap
	Used     string // share of the cap
	PeakAt   string
	Answers  []string // unexpected or bad ones: "429×12"
	LastPull string
	Ago      string
	Statuses []analyze.StatusCount
	Findings []findingView
}

type findingView struct {
	Severity                               analyze.Severity
	Rule, Count, First, Last               string
	Detail, Advice, Section, Rows, Explain string
}

// sign says a verdict or a severity without colour.
func sign(word string) string {
	switch word {
	case string(analyze.Fail), string(analyze.Violation):
		return "✗"
	case string(analyze.Warn), string(analyze.Warning):
		return "!"
	case string(analyze.Pass):
		return "✓"
	}
	return "i"
}

func newView(r *analyze.Report, loc *time.Location) *view {
	v := &view{
		Title: "Audit as of " + stamp(r.AsOf, loc), Range: selected(r, loc), Policy: clean(strings.TrimSpace(r.PolicyName + " " + r.PolicyVersion)),
		Tally: tally(r.Tenants), Window: "window", Notes: notes(r),
	}
	for i := range r.Tenants {
		v.Tenants = append(v.Tenants, newTenantView(&r.Tenants[i], r.AsOf.UnixMicro(), loc))
	}
	if len(r.Tenants) > 0 && r.Tenants[0].Egress.Window > 0 {
		v.Window = span(r.Tenants[0].Egress.Window)
	}
	return v
}

// selected says which requests the report is about.
func selected(r *analyze.Report, loc *time.Location) string {
	var parts []string
	if !r.Since.IsZero() {
		parts = append(parts, "since "+stamp(r.Since, loc))
	}
	if !r.Until.IsZero() {
		parts = append(parts, "until "+stamp(r.Until, loc))
	}
	if parts == nil {
		return ""
	}
	return "Requests " + strings.Join(parts, " ")
}

// tally counts verdicts: "2 fail, 1 warn, 197 pass".
func tally(tenants []analyze.Result) string {
	n := map[analyze.Verdict]int64{}
	for i := range tenants {
		n[tenants[i].Verdict]++
	}
	return fmt.Sprintf("%s: %s fail, %s warn, %s pass",
		plural(int64(len(tenants)), "tenant", "tenants"), count(n[analyze.Fail]), count(n[analyze.Warn]), count(n[analyze.Pass]))
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// firstFew names the first few tenants: "a, b, c and 4 more".
func firstFew(names []string) string {
	const few = 3
	s := strings.Join(names[:min(few, len(names))], ", ")
	if more := len(names) - few; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

func newTenantView(t *analyze.Result, asOf int64, loc *time.Location) tenantView {
	v := tenantView{
		Verdict: t.Verdict, Name: clean(t.Tenant), Requests: t.Requests, Spacing: t.Spacing, Egress: t.Egress,
		Source: clean(string(capSource(t.Egress.Cap))), Used: none, PeakAt: stampMicros(t.Egress.PeakAt, loc),
		Answers: badAnswers(t.Statuses), LastPull: stampMicros(t.LastPull, loc), Ago: ago(asOf, t.LastPull), Statuses: cleanStatuses(t.Statuses),
	}
	if share, ok := t.Egress.Utilization(); ok {
		v.Used = percent(share)
	}
	for _, f := range t.Findings {
		v.Findings = append(v.Findings, newFindingView(f, t.Tenant, loc))
	}
	return v
}

func cleanStatuses(all []analyze.StatusCount) []analyze.StatusCount {
	all = slices.Clone(all)
	for i := range all {
		all[i].Method, all[i].Class = clean(all[i].Method), clean(all[i].Class)
	}
	return all
}

func newFindingView(f analyze.Finding, tenant string, loc *time.Location) findingView {
	return findingView{
		Severity: f.Severity, Rule: clean(f.Rule), Count: count(f.Count), First: stampMicros(f.First, loc), Last: stampMicros(f.Last, loc),
		Detail: clean(f.Detail), Advice: clean(f.Advice), Section: clean(f.Section), Rows: rowIDs(f), Explain: explainCommand(f, tenant),
	}
}

// shownIDs is how many row ids people get to see; JSON and CSV have all.
const shownIDs = 5

func rowIDs(f analyze.Finding) string {
	shown := f.Requests[:min(len(f.Requests), shownIDs)]
	words := make([]string, len(shown))
	for i, id := range shown {
		words[i] = strconv.FormatInt(id, 10)
	}
	s := strings.Join(words, ", ")
	if len(shown) > 0 && (f.Count > int64(len(shown)) || len(f.Requests) > len(shown)) {
		s += " …"
	}
	return s
}

// explainCommand is what lists all rows; a tenant whose name cannot be typed is left to the reader.
func explainCommand(f analyze.Finding, tenant string) string {
	if len(f.Requests) == 0 {
		return ""
	}
	name, ok := shellQuote(tenant)
	if !ok {
		name = "NAME"
	}
	return "headroom audit --explain " + clean(f.Rule) + " --tenant " + name
}

// shownAnswers is how many kinds of bad answers a tenant's row names.
const shownAnswers = 3

// badAnswers lists the statuses that are unexpected or tell of a failure, most frequent first.
func badAnswers(statuses []analyze.StatusCount) []string {
	n := map[int]int64{}
	for _, s := range statuses {
		if !s.Expected || s.Status >= 400 || s.Status == 0 {
			n[s.Status] += s.Requests
		}
	}
	codes := make([]int, 0, len(n))
	for code := range n {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(a, b int) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
	var words []string
	for i, code := range codes {
		if i == shownAnswers {
			return append(words, fmt.Sprintf("+%d more", len(codes)-i))
		}
		words = append(words, statusWord(code)+"×"+briefCount(n[code]))
	}
	return words
}

func statusWord(code int) string {
	if code == 0 {
		return "none"
	}
	return strconv.Itoa(code)
}
