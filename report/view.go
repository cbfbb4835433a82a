package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
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

// Sign says a verdict or a severity without colour.
func Sign(word string) string {
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
		Title: "Audit as of " + measure.Stamp(r.AsOf, loc), Range: Selected(r, loc), Policy: text.Clean(strings.TrimSpace(r.PolicyName + " " + r.PolicyVersion)),
		Tally: tally(r.Tenants), Window: "window", Notes: Notes(r),
	}
	for i := range r.Tenants {
		v.Tenants = append(v.Tenants, newTenantView(&r.Tenants[i], r.AsOf.UnixMicro(), loc))
	}
	if len(r.Tenants) > 0 && r.Tenants[0].Egress.Window > 0 {
		v.Window = measure.Span(r.Tenants[0].Egress.Window)
	}
	return v
}

// Selected says which requests the report is about.
func Selected(r *analyze.Report, loc *time.Location) string {
	var parts []string
	if !r.Since.IsZero() {
		parts = append(parts, "since "+measure.Stamp(r.Since, loc))
	}
	if !r.Until.IsZero() {
		parts = append(parts, "until "+measure.Stamp(r.Until, loc))
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
		measure.Count(int64(len(tenants)), "tenant"), measure.Grouped(n[analyze.Fail]), measure.Grouped(n[analyze.Warn]), measure.Grouped(n[analyze.Pass]))
}

func is(n int64) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func was(n int64) string {
	if n == 1 {
		return " was"
	}
	return " were"
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
		Verdict: t.Verdict, Name: text.Clean(t.Tenant), Requests: t.Requests, Spacing: t.Spacing, Egress: t.Egress,
		Source: text.Clean(string(capSource(t.Egress.Cap))), Used: measure.None, PeakAt: measure.StampMicros(t.Egress.PeakAt, loc),
		Answers: badAnswers(t.Statuses), LastPull: measure.StampMicros(t.LastPull, loc), Ago: measure.Ago(asOf, t.LastPull), Statuses: cleanStatuses(t.Statuses),
	}
	if share, ok := t.Egress.Utilization(); ok {
		v.Used = measure.Percent(share)
	}
	for _, f := range t.Findings {
		v.Findings = append(v.Findings, newFindingView(f, t.Tenant, loc))
	}
	return v
}

func cleanStatuses(all []analyze.StatusCount) []analyze.StatusCount {
	all = slices.Clone(all)
	for i := range all {
		all[i].Method, all[i].Class = text.Clean(all[i].Method), text.Clean(all[i].Class)
	}
	return all
}

func newFindingView(f analyze.Finding, tenant string, loc *time.Location) findingView {
	return findingView{
		Severity: f.Severity, Rule: text.Clean(f.Rule), Count: measure.Grouped(f.Count), First: measure.StampMicros(f.First, loc), Last: measure.StampMicros(f.Last, loc),
		Detail: text.Clean(f.Detail), Advice: text.Clean(f.Advice), Section: text.Clean(f.Section), Rows: RowIDs(f), Explain: ExplainCommand(f, tenant),
	}
}

// shownIDs is how many row ids people get to see.
const shownIDs = 5

// RowIDs names the first few rows of a finding; JSON and CSV have all.
func RowIDs(f analyze.Finding) string {
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

// ExplainCommand lists all rows of a finding; "" without rows. A name that cannot be typed is left to the
// reader.
func ExplainCommand(f analyze.Finding, tenant string) string {
	if len(f.Requests) == 0 {
		return ""
	}
	name, ok := text.ShellQuote(tenant)
	if !ok {
		name = "NAME"
	}
	return "headroom audit --explain " + text.Clean(f.Rule) + " --tenant " + name
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
		words = append(words, statusWord(code)+"×"+measure.Brief(n[code]))
	}
	return words
}

func statusWord(code int) string {
	if code == 0 {
		return "none"
	}
	return strconv.Itoa(code)
}

// Violations is the sum of the counts of all findings that are violations.
func Violations(r *analyze.Result) (n int64) {
	for _, f := range r.Findings {
		if f.Severity == analyze.Violation {
			n += f.Count
		}
	}
	return n
}
