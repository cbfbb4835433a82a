package logs

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/ingest/listing"
)

// valueReader turns members into values and keeps the first thing that is wrong.
type valueReader struct {
	opened
	fields map[string][]place
	form   numberForm      // of a table
	found  map[string]bool // the fields that had a value are noted here
	reason string
	// step is how exact the number read last is: 1 ms for one in ms that has no fraction, 0 for one
	// that has.
	step float64
}

func (v *valueReader) fail(field, what string) {
	if v.reason == "" {
		v.reason = field + what
	}
}

// find gives the first member of a field that the record has.
func (v *valueReader) find(field string) (t jsonscan.Token, p place) {
	for _, p := range v.fields[field] {
		if t := v.get(p.member); t.Kind != jsonscan.Absent &&
			(p.form != "http" || strings.HasPrefix(t.Text, "http")) {
			v.found[field] = true
			return t, p
		}
	}
	return jsonscan.Token{}, place{}
}

func (v *valueReader) hasValue(field string) bool {
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
	text := v.plain(field, t, p)
	unit, ok := units[strings.ToLower(p.form)]
	if !ok {
		unit = 1
	}
	v.step = unit
	if strings.ContainsAny(text, ".eE") {
		v.step = 0
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && t.Kind == jsonscan.String {
		if d, e := time.ParseDuration(text); e == nil && strings.HasSuffix(field, "_ms") {
			x, unit, v.step, err = d.Seconds(), 1000, 0, nil
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

// plain is the text of a number as JSON has it.
func (v *valueReader) plain(field string, t jsonscan.Token, p place) string {
	text := strings.TrimSpace(t.Text)
	if v.form.separator == 0 {
		return text
	}
	whole := p.form == "" && field != "duration_ms"
	text, reason := v.form.plain(field, whole, text)
	if reason != "" && v.reason == "" {
		v.reason = reason
	}
	return text
}

// status reads a status. None, a negative one, or null says that no answer came; where the member
// is not even there, errorText must say what went wrong.
func (v *valueReader) status(errorText string) int64 {
	t, p := v.find("status")
	switch {
	case t.Kind == jsonscan.Absent && errorText == "" && !v.isThere("status"):
		v.fail("status", " is missing")
		return 0
	case t.Kind == jsonscan.Absent, strings.HasPrefix(t.Text, "-"):
		return 0
	}
	text, decimals, _ := strings.Cut(v.plain("status", t, p), ".") // pandas makes 200.0 of 200
	n := jsonscan.Digits(text)
	if n < 0 || len(text) > 3 || strings.Trim(decimals, "0") != "" {
		v.fail("status", " is not a number of three digits")
	}
	return n
}

// isThere says whether a record has a member of the field, be it null.
func (v *valueReader) isThere(field string) bool {
	if v.has == nil {
		return true
	}
	return slices.ContainsFunc(v.fields[field], func(p place) bool { return v.has(p.member) })
}

// retryAfter reads seconds; a date means nothing without the answer's own.
func (v *valueReader) retryAfter() int64 {
	t, _ := v.find("retry_after_s")
	return max(t.Count(1<<31),
		jsonscan.Token{Kind: jsonscan.Number, Text: strings.TrimSpace(t.Text)}.Count(1<<31), 0)
}
