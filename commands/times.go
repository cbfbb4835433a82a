package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxBack is the longest way back that a time may be given as: a hundred years of days.
const maxBack = 36525

// ParseTime reads a time as it is given to a flag: RFC 3339, a day ("2026-11-01", "today",
// "yesterday", which is its midnight UTC), or a way back from now ("36h", "7d", "90m"). Times are
// UTC, in whole microseconds, and not before 1970.
func ParseTime(s string, now time.Time) (time.Time, error) {
	t, err := parseTime(strings.TrimSpace(s), now)
	if err != nil {
		return time.Time{}, err
	}
	t = t.UTC().Truncate(time.Microsecond)
	if t.Before(time.UnixMicro(0)) {
		return time.Time{}, fmt.Errorf("time %q is before 1970", s)
	}
	return t, nil
}

func parseTime(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	midnight := now.UTC().Truncate(24 * time.Hour)
	switch strings.ToLower(s) {
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	if back, ok := parseBack(s); ok {
		return now.Add(-back), nil
	}
	if _, err := time.Parse("2006-01-02T15:04:05", s); err == nil {
		return time.Time{}, fmt.Errorf("time %q lacks its zone; write %q for UTC", s, s+"Z")
	}
	return time.Time{}, fmt.Errorf(
		"time %q is not understood; write \"2026-11-01T02:00:00Z\", \"2026-11-01\", \"yesterday\", or a way back from now such as \"36h\" or \"7d\"",
		s)
}

// parseBack reads days, which time.ParseDuration does not know, and what it does know.
func parseBack(s string) (time.Duration, bool) {
	const day = 24 * time.Hour
	if days, found := strings.CutSuffix(s, "d"); found {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * float64(day)), err == nil && n >= 0 && n <= maxBack
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}
