package logs

import (
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// TestTimesByForm: what a time says, how exactly, or why it says too little.
func TestTimesByForm(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err) // Go brings the zones along
	}
	const minute = 60 * wholeSecond
	for _, c := range []struct {
		text, form string
		zone       *time.Location
		want       string // in UTC
		resolution int64
		says       string
	}{
		{text: "1.7934984051234567e9", want: "2026-11-01 02:00:05.123456"},
		{text: "1.793498405e+09", want: "2026-11-01 02:00:05", resolution: wholeSecond},
		{text: "1.793498405123456789E18", want: "2026-11-01 02:00:05.123456"},
		{text: "-1e9", says: "not a time"},
		{text: "9500000000000000000", says: "not a time"}, // more than an int64 holds
		{text: "9.5e18", says: "not a time"},
		{text: "1e300", says: "not a time"},
		// As microseconds, it is 2026 in an int64 that has overflowed.
		{text: "18448537571709", form: "unix", says: "not a time"},
		{text: "18448537571709551", form: "unix-ms", says: "not a time"},
		{text: "2026-11-01 03:00:05.25 +0100", want: "2026-11-01 02:00:05.25"},
		{text: "2026-11-01 02:00:05 +0000 UTC", want: "2026-11-01 02:00:05", resolution: wholeSecond},
		{text: "2026-11-01T03:00:05 +01:00", want: "2026-11-01 02:00:05", resolution: wholeSecond},
		{text: "2026-11-01 02:00:05", says: "no time zone"},

		// A point in the pattern is no fraction of a second.
		{text: "01.11.2026 03:00:05", form: "%d.%m.%Y %H:%M:%S", zone: berlin, want: "2026-11-01 02:00:05", resolution: wholeSecond},
		{text: "01.11.2026 03:00:05.5", form: "%d.%m.%Y %H:%M:%S", zone: berlin, want: "2026-11-01 02:00:05.5"},
		{text: "2026-11-01 02:00:05,25", form: "%Y-%m-%d %H:%M:%S,%f", zone: time.UTC, want: "2026-11-01 02:00:05.25"},
		{text: "2026-11-01 02:00", form: "%Y-%m-%d %H:%M", zone: time.UTC, want: "2026-11-01 02:00:00", resolution: minute},
		{text: "2026-11-01 02", form: "%Y-%m-%d %H", zone: time.UTC, want: "2026-11-01 02:00:00", resolution: 60 * minute},
		{text: "11/01/2026 12:00:05 AM", form: "%m/%d/%Y %I:%M:%S %p", zone: time.UTC, want: "2026-11-01 00:00:05", resolution: wholeSecond},
		{text: "11/01/2026 12:00:05", form: "%m/%d/%Y %I:%M:%S", zone: time.UTC, says: "%I and %p belong together"},

		// The hour that the clocks show twice, and the one that they leave out.
		{text: "2026-10-25 01:59:59", zone: berlin, want: "2026-10-24 23:59:59", resolution: wholeSecond},
		{text: "2026-10-25 02:30:00", zone: berlin, says: "one of two hours"},
		{text: "2026-10-25 03:00:00", zone: berlin, want: "2026-10-25 02:00:00", resolution: wholeSecond},
		{text: "2026-10-25 02:30:00 +0200", form: "%Y-%m-%d %H:%M:%S %z", zone: berlin, want: "2026-10-25 00:30:00", resolution: wholeSecond},
		{text: "2026-10-25 02:30:00 CET", form: "%Y-%m-%d %H:%M:%S %Z", zone: berlin, want: "2026-10-25 01:30:00", resolution: wholeSecond},
		{text: "2026-03-29 02:30:00", zone: berlin, says: "does not exist"},
		{text: "29.03.2026 02:30:00", form: "%d.%m.%Y %H:%M:%S", zone: berlin, says: "does not exist"},

		// Package time takes an abbreviation that it does not know for UTC.
		{text: "2026-11-01 02:00:05 UTC", form: "%Y-%m-%d %H:%M:%S %Z", want: "2026-11-01 02:00:05", resolution: wholeSecond},
		{text: "2026-11-01 02:00:05 GMT", form: "%Y-%m-%d %H:%M:%S %Z", want: "2026-11-01 02:00:05", resolution: wholeSecond},
		{text: "2026-11-01 02:00:05 PDT", form: "%Y-%m-%d %H:%M:%S %Z", says: "abbreviation"},
		{text: "2026-11-01 02:00:05 CET", form: "%Y-%m-%d %H:%M:%S %Z", says: "abbreviation"},
	} {
		token := jsonscan.Token{Kind: jsonscan.String, Text: c.text}
		at, resolution, reason := readTime(token, place{form: c.form, zone: c.zone})
		got := time.UnixMicro(at).UTC().Format("2006-01-02 15:04:05.999999")
		switch {
		case c.says != "" && !strings.Contains(reason, c.says), c.says == "" && reason != "":
			t.Errorf("%s by %q: %q, want %q", c.text, c.form, reason, c.says)
		case c.says == "" && (got != c.want || resolution != c.resolution):
			t.Errorf("%s by %q: %s ± %d, want %s ± %d", c.text, c.form, got, resolution, c.want, c.resolution)
		}
	}
}

// TestEpochOfLogFormat: a count that an int64 does not hold in microseconds is no time of this
// century.
func TestEpochOfLogFormat(t *testing.T) {
	m, err := ParseLogFormat(`%h %l %u %{sec}t "%r" %>s %b`)
	if err != nil {
		t.Fatal(err)
	}
	for count, want := range map[string]string{"1793498405": "1793498405", "18448537571709": ""} {
		texts := m.line.match(`10.0.0.1 - - ` + count + ` "GET / HTTP/1.1" 200 5`)
		if texts == nil || texts[timeGroup] != want {
			t.Errorf("%s seconds: %q, want %q", count, texts, want)
		}
	}
}
