package report

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/store"
)

// ExplainedRow is a request that made a rule fire, and why. A Request without an ID stands for a
// moment, or for the listed recording of its Key.
type ExplainedRow struct {
	Request store.Request
	Why     string
}

// explainDoc is the JSON of Explain.
type explainDoc struct {
	Schema   string         `json:"schema"`
	Requests []explainedDoc `json:"requests"`
}

type explainedDoc struct {
	ID            int64  `json:"id"`
	StartedAt     string `json:"started_at"`
	Tenant        string `json:"tenant"`
	Method        string `json:"method"`
	URL           string `json:"url"`
	Key           string `json:"key"`
	Status        int    `json:"status"`
	ResponseBytes int64  `json:"response_bytes"`
	Client        string `json:"client"`
	Why           string `json:"why"`
}

// Columns of the table.
const startColumn, methodColumn, urlColumn, clientColumn, whyColumn = 1, 2, 3, 6, 7

// Explain lists the requests behind a finding, in the order given. A request need not have its
// Route; it then has neither method nor URL. It returns an error that is ErrFormat for an unknown
// format, and w's.
func Explain(w io.Writer, rows []ExplainedRow, o Options) error {
	l := &listing{
		what: "explanation", empty: "No request made this rule fire.",
		columns: []column{
			{head: "Id", right: true},
			{head: "Started at", wrap: true},
			{head: "Method"},
			{head: "URL", wrap: true},
			{head: "Status", right: true},
			{head: "Bytes", right: true, spare: 1},
			{head: "Client", spare: 1},
			{head: "Why", wrap: true},
		},
		squeeze: []squeeze{
			{whyColumn, 32},
			{clientColumn, 12},
			{startColumn, 13},
			{urlColumn, 24},
			{whyColumn, 20},
			{urlColumn, 10},
			{methodColumn, 6},
		},
		head: []string{
			"id",
			"started_at",
			"tenant",
			"method",
			"url",
			"key",
			"status",
			"response_bytes",
			"client",
			"why",
		},
	}
	common := ""
	if o.Format != "markdown" { // a table has little room, and says it once
		common = commonURL(rows)
	}
	if common != "" {
		l.above = "All URLs begin with " + common
	}
	doc := explainDoc{Schema: "headroom.explain/v1", Requests: []explainedDoc{}}
	for i := range rows {
		d := newExplainedDoc(&rows[i])
		doc.Requests = append(doc.Requests, d)
		l.rows = append(l.rows, explainedCells(&rows[i], &d, common, o.location()))
		l.records = append(l.records, map[string]cell{
			"id": whole(d.ID), "started_at": words(d.StartedAt), "tenant": words(d.Tenant),
			"method": words(d.Method), "url": words(d.URL), "key": words(d.Key),
			"status": whole(int64(d.Status)), "response_bytes": whole(d.ResponseBytes),
			"client": words(d.Client), "why": words(d.Why),
		})
	}
	l.doc = doc
	return l.write(w, o)
}

// explainedCells are a row of the table, where all URLs begin with common. What is about no request
// has a time, and the recording that it is about.
func explainedCells(
	row *ExplainedRow, d *explainedDoc, common string, loc *time.Location,
) []string {
	start := measure.PreciseStamp(row.Request.Start(), loc)
	if d.ID == 0 {
		recording := ""
		if d.Key != "" {
			recording = "recording " + d.Key
		}
		return []string{"", start, "", recording, "", "", "", d.Why}
	}
	return []string{
		strconv.FormatInt(d.ID, 10), start, d.Method, strings.TrimPrefix(d.URL, common),
		statusWord(d.Status), measure.Bytes(d.ResponseBytes), d.Client, d.Why,
	}
}

func newExplainedDoc(row *ExplainedRow) explainedDoc {
	r := &row.Request
	d := explainedDoc{
		ID: r.ID, StartedAt: measure.ExactMicros(r.StartedAt), Tenant: r.Tenant, URL: r.URL(), Key: r.Key,
		Status: r.Status, ResponseBytes: r.ResponseBytes,
		Client: r.Client, Why: row.Why,
	}
	if r.Route != nil {
		d.Method = r.Route.Method
	}
	return d
}

// commonURL is what all URLs begin with, up to a slash; "" where they have nothing in common or one
// row alone has a URL.
func commonURL(rows []ExplainedRow) string {
	common := ""
	for i := range rows {
		url := newExplainedDoc(&rows[i]).URL
		if i == 0 {
			common = url
		}
		n := 0
		for n < len(common) && n < len(url) && common[n] == url[n] {
			n++
		}
		common = common[:n]
	}
	common = common[:strings.LastIndexByte(common, '/')+1]
	if _, path, ok := strings.Cut(common, "://"); !ok || len(rows) < 2 || !strings.Contains(path, "/") {
		return ""
	}
	return common
}
