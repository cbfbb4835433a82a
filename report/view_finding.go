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
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report/text"
)

func cleanStatuses(all []analyze.StatusCount) []analyze.StatusCount {
	all = slices.Clone(all)
	for i := range all {
		all[i].Method, all[i].Class = text.Clean(all[i].Method), text.Clean(all[i].Class)
	}
	return all
}

func newFindingView(f analyze.Finding, tenant string, loc *time.Location) findingView {
	return findingView{
		Severity: f.Severity, Rule: text.Clean(f.Rule), Count: measure.Grouped(f.Count),
		First: measure.StampMicros(f.First, loc), Last: measure.StampMicros(f.Last, loc),
		Detail: text.Clean(f.Detail), Advice: text.Clean(f.Advice), Section: BasisWords(&f),
		Rows: RowIDs(f), Explain: ExplainCommand(f, tenant),
	}
}

// BasisWords say where a finding's rule comes from: the vendor's page, our reading of it, or ours.
func BasisWords(f *analyze.Finding) string { return basisWords(f.Section, f.Page, f.Basis) }

func basisWords(section, page string, basis limits.Basis) string {
	where := text.Clean(section)
	if page != "" {
		where = strings.TrimPrefix(where+", "+text.Clean(page), ", ")
	}
	switch {
	case basis == limits.BasisOurs || where == "" && basis == limits.BasisStated:
		return "headroom's own rule; no page of the vendor says it"
	case basis == limits.BasisReading:
		return "our reading of " + cmp.Or(where, "what the vendor publishes")
	}
	return "the vendor's page: " + where
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

// ExplainCommand lists all rows of a finding; "" without rows. A name that cannot be typed is left
// to the reader.
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
	slices.SortFunc(codes,
		func(a, b int) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
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
