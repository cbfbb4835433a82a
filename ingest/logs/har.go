package logs

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/ingest/listing"
)

// A HAR file is one JSON document with an entry for each request that a browser or a recording
// proxy saw. Recorders disagree on sizes, so these are the rules here:
//
//   - The body's size on the wire is response._transferSize less the headers (Chrome, Safari), else
//     bodySize, else the Content-Length header. Where the size of the headers is not known,
//     Content-Length tells what of the transfer was body. content.size is the decoded size and
//     never taken. A size that is negative, null or left out is not known.
//   - An answer to HEAD, a 204 and a 304 have no body, whatever the recorder wrote down: Firefox
//     gives a 304 the size of the copy it had. A redirect's bodySize is not taken either: some
//     recorders give it the size of the final answer.
//   - What the cache answered and what the browser blocked never reached the vendor: no request, a
//     reject. So is what was still under way when the file was written: a later export has it
//     whole.
//   - A status below 100 says that no answer came. An answer with a failure's text was cut short,
//     and so was one of which less came than its Content-Length.
//   - Numbers in quotes are numbers.
//   - The time is startedDateTime, the duration time, both as the recorder understood them.
//
// The client is log.creator.name, which has to stand before the entries, as all recorders write it.
const (
	maxHARText = 64 << 10 // bytes of a URL, a header or another text that is looked at
	maxHARBody = 1 << 20  // bytes of a request's body that take part in the hash over the parameters
)

// errNoEntries says that a JSON document is no HAR.
var errNoEntries = fmt.Errorf("%w: the JSON has no log.entries, so it is no HAR", ErrFormat)

// parseHAR reads the entries one by one, in constant memory. Where the document breaks off, what
// came before counts. Several documents may follow one another, as "cat *.har" gives them; their
// entries are numbered on.
func parseHAR(in *input, f *feeder) error {
	h := &harReader{json: jsonscan.NewStream(in.Reader), feeder: f}
	err := h.readDocuments()
	if err == nil && !h.found && h.documents > 0 {
		return errNoEntries
	}
	return f.brokenOff(err, h.found, h.entry+1, "HAR")
}

// harReader goes through a document.
type harReader struct {
	json      jsonscan.Stream
	feeder    *feeder
	documents int
	found     bool // log.entries was met
	entry     int64
	creator   string
}

// readDocuments reads to the end of the input, so that nothing behind the first document is passed
// over unseen.
func (h *harReader) readDocuments() error {
	for {
		if more, err := h.json.More(); err != nil || !more {
			return err
		}
		h.documents++
		h.creator = ""
		err := h.json.Object(func(name string) error {
			if name != "log" {
				return h.json.Skip()
			}
			return h.readLog()
		})
		if err != nil {
			return err
		}
	}
}

func (h *harReader) readLog() error {
	return h.json.Object(func(name string) error {
		switch name {
		case "creator":
			return h.fields(map[string]*string{"name": &h.creator})
		case "entries":
			h.found = true
			return h.json.List('[', ']', h.readEntry)
		}
		return h.json.Skip()
	})
}

// fields reads the named texts of the object that begins here.
func (h *harReader) fields(into map[string]*string) error {
	if ok, err := h.json.Begins('{'); !ok {
		return err
	}
	return h.json.Object(func(name string) error {
		to, ok := into[name]
		if !ok {
			return h.json.Skip()
		}
		t, err := h.json.Scalar(maxHARText)
		if t.Kind == jsonscan.String {
			*to = t.Text
		}
		return err
	})
}

// harEntry is what is looked at of an entry.
type harEntry struct {
	started, time, method, url, status    jsonscan.Token
	requestSize, bodySize, headersSize    jsonscan.Token
	transferSize, contentSize, fromCache  jsonscan.Token
	redirect, statusText                  jsonscan.Token
	fetchType, failure, protocol, blocked jsonscan.Token
	body                                  jsonscan.Token
	retryAfter, contentLength, date       string
	location                              string
	encoded                               bool // by a Content-Encoding
}

