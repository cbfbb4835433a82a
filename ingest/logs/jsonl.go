package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// parseJSONL reads one JSON object a line. A scanner that knows only flat objects without escapes
// reads most lines; encoding/json reads what it does not know. Both give the same fields.
func parseJSONL(in *input, f *feeder) error {
	var d draft
	var v fields // out here, as it would be allocated for each line in there
	return eachLine(in, f, func(line textLine) error {
		v = fields{}
		if !scanFlat(line.text, &v) {
			if reason := decodeObject(line.text, &v); reason != "" {
				if line.open && reason == endsEarly {
					return f.wait(line)
				}
				return f.reject(line.number, reason)
			}
		}
		d.line, d.dirty = line.number, line.dirty
		if reason := v.draft(&d); reason != "" {
			return f.reject(line.number, reason)
		}
		return f.add(&d)
	})
}

// decodeObject reads any JSON object by encoding/json. A name that occurs twice counts as it stands
// last.
func decodeObject(s string, v *fields) (reason string) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s), &object); err != nil {
		return explainJSON(s, err)
	}
	if object == nil {
		return "line is not a JSON object"
	}
	for i, name := range fieldNames {
		v[i] = rawToken(object[name])
	}
	return ""
}

const endsEarly = "line is not valid JSON: it ends too early"

// explainJSON says what is wrong with a line without quoting it.
func explainJSON(s string, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return "line is not a JSON object"
	}
	at := max(int(syntax.Offset)-1, 0) // Offset is behind the offending byte
	rest := strings.TrimPrefix(s[min(at, len(s)):], "-")
	if strings.HasPrefix(rest, "NaN") || strings.HasPrefix(rest, "Inf") {
		return fmt.Sprintf("NaN and Infinity are no JSON numbers (at byte %d)", at+1)
	}
	if errors.Is(json.NewDecoder(strings.NewReader(s)).Decode(new(json.RawMessage)),
		io.ErrUnexpectedEOF) {
		return endsEarly
	}
	return fmt.Sprintf("line is not valid JSON (at byte %d)", at+1)
}

// rawToken tells the kind of a JSON value.
func rawToken(raw []byte) jsonscan.Token {
	if len(raw) == 0 || raw[0] == 'n' {
		return jsonscan.Token{}
	}
	switch raw[0] {
	case '"':
		var s string
		if !utf8.Valid(raw) { // json.Unmarshal would replace what is not
			return jsonscan.Token{Kind: jsonscan.String, Text: string(raw[1 : len(raw)-1])}
		}
		if json.Unmarshal(raw, &s) != nil {
			return jsonscan.Token{Kind: jsonscan.Other}
		}
		return jsonscan.Token{Kind: jsonscan.String, Text: s}
	case '{', '[':
		return jsonscan.Token{Kind: jsonscan.Other, Text: string(raw)}
	case 't':
		return jsonscan.Token{Kind: jsonscan.True}
	case 'f':
		return jsonscan.Token{Kind: jsonscan.False}
	}
	return jsonscan.Token{Kind: jsonscan.Number, Text: string(raw)}
}

// scanFlat reads an object whose values are strings without escapes, numbers, true, false and null.
// It returns false for everything else, valid or not, and v is then undefined until decodeObject
// has filled it.
func scanFlat(s string, v *fields) bool {
	i := skipSpace(s, 0)
	if i == len(s) || s[i] != '{' {
		return false
	}
	for {
		name, next, ok := scanText(s, skipSpace(s, i+1))
		if !ok {
			return false
		}
		i = skipSpace(s, next)
		if i == len(s) || s[i] != ':' {
			return false
		}
		t, next, ok := scanValue(s, skipSpace(s, i+1))
		if !ok {
			return false
		}
		if field := fieldIndexOf(name); field >= 0 {
			v[field] = t
		}
		i = skipSpace(s, next)
		if i == len(s) {
			return false
		}
		if s[i] == '}' {
			return skipSpace(s, i+1) == len(s)
		}
		if s[i] != ',' {
			return false
		}
	}
}

// fieldIndexOf finds a name in fieldNames, -1 for one that is not ours. A switch is faster than a
// map here.
func fieldIndexOf(name string) int {
	switch name {
	case "started_at":
		return fieldStartedAt
	case "method":
		return fieldMethod
	case "url":
		return fieldURL
	case "status":
		return fieldStatus
	case "tenant":
		return fieldTenant
	case "duration_ms":
		return fieldDurationMS
	case "request_bytes":
		return fieldRequestBytes
	case "response_bytes":
		return fieldResponseBytes
	case "complete":
		return fieldComplete
	case "params_hash":
		return fieldParamsHash
	case "retry_after_s":
		return fieldRetryAfterS
	case "client":
		return fieldClient
	case "error":
		return fieldError
	case "vendor_id":
		return fieldVendorID
	case "date_skew_s":
		return fieldDateSkewS
	case "time_is":
		return fieldTimeIs
	case "resolution_s":
		return fieldResolutionS
	case "storage_of":
		return fieldStorageOf
	case "egress_resets":
		return fieldResets
	}
	return -1
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n') {
		i++
	}
	return i
}

// scanText reads a quoted string without escapes and control characters that begins at i.
func scanText(s string, i int) (text string, next int, ok bool) {
	if i >= len(s) || s[i] != '"' {
		return "", i, false
	}
	rest := s[i+1:]
	for j := 0; j < len(rest); j++ {
		c := rest[j]
		if c == '"' {
			return rest[:j], i + j + 2, true
		}
		if c == '\\' || c < ' ' {
			break
		}
	}
	return "", i, false
}

// scanValue reads the value that begins at i, unless it is an object or an array.
func scanValue(s string, i int) (t jsonscan.Token, next int, ok bool) {
	if i >= len(s) {
		return jsonscan.Token{}, i, false
	}
	rest := s[i:]
	switch {
	case rest[0] == '"':
		text, next, ok := scanText(s, i)
		return jsonscan.Token{Kind: jsonscan.String, Text: text}, next, ok
	case strings.HasPrefix(rest, "true"):
		return jsonscan.Token{Kind: jsonscan.True}, i + 4, true
	case strings.HasPrefix(rest, "false"):
		return jsonscan.Token{Kind: jsonscan.False}, i + 5, true
	case strings.HasPrefix(rest, "null"):
		return jsonscan.Token{}, i + 4, true
	}
	n := jsonscan.NumberEnd(rest)
	return jsonscan.Token{Kind: jsonscan.Number, Text: rest[:n]}, i + n, n > 0
}
