package page

import (
	"cmp"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

// pageIncident is an incident in words, with a strip of its days and its requests.
type pageIncident struct {
	Severity  analyze.Severity
	Open      bool
	Egress    bool // about bytes in the window, so that its facts tell of resets
	Title, ID string
	Detail    string // a sentence on what the hits of the cause come to; "" where nothing is known
	Facts     []pageFact
	Explain   string // the command that lists all requests
	Evidence  string // the command that makes the bundle with them; "" where there is no request
	Requests  int64
	From, To  int // days since 1970, for the script
	Strip     template.HTML
	Parts     []pagePart
	Rows      string // what the requests' numbers are those of
	Times     string // in which zone the times are
}

// pagePart is the cause, an effect or what came after, with some of its requests.
type pagePart struct {
	Title    string
	Requests []pageRequest
}

// pageRequest is a request of an incident. UTC is "" where Started is in UTC.
type pageRequest struct {
	Row, Started, UTC, Method, Key, Status, Bytes, VendorID, Why string
}

// Examples is of how many incidents of each tenant a page tells some requests: fewer where it is
// about several tenants.
func Examples(tenants int) int {
	const ofOne, ofMany = 20, 3
	if tenants == 1 {
		return ofOne
	}
	return ofMany
}

func newPageIncident(
	p *report.Picture, i *analyze.Incident, t *analyze.Result, c clock,
) pageIncident {
	v := pageIncident{
		Severity: i.Severity, Open: i.Open, Requests: i.Requests,
		Title: text.Clean(i.Title), ID: text.Clean(i.ID), Detail: sentence(text.Clean(i.Detail)),
		Facts: incidentFacts(i, c),
		From:  int(i.First / dayMicros), To: int(i.Last / dayMicros),
		Strip: strip(i, daysOf(p, t.Tenant), t.Resets, p.Audit.AsOf),
	}
	if name, ok := text.ShellQuote(i.ID); ok {
		v.Explain = "headroom audit --explain " + name
		if tenant, ok := text.ShellQuote(t.Tenant); ok && i.Requests > 0 {
			v.Evidence = "headroom evidence --tenant " + tenant + " --incident " + name
		}
	}
	if v.Egress = aboutEgress(i); v.Egress {
		v.Facts = append(v.Facts, resetFacts(i, t, forecastOf(p, t.Tenant), p.Policy, c)...)
	}
	v.Parts, v.Times = pageParts(p.Examples[i.ID], c), "times are UTC."
	v.Rows = cmp.Or(text.Clean(p.Rows), "the database")
	if c.utc(i.First) != "" {
		v.Times = "times are in " + text.Clean(c.zone.String()) + ", with UTC below."
	}
	return v
}

// pageParts tell the cause, what it did, and what came after, each with its requests.
func pageParts(examples []analyze.Example, c clock) (parts []pagePart) {
	for i := range examples {
		e := &examples[i]
		if i == 0 || e.Part != examples[i-1].Part {
			parts = append(parts, pagePart{Title: partTitle(examples[i:])})
		}
		part := &parts[len(parts)-1]
		part.Requests = append(part.Requests, newPageRequest(e, c))
	}
	return parts
}

// partTitle says which requests come first among some examples, up to the next part.
func partTitle(examples []analyze.Example) string {
	worst := slices.ContainsFunc(examples, func(e analyze.Example) bool {
		return e.Part == examples[0].Part && e.Worst
	})
	words := text.Clean(rules.Words(examples[0].Rule))
	switch {
	case examples[0].Part == analyze.PartAfter:
		return "After it: the first requests that were served"
	case examples[0].Part == analyze.PartEffect:
		return "Effect: " + words + ": the first and the last"
	case worst && examples[0].Rule == rules.Spacing:
		return "Likely cause: " + words + ": the first, then the shortest gaps"
	case worst:
		return "Likely cause: " + words + ": the first, then the largest"
	}
	return "Likely cause: " + words
}

// unparted are numbers with units, which no line may end between.
var unparted = regexp.MustCompile(`([0-9]) ([kMGT]?B|m?s|min|h)\b`)

func newPageRequest(r *analyze.Example, c clock) pageRequest {
	q := &r.Request
	v := pageRequest{
		Row: fmt.Sprint(q.ID), Started: measure.PreciseStamp(q.Start(), c.zone), Key: text.Clean(q.Key),
		Status: "none", Bytes: measure.Bytes(q.ResponseBytes), VendorID: text.Clean(q.VendorID),
		Why: text.Clean(r.Why),
	}
	if c.utc(q.StartedAt) != "" {
		v.UTC = measure.PreciseStamp(q.Start(), time.UTC)
	}
	if r.Before.ID != 0 {
		v.Why = fmt.Sprintf("first downloaded %s as row %d; %s again for nothing",
			measure.PreciseStamp(time.UnixMicro(r.Before.At), c.zone), r.Before.ID,
			measure.Bytes(q.ResponseBytes))
	}
	v.Why = unparted.ReplaceAllString(v.Why, "$1\u00a0$2")
	if q.Route != nil {
		v.Method = text.Clean(q.Route.Method)
		if limits.IsDigest(q.Key) { // it names nothing that the vendor could look up
			v.Key = text.Clean(q.Route.Template)
		}
	}
	if q.Status != 0 {
		v.Status = fmt.Sprint(q.Status)
	}
	return v
}

const dayMicros = 86400e6

// The strip of an incident begins some days before it and ends at the report's moment, but has at
// most so many days: those of the incident's beginning go last.
const (
	daysBefore = 3
	mostDays   = 60
)

// Cells of the strip, in units of its view box.
const (
	cellWidth  = 14
	cellHeight = 16
	dateHeight = 14
	dateWidth  = 42 // of a day and a month, as 10 Oct
)

// strip draws the days around an incident: those with its cause, those with its effects, those with
// requests and neither, those without a request, and the resets.
func strip(
	i *analyze.Incident, t *analyze.TenantDays, resets []analyze.Reset, asOf time.Time,
) template.HTML {
	from, to := int(i.First/dayMicros)-daysBefore, int(asOf.UnixMicro()/dayMicros)
	to = min(to, from+mostDays-1)
	if t == nil || to < from {
		return ""
	}
	days := map[int]*analyze.Day{}
	for k := range t.Days {
		days[t.Days[k].Day] = &t.Days[k]
	}
	var b strings.Builder
	width, height := (to-from+1)*cellWidth, cellHeight+6+dateHeight
	n := map[string]int64{}
	for d := from; d <= to; d++ {
		class, words := dayOfIncident(i, days[d], d)
		n[class]++
		fmt.Fprintf(&b,
			`<rect class="%s" x="%d" y="3" width="%d" height="%d"><title>%s: %s</title></rect>`, class,
			(d-from)*cellWidth, cellWidth-2, cellHeight, dayText(d), template.HTMLEscapeString(words))
	}
	for _, r := range resets {
		if d := int(r.At / dayMicros); d >= from && d <= to {
			share := float64(r.At-int64(d)*dayMicros) / dayMicros
			fmt.Fprintf(&b, `<path class="reset" d="M%.1f 0V%d"><title>%s: reset</title></path>`,
				(float64(d-from)+share)*cellWidth, cellHeight+6, measure.StampMicros(r.At, nil))
		}
	}
	stripDates(&b, from, to, int(i.First/dayMicros))
	label := fmt.Sprintf("%s from %s to %s: %d with the likely cause, %d with effects only, %d with "+
		"neither, %d without a request", measure.Count(int64(to-from+1), "UTC day"), dayText(from),
		dayText(to), n["cause"], n["effect"], n["clean"], n["none"])
	return template.HTML(fmt.Sprintf(`<svg class="strip" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`role="img" aria-label="%s">%s</svg>`, width, height, width, height, label, &b))
}

// stripDates writes under the strip when it begins and ends, and when the incident began if there
// is room between them.
func stripDates(b *strings.Builder, from, to, began int) {
	write := func(day, x int, anchor string) {
		at := time.Unix(int64(day)*86400, 0)
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s">%s</text>`,
			x, cellHeight+6+dateHeight-2, anchor, measure.ShortDate(at, time.UTC))
	}
	end := (to - from + 1) * cellWidth
	x := (began - from) * cellWidth
	if x >= dateWidth {
		write(from, 0, "start")
	}
	write(began, x, "start")
	if end-x >= 2*dateWidth {
		write(to, end-2, "end")
	}
}

// dayOfIncident says what a day was to an incident: a style class, and words.
func dayOfIncident(i *analyze.Incident, d *analyze.Day, day int) (class, words string) {
	if d == nil || d.Requests == 0 {
		return "none", "no request"
	}
	class = "clean"
	var hits []string
	if day >= int(i.First/dayMicros) && day <= int(i.Last/dayMicros) {
		for _, f := range d.Findings {
			rule := rules.Names()[f.Of]
			if !slices.Contains(i.Rules, rule) {
				continue
			}
			hits = append(hits, fmt.Sprintf("%s ×%s", rule, measure.Grouped(f.N)))
			switch {
			case rule == i.Cause:
				class = "cause"
			case class == "clean":
				class = "effect"
			}
		}
	}
	if hits == nil {
		return class, measure.Count(d.Requests, "request") + ", nothing of this incident"
	}
	return class, strings.Join(hits, ", ")
}

// sentence makes one of a rule's detail, which stands in the midst of a line elsewhere.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:] + "."
}
