package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// Check says what is wrong with values that a Go program gave: what Parse would refuse in a file is
// refused in the same words, after the tenant's name. It is nil where all can be used.
func (c *Config) Check() error {
	var first error
	note := func(where string, err error) {
		if err != nil && first == nil {
			first = fmt.Errorf("%s: %w", where, err)
		}
	}
	if err := checkEnv(c.TokenEnv); err != nil {
		return err
	}
	c.Defaults.check(func(_ string, err error) { note("defaults", err) })
	for name, t := range sorted(c.Tenants) {
		t.check(func(_ string, err error) { note(fmt.Sprintf("tenant %q", name), err) })
	}
	c.checkNames(func(_, _ string, err error) { note("tenants", err) })
	return first
}

// check notes what is wrong with each of a tenant's values, by its key in the file. Zero values are
// not checked: nothing was said.
func (t *Tenant) check(note func(key string, err error)) {
	if t.Agents < 0 || t.Agents > MaxAgents {
		note("agents", fmt.Errorf("agents must be between 0 and %d, and is %d", MaxAgents, t.Agents))
	}
	note("cap", checkBytes("cap", float64(t.CapBytes)))
	note("bytes_per_recorded_hour", checkBytes("bytes_per_recorded_hour", t.BytesPerHour))
	if t.CapToldBy != "" && t.CapBytes == 0 {
		note("cap_told_by", errors.New("cap_told_by says who told the cap, but there is no cap"))
	}
	if !t.CapToldOn.IsZero() && t.CapBytes == 0 {
		note("cap_told_on", errors.New("cap_told_on says when the cap was told, but there is no cap"))
	}
	note("window", t.Window.check())
	for i, c := range t.Closures {
		note(fmt.Sprintf("closures[%d]", i), c.check())
	}
	note("token_env", checkEnv(t.TokenEnv))
	if t.Host != "" && !hostName.MatchString(t.Host) {
		note("host",
			fmt.Errorf("host %q must be a host name in small letters, without scheme or path", t.Host))
	}
	if u := t.Upstream; u != nil && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http" ||
		u.User != nil || u.RawQuery != "") {
		note("upstream", errUpstream)
	}
}

// errUpstream does not repeat the value: it may hold a password.
var errUpstream = errors.New(
	`upstream must be written like "https://gateway.example.com/acme", without user, password or query`)

// checkNames notes names that are there twice, and aliases that lead nowhere. The key is "" where
// it is about the tenant as a whole.
func (c *Config) checkNames(note func(tenant, key string, err error)) {
	spelled := map[string]string{}
	for tenant := range sorted(c.Tenants) {
		if other, twice := spelled[strings.ToLower(tenant)]; twice {
			// Host names have no case, so one of them would never be met.
			note(tenant, "",
				fmt.Errorf("tenant %q is there twice, the other time as %q", tenant, other))
		}
		spelled[strings.ToLower(tenant)] = tenant
	}
	for name, t := range sorted(c.Tenants) {
		if t.AliasOf != "" {
			note(name, "alias_of", c.checkAlias(name, t.AliasOf))
		}
	}
}

// checkAlias refuses an alias that leads nowhere.
func (c *Config) checkAlias(name, of string) error {
	switch to := c.Tenants[of]; {
	case strings.EqualFold(of, name):
		return fmt.Errorf("tenant %q cannot be an alias of itself", name)
	case to.AliasOf != "":
		return fmt.Errorf("tenant %q is an alias too, of %q; name that one", of, to.AliasOf)
	case to.Ignored:
		return fmt.Errorf("tenant %q is ignored", of)
	}
	return nil
}

// checkBytes refuses what cannot be a number of bytes; 0 means that none was said.
func checkBytes(key string, n float64) error {
	if n == 0 || n >= 1 && n <= MaxBytes {
		return nil
	}
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return fmt.Errorf("%s is no number", key)
	}
	return fmt.Errorf("%s must be above 0 and at most 1000TB, and is %.0f", key, n)
}

// check refuses a window that ParseWindow could not give.
func (w Window) check() error {
	const day = 24 * time.Hour
	switch {
	case w.IsZero():
		return nil
	case w.From == w.To:
		return fmt.Errorf("window %q is empty; write \"00:00-24:00\" for the whole day", w)
	case w.From < 0 || w.From >= day || w.To < 0 || w.To > day:
		return fmt.Errorf("window from %v to %v has a time that no clock shows", w.From, w.To)
	case w.From%time.Minute != 0 || w.To%time.Minute != 0:
		return fmt.Errorf("window from %v to %v must be in whole minutes", w.From, w.To)
	}
	return nil
}

// check refuses a day that no calendar has.
func (c Closure) check() error {
	year := c.Year
	if year == 0 {
		year = 2024 // a leap year, so that 02-29 is a day
	}
	at := time.Date(year, c.Month, c.Day, 0, 0, 0, 0, time.UTC)
	if year < 1970 || year > 9999 || at.Month() != c.Month || at.Day() != c.Day {
		return fmt.Errorf("date %q must be a day such as \"2026-12-25\", or \"12-25\" for every year", c)
	}
	return nil
}

var (
	hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$`)
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
)

// checkEnv refuses what cannot be the name of an environment variable. It may be the token itself,
// so it is not repeated.
func checkEnv(name string) error {
	if name == "" || envName.MatchString(name) {
		return nil
	}
	return errors.New("token_env must be the name of an environment variable, never the token itself")
}
