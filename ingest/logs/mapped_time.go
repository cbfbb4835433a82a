package logs

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/store"
)

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