func (h *harReader) readEntry() error {
	var e harEntry
	isObject, err := h.json.Begins('{')
	if err != nil {
		return err
	}
	if !isObject {
		h.entry++
		return h.feeder.reject(h.entry, "entry is not an object")
	}
	err = h.pick(map[string]*jsonscan.Token{
		"startedDateTime": &e.started, "time": &e.time, "_fromCache": &e.fromCache,
		"_fetchType": &e.fetchType,
		"_error":     &e.failure, "_failureText": &e.failure, "_errorMessage": &e.failure,
		"_blocked": &e.blocked,
	}, map[string]func() error{
		"request":  func() error { return h.readRequest(&e) },
		"response": func() error { return h.readResponse(&e) },
	})
	if err != nil {
		return err
	}
	h.entry++
	d := draft{line: h.entry, client: h.creator, resolution: -1}
	if reason := e.draft(&d); reason != "" {
		return h.feeder.reject(h.entry, reason)
	}
	return h.feeder.add(&d)
}

// pick reads the object that begins here: the named scalars, and other members by their functions.
// Where there is no object, nothing is picked.
func (h *harReader) pick(
	scalars map[string]*jsonscan.Token, members map[string]func() error,
) error {
	if ok, err := h.json.Begins('{'); !ok {
		return err
	}
	return h.json.Object(func(name string) error {
		if read := members[name]; read != nil {
			return read()
		}
		to := scalars[name]
		if to == nil {
			return h.json.Skip()
		}
		t, err := h.json.Scalar(maxHARText)
		if t.Kind != jsonscan.Absent { // entry and response may both have the field, one of them null
			*to = t
		}
		return err
	})
}

func (h *harReader) readRequest(e *harEntry) error {
	return h.pick(
		map[string]*jsonscan.Token{"method": &e.method, "url": &e.url, "bodySize": &e.requestSize},
		map[string]func() error{"postData": func() error {
			return h.pick(nil, map[string]func() error{"text": func() (err error) {
				e.body, err = h.json.Scalar(maxHARBody)
				return err
			}})
		}},
	)
}

func (h *harReader) readResponse(e *harEntry) error {
	return h.pick(map[string]*jsonscan.Token{
		"status": &e.status, "bodySize": &e.bodySize, "headersSize": &e.headersSize,
		"httpVersion":   &e.protocol,
		"_transferSize": &e.transferSize, "_error": &e.failure, "_failureText": &e.failure,
		"_errorMessage": &e.failure,
		"_fromCache":    &e.fromCache,
		"redirectURL":   &e.redirect, "statusText": &e.statusText,
	}, map[string]func() error{
		"content": func() error {
			return h.pick(map[string]*jsonscan.Token{"size": &e.contentSize}, nil)
		},
		"headers": func() error { return h.readHeaders(e) },
	})
}

// readHeaders keeps the headers that say something about the answer's time and size.
func (h *harReader) readHeaders(e *harEntry) error {
	if ok, err := h.json.Begins('['); !ok {
		return err
	}
	return h.json.List('[', ']', func() error {
		var name, value string
		err := h.fields(map[string]*string{"name": &name, "value": &value})
		switch strings.ToLower(name) {
		case "retry-after":
			e.retryAfter = value
		case "content-length":
			e.contentLength = value
		case "date":
			e.date = value
		case "location":
			e.location = value
		case "content-encoding":
			e.encoded = value != "" && !strings.EqualFold(value, "identity")
		}
		return err
	})
}

// draft makes a record of the entry, or says why it is none.
func (e *harEntry) draft(d *draft) (reason string) {
	e.unquote()
	var v fields
	v[fieldStartedAt], v[fieldMethod] = e.started, e.method
	v[fieldURL], v[fieldStatus] = e.url, e.status
	if e.isNoStatus() {
		v[fieldStatus] = jsonscan.Token{Kind: jsonscan.Number, Text: "0"}
	}
	if e.time.Kind == jsonscan.Number && !strings.HasPrefix(e.time.Text, "-") {
		v[fieldDurationMS] = e.time
	}
	client := d.client
	if reason := v.draft(d); reason != "" {
		return strings.NewReplacer("started_at", "startedDateTime", "duration_ms", "time").Replace(reason)
	}
	d.client = client
	if reason := e.neverSent(d.status); reason != "" {
		return reason
	}
	if d.status == 0 && e.failure.Text == "" && size(e.time) <= 0 && e.statusText.Text == "" &&
		e.protocol.Text == "" {
		return "still under way when the file was written: export it again when it has ended"
	}
	d.requestBytes = max(size(e.requestSize), 0)
	d.responseBytes, d.unknownSize = e.wireSize(d)
	d.errorText, d.redirectURL = e.failure.Text, e.redirect.Text
	d.cutShort = d.status != 0 && d.errorText != "" || e.cameInPart(d)
	d.retryAfter = e.retrySeconds(d)
	d.body = e.bodyBytes()
	return ""
}

