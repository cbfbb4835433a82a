package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// forecastDoc is the forecast of schema headroom.forecast/v1, see FORMATS.md.
type forecastDoc struct {
	Schema   string          `json:"schema"`
	AsOf     string          `json:"as_of"`
	Horizon  int             `json:"horizon_days"`
	WhatIf   *string         `json:"what_if"`
	Program  programDoc      `json:"program"`
	Database *databaseDoc    `json:"database"`
	Left     int             `json:"left"`          // tenants that are not shown
	Unlikely int             `json:"left_unlikely"` // of those, the ones with a chance under 1 %
	Tenants  []projectionDoc `json:"tenants"`
}

type projectionDoc struct {
	Tenant    string           `json:"tenant"`
	Cap       *int64           `json:"cap_bytes"`
	CapSource egress.CapSource `json:"cap_source"`
	Current   int64            `json:"current_bytes"`
	Method    *string          `json:"method"`
	History   int              `json:"history_days"`
	Reason    *string          `json:"reason"`
	Rolling   []rollingDoc     `json:"rolling"`
	Chance    *json.Number     `json:"p_cross"`
	CrossAt   crossDoc         `json:"cross_at"`
	Budget    budgetDoc        `json:"budget"`
	Backtest  *backtestDoc     `json:"backtest"`
	DataUntil *string          `json:"data_until"`
	OverSince *string          `json:"over_since"`
	Under     *string          `json:"under_again"`
	Room      []roomDoc        `json:"room"`
	Unscored  *string          `json:"unscored"`
	Notes     []string         `json:"notes"`
}

type rollingDoc struct {
	Day   int    `json:"day"`
	At    string `json:"at"`
	Point int64  `json:"point"`
	P025  int64  `json:"p025"`
	P05   int64  `json:"p05"`
	P10   int64  `json:"p10"`
	P25   int64  `json:"p25"`
	P50   int64  `json:"p50"`
	P75   int64  `json:"p75"`
	P90   int64  `json:"p90"`
	P95   int64  `json:"p95"`
	P975  int64  `json:"p975"`
}

// roomDoc is what leaves the window in the hour up to At.
type roomDoc struct {
	At    string `json:"at"`
	Bytes int64  `json:"bytes"`
}

type crossDoc struct {
	P10 *string `json:"p10"`
	P50 *string `json:"p50"`
	P90 *string `json:"p90"`
}

type budgetDoc struct {
	Tonight *int64  `json:"tonight_bytes"`
	Daily   *int64  `json:"daily_bytes"`
	Binds   *string `json:"binds"`
}

type backtestDoc struct {
	Origins int         `json:"origins"`
	MASE    json.Number `json:"mase"`
	Pinball json.Number `json:"pinball"`
	Cover80 json.Number `json:"coverage80"`
	Cover95 json.Number `json:"coverage95"`
}

func newForecastDoc(r *outlook.Report, o Options) forecastDoc {
	r, left := likeliest(r, o.Top)
	doc := forecastDoc{
		Schema: "headroom.forecast/v1", AsOf: measure.Exact(r.AsOf), Horizon: r.Horizon,
		WhatIf: textOrNull(whatIfWords(r.WhatIf)), Program: programDoc{textOrNull(o.Program)},
		Database: newDatabaseDoc(o.Database), Left: left.tenants, Unlikely: left.unlikely,
		Tenants: []projectionDoc{},
	}
	for i := range r.Tenants {
		doc.Tenants = append(doc.Tenants, newProjectionDoc(&r.Tenants[i]))
	}
	return doc
}

func newProjectionDoc(p *outlook.Projection) projectionDoc {
	doc := projectionDoc{
		Tenant: p.Tenant, Cap: positiveOrNull(p.Cap.Bytes), CapSource: capSource(p.Cap),
		Current: p.Current, Method: textOrNull(p.Method),
		History: p.History, Reason: textOrNull(p.Reason), Rolling: []rollingDoc{},
		Chance:    shareOrNull(p.Chance),
		CrossAt:   crossDoc{timeOrNull(p.Early), timeOrNull(p.Likely), timeOrNull(p.Late)},
		DataUntil: timeOrNull(p.DataUntil), OverSince: timeOrNull(p.Over),
		Under: timeOrNull(p.Under), Room: []roomDoc{}, Unscored: textOrNull(p.Unscored),
		Notes: append([]string{}, p.Notes...),
	}
	for i := range p.Days {
		doc.Rolling = append(doc.Rolling, newRollingDoc(i+1, &p.Days[i]))
	}
	for _, h := range p.Room {
		if h.Bytes > 0 {
			doc.Room = append(doc.Room, roomDoc{measure.Exact(h.At), h.Bytes})
		}
	}
	if p.Budget != nil {
		doc.Budget = budgetDoc{&p.Budget.Tonight, &p.Budget.Daily, textOrNull(p.Budget.Binds)}
	}
	if len(p.Scores) > 0 {
		s := p.Scores[0]
		doc.Backtest = &backtestDoc{
			s.Origins,
			rounded(s.MASE),
			rounded(s.Pinball),
			rounded(s.Cover80),
			rounded(s.Cover95),
		}
	}
	return doc
}

