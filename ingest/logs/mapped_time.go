package logs

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/store"
)

// times reads the time of the record.
func (v *valueReader) times(d *draft) {
	found := false
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
		at, resolution, reason := readTime(t, p)
		if reason != "" {
			v.fail(c.field, reason)
			return
		}
		found = true
		if c.is == store.TimeIsEnd && d.startedAt > 0 {
			if d.duration == 0 && at > d.startedAt {
				d.duration = at - d.startedAt
			}
			return
		}
		if d.startedAt > 0 {
			return
		}
		d.startedAt, d.resolution, d.timeIs = at, resolution, c.is
	}
	if !found && v.reason == "" {
		v.fail("started_at", " is missing: the record holds no time")
	}
}

// timeForms are the forms of a time, by how many of them make a second; 0 for texts.
var timeForms = map[string]float64{
	"unix": 1, "unix-s": 1, "unix-ms": 1e3, "unix-us": 1e6, "unix-ns": 1e9, "rfc3339": 0, "clf": 0,
}

const badTime = " is not a time of a known form: name it, such as ended_at=ts:unix-ms"

// readTime reads a time in microseconds since 1970 UTC, and how exact it is, as Source.Resolution
// says it. Without a form, a number is seconds, milliseconds, microseconds or nanoseconds by its
// size.
func readTime(t jsonscan.Token, p place) (micros, resolution int64, reason string) {
	text := strings.TrimSpace(t.Text)
	if strings.Contains(p.form, "%") {
		return readLayout(text, p)
	}
	if jsonscan.NumberEnd(text) == len(text) && text != "" {
		return readEpoch(text, timeForms[p.form])
	}
	text = strings.Trim(text, "[]")
	if at, fraction, ok := parseLogTime(text); ok {
		return at, resolutionOf(fraction), ""
	}
	if m := spacedZone.FindStringSubmatch(text); m != nil {
		text = m[1] + m[2]
	}
	at, fraction, why := parseRFC3339(text)
	if why == "" {
		return at, resolutionOf(fraction), ""
	}
	if p.zone != nil {
		for _, layout := range []string{
			"2006-01-02T15:04:05", "2006-01-02 15:04:05", "02/Jan/2006:15:04:05",
		} {
			if _, err := time.Parse(layout, text); err == nil {
				return parseIn(layout, text, p.zone)
			}
		}
	}
	if at, err := time.Parse(http.TimeFormat, text); err == nil {
		return at.UnixMicro(), wholeSecond, ""
	}
	if strings.Contains(why, "no time zone") {
		return 0, 0, " has no time zone: log one, or name it with zone in a mapping file"
	}
	return 0, 0, badTime
}

func resolutionOf(fraction bool) int64 {
	if fraction {
		return 0
	}
	return wholeSecond
}

// spacedZone is an offset as Go, PHP and Ruby write it: behind a space, and perhaps with the name
// of the zone.
var spacedZone = regexp.MustCompile(`^(\S+[ T]\S+) ([+-]\d\d:?\d\d)(?: [A-Z]{3,5})?$`)

// readEpoch reads a number since 1970; perSecond is 0 where the number's size decides.
func readEpoch(text string, perSecond float64) (micros, resolution int64, reason string) {
	if strings.ContainsAny(text, "eE") { // as 1.7935e9
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, 0, badTime
		}
		text = strconv.FormatFloat(x, 'f', -1, 64)
	}
	whole, sub, hasSub := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 {
		return 0, 0, badTime
	}
	if perSecond == 0 {
		perSecond = 1
		for n >= latestEpoch*int64(perSecond) && perSecond < 1e9 {
			perSecond *= 1000
		}
	}
	if float64(n) >= latestEpoch*perSecond {
		return 0, 0, badTime
	}
	part, _ := parseFraction(sub) // microseconds of a unit
	if hasSub && part < 0 {
		return 0, 0, badTime
	}
	part = max(part, 0)
	switch perSecond {
	case 1:
		return n*1e6 + part, resolutionOf(hasSub), ""
	case 1e3:
		return n*1e3 + part/1e3, 0, ""
	case 1e6:
		return n, 0, ""
	}
	return n / 1e3, 0, ""
}

