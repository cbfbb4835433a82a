package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/ingest/listing"
	"github.com/6dcca832/headroom/store"
)

// parseMapped reads the records that a Mapping describes.
func parseMapped(in *input, f *feeder, m *Mapping) error {
	r := &mapped{Mapping: m, feeder: f, origin: originFor(f.asm.policy.Hosts, f.asm.tenant)}
	return eachLine(in, f, r.record)
}

// mapped reads the lines of one file.
type mapped struct {
	*Mapping
	feeder *feeder
	origin string         // of lines that name none of the vendor's servers
	index  map[string]int // of columns by name; nil before the header
	cells  []string
	draft  draft
}

// record reads one line.
func (r *mapped) record(line textLine) error {
	get, torn, reason := r.open(line)
	switch {
	case get == nil && line.open && torn:
		return r.feeder.wait(line)
	case reason != "":
		return r.feeder.reject(line.number, reason)
	case get == nil:
		return nil // a header or a comment
	}
	r.draft = draft{line: line.number, dirty: line.dirty, resolution: -1}
	if reason := r.fill(&r.draft, get); reason != "" {
		return r.feeder.reject(line.number, reason)
	}
	return r.feeder.add(&r.draft)
}

// open gives what looks up a member of the line. Where it gives nothing, torn says that the line
// may be half-written.
func (r *mapped) open(
	line textLine,
) (get func(member string) jsonscan.Token, torn bool, reason string) {
	switch r.layout {
	case layoutJSON:
		return openObject(line.text)
	case layoutLine:
		texts := r.line.match(line.text)
		if texts == nil || line.open && !r.line.closed {
			return nil, true, "line is not in the log format"
		}
		return func(member string) jsonscan.Token {
			return tokenOf(texts[jsonscan.Digits(member)])
		}, false, ""
	}
	return r.openRow(line)
}

// openObject reads a line of JSON. What stands before the object, such as the time that a shell
// adds, is its member "time".
func openObject(text string) (get func(member string) jsonscan.Token, torn bool, reason string) {
	before, _, found := strings.Cut(text, "{")
	if !found {
		return nil, true, "line is not a JSON object"
	}
	d := json.NewDecoder(strings.NewReader(text[len(before):]))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, true, endsEarly
		}
		reason := explainJSON(text[len(before):], err)
		return nil, reason == endsEarly, reason
	}
	if before = strings.TrimSpace(before); before != "" && object["time"] == nil {
		object["time"] = before
	}
	return func(member string) jsonscan.Token {
		return member2token(lookUp(object, member))
	}, false, ""
}

