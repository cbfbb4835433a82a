// Package config holds what only the user knows of the tenants: licensed agents, the cap that
// support told, the nightly window, days without calls. It reads that from headroom.toml; a program
// may as well make a Config of its own.
//
// For most uses, Load reads the file, and Config.About gives an analysis what is known of a tenant.
//
// # Guarantees
//
// A file is read strictly: each unknown key and each wrong value is an error of one line with file,
// line and reason. No error repeats what could be a token.
//
// # What it does not do
//
// It never holds a token, only the name of the environment variable that does.
package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"

	// Zones must be known on machines without a zone database too.
	_ "time/tzdata"
)

// Config is what is known of all tenants. The zero Config knows nothing of any.
type Config struct {
	// TokenEnv names the environment variable with the token of tenants that name none; "" means not
	// set.
	TokenEnv string
	// Key names the file of the key that signs seals, which Load makes absolute; "" means the user's
	// own.
	Key string
	// Defaults holds for tenants that are not in Tenants.
	Defaults Tenant
	// Tenants holds what is known of each tenant, the file's defaults already filled in.
	Tenants map[string]Tenant
	// Hooks are what the nightly commands tell others.
	Hooks Hooks
	// Pull says where the command pull puts recordings, and how.
	Pull Pull
}

// Pull says how recordings are fetched. Zero values mean that nothing was said.
type Pull struct {
	// Dest is a folder or "s3://bucket/prefix", Staging the folder for what is not uploaded yet.
	Dest, Staging string
	// Lookback is the trailing window that is listed each night.
	Lookback time.Duration
	// Reserve is the share of the cap that is left free; negative means none of it, 0 not said.
	Reserve float64
	// MaxTransfer is the most bytes of a tenant's run, MaxDuration how long it may begin recordings.
	MaxTransfer int64
	MaxDuration time.Duration
	// Order is oldest, newest or smallest, CutoffMode cautious or soft.
	Order, CutoffMode string
	// Parallel is how many tenants are pulled at the same time.
	Parallel int
}

// Tenant is what is known of one tenant. Zero values mean that nothing was said.
type Tenant struct {
	// Agents is the number of licensed recorded agents.
	Agents int
	// CapBytes is the egress cap in bytes that support told, CapToldOn the day it did (midnight UTC),
	// and CapToldBy who did, such as a ticket's number.
	CapBytes  int64
	CapToldOn time.Time
	CapToldBy string
	// BytesPerHour is the size in bytes of a recorded hour.
	BytesPerHour float64
	// Location is where the calls are made: Window and Closures go by its clocks. Nil means UTC.
	Location *time.Location
	// Window is when recordings should be pulled.
	Window Window
	// TokenEnv names the environment variable with the tenant's token.
	TokenEnv string
	// Closures are the days without calls.
	Closures []Closure
	// Host is the tenant's host name where it is not the policy's.
	Host string
	// Upstream is where the tenant's requests are sent instead, such as a gateway; nil means to its
	// host.
	Upstream *url.URL
	// Ignored leaves the tenant out of what is told, and AliasOf counts its requests as those of
	// another: both are for names that came into the log by a slip. The log keeps its rows.
	Ignored bool
	AliasOf string

	closuresFile string // of more Closures; Load reads it
}

// Place is where the tenant's requests go where that is not the policy's host; else it is nil.
func (t Tenant) Place() *url.URL {
	if t.Upstream != nil || t.Host == "" {
		return t.Upstream
	}
	return &url.URL{Scheme: "https", Host: t.Host}
}

// Window is the part of every day that begins at From and ends before To, both from midnight on the
// wall's clock. It goes past midnight where To is before From. The zero Window is the whole of
// every day.
type Window struct{ From, To time.Duration }

// Closure is a day without calls. Year 0 means every year.
type Closure struct {
	Year  int
	Month time.Month
	Day   int
}

// Tenant is what is known of a tenant, Defaults if Tenants does not have it.
func (c *Config) Tenant(name string) Tenant {
	if t, ok := c.Tenants[name]; ok {
		return t
	}
	return c.Defaults
}

// RewriteNotes gives a copy whose texts that reports repeat are what f makes of them.
func (c Config) RewriteNotes(f func(string) string) *Config {
	c.Defaults.CapToldBy = f(c.Defaults.CapToldBy)
	c.Tenants = maps.Clone(c.Tenants)
	for name, t := range c.Tenants {
		t.CapToldBy = f(t.CapToldBy)
		c.Tenants[name] = t
	}
	return &c
}

// Names are the tenants that the Config has, in order.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.Tenants)) }

// Known are the tenants of which something is to be told, in order: neither ignored nor an alias.
func (c *Config) Known() []string {
	return slices.DeleteFunc(c.Names(), func(name string) bool {
		t := c.Tenants[name]
		return t.Ignored || t.AliasOf != ""
	})
}

// Aliases are, by name, the tenants whose requests count as those of another.
func (c *Config) Aliases() map[string]string {
	aliases := map[string]string{}
	for name, t := range c.Tenants {
		if t.AliasOf != "" {
			aliases[name] = t.AliasOf
		}
	}
	return aliases
}

// About gives an analysis what is known of a tenant; it fits the option About of package analyze.
func (c *Config) About(name string) egress.Tenant {
	t := c.Tenant(name)
	a := egress.Tenant{
		Name: name, Chance: -1,
		Cap: egress.CapFacts{
			Told: t.CapBytes, ToldOn: t.CapToldOn, ToldBy: t.CapToldBy, Agents: t.Agents,
			BytesPerHour: t.BytesPerHour,
		},
		Zone: t.zone(),
	}
	if len(t.Closures) > 0 {
		a.Closed = t.ClosedAt
	}
	if !t.Window.IsZero() {
		a.Window = zonedWindow{t.Window, t.zone()}
	}
	return a
}

// ClosedAt says whether the day of a time, in the tenant's zone, is one without calls.
func (t *Tenant) ClosedAt(at time.Time) bool {
	at = at.In(t.zone())
	return slices.ContainsFunc(t.Closures, func(c Closure) bool { return c.on(at) })
}

func (t *Tenant) zone() *time.Location {
	if t.Location == nil {
		return time.UTC
	}
	return t.Location
}

// ZoneName is the name of the tenant's Location, "" where it has none.
func (t *Tenant) ZoneName() string {
	if t.Location == nil {
		return ""
	}
	return t.Location.String()
}

// IsZero says that no window was set.
func (w Window) IsZero() bool { return w == Window{} }

// Contains says whether a time is inside the window, by the clock of the time's own zone.
func (w Window) Contains(t time.Time) bool {
	if w.IsZero() {
		return true
	}
	now := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	if w.From < w.To {
		return w.From <= now && now < w.To
	}
	return w.From <= now || now < w.To
}

// String is the window as ParseWindow reads it, "" for the zero Window.
func (w Window) String() string {
	if w.IsZero() {
		return ""
	}
	return clock(w.From) + "-" + clock(w.To)
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// zonedWindow is a Window in a zone, which it names: saved states go by what it prints.
type zonedWindow struct {
	Window
	zone *time.Location
}

func (w zonedWindow) Contains(t time.Time) bool { return w.Window.Contains(t.In(w.zone)) }

func (w zonedWindow) String() string { return fmt.Sprintf("%s %v", w.Window, w.zone) }

func (c Closure) on(t time.Time) bool {
	return (c.Year == 0 || c.Year == t.Year()) && c.Month == t.Month() && c.Day == t.Day()
}
