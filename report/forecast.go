package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// Forecast writes a forecast in o.Format. With detail, a table and Markdown also have all days, the
// room that frees and the notes of each tenant; JSON and CSV always have all days. It returns an
// error that is ErrFormat for an unknown format, and w's.
func Forecast(w io.Writer, r *outlook.Report, detail bool, o Options) error {
	return renderers{
		"table":    func(b *bytes.Buffer) error { forecastTable(b, r, detail, o); return nil },
		"json":     func(b *bytes.Buffer) error { return writeJSON(b, newForecastDoc(r, o)) },
		"csv":      func(b *bytes.Buffer) error { return forecastCSV(b, r, o) },
		"markdown": func(b *bytes.Buffer) error { forecastMarkdown(b, r, detail, o); return nil },
	}.write(w, "forecast", o)
}

// noForecast is what people read instead of an empty table.
const noForecast = "Nothing to forecast: no tenant is known."

func forecastTitle(r *outlook.Report, loc *time.Location) string {
	return fmt.Sprintf("Forecast as of %s, %s ahead", measure.Stamp(r.AsOf, loc),
		measure.Count(int64(r.Horizon), "day"))
}

// whatIfWords says under which changes a forecast was made; "" for none.
func whatIfWords(w outlook.WhatIf) string {
	var parts []string
	if w.Agents > 0 {
		parts = append(parts, measure.Count(int64(w.Agents), "agent"))
	}
	if w.Cap > 0 {
		parts = append(parts, "a cap of "+measure.Bytes(w.Cap))
	}
	if w.Growth != 0 {
		parts = append(parts, fmt.Sprintf("a volume of %+.4g%%", 100*w.Growth))
	}
	for _, b := range w.Backfills {
		parts = append(
			parts,
			fmt.Sprintf("a backfill of %s on %s", measure.Bytes(wholeBytes(b.Bytes)),
				measure.Date(b.Date, time.UTC)),
		)
	}
	if parts == nil {
		return ""
	}
	return "What if there were " + strings.Join(parts, ", ")
}

var forecastColumns = []column{
	{head: "Tenant", wrap: true}, // what --tenant needs is never cut
	{head: "Now", right: true},
	{head: "Cap", wrap: true},
	{head: "Chance\nto reach", right: true},
	{head: "Expected\n(10 – 90%)", wrap: true},
	{head: "Tonight\nat most", right: true},
	{head: "Last│next days"},
}

// forecastSqueezes are tenant, cap, expected, tenant.
var forecastSqueezes = []squeeze{{0, 16}, {2, 8}, {4, 14}, {0, 8}}

// forecastCells is a tenant's row, not yet clean, with so many days before and after now.
func forecastCells(p *outlook.Projection, loc *time.Location, past, next int) []string {
	limit, budget := "unknown", measure.None
	if p.Cap.Bytes > 0 {
		limit = measure.Bytes(p.Cap.Bytes) + " " + string(capSource(p.Cap))
	}
	if p.Budget != nil {
		budget = measure.Bytes(p.Budget.Tonight)
	}
	return []string{
		p.Tenant,
		measure.Bytes(p.Current),
		limit,
		measure.Chance(p.Chance),
		crossWords(p, loc),
		budget,
		sparkline(p, past, next),
	}
}

// crossWords is the expected date with its range: "3 Dec (29 Nov – …)". An end that lies beyond the
// horizon is "…".
func crossWords(p *outlook.Projection, loc *time.Location) string {
	switch {
	case !p.Over.IsZero():
		return fmt.Sprintf("over since %s, until %s", shortDay(p.Over, loc), shortDay(p.Under, loc))
	case p.Cap.Bytes > 0 && p.Current >= p.Cap.Bytes:
		return "reached"
	case p.Chance < 0:
		return measure.None
	case p.Early.IsZero():
		return "not in sight"
	}
	return fmt.Sprintf("%s (%s – %s)", shortDay(p.Likely, loc), shortDay(p.Early, loc),
		shortDay(p.Late, loc))
}

func shortDay(t time.Time, loc *time.Location) string {
	if t.IsZero() {
		return "…"
	}
	return measure.ShortDate(t, loc)
}

// The sparkline has some days up to now and at most some after it. Its full height is the cap, and
// days at or over it are sparkOver.
const (
	sparkPast, sparkNext   = 7, 14
	narrowPast, narrowNext = 3, 10 // where the table has less than roomyWidth columns
	roomyWidth             = 90
	sparkOver              = '×'
)

var sparks = []rune("▁▂▃▄▅▆▇█")

func sparkline(p *outlook.Projection, daysPast, daysNext int) string {
	past := p.Past(daysPast)
	next := p.Days[:min(len(p.Days), daysNext)]
	top := float64(p.Cap.Bytes)
	if top <= 0 {
		for _, v := range past {
			top = math.Max(top, 1.001*v)
		}
		for i := range next {
			top = math.Max(top, 1.001*next[i].Point)
		}
	}
	var s strings.Builder
	for _, v := range past {
		s.WriteRune(spark(v, top))
	}
	s.WriteRune('│')
	for i := range next {
		s.WriteRune(spark(next[i].Point, top))
	}
	return s.String()
}

func spark(v, top float64) rune {
	switch {
	case top <= 0:
		return sparks[0]
	case v >= top:
		return sparkOver
	}
	return sparks[min(int(v/top*float64(len(sparks))), len(sparks)-1)]
}

