package commands

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	// Zones must be known on machines without a zone database too.
	_ "time/tzdata"

	"github.com/6dcca832/headroom/limits"
)

// configTemplate is the commented headroom.toml that init writes.
//
//go:embed headroom.toml.tmpl
var configTemplate string

// Config is what headroom.toml says of the tenants.
type Config struct {
	// TokenEnv names the environment variable with the token of tenants that name none; "" means not set.
	TokenEnv string
	// Defaults holds for tenants that the file does not name.
	Defaults TenantConfig
	// Tenants holds what was written for each tenant, the defaults already filled in.
	Tenants map[string]TenantConfig
}

// TenantConfig is what is known of one tenant. Zero values mean that nothing was said.
type TenantConfig struct {
	// Agents is the number of licensed recorded agents.
	Agents int
	// CapBytes is the egress cap in bytes that support told, CapToldOn the day it did (midnight UTC).
	CapBytes  int64
	CapToldOn time.Time
	// BytesPerHour is the size in bytes of a recorded hour.
	BytesPerHour float64
	// TimeZone is an IANA name; "" means UTC. Location is never nil.
	TimeZone string
	Location *time.Location
	// Window is when recordings should be pulled, in Location.
	Window Window
	// TokenEnv names the environment variable with the tenant's token.
	TokenEnv string
	// Closures are the days without calls: those of the defaults, of the tenant and of ClosuresFile.
	Closures     []Closure
	ClosuresFile string
	// Host is the tenant's host name where it is not the policy's.
	Host string
}

// Tenant is what is known of a tenant, the defaults if the file does not name it.
func (c *Config) Tenant(name string) TenantConfig {
	if t, ok := c.Tenants[name]; ok {
		return t
	}
	return c.Defaults
}

// ClosedAt says whether the day of t, in the tenant's zone, is one without calls.
func (t *TenantConfig) ClosedAt(at time.Time) bool {
	at = at.In(t.Location)
	return slices.ContainsFunc(t.Closures, func(c Closure) bool { return c.on(at) })
}

// LoadConfig reads headroom.toml and the closure files that it names, which are looked for beside it. A missing file
// is an error that is fs.ErrNotExist.
func LoadConfig(name string) (*Config, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	c, err := ParseConfig(name, data)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(name)
	if err := c.Defaults.loadClosures(folder); err != nil {
		return nil, err
	}
	for _, tenant := range slices.Sorted(maps.Keys(c.Tenants)) {
		t := c.Tenants[tenant]
		if err := t.loadClosures(folder); err != nil {
			return nil, err
		}
		c.Tenants[tenant] = t
	}
	return c, nil
}

func (t *TenantConfig) loadClosures(folder string) error {
	if t.ClosuresFile == "" {
		return nil
	}
	name := t.ClosuresFile
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read closures: %w", err)
	}
	more, err := parseClosures(name, data)
	t.Closures = append(slices.Clip(t.Closures), more...)
	return err
}

// ParseConfig reads the text of a headroom.toml; name is what messages call it. Closure files are not read. Every
// error is one line with name, line and reason.
func ParseConfig(name string, data []byte) (*Config, error) {
	var f configFile
	doc, err := limits.DecodeTOML(name, data, &f)
	if err != nil {
		return nil, err
	}
	r := configReader{doc: doc}
	r.env("token_env", f.TokenEnv)
	config := &Config{TokenEnv: f.TokenEnv, Tenants: map[string]TenantConfig{}}
	config.Defaults = r.tenant("defaults", tenantFile{sharedFile: f.Defaults})
	if config.Defaults.TokenEnv != "" {
		config.TokenEnv = config.Defaults.TokenEnv
	}
	config.Defaults.TokenEnv = config.TokenEnv
	spelled := map[string]string{}
	for _, tenant := range slices.Sorted(maps.Keys(f.Tenants)) {
		key := "tenants." + tenant
		if other, twice := spelled[strings.ToLower(tenant)]; twice { // host names have no case, so one of them is never met
			r.check(key, fmt.Errorf("tenant %q is there twice, the other time as %q", tenant, other))
		}
		spelled[strings.ToLower(tenant)] = tenant
		own := f.Tenants[tenant]
		r.tenant(key, own) // says what is wrong with the tenant's own values, by its own lines
		own.inherit(f.Defaults, config.TokenEnv)
		config.Tenants[tenant] = r.tenant(key, own)
	}
	if r.err != nil {
		return nil, r.err
	}
	return config, nil
}

// configFile is headroom.toml as it is written.
type configFile struct {
	TokenEnv string                `toml:"token_env"`
	Defaults sharedFile            `toml:"defaults"`
	Tenants  map[string]tenantFile `toml:"tenants"`
}

// sharedFile is what may be said of one tenant and of all.
type sharedFile struct {
	BytesPerHour amount `toml:"bytes_per_recorded_hour"`
	TimeZone     string `toml:"time_zone"`
	Window       string `toml:"window"`
	TokenEnv     string `toml:"token_env"`
	Closures     []any  `toml:"closures"`
	ClosuresFile string `toml:"closures_file"`
}

type tenantFile struct {
	sharedFile
	Agents    int    `toml:"agents"`
	Cap       amount `toml:"cap"`
	CapToldOn any    `toml:"cap_told_on"`
	Host      string `toml:"host"`
}

// inherit fills in what the tenant does not say itself. Closures add up.
func (f *tenantFile) inherit(d sharedFile, tokenEnv string) {
	fill(&f.BytesPerHour, d.BytesPerHour)
	fill(&f.TimeZone, d.TimeZone)
	fill(&f.Window, d.Window)
	fill(&f.TokenEnv, tokenEnv)
	fill(&f.ClosuresFile, d.ClosuresFile)
	f.Closures = slices.Concat(d.Closures, f.Closures)
}

func fill[T comparable](to *T, from T) {
	var zero T
	if *to == zero {
		*to = from
	}
}