func newRollingDoc(day int, d *outlook.Day) rollingDoc {
	q := func(level float64) int64 { return wholeBytes(d.Quantile(level)) }
	return rollingDoc{
		Day: day, At: measure.Exact(d.At), Point: wholeBytes(d.Point),
		P025: q(.025), P05: q(.05), P10: q(.1), P25: q(.25), P50: q(.5), P75: q(.75), P90: q(.9),
		P95: q(.95), P975: q(.975),
	}
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// shareOrNull is a share with six digits; negative means that there is none.
func shareOrNull(share float64) *json.Number {
	if !(share >= 0) {
		return nil
	}
	n := rounded(share)
	return &n
}

func rounded(v float64) json.Number {
	return json.Number(strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64))
}

var forecastHead = []string{
	"kind", "as_of", "tenant", "day", "at", "point", "p025", "p05", "p10", "p25", "p50", "p75", "p90",
	"p95", "p975",
	"cap_bytes", "cap_source", "current_bytes", "method", "history_days", "reason", "p_cross",
	"cross_p10", "cross_p50", "cross_p90",
	"tonight_bytes", "daily_bytes", "binds", "origins", "mase", "pinball", "coverage80", "coverage95",
	"data_until", "notes",
}

// forecastCSV has a "tenant" row, then its "day" rows.
func forecastCSV(b *bytes.Buffer, r *outlook.Report, o Options) error {
	r, _ = likeliest(r, o.Top)
	var rows []map[string]cell
	for i := range r.Tenants {
		p := &r.Tenants[i]
		rows = append(rows, projectionRecord(p))
		for k := range p.Days {
			rows = append(rows, dayRecord(p, k))
		}
	}
	for _, row := range rows {
		row["as_of"] = cell(measure.Exact(r.AsOf))
	}
	return writeCSV(b, forecastHead, rows)
}

func projectionRecord(p *outlook.Projection) map[string]cell {
	row := map[string]cell{
		"kind": "tenant", "tenant": words(p.Tenant), "cap_bytes": known(p.Cap.Bytes),
		"cap_source":    words(string(capSource(p.Cap))),
		"current_bytes": whole(p.Current), "method": words(p.Method),
		"history_days": whole(int64(p.History)), "reason": words(p.Reason),
		"cross_p10": moment(p.Early), "cross_p50": moment(p.Likely), "cross_p90": moment(p.Late),
		"data_until": moment(p.DataUntil), "notes": words(strings.Join(p.Notes, " ")),
	}
	if p.Chance >= 0 {
		row["p_cross"] = cell(rounded(p.Chance))
	}
	if p.Budget != nil {
		row["tonight_bytes"], row["daily_bytes"], row["binds"] = whole(p.Budget.Tonight), whole(
			p.Budget.Daily), words(p.Budget.Binds)
	}
	if len(p.Scores) > 0 {
		scoreCells(row, p.Scores[0])
	}
	return row
}

func scoreCells(row map[string]cell, s forecast.Score) {
	row["origins"] = whole(int64(s.Origins))
	row["mase"], row["pinball"] = cell(rounded(s.MASE)), cell(rounded(s.Pinball))
	row["coverage80"], row["coverage95"] = cell(rounded(s.Cover80)), cell(rounded(s.Cover95))
}

func dayRecord(p *outlook.Projection, k int) map[string]cell {
	d := &p.Days[k]
	row := map[string]cell{
		"kind": "day", "tenant": words(p.Tenant), "day": whole(int64(k + 1)),
		"at": cell(measure.Exact(d.At)), "point": whole(wholeBytes(d.Point)),
	}
	for name, level := range map[string]float64{
		"p025": .025, "p05": .05, "p10": .1, "p25": .25, "p50": .5, "p75": .75, "p90": .9, "p95": .95,
		"p975": .975,
	} {
		row[name] = whole(wholeBytes(d.Quantile(level)))
	}
	return row
}

// moment is a time for programs; the zero time means that there is none.
func moment(t time.Time) cell {
	if t.IsZero() {
		return ""
	}
	return cell(measure.Exact(t))
}