// lookUp finds a member whose name may lead into objects; a name that itself has dots is found too.
func lookUp(object map[string]any, member string) any {
	if v, ok := object[member]; ok {
		return v
	}
	for i := 0; i < len(member); i++ {
		if member[i] != '.' {
			continue
		}
		if inner, ok := object[member[:i]].(map[string]any); ok {
			if v := lookUp(inner, member[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// member2token makes a token of a decoded value; of a list, which is how some write headers, of its
// first element.
func member2token(v any) jsonscan.Token {
	switch v := v.(type) {
	case string:
		return tokenOf(v)
	case json.Number:
		return jsonscan.Token{Kind: jsonscan.Number, Text: v.String()}
	case bool:
		if v {
			return jsonscan.Token{Kind: jsonscan.True}
		}
		return jsonscan.Token{Kind: jsonscan.False}
	case []any:
		if len(v) > 0 {
			return member2token(v[0])
		}
	case map[string]any:
		return jsonscan.Token{Kind: jsonscan.Other}
	}
	return jsonscan.Token{}
}

// openRow reads a line of a table.
func (r *mapped) openRow(
	line textLine,
) (get func(member string) jsonscan.Token, torn bool, reason string) {
	if r.layout == layoutW3C && strings.HasPrefix(line.text, "#") {
		if names, ok := strings.CutPrefix(line.text, "#Fields:"); ok {
			r.header(strings.Fields(names))
		}
		return nil, false, ""
	}
	if r.layout == layoutColumns && r.index == nil {
		r.header(r.columns)
	}
	var err error
	r.cells, err = r.split(line.text)
	switch {
	case err != nil:
		return nil, true, "a quote stands where RFC 4180 allows none"
	case r.index == nil && r.layout == layoutW3C:
		return nil, false, "no directive #Fields: stands before the line"
	case r.index == nil:
		r.header(r.cells)
		return nil, false, ""
	case line.open && len(r.cells) <= len(r.index):
		return nil, true, "line is half-written"
	case r.layout != layoutColumns && len(r.cells) != len(r.index):
		return nil, true, fmt.Sprintf("%d fields where the header has %d", len(r.cells), len(r.index))
	}
	return func(member string) jsonscan.Token {
		if i, ok := r.index[strings.ToLower(member)]; ok && i < len(r.cells) {
			return tokenOf(strings.TrimSpace(r.cells[i]))
		}
		return jsonscan.Token{}
	}, false, ""
}

func (r *mapped) header(names []string) {
	r.index = map[string]int{}
	for i, name := range names {
		r.index[strings.ToLower(strings.TrimSpace(name))] = i
	}
}

func (r *mapped) split(text string) ([]string, error) {
	separator := r.separator
	switch {
	case separator != 0:
	case r.layout == layoutW3C && strings.IndexByte(text, '\t') < 0:
		separator = ' '
	case r.layout == layoutW3C:
		separator = '\t'
	default: // the one that the first line has most of
		separator = ','
		for _, s := range csvSeparators {
			if strings.Count(text, string(rune(s))) > strings.Count(text, string(rune(separator))) {
				separator = s
			}
		}
		r.separator = separator
	}
	if separator == ' ' {
		return splitQuoted(text), nil
	}
	return splitCSV(text, separator, r.cells[:0])
}

// splitQuoted cuts a line at its spaces; a cell in quotes may hold some.
func splitQuoted(text string) (cells []string) {
	for text != "" {
		if text[0] == '"' {
			end := closingQuote(text[1:])
			if end < 0 {
				end = len(text) - 1
			}
			cells = append(cells, text[1:1+end])
			text = strings.TrimPrefix(text[min(end+2, len(text)):], " ")
			continue
		}
		cell, rest, _ := strings.Cut(text, " ")
		cells, text = append(cells, cell), rest
	}
	return cells
}

// fill makes a record of the members, or says why it is none.
func (r *mapped) fill(d *draft, get func(member string) jsonscan.Token) (reason string) {
	v := valueReader{fields: r.fields, get: get}
	d.duration = v.micros("duration_ms")
	d.requestBytes, d.responseBytes = v.count("request_bytes"), v.count("response_bytes")
	if length := v.count("content_length"); v.has("content_length") && length <= d.responseBytes {
		d.responseBytes = length
	}
	d.status = int(v.status())
	d.retryAfter = v.retryAfter()
	d.tenant, d.params, d.errorText, d.vendorID = v.text("tenant"), v.text(
		"params_hash"), v.text("error"), v.text(
		"vendor_id",
	)
	d.cutShort = v.isFalse("complete")
	d.client, _, _ = strings.Cut(v.text("client"), ",")
	if host, _, ok := strings.Cut(d.client, ":"); ok && isAddresses(host) {
		d.client = host // without its port, which is another each time
	}
	v.times(d)
	if v.reason != "" {
		return v.reason
	}
	return r.place(d, &v)
}

// place puts the URL together.
func (r *mapped) place(d *draft, v *valueReader) (reason string) {
	target := v.text("path")
	if request := v.text("request"); request != "" {
		if d.method, target, reason = splitRequest(request, d.dirty); reason != "" {
			return reason
		}
	}
	if method := v.text("method"); method != "" {
		d.method = method
	}
	if d.method == "" {
		return "method is missing"
	}
	if query := strings.TrimPrefix(v.text("query"), "?"); query != "" &&
		!strings.Contains(target, "?") {
		target += "?" + query
	}
	if url := v.text("url"); url != "" {
		target = url
	}
	if target == "" {
		return "url is missing"
	}
	host := v.text("host")
	if port := v.text("port"); host != "" && port != "" && !strings.Contains(host, ":") {
		host += ":" + port
	}
	if scheme := strings.ToLower(v.text("scheme")); scheme == "http" || scheme == "https" {
		host = scheme + "://" + host
	}
	return placeTarget(d, r.feeder.asm, target, host, r.origin)
}

// valueReader turns members into values and keeps the first thing that is wrong.
type valueReader struct {
	fields map[string][]place
	get    func(member string) jsonscan.Token
	reason string
}

func (v *valueReader) fail(field, what string) {
	if v.reason == "" {
		v.reason = field + what
	}
}

// find gives the first member of a field that the record has.
func (v *valueReader) find(field string) (t jsonscan.Token, p place) {
	for _, p := range v.fields[field] {
		if t := v.get(p.member); t.Kind != jsonscan.Absent {
			return t, p
		}
	}
	return jsonscan.Token{}, place{}
}

func (v *valueReader) has(field string) bool {
	t, _ := v.find(field)
	return t.Kind != jsonscan.Absent
}

func (v *valueReader) text(field string) string {
	switch t, _ := v.find(field); t.Kind {
	case jsonscan.String, jsonscan.Number:
		return t.Text
	case jsonscan.Absent:
	default:
		v.fail(field, " is not a string")
	}
	return ""
}

func (v *valueReader) isFalse(field string) bool {
	t, p := v.find(field)
	switch t.Kind {
	case jsonscan.False:
		return true
	case jsonscan.String:
		if p.form == "X" {
			return t.Text == "X"
		}
		return bareToken(fieldComplete, t.Text).Kind == jsonscan.False
	}
	return false
}

// number reads a number times the unit of its place, 0 where there is none; a negative one says
// "not known".
func (v *valueReader) number(field string, most float64) float64 {
	t, p := v.find(field)
	if t.Kind == jsonscan.Absent {
		return 0
	}
	text := strings.TrimSpace(t.Text)
	unit, ok := units[strings.ToLower(p.form)]
	if !ok {
		unit = 1
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && t.Kind == jsonscan.String {
		if d, e := time.ParseDuration(text); e == nil && strings.HasSuffix(field, "_ms") {
			x, unit, err = d.Seconds(), 1000, nil
		}
	}
	switch {
	case err != nil || math.IsNaN(x):
		v.fail(field, " is not a number")
		return 0
	case x*unit > most:
		v.fail(field, " is too large")
		return 0
	}
	return max(x*unit, 0)
}

func (v *valueReader) count(field string) int64 {
	x := v.number(field, float64(listing.MaxBytes))
	return int64(math.Round(x))
}

func (v *valueReader) micros(field string) int64 {
	return int64(math.Round(v.number(field, listing.MaxMillis) * 1000))
}

func (v *valueReader) status() int64 {
	t, _ := v.find("status")
	if t.Kind == jsonscan.Absent || strings.HasPrefix(t.Text, "-") {
		return 0 // no answer
	}
	n := jsonscan.Digits(t.Text)
	if n < 0 || len(t.Text) > 3 {
		v.fail("status", " is not a number of three digits")
	}
	return n
}

// retryAfter reads seconds; a date means nothing without the answer's own.
func (v *valueReader) retryAfter() int64 {
	t, _ := v.find("retry_after_s")
	return max(t.Count(1<<31),
		jsonscan.Token{Kind: jsonscan.Number, Text: strings.TrimSpace(t.Text)}.Count(1<<31), 0)
}

// times reads the time of the record.
func (v *valueReader) times(d *draft) {
	for _, c := range []struct {
		field string
		is    store.TimeMeaning
	}{
		{"started_at", store.TimeIsStart}, {"ended_at", store.TimeIsEnd},
		{"logged_at", store.TimeIsUnknown},
	} {
		t, p := v.find(c.field)
		if t.Kind == jsonscan.Absent {
			continue
		}
		if date := v.text("date"); date != "" {
			t = jsonscan.Token{Kind: jsonscan.String, Text: date + "T" + t.Text + "Z"}
		}
		at, fraction, reason := readTime(t, p)
		if reason != "" {
			v.fail(c.field, reason)
			return
		}
		if c.is == store.TimeIsEnd && d.startedAt > 0 {
			if d.duration == 0 && at > d.startedAt {
				d.duration = at - d.startedAt
			}
			return
		}
		if d.startedAt > 0 {
			return
		}
		d.startedAt, d.wholeSeconds, d.timeIs = at, !fraction, c.is
	}
	if d.startedAt == 0 && v.reason == "" {
		v.fail("started_at", " is missing: the record holds no time")
	}
}

// timeForms are the forms of a time, by how many of them make a second; 0 for texts.
var timeForms = map[string]float64{
	"unix": 1, "unix-s": 1, "unix-ms": 1e3, "unix-us": 1e6, "unix-ns": 1e9, "rfc3339": 0, "clf": 0,
}

const badTime = " is not a time of a known form: name it, such as ended_at=ts:unix-ms"

// readTime reads a time in microseconds since 1970 UTC, and whether it was told more exactly than
// in seconds. Without a form, a number is seconds, milliseconds, microseconds or nanoseconds by its
// size.
func readTime(t jsonscan.Token, p place) (micros int64, fraction bool, reason string) {
	text := strings.TrimSpace(t.Text)
	if strings.Contains(p.form, "%") {
		return readLayout(text, p)
	}
	if jsonscan.NumberEnd(text) == len(text) && text != "" {
		return readEpoch(text, timeForms[p.form])
	}
	text = strings.Trim(text, "[]")
	if at, fraction, ok := parseLogTime(text); ok {
		return at, fraction, ""
	}
	if at, fraction, reason := parseRFC3339(text); reason == "" {
		return at, fraction, ""
	}
	if p.zone != nil {
		for _, layout := range []string{
			"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
			"02/Jan/2006:15:04:05.999999999",
		} {
			if at, err := time.ParseInLocation(layout, text, p.zone); err == nil {
				return at.UnixMicro(), strings.Contains(text, "."), ""
			}
		}
	}
	if at, err := time.Parse(http.TimeFormat, text); err == nil {
		return at.UnixMicro(), false, ""
	}
	if _, _, reason := parseRFC3339(text); strings.Contains(reason, "no time zone") {
		return 0, false, " has no time zone: log one, or name it with zone in a mapping file"
	}
	return 0, false, badTime
}

// readEpoch reads a number since 1970; perSecond is 0 where the number's size decides.
func readEpoch(text string, perSecond float64) (micros int64, fraction bool, reason string) {
	whole, sub, hasSub := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || x < 0 || x > 1e19 {
			return 0, false, badTime
		}
		return readEpoch(strconv.FormatFloat(x, 'f', -1, 64), perSecond)
	}
	if perSecond == 0 {
		perSecond = 1
		for n >= 1e11*int64(perSecond) && perSecond < 1e9 {
			perSecond *= 1000
		}
	}
	part, _ := parseFraction(sub) // microseconds of a unit
	if hasSub && part < 0 {
		return 0, false, badTime
	}
	part = max(part, 0)
	switch perSecond {
	case 1:
		return n*1e6 + part, hasSub, ""
	case 1e3:
		return n*1e3 + part/1e3, true, ""
	case 1e6:
		return n, true, ""
	}
	return n / 1e3, true, ""
}

// readLayout reads a time by a strftime pattern.
func readLayout(text string, p place) (micros int64, fraction bool, reason string) {
	layout, err := goLayout(p.form)
	if err != nil {
		return 0, false, " has a form that is not known: " + err.Error()
	}
	zone := p.zone
	if zone == nil {
		if !strings.Contains(layout, "-0700") && !strings.Contains(layout, "MST") {
			return 0, false, " has no time zone: add %z, or name one with zone in a mapping file"
		}
		zone = time.UTC
	}
	at, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return 0, false, " does not fit its form"
	}
	return at.UnixMicro(), bytes.ContainsAny([]byte(layout), ".,"), ""
}

var strftime = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'b': "Jan", 'h': "Jan", 'B': "January",
	'H': "15", 'I': "03", 'M': "04",
	'S': "05", 'p': "PM", 'z': "-0700", 'Z': "MST", 'T': "15:04:05", 'F': "2006-01-02", 'R': "15:04",
	'D': "01/02/06", 'a': "Mon", 'A': "Monday",
	'j': "002", 'f': "999999", 'L': "999", '%': "%",
}

// goLayout translates a strftime pattern.
func goLayout(pattern string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			b.WriteByte(pattern[i])
			continue
		}
		i++
		layout, ok := strftime[pattern[i]]
		if !ok {
			return "", fmt.Errorf("%%%c", pattern[i])
		}
		b.WriteString(layout)
	}
	return b.String(), nil
}
