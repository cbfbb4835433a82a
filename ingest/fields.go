package ingest

import (
	"math"
	"strconv"
	"strings"
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
	fieldResets // headroom's own, see Reset
	fieldCount
)

var fieldNames = [fieldCount]string{
	"started_at", "method", "url", "status", "tenant", "duration_ms", "request_bytes", "response_bytes", "complete",
	"params_hash", "retry_after_s", "client", "error", "egress_resets",
}

// requiredFields is how many of fieldNames, from the first, a record must have.
const requiredFields = fieldStatus + 1

// token is a JSON value: for a string its text, for a number its digits.
type token struct {
	kind byte // see the constants
	text string
}

// The kinds of a token. The zero kind is a field that is absent or null.
const (
	kindAbsent = 0
	kindString = 's'
	kindNumber = 'n'
	kindTrue   = 't'
	kindFalse  = 'f'
	kindOther  = 'x' // an object or an array, as it is written, or a string that is not text
)

type fields [fieldCount]token

const (
	maxSize     = int64(1) << 40   // bytes, 1 TB: a log that says more of one body is wrong, and sums of many could leave an int64
	maxDuration = 1e12             // milliseconds: 31 years
	maxRetry    = int64(100) << 25 // seconds: a hundred years, so that sums of times do not overflow
)

// draft reads the fields into d, or says why they are not a record.
func (f *fields) draft(d *draft) (reason string) {
	for i := range requiredFields {
		if f[i].kind == kindAbsent {
			return fieldNames[i] + " is missing"
		}
	}
	r := fieldReader{f: f}
	*d = draft{
		line: d.line, method: r.text(fieldMethod), url: r.text(fieldURL), status: int(r.whole(fieldStatus, 1<<31)),
		tenant: r.text(fieldTenant), duration: r.milliseconds(fieldDurationMS),
		requestBytes: r.whole(fieldRequestBytes, maxSize), responseBytes: r.whole(fieldResponseBytes, maxSize),
		cutShort: r.isFalse(fieldComplete), params: r.text(fieldParamsHash), retryAfter: r.seconds(fieldRetryAfterS),
		client: r.text(fieldClient), errorText: r.text(fieldError), resets: f[fieldResets].text,
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
	switch t := &r.f[field]; t.kind {
	case kindString:
		return t.text
	case kindAbsent:
		return ""
	}
	r.fail(field, " is not a string")
	return ""
}

func (r *fieldReader) isFalse(field int) bool {
	switch r.f[field].kind {
	case kindFalse:
		return true
	case kindAbsent, kindTrue:
		return false
	}
	r.fail(field, " is neither true nor false")
	return false
}

// whole reads a number without a fraction, from 0 to most.
func (r *fieldReader) whole(field int, most int64) int64 {
	t := &r.f[field]
	if n, ok := shortNumber(t); ok && n <= most {
		return n
	}
	x := r.number(field, float64(most))
	if x != math.Trunc(x) {
		r.fail(field, " is not a whole number")
		return 0
	}
	n, err := strconv.ParseInt(t.text, 10, 64)
	if err != nil { // written like 2.0 or 1e3
		n = int64(x)
	}
	if n > most { // the float was rounded down to most
		r.fail(field, " is too large")
	}
	return n
}

// shortNumber reads a number of up to 18 digits.
func shortNumber(t *token) (int64, bool) {
	if t.kind == kindAbsent {
		return 0, true
	}
	if t.kind != kindNumber || len(t.text) > 18 {
		return 0, false
	}
	n := digits(t.text)
	return n, n >= 0
}

// number reads a number from 0 to most.
func (r *fieldReader) number(field int, most float64) float64 {
	t := &r.f[field]
	if t.kind != kindNumber {
		r.fail(field, " is not a number")
		return 0
	}
	x, err := strconv.ParseFloat(t.text, 64)
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
	if n, ok := shortNumber(&r.f[field]); ok && n <= maxDuration {
		return n * 1000
	}
	return int64(math.Round(r.number(field, maxDuration) * 1000))
}

// seconds reads whole seconds; a fraction counts as a whole one.
func (r *fieldReader) seconds(field int) int64 {
	if n, ok := shortNumber(&r.f[field]); ok && n <= maxRetry {
		return n
	}
	return int64(math.Ceil(r.number(field, float64(maxRetry))))
}

// numberEnd returns how many bytes of s are a JSON number, 0 for none.
func numberEnd(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := digitRun(s[i:])
	if whole == 0 || whole > 1 && s[i] == '0' {
		return 0
	}
	i += whole
	if i < len(s) && s[i] == '.' {
		n := digitRun(s[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n := digitRun(s[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

func digitRun(s string) int {
	i := 0
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// bareToken reads a value without quotes, as CSV has them, into the kind of value that the field wants.
func bareToken(field int, s string) token {
	if s = strings.TrimSpace(s); s == "" {
		return token{}
	}
	switch field {
	case fieldStatus, fieldDurationMS, fieldRequestBytes, fieldResponseBytes, fieldRetryAfterS:
		if numberEnd(s) == len(s) {
			return token{kindNumber, s}
		}
		return token{kind: kindOther}
	case fieldComplete:
		switch strings.ToLower(s) {
		case "true", "1", "yes":
			return token{kind: kindTrue}
		case "false", "0", "no":
			return token{kind: kindFalse}
		}
		return token{kind: kindOther}
	case fieldResets: // for JSON only
		return token{}
	}
	return token{kindString, s}
}