func forecastMarkdown(b *bytes.Buffer, r *outlook.Report, detail bool, o Options) {
	r, left := likeliest(r, o.Top)
	fmt.Fprintf(b, "# %s\n\n", markdown(forecastTitle(r, o.location())))
	if s := whatIfWords(r.WhatIf); s != "" {
		fmt.Fprintf(b, "%s.\n\n", markdown(s))
	}
	overview := &listing{empty: noForecast, columns: forecastColumns}
	for i := range r.Tenants {
		cells := forecastCells(&r.Tenants[i], o.location(), sparkPast, sparkNext)
		overview.rows = append(overview.rows, cells)
	}
	overview.columns = unbroken(overview.columns)
	overview.markdown(b)
	if len(r.Tenants) == 0 {
		return
	}
	b.WriteByte('\n')
	if left.tenants > 0 {
		fmt.Fprintf(b, "%s\n\n", left)
	}
	for _, n := range forecastNotes(r, detail) {
		fmt.Fprintf(b, "- %s\n", markdown(n))
	}
	for i := range r.Tenants {
		if detail {
			fanMarkdown(b, &r.Tenants[i], o)
		}
	}
}

// unbroken has heads of one line each.
func unbroken(columns []column) []column {
	out := append([]column{}, columns...)
	for i := range out {
		out[i].head = strings.ReplaceAll(out[i].head, "\n", " ")
	}
	return out
}

func fanMarkdown(b *bytes.Buffer, p *outlook.Projection, o Options) {
	fmt.Fprintf(b, "\n## %s\n", markdown(text.Shorten(text.Clean(p.Tenant), text.MaxName)))
	for _, s := range detailLines(p) {
		fmt.Fprintf(b, "\n%s\n", markdown(s))
	}
	for _, l := range []*listing{fanListing(p, o.location()), roomListing(p, o.location())} {
		if len(l.rows) > 0 {
			b.WriteByte('\n')
			l.markdown(b)
		}
	}
}

// Scored is a series, or a tenant, with how good each way of forecasting was on its past.
type Scored struct {
	Name   string
	Scores []forecast.Score
	// Reason says why there are no scores.
	Reason string
}

type scoresDoc struct {
	Schema string     `json:"schema"`
	Series []scoreDoc `json:"series"`
}

type scoreDoc struct {
	Series string  `json:"series_id"`
	Method *string `json:"method"`
	Reason *string `json:"reason"`
	*backtestDoc
}

// Scores lists backtests, a row for each series and way of forecasting. It returns an error that is
// ErrFormat for an unknown format, and w's.
func Scores(w io.Writer, all []Scored, o Options) error {
	l := &listing{
		what: "scores", empty: "Nothing to score: there is no series.",
		columns: []column{
			{head: "Series"}, {head: "Method", wrap: true}, {head: "Days", right: true},
			{head: "MASE", right: true},
			{head: "Pinball", right: true}, {head: "80% held", right: true}, {head: "95% held", right: true},
		},
		squeeze: []squeeze{{0, 16}, {1, 14}},
		head: []string{
			"series_id",
			"method",
			"origins",
			"mase",
			"pinball",
			"coverage80",
			"coverage95",
			"reason",
		},
	}
	doc := scoresDoc{Schema: "headroom.backtest/v1", Series: []scoreDoc{}}
	for _, s := range all {
		for i := range s.Scores {
			doc.Series = append(doc.Series, addScore(l, s.Name, &s.Scores[i]))
		}
		if len(s.Scores) == 0 {
			doc.Series = append(doc.Series, scoreDoc{Series: s.Name, Reason: textOrNull(s.Reason)})
			l.rows = append(
				l.rows,
				[]string{
					s.Name,
					s.Reason,
					measure.None,
					measure.None,
					measure.None,
					measure.None,
					measure.None,
				},
			)
			l.records = append(l.records,
				map[string]cell{"series_id": words(s.Name), "reason": words(s.Reason)})
		}
	}
	l.doc = doc
	return l.write(w, o)
}

func addScore(l *listing, name string, s *forecast.Score) scoreDoc {
	l.rows = append(l.rows, []string{
		name, s.Name, measure.Grouped(int64(s.Origins)), fmt.Sprintf("%.3f", s.MASE),
		fmt.Sprintf("%.3f", s.Pinball),
		measure.PercentTenths(s.Cover80), measure.PercentTenths(s.Cover95),
	})
	row := map[string]cell{"series_id": words(name), "method": words(s.Name)}
	scoreCells(row, *s)
	l.records = append(l.records, row)
	return scoreDoc{
		Series: name, Method: textOrNull(s.Name),
		backtestDoc: &backtestDoc{
			s.Origins,
			rounded(s.MASE),
			rounded(s.Pinball),
			rounded(s.Cover80),
			rounded(s.Cover95),
		},
	}
}
