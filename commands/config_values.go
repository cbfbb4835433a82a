package commands

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/6dcca832/headroom/limits"
)

// configReader turns what was read into values, and keeps the first thing that is wrong.
type configReader struct {
	doc *limits.Document
	err error
}

func (r *configReader) check(key string, err error) {
	if err != nil && r.err == nil {
		r.err = r.doc.Errorf(key, "%w", err)
	}
}

func (r *configReader) tenant(key string, f tenantFile) TenantConfig {
	t := TenantConfig{Agents: f.Agents, TimeZone: f.TimeZone, TokenEnv: f.TokenEnv, ClosuresFile: f.ClosuresFile, Host: f.Host}
	if f.Agents < 0 || f.Agents > maxAgents {
		r.check(key+".agents", fmt.Errorf("agents must be between 0 and %d, and is %d", maxAgents, f.Agents))
	}
	t.CapBytes = int64(r.amount(key+".cap", f.Cap))
	t.BytesPerHour = r.amount(key+".bytes_per_recorded_hour", f.BytesPerHour)
	var err error
	t.Location, err = parseZone(f.TimeZone)
	r.check(key+".time_zone", err)
	if f.Window != "" {
		t.Window, err = ParseWindow(f.Window, t.Location)
		r.check(key+".window", err)
	}
	if f.CapToldOn != nil {
		c, err := parseClosure(dateText(f.CapToldOn))
		if err == nil && c.Year == 0 {
			err = fmt.Errorf("cap_told_on must be a date such as 2026-11-01")
		}
		if err == nil && f.Cap == "" {
			err = errors.New("cap_told_on says when the cap was told, but there is no cap")
		}
		r.check(key+".cap_told_on", err)
		t.CapToldOn = time.Date(c.Year, c.Month, c.Day, 0, 0, 0, 0, time.UTC)
	}
	for i, v := range f.Closures {
		c, err := parseClosure(dateText(v))
		r.check(fmt.Sprintf("%s.closures[%d]", key, i), err)
		t.Closures = append(t.Closures, c)
	}
	r.env(key+".token_env", f.TokenEnv)
	if f.Host != "" && !hostName.MatchString(f.Host) {
		r.check(key+".host", fmt.Errorf("host %q must be a host name in small letters, without scheme or path", f.Host))
	}
	return t
}

// maxAgents and maxBytes are beyond what any customer has: a larger number is a slip of the hand.
const (
	maxAgents = 1_000_000
	maxBytes  = 1e15
)

var (
	hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`)
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
)

// env checks the name of an environment variable. Somebody may have put the token itself there: it is not repeated.
func (r *configReader) env(key, name string) {
	if name != "" && !envName.MatchString(name) {
		r.check(key, errors.New("token_env must be the name of an environment variable, never the token itself"))
	}
}

func (r *configReader) amount(key string, a amount) float64 {
	if a == "" {
		return 0
	}
	n, err := ParseBytes(string(a))
	r.check(key, err)
	return n
}

// amount is a number or a text in the file.
type amount string

func (a *amount) UnmarshalText(text []byte) error {
	*a = amount(text)
	return nil
}

// byteUnits are the units of ParseBytes in small letters; those with an i go by 1024.
var byteUnits = map[string]float64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseBytes reads an amount such as "450GB", "9.1 MB", "64KiB" or "450_000_000". It must be 1 or more, and no more than a
// million gigabytes.
func ParseBytes(s string) (float64, error) {
	number := strings.TrimRight(s, "BbIiKkMmGgTt")
	unit, known := byteUnits[strings.ToLower(s[len(number):])]
	number = strings.ReplaceAll(strings.TrimSpace(number), "_", "")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || strings.ContainsAny(number, "xXpP") {
		return 0, fmt.Errorf("size %q must be a number of bytes or an amount such as \"450GB\" or \"9.1MB\"", s)
	}
	if n *= unit; !(n >= 1) || n > maxBytes {
		return 0, fmt.Errorf("size %q must be above 0 and at most 1000TB, in whole bytes or with a unit", s)
	}
	return n, nil
}

func parseZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC, fmt.Errorf("time zone %q is not known; write an IANA name such as \"America/Denver\"", name)
	}
	return zone, nil
}

// Window is a part of every day by the clocks of a zone. The zero Window is the whole of every day.
type Window struct {
	from, to int // minutes from midnight; to is exclusive, and before from when the window goes past midnight
	zone     *time.Location
}

var windowForm = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2}) *- *([0-9]{1,2}):([0-9]{2})$`)

// ParseWindow reads a window such as "22:00-05:00", whose end is exclusive and may be "24:00".
func ParseWindow(s string, zone *time.Location) (Window, error) {
	m := windowForm.FindStringSubmatch(s)
	if m == nil {
		return Window{}, fmt.Errorf("window %q must be written like \"22:00-05:00\"", s)
	}
	w := Window{minutes(m[1], m[2]), minutes(m[3], m[4]), zone}
	if w.from < 0 || w.to < 0 || w.from == 24*60 {
		return Window{}, fmt.Errorf("window %q has a time that no clock shows", s)
	}
	if w.from == w.to {
		return Window{}, fmt.Errorf("window %q is empty; write \"00:00-24:00\" for the whole day", s)
	}
	return w, nil
}

// minutes are those from midnight to a time of day, -1 for what is none.
func minutes(hour, minute string) int {
	h, _ := strconv.Atoi(hour)
	m, _ := strconv.Atoi(minute)
	if h > 24 || m > 59 || h == 24 && m > 0 {
		return -1
	}
	return h*60 + m
}

// IsZero says that no window was set.
func (w Window) IsZero() bool { return w == Window{} }

// Contains says whether t is inside the window.
func (w Window) Contains(t time.Time) bool {
	if w.IsZero() {
		return true
	}
	if w.zone != nil {
		t = t.In(w.zone)
	}
	now := t.Hour()*60 + t.Minute()
	if w.from < w.to {
		return w.from <= now && now < w.to
	}
	return w.from <= now || now < w.to
}

// String is the window as ParseWindow reads it, "" for the zero Window.
func (w Window) String() string {
	if w.IsZero() {
		return ""
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d", w.from/60, w.from%60, w.to/60, w.to%60)
}

// Closure is a day without calls. Year 0 means every year.
type Closure struct {
	Year  int
	Month time.Month
	Day   int
}

func (c Closure) on(t time.Time) bool {
	return (c.Year == 0 || c.Year == t.Year()) && c.Month == t.Month() && c.Day == t.Day()
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
	return Closure{}, fmt.Errorf("date %q must be a day such as \"2026-12-25\", or \"12-25\" for every year", s)
}

// parseClosures reads a list of closures: one date a line, and after a blank or a comma anything, such as the day's
// name. Empty lines and those that begin with "#" are skipped.
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
