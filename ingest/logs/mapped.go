package logs

import (
	"fmt"
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// parseMapped reads the records that a Mapping describes.
func parseMapped(in *input, f *feeder, m *Mapping) error {
	r := &mapped{
		Mapping: m, feeder: f, origin: originFor(f.asm.policy.Hosts, f.asm.tenant),
		found: map[string]bool{},
	}
	parse := func() error { return eachLine(in, f, r.record) }
	if m.layout == layoutCSV {
		parse = func() error { return r.parseCSV(in) }
	}
	if err := parse(); err != nil {
		return err
	}
	f.result.NeverFound = r.neverFound()
	return nil
}

// parseCSV reads a table with a header, as the one of our own names is read.
func (r *mapped) parseCSV(in *input) error {
	t := csvTable{lines: in.lines(), feeder: r.feeder}
	header, separators, ok := t.head()
	if !ok {
		return t.lines.failure(r.feeder)
	}
	if len(separators) == 1 {
		r.separator = separators[0]
	}
	names, err := r.split(header.text)
	if err != nil || header.flaw != "" {
		return fmt.Errorf("%w: the first line is not the header of a CSV table", ErrFormat)
	}
	if twice := r.header(names); twice != "" {
		return fmt.Errorf("%w: the CSV header has the column that gives %s twice", ErrFormat, twice)
	}
	if r.lacks != "" {
		return fmt.Errorf("%w: the CSV header %s", ErrFormat, r.lacks)
	}
	r.form = formOfNumbers(r.separator, in.head)
	torn := func(string, string) bool { return true }
	return t.each(header, r.separator, len(names), torn, func(line textLine, cells []string) error {
		r.cells = cells
		return r.take(line, opened{get: r.cell})
	})
}

// mapped reads the lines of one file.
type mapped struct {
	*Mapping
	feeder    *feeder
	origin    string         // of lines that name none of the vendor's servers
	index     map[string]int // of columns by name; nil before the header
	lacks     string         // what the header lacks of what the mapping must find; "" for nothing
	separator byte           // of cells; 0 before the first line
	form      numberForm
	cells     []string
	found     map[string]bool // the fields that a record had a value of
	draft     draft
}

// opened is a record whose members can be looked up.
type opened struct {
	get func(member string) jsonscan.Token
	// has says whether a member is there, also where it is null; nil where all are.
	has func(member string) bool
}

// neverFound are the fields that most records have a value for, and of this file none: a name in
// the mapping may be wrong. Of the built-in mappings, only the size is one.
func (r *mapped) neverFound() (fields []string) {
	if r.feeder.result.Read == r.feeder.result.Rejected || r.layout == layoutLine {
		return nil
	}
	for _, field := range []string{"response_bytes", "duration_ms", "client", "tenant"} {
		if len(r.fields[field]) > 0 && !r.found[field] &&
			(r.builtin() == "" || field == "response_bytes") {
			fields = append(fields, field)
		}
	}
	return fields
}

// record reads one line.
func (r *mapped) record(line textLine) error {
	record, torn, reason := r.open(line)
	switch {
	case record.get == nil && line.open && torn:
		return r.feeder.wait(line)
	case reason != "":
		return r.feeder.reject(line.number, reason)
	case record.get == nil:
		return nil // a header or a comment
	}
	return r.take(line, record)
}

// take makes a request of a record.
func (r *mapped) take(line textLine, record opened) error {
	r.draft = draft{line: line.number, dirty: line.dirty, resolution: -1}
	if reason := r.fill(&r.draft, record); reason != "" {
		return r.feeder.reject(line.number, reason)
	}
	return r.feeder.add(&r.draft)
}

// open opens the record that a line is. Where it gives none, torn says that the line may be
// half-written.
func (r *mapped) open(line textLine) (record opened, torn bool, reason string) {
	switch r.layout {
	case layoutJSON:
		return openObject(line.text)
	case layoutLine:
		texts := r.line.match(line.text)
		if texts == nil || line.open && !r.line.closed {
			return opened{}, true, "line is not in the log format"
		}
		if r.line.noRequest != nil {
			if reason, is := r.line.noRequest(texts); is {
				return opened{}, false, reason
			}
		}
		return opened{get: func(member string) jsonscan.Token {
			return tokenOf(texts[jsonscan.Digits(member)])
		}}, false, ""
	}
	return r.openRow(line)
}

// fill makes a record of the members, or says why it is none.
func (r *mapped) fill(d *draft, record opened) (reason string) {
	v := valueReader{fields: r.fields, opened: record, form: r.form, found: r.found}
	if d.duration = v.micros("duration_ms"); v.step >= 1000 {
		d.durationStep = int64(v.step * 1000)
	}
	d.requestBytes, d.responseBytes = v.count("request_bytes"), v.count("response_bytes")
	if length := v.count("content_length"); v.hasValue("content_length") && length <= d.responseBytes {
		d.responseBytes = length
	}
	d.errorText = v.text("error")
	d.status = int(v.status(d.errorText))
	d.retryAfter = v.retryAfter()
	d.tenant, d.params = v.text("tenant"), v.text("params_hash")
	d.vendorID, d.storageOf = v.text("vendor_id"), v.text("storage_of")
	// An answer after which something went wrong did not come whole.
	d.cutShort = v.isFalse("complete") || d.status != 0 && d.errorText != "" && !v.hasValue("complete")
	if client := firstAddress(v.text("client")); client != "-" {
		d.client = withoutPort(client)
	}
	if b := r.builtin(); b == "nginx-json" || b == "alb" || r.layout == layoutLine {
		d.goneBefore()
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
