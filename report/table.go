package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// The colours, all that a table may send to a terminal beside text.
const (
	red, yellow, green = "\x1b[31m", "\x1b[33m", "\x1b[32m"
	dim, bold, plain   = "\x1b[2m", "\x1b[1m", "\x1b[0m"
)

// maxHeading leaves room for the verdict beside a tenant's name.
const maxHeading = minWidth - 10

// colored wraps each line of a text into a colour, as one for a verdict or severity.
func colored(s, color string, o Options) string {
	if !o.Color || s == "" {
		return s
	}
	return color + strings.ReplaceAll(s, "\n", plain+"\n"+color) + plain
}

func colorOf(word string) string {
	switch Sign(word) {
	case "✗":
		return red
	case "!":
		return yellow
	case "✓":
		return green
	}
	return dim
}

func auditTable(b *bytes.Buffer, r *analyze.Report, o Options) {
	v := newView(r, o)
	if len(r.Tenants) == 0 {
		paragraph(b, Nothing(r), "", o)
		return
	}
	if o.Brief {
		briefTable(b, v, o)
		return
	}
	paragraph(b, v.Title+", policy "+v.Policy, "", o)
	if v.Range != "" {
		paragraph(b, v.Range, "", o)
	}
	paragraph(b, v.Tally, "", o)
	b.WriteByte('\n')
	g := verdictGrid(v, o)
	b.WriteString(g.render(o.width()))
	if more := len(v.Tenants) - listed(v.Tenants); more > 0 {
		paragraph(
			b,
			fmt.Sprintf(
				"… and %d more tenants that pass: --format csv and --format json list all, --tenant NAME one.",
				more),
			"",
			o,
		)
	}
	hidden := findingBlocks(b, v, o)
	if hidden > 0 {
		v.Notes = append(
			v.Notes,
			measure.Count(hidden,
				"notice")+" about tenants that pass: --tenant NAME or --format json shows them.",
		)
	}
	if len(r.Tenants) > 1 && overTenants(r) != nil {
		v.Notes = append(v.Notes, "\"--tenant NAME\" tells of incidents that are over.")
	}
	if v.Origin != "" {
		v.Notes = append(v.Notes, v.Origin+".")
	}
	if len(v.Notes) > 0 {
		b.WriteByte('\n')
	}
	for _, n := range v.Notes {
		paragraph(b, n, "  ", o)
	}
}

// briefLine is a line of the brief table: a sign, and clean words behind it.
type briefLine struct{ sign, verdict, words string }

// briefLines are one for each tenant that needs somebody, and one for all others.
func briefLines(v *view) (lines []briefLine) {
	for i := range v.Tenants {
		t := &v.Tenants[i]
		if t.Verdict == analyze.Pass {
			continue
		}
		verdict := text.Clean(string(t.Verdict))
		lines = append(
			lines,
			briefLine{
				Sign(verdict),
				verdict,
				text.ShortenMiddle(t.Name, text.MaxName) + ": " + needWords(t),
			},
		)
	}
	passing := v.Verdicts[analyze.Pass]
	if hidden := v.all() - passing - int64(len(lines)); hidden > 0 {
		does := " more that do not pass"
		if hidden == 1 {
			does = " more that does not pass"
		}
		lines = append(lines, briefLine{"…", "and", measure.Grouped(hidden) + does})
	}
	switch pass := string(analyze.Pass); {
	case passing == v.all():
		words := measure.Count(passing, "tenant")
		if v.New {
			words += ", nothing new"
		}
		lines = append(lines, briefLine{Sign(pass), pass, words})
	case passing > 0:
		lines = append(lines, briefLine{Sign(pass), pass, measure.Grouped(passing) + " more"})
	}
	return lines
}

// briefTable writes the lines. Nothing is cut that somebody must read in a mail, so lines keep to a
// width only where one is given.
func briefTable(b *bytes.Buffer, v *view, o Options) {
	for _, l := range briefLines(v) {
		head := l.sign + " " + l.verdict
		room := text.MaxDetail
		if o.Width > 0 {
			room = o.width() - text.Width(head) - 1
		}
		fmt.Fprintf(b, "%s %s\n", colored(head, colorOf(l.verdict), o), text.Shorten(l.words, room))
	}
}