// latestEpoch, in seconds since 1970, is in the year 5138: what is larger is no count of seconds.
const latestEpoch = 1e11

// readLayout reads a time by a strftime pattern.
func readLayout(text string, p place) (micros, resolution int64, reason string) {
	layout, err := goLayout(p.form)
	if err != nil {
		return 0, 0, " has a form that is not known: " + err.Error()
	}
	if p.zone == nil && !hasZone(layout) {
		return 0, 0, " has no time zone: " + addZone
	}
	return parseIn(layout, text, p.zone)
}

const addZone = "add %z, or name one with zone in a mapping file"

// hasZone says whether a time of this layout says where it belongs.
func hasZone(layout string) bool {
	return strings.Contains(layout, "-0700") || strings.Contains(layout, "MST")
}

// parseIn reads a time by a layout of package time, in the zone where the text names none; nil
// stands for UTC. A clock that is set back shows an hour twice, which no text without an offset
// tells apart, and one that is set forward leaves an hour out.
func parseIn(layout, text string, zone *time.Location) (micros, resolution int64, reason string) {
	if zone == nil {
		zone = time.UTC
	}
	at, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return 0, 0, " does not fit its form"
	}
	resolution = layoutResolution(layout, text)
	switch {
	case strings.Contains(layout, "-0700"):
	case strings.Contains(layout, "MST"):
		// Package time makes up a zone with the offset 0 for an abbreviation that it does not know here.
		if l := at.Location(); l != zone && l != time.UTC && l.String() != "GMT" {
			return 0, 0, " names its zone by an abbreviation, which does not tell its offset: " +
				"log the offset, or name the zone with zone in a mapping file"
		}
	default:
		wall, _ := time.Parse(layout, text) // as read above
		switch fits := readings(wall, zone); {
		case len(fits) == 0:
			return 0, 0, " does not exist in its zone: the clocks are set forward over it"
		case len(fits) > 1:
			return 0, 0, " may be one of two hours, since the clocks are set back: log the offset from UTC"
		}
	}
	return at.UnixMicro(), resolution, ""
}

// readings are the moments at which the clocks of a zone show what wall shows in UTC.
func readings(wall time.Time, zone *time.Location) (at []time.Time) {
	const far = 26 * time.Hour // more than any offset from UTC, less than clocks are set twice in
	for _, near := range []time.Time{wall.Add(-far), wall.Add(far)} {
		_, offset := near.In(zone).Zone()
		one := wall.Add(-time.Duration(offset) * time.Second)
		_, real := one.In(zone).Zone()
		if real == offset && (len(at) == 0 || !at[0].Equal(one)) {
			at = append(at, one)
		}
	}
	return at
}

var fractionOfSecond = regexp.MustCompile(`:\d\d[.,]\d`)

// layoutResolution is how exact a time of this layout is, in microseconds.
func layoutResolution(layout, text string) int64 {
	switch {
	case strings.Contains(layout, "05"):
		return resolutionOf(fractionOfSecond.MatchString(text))
	case strings.Contains(layout, "04"):
		return 60 * wholeSecond
	case strings.Contains(layout, "15"), strings.Contains(layout, "03"):
		return 3600 * wholeSecond
	}
	return 24 * 3600 * wholeSecond
}

var strftime = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'b': "Jan", 'h': "Jan", 'B': "January",
	'H': "15", 'I': "03", 'M': "04",
	'S': "05", 'p': "PM", 'z': "-0700", 'Z': "MST", 'T': "15:04:05", 'F': "2006-01-02", 'R': "15:04",
	'D': "01/02/06", 'a': "Mon", 'A': "Monday",
	'j': "002", 'f': "999999", 'L': "999", '%': "%",
}

// goLayout translates a strftime pattern, or says what of it is not known.
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
			return "", fmt.Errorf("%%%c is not known", pattern[i])
		}
		b.WriteString(layout)
	}
	if strings.Contains(b.String(), "03") != strings.Contains(b.String(), "PM") {
		return "", errors.New("%I and %p belong together")
	}
	return b.String(), nil
}
