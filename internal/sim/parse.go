package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// listRange reads the two times of a recording list request, which must both be there and in order.
func listRange(query map[string][]string) (from, until time.Time, err error) {
	if from, err = queryTime(query, "startTime"); err != nil {
		return from, until, err
	}
	if until, err = queryTime(query, "endTime"); err != nil {
		return from, until, err
	}
	if until.Before(from) {
		return from, until, errors.New("endTime is before startTime")
	}
	return from, until, nil
}

// queryTime reads an ISO 8601 time with an offset.
func queryTime(query map[string][]string, name string) (time.Time, error) {
	values := query[name]
	if len(values) != 1 {
		return time.Time{}, fmt.Errorf("%s must be given once", name)
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, values[0]); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not an ISO 8601 time with an offset", name)
}

// rangeStart is where a Range header of the form "bytes=N-" begins; 0 for any other.
func rangeStart(header string) int64 {
	text, ok := strings.CutPrefix(header, "bytes=")
	text, open := strings.CutSuffix(text, "-")
	n, err := strconv.ParseInt(text, 10, 64)
	if !ok || !open || err != nil || n < 0 {
		return 0
	}
	return n
}

// ReportQuery is the body of a historical report request.
type ReportQuery struct {
	Format     string            `json:"format"`
	Parameters []ReportParameter `json:"parameters"`
}

// ReportParameter is one parameter of a historical report.
type ReportParameter struct {
	Name      string `json:"name"`
	ValueType string `json:"valueType"`
	Value     string `json:"value"`
}

// parseReport reads a body that must have the right form; what its values mean is looked at later.
func parseReport(body []byte) (ReportQuery, error) {
	var q ReportQuery
	if err := decode(body, &q); err != nil {
		return q, err
	}
	if q.Format == "" || q.Parameters == nil {
		return q, errors.New("format and parameters are required")
	}
	for _, p := range q.Parameters {
		if p.Name == "" || p.ValueType == "" {
			return q, errors.New("a parameter has no name or valueType")
		}
	}
	return q, nil
}

// Action is the body of a click-to-dial or callback request.
type Action struct {
	// NumberToDial is for click to dial, CallbackNumber for a callback; either is required there.
	NumberToDial     string `json:"numberToDial,omitempty"`
	CallbackNumber   string `json:"callbackNumber,omitempty"`
	OutboundCallerID string `json:"outboundCallerId,omitempty"`
	ExternalPrefix   string `json:"externalPrefix,omitempty"`
}

// parseAction returns the number that the body names.
func parseAction(c Class, body []byte) (string, error) {
	var a Action
	if err := decode(body, &a); err != nil {
		return "", err
	}
	number := a.NumberToDial
	if c == ClassCallback {
		number = a.CallbackNumber
	}
	if number == "" {
		return "", errors.New("the number is missing")
	}
	return number, nil
}

// decode reads exactly one JSON value without unknown fields.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New("the body is not the expected JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after its JSON")
	}
	return nil
}

// isNumber says whether s can be dialled: an optional plus sign and at least 3 digits.
func isNumber(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return len(digits) >= 3 && strings.Trim(digits, "0123456789") == ""
}
