package report

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// cell is a CSV field that is safe in a spreadsheet. Only words, whole and its like make one.
type cell string

// formulaStarts are the characters at which a spreadsheet reads a formula, in both widths.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// words is a text: cleaned, and with a ' before what a spreadsheet would take for a formula. Space
// that a spreadsheet may strip does not hide one.
func words(s string) cell {
	inner := strings.TrimLeftFunc(s, func(r rune) bool {
		return !strings.ContainsRune(formulaStarts, r) && (unicode.IsSpace(r) || !unicode.IsPrint(r))
	})
	if inner != "" && strings.ContainsAny(inner[:firstLen(inner)], formulaStarts) {
		return cell("'" + text.Clean(s))
	}
	return cell(text.Clean(s))
}

func firstLen(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

func whole(n int64) cell { return cell(strconv.FormatInt(n, 10)) }

// known is a number of which 0 means unknown.
func known(n int64) cell {
	if n <= 0 {
		return ""
	}
	return whole(n)
}

func instant(us int64) cell {
	if us == 0 {
		return ""
	}
	return cell(measure.ExactMicros(us))
}

func gapCell(us int64) cell {
	if us < 0 {
		return ""
	}
	return cell(measure.DecimalSeconds(us))
}

func truth(b bool) cell { return cell(strconv.FormatBool(b)) }

// ids separates by spaces, which spreadsheets leave alone.
func ids(all []int64) cell {
	s := make([]string, len(all))
	for i, id := range all {
		s[i] = strconv.FormatInt(id, 10)
	}
	return cell(strings.Join(s, " "))
}

// writeCSV writes a header and the cells of each row that the header names.
func writeCSV(b *bytes.Buffer, head []string, rows []map[string]cell) error {
	w := csv.NewWriter(b)
	if err := w.Write(head); err != nil {
		return err
	}
	record := make([]string, len(head))
	for _, row := range rows {
		for i, name := range head {
			record[i] = string(row[name])
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

var auditHead = []string{
	"kind", "as_of", "tenant", "verdict", "count",
	"method", "class", "status", "expected",
	"rule", "severity", "first", "last", "detail", "advice", "section", "page", "basis", "request_ids",
	"min_interval_s", "violations", "indeterminate", "min_s", "p50_s", "p95_s",
	"window_h", "current_bytes", "peak_bytes", "peak_at", "cap_bytes", "cap_source", "cap_low_bytes",
	"cap_high_bytes",
	"utilization", "total_bytes", "last_pull",
	"at_fault", "first_request", "last_request", "cap_agents", "cap_told_on", "cap_told_by",
	"incident", "cause", "state", "nights", "clean_nights", "reset_at", "refused", "wasted_bytes",
	"rules",
	"night", "requests", "recordings", "bytes",
	"about", "since", "until", "program", "database", "rows", "first_row", "last_row",
}

func auditCSV(b *bytes.Buffer, r *analyze.Report, o Options) error {
	var all []map[string]cell
	for i := range r.Tenants {
		t := &r.Tenants[i]
		for _, row := range tenantRecords(t) {
			row["as_of"], row["program"] = cell(measure.Exact(r.AsOf)), words(o.Program)
			row["tenant"], row["verdict"] = words(t.Tenant), words(string(t.Verdict))
			row["about"], row["since"] = words(string(aboutOf(r))), moment(r.Since)
			row["until"] = moment(r.Until)
			if d := o.Database; d != nil {
				row["database"], row["rows"] = words(d.ID), whole(d.Rows)
				row["first_row"], row["last_row"] = known(d.FirstRow), known(d.LastRow)
			}
			all = append(all, row)
		}
	}
	return writeCSV(b, auditHead, all)
}

// nightRecord has in "detail" how often each rule fired.
func nightRecord(n *analyze.NightCount) map[string]cell {
	return map[string]cell{
		"kind": "night", "night": cell(n.Date.Format(time.DateOnly)), "requests": whole(n.Requests),
		"recordings": whole(n.Recordings), "bytes": whole(n.Bytes), "refused": whole(n.Refused),
		"min_s": gapCell(n.Least), "detail": words(firedWords(n)),
	}
}

// tenantRecords are a tenant's rows: itself, its resets, incidents, statuses, findings and nights.
func tenantRecords(t *analyze.Result) []map[string]cell {
	rows := []map[string]cell{tenantRecord(t)}
	for _, r := range t.Resets {
		rows = append(rows,
			map[string]cell{"kind": "reset", "reset_at": instant(r.At), "detail": words(r.Note)})
	}
	for i := range t.Incidents {
		rows = append(rows, incidentRecord(&t.Incidents[i]))
	}
	for _, s := range t.Statuses {
		rows = append(rows, map[string]cell{
			"kind": "status", "count": whole(s.Requests), "method": words(s.Method), "class": words(s.Class),
			"status": whole(int64(s.Status)), "expected": truth(s.Expected),
		})
	}
	for _, f := range t.Findings {
		rows = append(rows, findingRecord(f))
	}
	for i := range t.Nights {
		rows = append(rows, nightRecord(&t.Nights[i]))
	}
	return rows
}

func tenantRecord(t *analyze.Result) map[string]cell {
	s, e := t.Spacing, t.Egress
	row := map[string]cell{
		"kind": "tenant", "count": whole(t.Requests), "class": words(s.Class),
		"min_interval_s": cell(measure.DecimalSeconds(s.MinInterval.Microseconds())),
		"violations":     whole(s.Violations),
		"indeterminate":  whole(s.Indeterminate), "min_s": gapCell(s.Min), "p50_s": gapCell(s.P50),
		"p95_s":    gapCell(s.P95),
		"window_h": cell(measure.Decimal(e.Window.Hours())), "current_bytes": whole(e.Current),
		"peak_bytes": whole(e.Peak),
		"peak_at":    instant(e.PeakAt), "cap_bytes": known(e.Cap.Bytes),
		"cap_source":    words(string(capSource(e.Cap))),
		"cap_low_bytes": known(e.Cap.Low), "cap_high_bytes": known(e.Cap.High),
		"total_bytes": whole(e.Total),
		"last_pull":   instant(t.LastPull), "at_fault": whole(t.AtFault),
		"first_request": instant(t.FirstRequest), "last_request": instant(t.LastRequest),
		"cap_agents": known(int64(t.Facts.Agents)), "cap_told_by": words(t.Facts.ToldBy),
	}
	if on := newCapDoc(t).ToldOn; on != nil {
		row["cap_told_on"] = words(*on)
	}
	if share, ok := e.Utilization(); ok {
		row["utilization"] = cell(measure.Decimal(share))
	}
	return row
}

func incidentRecord(i *analyze.Incident) map[string]cell {
	row := map[string]cell{
		"kind": "incident", "count": whole(i.Requests), "severity": words(string(i.Severity)),
		"first": instant(i.First), "last": instant(i.Last), "detail": words(i.Title),
		"incident": words(i.ID), "cause": words(i.Cause), "state": words(stateOf(i.Open)),
		"nights": whole(int64(i.Nights)), "reset_at": instant(i.ResetAt), "refused": whole(i.Refused),
		"wasted_bytes": whole(i.WastedBytes), "rules": words(strings.Join(i.Rules, " ")),
	}
	if i.CleanNights >= 0 {
		row["clean_nights"] = whole(int64(i.CleanNights))
	}
	return row
}

func findingRecord(f analyze.Finding) map[string]cell {
	return map[string]cell{
		"kind": "finding", "count": whole(f.Count), "rule": words(f.Rule),
		"severity": words(string(f.Severity)),
		"first":    cell(measure.ExactMicros(f.First)), "last": cell(measure.ExactMicros(f.Last)),
		"detail": words(f.Detail), "advice": words(f.Advice),
		"section": words(f.Section), "page": words(f.Page),
		"basis":       words(basisWord(f.Section, f.Page, f.Basis)),
		"request_ids": ids(f.Requests), "incident": words(f.Incident),
	}
}