// needWords say why somebody must look at a tenant: its worst incident, of which open ones come
// first, with what it came to and how to see more; the ids of the next ones; else its findings that
// weigh.
func needWords(t *tenantView) string {
	all := slices.DeleteFunc(slices.Clone(t.Incidents), func(i incidentView) bool { return !i.Counts })
	if len(all) > 0 {
		words := all[0].Brief
		if more := all[1:]; len(more) > 0 {
			words += " (" + measure.Grouped(int64(len(more))) + " more: " + otherIncidents(more) + ")"
		}
		return words
	}
	var rules []string
	for _, f := range t.Findings {
		if f.Severity != analyze.Notice {
			rules = append(rules, f.Rule+" ×"+f.Count)
		}
	}
	if t.Verdict == analyze.NoData {
		return "no request in the range"
	}
	return strings.Join(rules, ", ")
}

// otherIncidents name the first few, and say of each whether it is open.
func otherIncidents(all []incidentView) string {
	const few = 3
	var names []string
	for i := range all[:min(few, len(all))] {
		names = append(names, all[i].ID+" "+stateOf(all[i].Open))
	}
	if more := len(all) - few; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// paragraph writes wrapped text whose further lines are indented.
func paragraph(b *bytes.Buffer, s, indent string, o Options) {
	for i, line := range text.Wrap(s, o.width()-len(indent)) {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(line + "\n")
	}
}

// mostPassing is how many tenants that pass a table lists: enough for a team's own, while hundreds
// of an MSP's would stand between those that do not pass and what they did.
const mostPassing = 25

// listed is how many tenants the verdict table has. They are ordered worst first, so it leaves out
// tenants that pass.
func listed(tenants []tenantView) int {
	failing := 0
	for failing < len(tenants) && tenants[failing].Verdict != analyze.Pass {
		failing++
	}
	if len(tenants)-failing <= mostPassing+1 {
		return len(tenants)
	}
	return failing + mostPassing
}

// Columns of the verdict table.
const tenantColumn, closeColumn, egressColumn, answersColumn = 1, 3, 5, 7

func verdictGrid(v *view, o Options) *grid {
	g := &grid{
		columns: []column{
			{},                           // the verdict needs no head
			{head: "Tenant", wrap: true}, // what --tenant needs is never cut
			{head: "Requests", right: true},
			{head: "Too\nclose", right: true, wrap: true},
			{head: "Gap\np50", right: true, spare: 1},
			{head: "Egress in " + v.Window + "\nof cap", wrap: true},
			{head: "Peak", right: true, spare: 1},
			{head: "Bad\nanswers", wrap: true},
			{head: "Pulled\nago", right: true},
		},
		// A tenant that passes has nothing in the columns that are broken first, and stays on one line.
		squeezes: []squeeze{
			{tenantColumn, 16},
			{answersColumn, 8},
			{closeColumn, 7},
			{tenantColumn, 8},
			{egressColumn, 12},
		},
	}
	for i := range v.Tenants[:listed(v.Tenants)] {
		g.rows = append(g.rows, verdictRow(&v.Tenants[i]))
	}
	if o.Color {
		g.paint = func(row, column int, cell string) string {
			if column == 0 {
				return colored(cell, colorOf(string(v.Tenants[row].Verdict)), o)
			}
			return cell
		}
	}
	return g
}

func verdictRow(t *tenantView) []string {
	return []string{
		Sign(string(t.Verdict)) + " " + text.Clean(string(t.Verdict)),
		text.ShortenMiddle(t.Name, text.MaxName), measure.Brief(t.Requests), tooClose(t.Spacing),
		measure.Duration(t.Spacing.P50), egressWords(t), measure.Bytes(t.Egress.Peak),
		strings.Join(t.Answers, ", "), t.Ago,
	}
}

// tooClose tells violations, and with a question mark what cannot be decided: "12 +3?".
func tooClose(s analyze.Spacing) string {
	if s.Indeterminate == 0 {
		return measure.Brief(s.Violations)
	}
	return measure.Brief(s.Violations) + " +" + measure.Brief(s.Indeterminate) + "?"
}

// egressWords puts what is used beside the cap and how that is known: "12.4/34.6 GB 36% assumed".
func egressWords(t *tenantView) string {
	if t.Egress.Cap.Bytes <= 0 {
		return measure.Bytes(t.Egress.Current) + ", cap unknown"
	}
	return measure.BytesOf(t.Egress.Current, t.Egress.Cap.Bytes) + " " + t.Used + " " + t.Source
}

// findingBlocks writes the findings of the tenants that do not pass, and of a single one. It
// returns how many it left out.
func findingBlocks(b *bytes.Buffer, v *view, o Options) (hidden int64) {
	for i := range v.Tenants {
		t := &v.Tenants[i]
		if t.Verdict == analyze.Pass && len(v.Tenants) > 1 && t.Nights == nil {
			hidden += int64(len(t.Findings))
			continue
		}
		if len(t.Findings)+len(t.Incidents)+len(t.Known)+len(t.Figures) == 0 && t.Nights == nil {
			continue
		}
		fmt.Fprintf(b, "\n%s: %s\n", colored(text.ShortenMiddle(t.Name, maxHeading), bold, o),
			colored(text.Clean(string(t.Verdict)), colorOf(string(t.Verdict)), o))
		for _, line := range t.Known {
			indented(b, line, "  ", o)
		}
		for k := range t.Incidents {
			incidentBlock(b, &t.Incidents[k], o)
		}
		for _, f := range t.Findings {
			findingBlock(b, f, o)
		}
		for _, line := range t.Figures {
			hanging(b, line, "  ", o)
		}
		if t.Nights != nil {
			b.WriteByte('\n')
			t.Nights.table(b, o)
		}
	}
	return hidden
}

// hanging writes wrapped text with every line indented, all but the first twice.
func hanging(b *bytes.Buffer, s, indent string, o Options) {
	for i, part := range text.Wrap(s, o.width()-2*len(indent)) {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(indent + part + "\n")
	}
}

// indented writes wrapped text with every line indented.
func indented(b *bytes.Buffer, s, indent string, o Options) {
	for _, part := range text.Wrap(s, o.width()-len(indent)) {
		b.WriteString(indent + part + "\n")
	}
}

func incidentBlock(b *bytes.Buffer, i *incidentView, o Options) {
	word, tone := "Ended: ", string(analyze.Notice)
	if i.Open {
		word, tone = "Open: ", string(i.Severity)
	}
	for _, part := range text.Wrap(word+text.Shorten(i.Title, text.MaxDetail), o.width()-4) {
		fmt.Fprintf(b, "  %s\n", colored(part, colorOf(tone), o))
	}
	indented(b, text.Shorten(i.Facts, text.MaxDetail), "    ", o)
	if i.Rows != "" {
		indented(b, i.Rows, "    ", o)
	}
}

func findingBlock(b *bytes.Buffer, f findingView, o Options) {
	when := f.First
	if f.Last != f.First {
		when += " – " + f.Last
	}
	head := fmt.Sprintf("%s %s  %s ×%s", Sign(string(f.Severity)), text.Clean(string(f.Severity)),
		f.Rule, f.Count)
	if text.Width(head)+text.Width(when)+4 <= o.width() {
		head, when = head+"  "+when, ""
	}
	fmt.Fprintf(b, "  %s\n", colored(text.Shorten(head, o.width()-2), colorOf(string(f.Severity)), o))
	lines := []string{
		when,
		text.Shorten(f.Detail, text.MaxDetail),
		labelled("Do: ", f.Advice),
		labelled("Source: ", f.Section),
		rowsWords(f),
	}
	for _, line := range lines {
		if line == "" {
			continue
		}
		for _, part := range text.Wrap(line, o.width()-4) {
			b.WriteString("    " + part + "\n")
		}
	}
}

func labelled(label, s string) string {
	if s == "" {
		return ""
	}
	return label + s
}

func rowsWords(f findingView) string {
	if f.Rows == "" {
		return ""
	}
	return "Rows: " + f.Rows + " (" + f.Explain + ")"
}
