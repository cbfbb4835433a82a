package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// markdownEscapes turns what GitHub's Markdown reads as markup into text. Entities where a
// backslash is not enough: in a table a | ends the cell before backslashes are looked at.
var markdownEscapes = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;",
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "#", `\#`, "$", `\$`,
	"!", `\!`,
)

// unlinked finds where GitHub and its like make a link without any markup, or call somebody:
// addresses, mentions, issues.
var unlinked = regexp.MustCompile(`(?i)@|://|www\.|#[0-9]|\bgh-[0-9]`)

// markdown cleans, shortens and escapes a text. What would become a link or a mention is broken by
// a space of no width.
func markdown(s string) string {
	s = strings.TrimSpace(text.Brief(s, text.MaxDetail))
	var b strings.Builder
	last := 0
	for _, at := range unlinked.FindAllStringIndex(s, -1) {
		cut := at[0] + 1
		if c := s[at[0]]; c != '@' && c != '#' && c != ':' {
			cut = at[1] - 1 // before the dot or the digit
		}
		b.WriteString(markdownEscapes.Replace(s[last:cut]) + "&#8203;")
		last = cut
	}
	return b.String() + markdownEscapes.Replace(s[last:])
}

// markdownTable writes a table of cells that are already escaped. right has an r for each column of
// numbers, else an l.
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
	v := newView(r, o)
	fmt.Fprintf(b, "# %s\n\nPolicy %s. ", markdown(v.Title), markdown(v.Policy))
	if len(r.Tenants) == 0 {
		fmt.Fprintf(b, "%s\n", Nothing(r))
		return
	}
	if v.Range != "" {
		fmt.Fprintf(b, "%s. ", markdown(v.Range))
	}
	fmt.Fprintf(b, "%s.\n\n", v.Tally)
	if o.Brief {
		markdownBrief(b, v)
		return
	}
	var rows [][]string
	for i := range v.Tenants {
		rows = append(rows, markdownVerdict(&v.Tenants[i]))
	}
	head := []string{
		"Verdict",
		"Tenant",
		"Requests",
		"Too close",
		"Gap p50",
		"Egress in " + v.Window + " of cap",
		"Peak",
		"Bad answers",
		"Last pull",
	}
	markdownTable(b, head, "llrrrrrll", rows)
	for i := range v.Tenants {
		markdownFindings(b, &v.Tenants[i])
	}
	b.WriteString("\n## Notes\n\n")
	if v.Origin != "" {
		fmt.Fprintf(b, "- Written by %s.\n", markdown(v.Origin))
	}
	for _, n := range v.Notes {
		fmt.Fprintf(b, "- %s\n", markdown(n))
	}
	for _, w := range columnWords(r) {
		fmt.Fprintf(b, "- %s\n", markdown(w))
	}
}

// markdownBrief is a list of the tenants that need somebody.
func markdownBrief(b *bytes.Buffer, v *view) {
	for _, l := range briefLines(v) {
		fmt.Fprintf(b, "- %s %s %s\n", l.sign, markdown(l.verdict), markdown(l.words))
	}
}

// columnWords define the table's words for somebody who was sent it and never saw headroom.
func columnWords(r *analyze.Report) []string {
	all := []string{
		"Cap: the most bytes that may be downloaded in the window; the word at the end says how it is known, the percentage how much of it lies in the window that ends now. Peak: the largest window.",
	}
	if s := r.Tenants[0].Spacing; s.MinInterval > 0 {
		all = append(
			all,
			fmt.Sprintf(
				"Too close: %s requests that started less than %s after the one before. Gap p50: the median of these gaps.",
				s.Class, measure.Duration(s.MinInterval.Microseconds())),
		)
	}
	return append(all,
		"Bad answers: HTTP statuses from 400 on, others that the vendor does not list, and none, each × how often. Verdict: fail with a violation that counts, else warn with a warning, else pass; now, what still goes on counts, of a range everything.",
		"Rows: ids in headroom's log of API requests; \"headroom audit --explain RULE --tenant NAME\" lists all of them. 1 kB is 1,000 bytes.")
}

func markdownVerdict(t *tenantView) []string {
	egress := measure.Bytes(t.Egress.Current) + ", cap unknown"
	if limit := t.Egress.Cap.Bytes; limit > 0 {
		egress = measure.BytesOf(t.Egress.Current, limit) + ", " + t.Used + " " + markdown(t.Source)
	}
	return []string{
		Sign(string(t.Verdict)) + " " + markdown(string(t.Verdict)),
		markdown(text.ShortenMiddle(t.Name, text.MaxName)), measure.Grouped(t.Requests),
		tooClose(t.Spacing),
		measure.Duration(t.Spacing.P50), egress, measure.Bytes(t.Egress.Peak),
		markdown(strings.Join(t.Answers, ", ")), t.LastPull,
	}
}

// markdownFindings is a list: in a ticket, a table of so many words would be a column of single
// ones. A text from outside always stands behind a word of ours, so that nothing in it can begin a
// line.
func markdownFindings(b *bytes.Buffer, t *tenantView) {
	if len(t.Findings)+len(t.Incidents)+len(t.Known)+len(t.Figures) == 0 && t.Nights == nil {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", markdown(text.ShortenMiddle(t.Name, text.MaxName)))
	for _, line := range t.Known {
		fmt.Fprintf(b, "- %s\n", markdown(line))
	}
	for k := range t.Incidents {
		i := &t.Incidents[k]
		word := "Ended"
		if i.Open {
			word = Sign(string(i.Severity)) + " Open"
		}
		fmt.Fprintf(b, "- **%s**: %s\n  - Figures: %s\n  - Incident: %s\n", word, markdown(i.Title),
			markdown(i.Facts), markdown(i.ID))
	}
	for _, f := range t.Findings {
		when := f.First
		if f.Last != f.First {
			when += " – " + f.Last
		}
		fmt.Fprintf(b, "- %s %s **%s** ×%s, %s\n", Sign(string(f.Severity)), markdown(string(f.Severity)),
			markdown(f.Rule), f.Count, when)
		for _, part := range [][2]string{
			{"What happened", f.Detail}, {"What to do", f.Advice}, {"Source", f.Section}, {"Rows", f.Rows},
		} {
			if part[1] != "" {
				fmt.Fprintf(b, "  - %s: %s\n", part[0], markdown(part[1]))
			}
		}
	}
	for _, line := range t.Figures {
		fmt.Fprintf(b, "- %s\n", markdown(line))
	}
	if t.Nights != nil {
		b.WriteByte('\n')
		t.Nights.markdown(b)
	}
}