// unquote makes numbers of texts that are some, and takes the place of the redirect from the header
// where the recorder gave none of its own.
func (e *harEntry) unquote() {
	for _, t := range []*jsonscan.Token{
		&e.time, &e.status, &e.requestSize, &e.bodySize, &e.headersSize, &e.transferSize, &e.contentSize,
	} {
		if n := jsonscan.NumberEnd(t.Text); t.Kind == jsonscan.String && n > 0 && n == len(t.Text) {
			t.Kind = jsonscan.Number
		}
	}
	if e.redirect.Text == "" {
		e.redirect = tokenOf(e.location)
	}
}

// isNoStatus says whether the status is one of the ways to write that no answer came: a number
// below 100, null.
func (e *harEntry) isNoStatus() bool {
	if e.status.Kind == jsonscan.Absent {
		return true
	}
	n, err := strconv.ParseFloat(e.status.Text, 64)
	return e.status.Kind == jsonscan.Number && err == nil && n < 100
}

// cameInPart says whether less of the body came than the answer said it had. Both sizes that a
// recorder tells must say so: either may be of something else.
func (e *harEntry) cameInPart(d *draft) bool {
	length, ok := logSize(e.contentLength)
	content, body := size(e.contentSize), size(e.bodySize)
	return ok && !e.encoded && d.method == http.MethodGet && d.status/100 == 2 &&
		content > 0 && content < length && body < length && d.responseBytes < length
}

// neverSent says why an entry stands for no request to the server; "" for one that does.
func (e *harEntry) neverSent(status int) string {
	fetch := strings.ToLower(e.fetchType.Text)
	cached := e.fromCache.IsSet() || strings.HasSuffix(fetch, "cache")
	// Firefox leaves only these traces of an answer from its cache.
	silent := e.protocol.Kind == jsonscan.String && e.protocol.Text == "" && size(e.time) == 0
	noBytes := size(e.bodySize) <= 0 && size(e.transferSize) <= 0
	failure := strings.ToLower(e.failure.Text)
	switch {
	case cached, status != 0 && silent && noBytes:
		return "answered from the browser's cache: never sent"
	case e.blocked.IsSet(),
		strings.Contains(failure, "blocked_by"),
		strings.Contains(failure, "blocked:"):
		return "blocked in the browser: never sent"
	}
	return ""
}

// size reads a size in bytes; -1 where there is none or an absurd one.
func size(t jsonscan.Token) int64 { return t.Count(listing.MaxBytes) }

// wireSize is the size of the answer's body on the wire, and whether nobody knows it though there
// was one.
func (e *harEntry) wireSize(d *draft) (bytes int64, unknown bool) {
	if d.method == "HEAD" || d.status == 204 || d.status == 304 || d.status == 0 || d.status < 200 {
		return 0, false
	}
	length := int64(-1)
	if n, ok := logSize(e.contentLength); ok && e.contentLength != "-" {
		length = n
	}
	transfer, headers, body := size(e.transferSize), size(e.headersSize), size(e.bodySize)
	redirected := d.status >= 300 && d.status < 400 && e.redirect.Text != ""
	switch {
	case transfer > 0 && headers > 0 && transfer >= headers:
		return transfer - headers, false
	case transfer > 0 && length >= 0 && length <= transfer:
		return length, false
	case transfer > 0 && headers <= 0:
		return transfer, false
	case body > 0 && !redirected:
		return body, false
	case length >= 0:
		return length, false
	case redirected:
		return 0, false
	}
	content := size(e.contentSize)
	return 0, content > 0 || content < 0 && body != 0
}

// retrySeconds reads Retry-After, a date relative to the answer's own Date or else to the end of
// the request.
func (e *harEntry) retrySeconds(d *draft) int64 {
	from, err := http.ParseTime(e.date)
	if err != nil {
		from = time.UnixMicro(d.startedAt + d.duration)
	}
	return ingest.RetryAfter(strings.TrimSpace(e.retryAfter), func() time.Time { return from })
}

// bodyBytes is what of the request's body identifies its parameters. Of one that is longer than
// maxHARBody the beginning and the size do.
func (e *harEntry) bodyBytes() []byte {
	switch e.body.Kind {
	case jsonscan.String:
		return []byte(e.body.Text)
	case jsonscan.Other:
		return []byte(e.body.Text + e.requestSize.Text)
	}
	return nil
}
