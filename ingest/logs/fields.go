package logs

import (
	"math"
	"strconv"
	"strings"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/ingest/listing"
	"github.com/6dcca832/headroom/store"
)

// A record's fields, by the names of FORMATS.md, in JSON Lines and in CSV.
const (
	fieldStartedAt = iota
	fieldMethod
	fieldURL
	fieldStatus
	fieldTenant
	fieldDurationMS
	fieldRequestBytes
	fieldResponseBytes
	fieldComplete
	fieldParamsHash
	fieldRetryAfterS
	fieldClient
	fieldError
	fieldVendorID
	fieldDateSkewS
	fieldTimeIs
	fieldResolutionS
	fieldStorageOf
	fieldResets // headroom's own, see Reset
	fieldCount
)

var fieldNames = [fieldCount]string{
	"started_at", "method", "url", "status", "tenant", "duration_ms", "request_bytes",
	"response_bytes", "complete",
	"params_hash", "retry_after_s", "client", "error", "vendor_id", "date_skew_s", "time_is",
	"resolution_s", "storage_of", "egress_resets",
}

// requiredFields is how many of fieldNames, from the first, a record must have.
const requiredFields = fieldStatus + 1

type fields [fieldCount]jsonscan.Token

// draft reads the fields into d, or says why they are not a record.
func (f *fields) draft(d *draft) (reason string) {
	for i := range requiredFields {
		if f[i].Kind == jsonscan.Absent {
			return fieldNames[i] + " is missing"
		}
	}
	r := fieldReader{f: f}
	*d = draft{
		line: d.line, dirty: d.dirty, method: r.text(fieldMethod), url: r.text(fieldURL),
		status: int(r.whole(fieldStatus, 1<<31)),
		tenant: r.text(fieldTenant), duration: r.milliseconds(fieldDurationMS),
		requestBytes:  r.whole(fieldRequestBytes, listing.MaxBytes),
		responseBytes: r.whole(fieldResponseBytes, listing.MaxBytes),
		cutShort:      r.isFalse(fieldComplete), params: r.text(fieldParamsHash),
		retryAfter: r.seconds(fieldRetryAfterS),
		client:     r.text(fieldClient), errorText: r.text(fieldError), resets: f[fieldResets].Text,
		vendorID: r.text(fieldVendorID), dateSkew: r.skew(), timeIs: r.timeIs(),
		resolution: r.resolution(), storageOf: r.text(fieldStorageOf),
	}
	if started := r.text(fieldStartedAt); r.reason == "" {
		var fraction bool
		d.startedAt, fraction, r.reason = parseRFC3339(started)
		d.wholeSeconds = !fraction
	}
	return r.reason
}

// fieldReader turns tokens into values and keeps the first thing that is wrong.
type fieldReader struct {
	f      *fields
	reason string
}

func (r *fieldReader) fail(field int, what string) {
	if r.reason == "" {
		r.reason = fieldNames[field] + what
	}
}

func (r *fieldReader) text(field int) string {
	switch t := &r.f[field]; t.Kind {
	case jsonscan.String:
		return t.Text
	case jsonscan.Absent:
		return ""
	}
	r.fail(field, " is not a string")
	return ""
}

func (r *fieldReader) isFalse(field int) bool {
	switch r.f[field].Kind {
	case jsonscan.False:
		return true
	case jsonscan.Absent, jsonscan.True:
		return false
	}
	r.fail(field, " is neither true nor false")
	return false
}

// whole reads a number without a fraction, from 0 to most.
func (r *fieldReader) whole(field int, most int64) int64 {
	t := &r.f[field]
	if n, ok := t.Whole(); ok && n <= most {
		return n
	}
	x := r.number(field, float64(most))
	if x != math.Trunc(x) {
		r.fail(field, " is not a whole number")
		return 0
	}
	n, err := strconv.ParseInt(t.Text, 10, 64)
	if err != nil { // written like 2.0 or 1e3
		n = int64(x)
	}
	if n > most { // the float was rounded down to most
		r.fail(field, " is too large")
	}
	return n
}

