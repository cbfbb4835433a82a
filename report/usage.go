package report

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// usageDoc is the JSON of Usage, of schema headroom.usage/v1.
type usageDoc struct {
	Schema   string          `json:"schema"`
	By       analyze.UsageBy `json:"by"`
	AsOf     string          `json:"as_of"`
	Since    *string         `json:"since"`
	Until    *string         `json:"until"`
	Program  programDoc      `json:"program"`
	Database *databaseDoc    `json:"database"`
	Rows     []usageRowDoc   `json:"rows"`
	// Left is how many rows were left out; Total counts them, too.
	Left  int           `json:"left"`
	Total usageTotalDoc `json:"total"`
}

// usageRowDoc is a row. Its first key is what the report counts by; the tag has that of one
// example.
type usageRowDoc struct {
	Name string `json:"class"`
	usageTotalDoc

	by analyze.UsageBy
}

// usageTotalDoc is a row without its name.
type usageTotalDoc struct {
	Requests       int64          `json:"requests"`
	RequestBytes   int64          `json:"request_bytes"`
	ResponseBytes  int64          `json:"response_bytes"`
	Errors         int64          `json:"errors"`
	Duration       percentilesDoc `json:"duration"`
	FirstByte      percentilesDoc `json:"first_byte"`
	BytesPerSecond *json.Number   `json:"bytes_per_s"`
	WastedRequests int64          `json:"wasted_requests"`
	WastedBytes    int64          `json:"wasted_bytes"`
	BusyShare      *json.Number   `json:"busy_share"`
}

type percentilesDoc struct {
	P50 *json.Number `json:"p50_s"`
	P95 *json.Number `json:"p95_s"`
	P99 *json.Number `json:"p99_s"`
}

// MarshalJSON names the row by what the report counts by.
func (r usageRowDoc) MarshalJSON() ([]byte, error) {
	type plain usageRowDoc
	raw, err := json.Marshal(plain(r))
	if err != nil {
		return nil, err
	}
	return bytes.Replace(raw, []byte(`"class"`), []byte(strconv.Quote(string(r.by))), 1), nil
}

// Usage tells who used how much of the API. It returns an error that is ErrFormat for an unknown
// format, and w's.
func Usage(w io.Writer, r *analyze.UsageReport, o Options) error {
	columns, rows := knownColumns(usageColumns(r.By), usageRows(r, o.Left))
	l := &listing{
		what: "usage", empty: "No requests in the range.", columns: columns, rows: rows,
		squeeze: []squeeze{{0, nameWidth(r.By)}}, resort: []squeeze{{0, 16}, {0, 8}},
		above: usageWords(r, o),
		head: []string{
			string(r.By), "requests", "request_bytes", "response_bytes", "errors", "p50_s", "p95_s", "p99_s",
			"first_byte_p50_s", "first_byte_p95_s", "first_byte_p99_s", "bytes_per_s", "wasted_requests",
			"wasted_bytes", "busy_share",
		},
	}
	if o.Left > 0 {
		l.below = "… and " + measure.Count(int64(o.Left), "more "+string(r.By)) +
			", counted in the last line."
	}
	doc := usageDoc{
		Schema: "headroom.usage/v1", By: r.By, AsOf: measure.Exact(r.AsOf),
		Since: timeOrNull(r.Since), Until: timeOrNull(r.Until),
		Program: programDoc{textOrNull(o.Program)}, Database: newDatabaseDoc(o.Database),
		Rows: []usageRowDoc{}, Left: o.Left, Total: newUsageTotalDoc(&r.Total),
	}
	for i := range r.Rows {
		d := usageRowDoc{by: r.By, Name: r.Rows[i].Name, usageTotalDoc: newUsageTotalDoc(&r.Rows[i])}
		doc.Rows = append(doc.Rows, d)
		l.records = append(l.records, usageRecord(&d))
	}
	l.doc = doc
	return l.write(w, o)
}

// nameWidth is what a name needs before columns are left out: a recording's key is copied whole.
func nameWidth(by analyze.UsageBy) int {
	if by == analyze.ByRecording {
		return 56
	}
	return 16
}

// usageWords say of which time the rows are.
func usageWords(r *analyze.UsageReport, o Options) string {
	loc := o.location()
	s := "Use of the API by " + strings.ToLower(usageHead(r.By)) + ", "
	switch {
	case r.Since.IsZero() && r.Until.IsZero():
		return s + "up to " + measure.Stamp(r.AsOf, loc) + "."
	case r.Since.IsZero():
		return s + "until " + measure.Stamp(r.Until, loc) + "."
	case r.Until.IsZero():
		return s + measure.Stamp(r.Since, loc) + " to " + measure.Stamp(r.AsOf, loc) + "."
	}
	return s + measure.Stamp(r.Since, loc) + " to " + measure.Stamp(r.Until, loc) + "."
}

// UsageTable is Usage as a table of clean texts, for the page: its heads, and its rows with that of
// all together last. All columns but the first are numbers.
func UsageTable(r *analyze.UsageReport) (heads []string, rows [][]string) {
	columns, rows := knownColumns(usageColumns(r.By), usageRows(r, 0))
	for _, c := range columns {
		heads = append(heads, oneLineHead(c.head))
	}
	return heads, mapCells(rows, text.Clean)
}

