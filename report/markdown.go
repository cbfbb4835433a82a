package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/6dcca832/headroom/analyze"
)

// markdownEscapes turns what GitHub's Markdown reads as markup into text. Entities where a backslash is not enough: in
// a table a | ends the cell before backslashes are looked at.
var markdownEscapes = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;",
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "#", `\#`, "$", `\$`, "!", `\!`,
)

// markdown cleans, shortens and escapes a text.
func markdown(s string) string {
	return markdownEscapes.Replace(strings.TrimSpace(brief(s, maxDetail)))
}

// markdownTable writes a table of cells that are already escaped. right has an r for each column of numbers, else an l.
func markdownTable(b *bytes.Buffer, head []string, right string, rows [][]string) {
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	rules := make([]string, len(head))
	for i := range rules {
		rules[i] = "---"
		if right[i] == 'r' {
			rules[i] = "--:"
		}
	}
	line(rules)
	for _, row := range rows {
		line(row)
	}
}

func auditMarkdown(b *bytes.Buffer, r *analyze.Report, o Options) {
	v := newView(r, o.location())
	fmt.Fprintf(b, "# %s\n\nPolicy %s. ", markdown(v.Title), markdown(v.Policy))
	if len(r.Tenants) == 0 {
		fmt.Fprintf(b, "%s\n", nothing(r))
		return
	}
	if v.Range != "" {
		fmt.Fprintf(b, "%s. ", markdown(v.Range))
	}
	fmt.Fprintf(b, "%s.\n\n", v.Tally)
	var rows [][]string
	for i := range v.Tenants {
		rows = append(rows, markdownVerdict(&v.Tenants[i]))
	}
	head := []string{"Verdict", "Tenant", "Requests", "Too close", "Gap p50", "Egress in " + v.Window, "Cap", "Used", "Peak", "Bad answers", "Last pull"}
	markdownTable(b, head, "llrrrrlrrll", rows)
	for i := range v.Tenants {
		markdownFindings(b, &v.Tenants[i])
	}
	b.WriteByte('\n')
	for _, n := range v.Notes {
		fmt.Fprintf(b, "- %s\n", markdown(n))
	}
	for _, w := range columnWords(r) {
		fmt.Fprintf(b, "- %s\n", markdown(w))
	}
}

// columnWords define the table's words for somebody who was sent it and never saw headroom.
func columnWords(r *analyze.Report) []string {
	all := []string{"Cap: the most bytes that may be downloaded in the window; the word after it says how it is known. Used: the share of it in the window that ends now. Peak: the largest window."}
	if s := r.Tenants[0].Spacing; s.MinInterval > 0 {
		all = append(all, fmt.Sprintf("Too close: %s requests that started less than %s after the one before. Gap p50: the median of these gaps.",
			s.Class, gap(s.MinInterval.Microseconds())))
	}
	return append(all,
		"Bad answers: HTTP statuses from 400 on, others that the vendor does not list, and none, each × how often. Verdict: fail with a violation, else warn with a warning, else pass.",
		"Rows: ids in headroom's log of API requests; \"headroom audit --explain RULE --tenant NAME\" lists all of them. 1 kB is 1,000 bytes.")
}

func markdownVerdict(t *tenantView) []string {
	limit := "unknown"
	if t.Egress.Cap.Bytes > 0 {
		limit = size(t.Egress.Cap.Bytes) + " " + t.Source
	}
	return []string{
		sign(string(t.Verdict)) + " " + markdown(string(t.Verdict)), markdown(shortenMiddle(t.Name, maxName)), count(t.Requests), tooClose(t.Spacing),
		gap(t.Spacing.P50), size(t.Egress.Current), markdown(limit), t.Used, size(t.Egress.Peak), markdown(strings.Join(t.Answers, ", ")),
		t.LastPull,
	}
}

func markdownFindings(b *bytes.Buffer, t *tenantView) {
	if len(t.Findings) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", markdown(shortenMiddle(t.Name, maxName)))
	var rows [][]string
	for _, f := range t.Findings {
		rows = append(rows, []string{
			sign(string(f.Severity)) + " " + markdown(string(f.Severity)), markdown(f.Rule), f.Count, f.First, f.Last, markdown(f.Detail),
			markdown(f.Advice), markdown(f.Section), markdown(f.Rows),
		})
	}
	markdownTable(b, []string{"Severity", "Rule", "Count", "First", "Last", "What happened", "What to do", "Vendor's section", "Rows"}, "llrllllll", rows)
}