func forecastTable(b *bytes.Buffer, r *outlook.Report, detail bool, o Options) {
	r, left := likeliest(r, o.Top)
	if len(r.Tenants) == 0 {
		paragraph(b, noForecast, "", o)
		return
	}
	paragraph(b, forecastTitle(r, o.location()), "", o)
	if s := whatIfWords(r.WhatIf); s != "" {
		paragraph(b, s, "", o)
	}
	b.WriteByte('\n')
	g := &grid{columns: forecastColumns, squeezes: forecastSqueezes}
	past, next := sparkPast, sparkNext
	if o.width() < roomyWidth {
		past, next = narrowPast, narrowNext
	}
	for i := range r.Tenants {
		row := forecastCells(&r.Tenants[i], o.location(), past, next)
		row[0] = text.Brief(row[0], text.MaxName)
		g.rows = append(g.rows, row)
	}
	g.paint = paintForecast(r, o)
	b.WriteString(g.render(o.width()))
	if left.tenants > 0 {
		paragraph(b, left.String(), "", o)
	}
	b.WriteByte('\n')
	for _, n := range forecastNotes(r, detail) {
		paragraph(b, n, "  ", o)
	}
	for i := range r.Tenants {
		if detail {
			fanTable(b, &r.Tenants[i], o)
		}
	}
}

// leftOut counts the tenants that a forecast does not show, and those of them whose chance is under
// 1 %.
type leftOut struct{ tenants, unlikely int }

func (l leftOut) String() string {
	s := "… and " + measure.Count(int64(l.tenants), "more tenant") + ", none likelier to reach its cap"
	if l.unlikely > 0 {
		s += ", " + measure.Grouped(int64(l.unlikely)) + " under 1%"
	}
	return s + "."
}

// likeliest gives the first tenants of a forecast, and counts the others; top 0 means all.
func likeliest(r *outlook.Report, top int) (*outlook.Report, leftOut) {
	if top == 0 || top >= len(r.Tenants) {
		return r, leftOut{}
	}
	first, left := *r, leftOut{tenants: len(r.Tenants) - top}
	first.Tenants = r.Tenants[:top]
	for i := range r.Tenants[top:] {
		if p := r.Tenants[top+i].Chance; p >= 0 && p < .01 {
			left.unlikely++
		}
	}
	return &first, left
}

// paintForecast colours the chance as egress-near sees it: from 10 % on, and from 50 %.
func paintForecast(r *outlook.Report, o Options) func(row, column int, cell string) string {
	if !o.Color {
		return nil
	}
	return func(row, column int, cell string) string {
		switch p := &r.Tenants[row]; {
		case column != 3 || p.Chance < .1:
			return cell
		case p.Chance >= .5:
			return colored(cell, red, o)
		}
		return colored(cell, yellow, o)
	}
}

// forecastNotes are what a reader must know to trust the figures. Notes on a single tenant are left
// to the detail, but for those that may reach their cap.
func forecastNotes(r *outlook.Report, detail bool) []string {
	var own sayings
	sources := map[egress.CapSource]bool{}
	for i := range r.Tenants {
		p := &r.Tenants[i]
		sources[capSource(p.Cap)] = true
		if p.Reason != "" {
			own.add("no forecast: "+p.Reason+".", p.Tenant)
		}
		if p.Budget != nil && p.Budget.Binds == outlook.BindsTime {
			own.add("tonight is bound by time, not by the cap.", p.Tenant)
		}
		for _, n := range p.Notes {
			if !detail && (p.Chance >= .1 || p.History < forecast.Reliable || len(r.Tenants) == 1) {
				own.add(n, p.Tenant)
			}
		}
	}
	all := own.lines()
	if s := heldWords(r); s != "" {
		all = append(all, s)
	}
	all = append(
		all,
		fmt.Sprintf(
			"Chance: of reaching the cap within %s. Expected: when it is reached as likely as not, … being later than the forecast looks. Tonight: adds at most 2.5 points to the chance. The bars fill up to the cap; %c marks days at or over it.",
			measure.Count(int64(min(r.Horizon, outlook.ChanceDays)), "day"), sparkOver),
	)
	for _, s := range sourceNotes {
		if sources[s.source] {
			all = append(all, s.note)
		}
	}
	return all
}

// sayings are sentences with the tenants that each is about, so that none is said twice.
type sayings struct {
	order []string
	about map[string][]string
}

func (s *sayings) add(sentence, tenant string) {
	if s.about == nil {
		s.about = map[string][]string{}
	}
	if s.about[sentence] == nil {
		s.order = append(s.order, sentence)
	}
	s.about[sentence] = append(s.about[sentence], text.Clean(tenant))
}

// lines name the first few tenants before each sentence.
func (s *sayings) lines() []string {
	var lines []string
	for _, sentence := range s.order {
		lines = append(lines, firstFew(s.about[sentence])+": "+text.Clean(sentence))
	}
	return lines
}

// heldWords says how often the 80 % bands would have held, over all tenants.
func heldWords(r *outlook.Report) string {
	var held float64
	var origins, most, tenants int
	for i := range r.Tenants {
		if s := r.Tenants[i].Scores; len(s) > 0 {
			tenants++
			most = max(most, s[0].Origins)
			origins += s[0].Origins
			held += float64(s[0].Origins) * s[0].Cover80
		}
	}
	if origins == 0 {
		return ""
	}
	return fmt.Sprintf("On your last %s the 80%% band held %s.", measure.Count(int64(most), "day"),
		measure.Percent(held/float64(origins)))
}
