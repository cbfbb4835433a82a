package evidence

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"
)

// RequestsCSV is requests.csv: every request of the leaves, in the order of the log. A row's number
// is the one by which the ticket, the report and the audit call the request. broke has, by that
// number, the rules that a request broke in what the bundle is about.
func RequestsCSV(c *Content, broke map[int64][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	row := []string{
		"row",
		"leaf",
		"started_at",
		"method",
		"url",
		"recording_key",
		"status",
		"response_bytes",
		"cut_short",
		"duration_s",
		"retry_after_s",
		"error",
		"vendor_request_id",
		"date_skew_s",
		"incident",
	}
	_ = w.Write(row) // a buffer takes everything
	n := int64(0)
	for i := range c.Leaves {
		r := c.Leaves[i].Request
		if r == nil {
			continue
		}
		n++
		key, _ := c.Leaves[i].Value(FieldKey)
		row = append(row[:0], strconv.FormatInt(n, 10), strconv.FormatInt(c.Leaves[i].Seq, 10),
			csvTime(r.StartedAt),
			guardCell(r.Method), guardCell(r.Origin+r.Template), guardCell(key),
			strconv.FormatInt(r.Status, 10), strconv.FormatInt(r.ResponseBytes, 10), yesNo(r.CutShort),
			strconv.FormatFloat(float64(r.DurationUS)/1e6, 'f', -1, 64),
			strconv.FormatInt(r.RetryAfterS, 10), guardCell(r.Error), guardCell(r.VendorID),
			optional(r.DateSkewS), strings.Join(broke[n], " "))
		_ = w.Write(row)
	}
	w.Flush()
	return b.Bytes()
}

func csvTime(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z")
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

func optional(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// guardCell keeps a spreadsheet from running a cell as a formula.
func guardCell(s string) string {
	if s != "" && bytes.IndexByte([]byte("=+-@\t\r"), s[0]) >= 0 {
		return "'" + s
	}
	return s
}