// number reads a number from 0 to most.
func (r *fieldReader) number(field int, most float64) float64 {
	t := &r.f[field]
	if t.Kind != jsonscan.Number {
		r.fail(field, " is not a number")
		return 0
	}
	x, err := strconv.ParseFloat(t.Text, 64)
	switch {
	case x < 0:
		r.fail(field, " is negative")
		return 0
	case err != nil || x > most:
		r.fail(field, " is too large")
		return 0
	}
	return x
}

// milliseconds reads a duration, rounded to microseconds.
func (r *fieldReader) milliseconds(field int) int64 {
	if n, ok := r.f[field].Whole(); ok && n <= listing.MaxMillis {
		return n * 1000
	}
	return int64(math.Round(r.number(field, listing.MaxMillis) * 1000))
}

// seconds reads whole seconds; a fraction counts as a whole one.
func (r *fieldReader) seconds(field int) int64 {
	if n, ok := r.f[field].Whole(); ok && n <= ingest.MaxRetryAfter {
		return n
	}
	return int64(math.Ceil(r.number(field, float64(ingest.MaxRetryAfter))))
}

// maxSkew is the largest difference of two clocks that is believed, in seconds: a hundred years.
const maxSkew = ingest.MaxRetryAfter

// skew reads date_skew_s, which may be negative.
func (r *fieldReader) skew() store.Seconds {
	t := r.f[fieldDateSkewS]
	if t.Kind == jsonscan.Absent {
		return store.Seconds{}
	}
	n, err := strconv.ParseInt(t.Text, 10, 64)
	if t.Kind != jsonscan.Number || err != nil || n < -maxSkew || n > maxSkew {
		r.fail(fieldDateSkewS, " is not a whole number of seconds")
	}
	return store.Seconds{N: n, Known: true}
}

// timeIs reads what started_at means; without a word, the start.
func (r *fieldReader) timeIs() store.TimeMeaning {
	text := r.text(fieldTimeIs)
	meaning := store.ParseTimeMeaning(text)
	switch {
	case text == "":
		return store.TimeIsStart
	case meaning == store.TimeIsUnknown && text != "unknown":
		r.fail(fieldTimeIs, " is neither start, end nor unknown")
	}
	return meaning
}

// resolution reads resolution_s as microseconds; -1 where it is not told.
func (r *fieldReader) resolution() int64 {
	const day = 86400
	if r.f[fieldResolutionS].Kind == jsonscan.Absent {
		return -1
	}
	return int64(math.Round(r.number(fieldResolutionS, day) * 1e6))
}

// bareToken reads a value without quotes, as CSV has them, into the kind of value that the field
// wants.
func bareToken(field int, s string) jsonscan.Token {
	if s = strings.TrimSpace(s); isNothing(s) && (s == "" || field != fieldStorageOf) {
		return jsonscan.Token{}
	}
	switch field {
	case fieldStatus,
		fieldDurationMS,
		fieldRequestBytes,
		fieldResponseBytes,
		fieldRetryAfterS,
		fieldDateSkewS,
		fieldResolutionS:
		if jsonscan.NumberEnd(s) == len(s) {
			return jsonscan.Token{Kind: jsonscan.Number, Text: s}
		}
		return jsonscan.Token{Kind: jsonscan.Other}
	case fieldComplete:
		switch strings.ToLower(s) {
		case "true", "1", "yes":
			return jsonscan.Token{Kind: jsonscan.True}
		case "false", "0", "no":
			return jsonscan.Token{Kind: jsonscan.False}
		}
		return jsonscan.Token{Kind: jsonscan.Other}
	case fieldResets: // for JSON only
		return jsonscan.Token{}
	}
	return jsonscan.Token{Kind: jsonscan.String, Text: s}
}
