package logs

import (
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
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

// fill makes a record of the members, or says why it is none.
func (r *mapped) fill(d *draft, get func(member string) jsonscan.Token) (reason string) {
	v := valueReader{fields: r.fields, get: get}
	if d.duration = v.micros("duration_ms"); v.step >= 1000 {
		d.durationStep = int64(v.step * 1000)
	}
	d.requestBytes, d.responseBytes = v.count("request_bytes"), v.count("response_bytes")
	if length := v.count("content_length"); v.has("content_length") && length <= d.responseBytes {
		d.responseBytes = length
	}
	d.status = int(v.status())
	d.retryAfter = v.retryAfter()
	d.tenant, d.params, d.errorText = v.text("tenant"), v.text("params_hash"), v.text("error")
	d.vendorID, d.storageOf = v.text("vendor_id"), v.text("storage_of")
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
