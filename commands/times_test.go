package commands

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-11-01T02:00:00Z":           "2026-11-01T02:00:00Z",
		"2026-11-01T02:00:00.1234567Z":   "2026-11-01T02:00:00.123456Z",
		"2026-11-01T02:00:00+02:00":      "2026-11-01T00:00:00Z",
		"2026-11-01":                     "2026-11-01T00:00:00Z",
		" 2026-11-01 ":                   "2026-11-01T00:00:00Z",
		"today":                          "2026-11-10T00:00:00Z",
		"Yesterday":                      "2026-11-09T00:00:00Z",
		"36h":                            "2026-11-09T00:00:00Z",
		"7d":                             "2026-11-03T12:00:00Z",
		"0.5d":                           "2026-11-10T00:00:00Z",
		"90m":                            "2026-11-10T10:30:00Z",
		"1970-01-01":                     "1970-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z":           "9999-12-31T23:59:59Z",
		"2026-11-01T02:00:00.000000001Z": "2026-11-01T02:00:00Z",
	} {
		got, err := ParseTime(text, now)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "now", "d", "-7d", "-1h", "NaNd", "Infd", "1e9d", "40000d", "2026-13-01", "2026-11-01T02:00:00", "1969-12-31",
		"2026-11-01 02:00", "7",
	} {
		if got, err := ParseTime(text, now); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"audti", `; did you mean "audit"?`}, {"exprot", `; did you mean "export"?`}, {"audit", `; did you mean "audit"?`},
		{"frobnicate", ""}, {"", ""}, {"x", ""},
	} {
		if got := didYouMean(c.word, []string{"import", "export", "audit"}); got != c.want {
			t.Errorf("%q: %q, want %q", c.word, got, c.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine("a\nb\x1b[31m\u202e\n"); got != "a; b\uFFFD[31m\uFFFD" {
		t.Errorf("%q", got)
	}
}