func usageColumns(by analyze.UsageBy) []column {
	needed := 0
	if by == analyze.ByRecording {
		needed = 1 // a recording's key needs more room than its latency
	}
	return []column{
		{head: usageHead(by), wrap: true}, {head: "Requests", right: true},
		{head: "Share", right: true, spare: 1}, {head: "Down", right: true},
		{head: "Up", right: true, spare: 7}, {head: "Errors", right: true, spare: needed},
		{head: "Error\nrate", right: true, spare: 2}, {head: "p50", right: true, spare: needed},
		{head: "p95", right: true, spare: needed}, {head: "p99", right: true, spare: 5},
		{head: "First byte\np50", right: true, spare: 6},
		{head: "While\ndownloading", right: true, spare: 4}, {head: "Wasted\nrequests", right: true},
		{head: "Wasted", right: true}, {head: "Busy", right: true, spare: 3},
	}
}

// knownColumns leaves out the columns of which no row knows anything.
func knownColumns(columns []column, rows [][]string) ([]column, [][]string) {
	var keep []int
	for i := range columns {
		told := func(row []string) bool { return row[i] != measure.None }
		if i == 0 || slices.ContainsFunc(rows, told) {
			keep = append(keep, i)
		}
	}
	kept := make([]column, len(keep))
	for k, i := range keep {
		kept[k] = columns[i]
	}
	for n, row := range rows {
		cells := make([]string, len(keep))
		for k, i := range keep {
			cells[k] = row[i]
		}
		rows[n] = cells
	}
	return kept, rows
}

// usageRows are the rows, and where there are several or some were left out, that of all together.
func usageRows(r *analyze.UsageReport, left int) (rows [][]string) {
	for i := range r.Rows {
		rows = append(rows, usageCells(&r.Rows[i], &r.Total))
	}
	if len(r.Rows) > 1 || left > 0 {
		total := usageCells(&r.Total, &r.Total)
		total[0] = "all"
		rows = append(rows, total)
	}
	return rows
}

// usageHead is the head of the first column.
func usageHead(by analyze.UsageBy) string {
	heads := map[analyze.UsageBy]string{
		analyze.ByTenant: "Tenant", analyze.ByClass: "Class", analyze.ByClient: "Client",
		analyze.ByStatus: "Status",
		analyze.ByDay:    "Day", analyze.ByHour: "Hour of the week", analyze.ByRecording: "Recording",
	}
	return heads[by]
}

func newUsageTotalDoc(row *analyze.UsageRow) usageTotalDoc {
	d := usageTotalDoc{
		Requests: row.Requests, RequestBytes: row.RequestBytes, ResponseBytes: row.ResponseBytes,
		Errors: row.Errors, Duration: newPercentilesDoc(row.Duration),
		FirstByte:      newPercentilesDoc(row.FirstByte),
		WastedRequests: row.WastedRequests, WastedBytes: row.WastedBytes,
		BusyShare: shareOrNull(row.BusyShare),
	}
	if row.BytesPerSecond > 0 {
		n := json.Number(strconv.FormatFloat(row.BytesPerSecond, 'f', 0, 64))
		d.BytesPerSecond = &n
	}
	return d
}

func newPercentilesDoc(p analyze.Percentiles) (d percentilesDoc) {
	if p.N > 0 {
		d = percentilesDoc{gapOrNull(p.P50), gapOrNull(p.P95), gapOrNull(p.P99)}
	}
	return d
}

func usageCells(row, all *analyze.UsageRow) []string {
	duration := func(p analyze.Percentiles, us int64) string {
		if p.N == 0 {
			return measure.None
		}
		return measure.Duration(us)
	}
	speed, busy := measure.None, measure.None
	if row.BytesPerSecond > 0 {
		speed = measure.BytesPerSecond(row.BytesPerSecond)
	}
	if row.BusyShare >= 0 {
		busy = measure.Percent(row.BusyShare)
	}
	return []string{
		row.Name, measure.Grouped(row.Requests), measure.PercentOf(row.Requests, all.Requests),
		measure.Bytes(row.ResponseBytes), measure.Bytes(row.RequestBytes),
		measure.Grouped(row.Errors), measure.PercentOf(row.Errors, row.Requests),
		duration(row.Duration, row.Duration.P50), duration(row.Duration, row.Duration.P95),
		duration(row.Duration, row.Duration.P99),
		duration(row.FirstByte, row.FirstByte.P50), speed,
		measure.Grouped(row.WastedRequests), measure.Bytes(row.WastedBytes), busy,
	}
}

func usageRecord(d *usageRowDoc) map[string]cell {
	number := func(n *json.Number) cell {
		if n == nil {
			return ""
		}
		return cell(*n)
	}
	return map[string]cell{
		string(d.by): words(d.Name), "requests": whole(d.Requests),
		"request_bytes":  whole(d.RequestBytes),
		"response_bytes": whole(d.ResponseBytes), "errors": whole(d.Errors),
		"p50_s": number(d.Duration.P50), "p95_s": number(d.Duration.P95), "p99_s": number(d.Duration.P99),
		"first_byte_p50_s": number(d.FirstByte.P50), "first_byte_p95_s": number(d.FirstByte.P95),
		"first_byte_p99_s": number(d.FirstByte.P99), "bytes_per_s": number(d.BytesPerSecond),
		"wasted_requests": whole(d.WastedRequests), "wasted_bytes": whole(d.WastedBytes),
		"busy_share": number(d.BusyShare),
	}
}
