package config

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// MaxAgents and MaxBytes are beyond what any customer has: a larger number is a slip of the hand.
const (
	MaxAgents = 1_000_000
	MaxBytes  = 1e15
)

// byteUnits are the units of ParseBytes in small letters; those with an i go by 1024.
var byteUnits = map[string]float64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseBytes reads an amount such as "450GB", "9.1 MB", "64KiB" or "450_000_000". It must be 1 or
// more, and no more than a million gigabytes.
func ParseBytes(s string) (float64, error) {
	number := strings.TrimRight(s, "BbIiKkMmGgTt")
	unit, known := byteUnits[strings.ToLower(s[len(number):])]
	number = strings.ReplaceAll(strings.TrimSpace(number), "_", "")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || strings.ContainsAny(number, "xXpP") {
		return 0, fmt.Errorf(
			"size %q must be a number of bytes or an amount such as \"450GB\" or \"9.1MB\"", s)
	}
	if n *= unit; !(n >= 1) || n > MaxBytes {
		return 0, fmt.Errorf("size %q must be above 0 and at most 1000TB, in whole bytes or with a unit",
			s)
	}
	return n, nil
}

// parseZone reads an IANA name. No name means no zone, which is nil.
func parseZone(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("time zone %q is not known; write an IANA name such as \"America/Denver\"",
			name)
	}
	return zone, nil
}

var windowForm = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2}) *- *([0-9]{1,2}):([0-9]{2})$`)

// ParseWindow reads a window such as "22:00-05:00", whose end is exclusive and may be "24:00".
func ParseWindow(s string) (Window, error) {
	m := windowForm.FindStringSubmatch(s)
	if m == nil {
		return Window{}, fmt.Errorf("window %q must be written like \"22:00-05:00\"", s)
	}
	from, fromErr := timeOfDay(m[1], m[2])
	to, toErr := timeOfDay(m[3], m[4])
	switch {
	case fromErr != nil || toErr != nil || from == 24*time.Hour:
		return Window{}, fmt.Errorf("window %q has a time that no clock shows", s)
	case from == to:
		return Window{}, fmt.Errorf("window %q is empty; write \"00:00-24:00\" for the whole day", s)
	}
	return Window{from, to}, nil
}

// timeOfDay is the time from midnight, at most 24 hours.
func timeOfDay(hour, minute string) (time.Duration, error) {
	h, _ := strconv.Atoi(hour) // both are digits, as windowForm has it
	m, _ := strconv.Atoi(minute)
	if h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, errors.New("no time of day")
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, nil
}

// dateText is a date of the file as text; dates may stand there with or without quotes.
func dateText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case toml.LocalDate:
		return v.String()
	}
	return fmt.Sprint(v)
}

func parseClosure(s string) (Closure, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil && t.Year() >= 1970 {
		return Closure{t.Year(), t.Month(), t.Day()}, nil
	}
	// A leap year, so that 02-29 is a day.
	if t, err := time.Parse(time.DateOnly, "2024-"+s); err == nil {
		return Closure{0, t.Month(), t.Day()}, nil
	}
	return Closure{}, fmt.Errorf(
		"date %q must be a day such as \"2026-12-25\", or \"12-25\" for every year", s)
}

// parseClosures reads a list of closures: one date a line, and after a blank or a comma anything,
// such as the day's name. Empty lines and those that begin with "#" are skipped.
func parseClosures(name string, data []byte) ([]Closure, error) {
	var closures []Closure
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		date := line
		if i := strings.IndexAny(line, ", \t"); i >= 0 {
			date = line[:i]
		}
		c, err := parseClosure(date)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		closures = append(closures, c)
	}
	return closures, nil
}

// sorted goes through a map in the order of its keys, so that the first error is always the same.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
