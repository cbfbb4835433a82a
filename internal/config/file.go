package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/internal/safefile"
	"github.com/6dcca832/headroom/internal/tomldoc"
)

// Template is a commented headroom.toml to begin with.
//
//go:embed headroom.toml.tmpl
var Template string

// Load reads headroom.toml, which errors name by its absolute path, and the closure files that it
// names, which are looked for beside it. A missing file is an error that is fs.ErrNotExist. A file
// that other users may write to is refused.
func Load(name string) (*Config, error) {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs // nobody knows the folder in which a job was started
	}
	data, err := readTrusted(name)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	c, err := Parse(name, data)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(name)
	if c.Key != "" && !filepath.IsAbs(c.Key) {
		c.Key = filepath.Join(folder, c.Key)
	}
	if err := c.Defaults.loadClosures(folder); err != nil {
		return nil, err
	}
	for _, tenant := range c.Names() {
		t := c.Tenants[tenant]
		if err := t.loadClosures(folder); err != nil {
			return nil, err
		}
		c.Tenants[tenant] = t
	}
	return c, nil
}

// readTrusted reads a file that no other user could have changed: a config decides where tokens are
// sent.
func readTrusted(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := safefile.Trusted(st); err != nil {
		return nil, fmt.Errorf("%s decides where tokens are sent, and is not used: %w", name, err)
	}
	return io.ReadAll(f)
}

func (t *Tenant) loadClosures(folder string) error {
	if t.closuresFile == "" {
		return nil
	}
	name := t.closuresFile
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

// Parse reads the text of a headroom.toml; name is what messages call it. Closure files are not
// read. Every error is one line with name, line and reason.
func Parse(name string, data []byte) (*Config, error) {
	var f configFile
	doc, err := tomldoc.Decode(name, data, &f)
	if err != nil {
		return nil, err
	}
	r := reader{doc: doc}
	r.note("token_env", checkEnv(f.TokenEnv))
	config := &Config{
		TokenEnv: f.TokenEnv, Key: f.Key, Tenants: map[string]Tenant{}, Hooks: r.hooks(f.Hooks),
	}
	config.Defaults = r.tenant("defaults", tenantFile{sharedFile: f.Defaults})
	if config.Defaults.TokenEnv != "" {
		config.TokenEnv = config.Defaults.TokenEnv
	}
	config.Defaults.TokenEnv = config.TokenEnv
	for tenant, own := range sorted(f.Tenants) {
		key := "tenants." + tenant
		r.tenant(key, own) // says what is wrong with the tenant's own values, by its own lines
		own.inherit(f.Defaults, config.TokenEnv)
		config.Tenants[tenant] = r.tenant(key, own)
	}
	config.checkNames(func(tenant, own string, err error) {
		r.note(strings.TrimSuffix("tenants."+tenant+"."+own, "."), err)
	})
	config.Pull = r.pull(f.Pull)
	if r.err != nil {
		return nil, r.err
	}
	return config, nil
}

// configFile is headroom.toml as it is written.
type configFile struct {
	TokenEnv string                `toml:"token_env"`
	Key      string                `toml:"key"`
	Defaults sharedFile            `toml:"defaults"`
	Tenants  map[string]tenantFile `toml:"tenants"`
	Pull     pullFile              `toml:"pull"`
	Hooks    hooksFile             `toml:"hooks"`
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
	CapToldBy string `toml:"cap_told_by"`
	Host      string `toml:"host"`
	Upstream  string `toml:"upstream"`
	Ignore    bool   `toml:"ignore"`
	AliasOf   string `toml:"alias_of"`
}

// inherit takes from the defaults what the tenant does not say itself. Closures add up.
func (f *tenantFile) inherit(d sharedFile, tokenEnv string) {
	setIfZero(&f.BytesPerHour, d.BytesPerHour)
	setIfZero(&f.TimeZone, d.TimeZone)
	setIfZero(&f.Window, d.Window)
	setIfZero(&f.TokenEnv, tokenEnv)
	setIfZero(&f.ClosuresFile, d.ClosuresFile)
	f.Closures = slices.Concat(d.Closures, f.Closures)
}

func setIfZero[T comparable](to *T, from T) {
	var zero T
	if *to == zero {
		*to = from
	}
}

// reader turns what was read into values, and keeps the first thing that is wrong.
type reader struct {
	doc *tomldoc.Document
	err error
}

// note keeps an error about the value of a key.
func (r *reader) note(key string, err error) {
	if err != nil && r.err == nil {
		r.err = r.doc.Errorf(key, "%w", err)
	}
}

func (r *reader) tenant(key string, f tenantFile) Tenant {
	t := Tenant{
		Agents: f.Agents, CapToldBy: f.CapToldBy, TokenEnv: f.TokenEnv, Host: f.Host,
		Ignored: f.Ignore, AliasOf: f.AliasOf, closuresFile: f.ClosuresFile,
	}
	t.CapBytes = int64(r.amount(key+".cap", f.Cap))
	t.BytesPerHour = r.amount(key+".bytes_per_recorded_hour", f.BytesPerHour)
	var err error
	t.Location, err = parseZone(f.TimeZone)
	r.note(key+".time_zone", err)
	if f.Window != "" {
		t.Window, err = ParseWindow(f.Window)
		r.note(key+".window", err)
	}
	t.CapToldOn = r.toldOn(key, f)
	for i, v := range f.Closures {
		c, err := parseClosure(dateText(v))
		r.note(fmt.Sprintf("%s.closures[%d]", key, i), err)
		t.Closures = append(t.Closures, c)
	}
	t.Upstream = r.upstream(key+".upstream", f.Upstream)
	t.check(func(own string, err error) { r.note(key+"."+own, err) })
	return t
}

// upstream reads a place. A wrong one is not repeated: it may hold a password.
func (r *reader) upstream(key, text string) *url.URL {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		r.note(key, errUpstream)
		return nil
	}
	return u
}

// toldOn is the day on which the cap was told.
func (r *reader) toldOn(key string, f tenantFile) time.Time {
	if f.CapToldOn == nil {
		return time.Time{}
	}
	c, err := parseClosure(dateText(f.CapToldOn))
	if err == nil && c.Year == 0 {
		err = errors.New("cap_told_on must be a date such as 2026-11-01")
	}
	r.note(key+".cap_told_on", err)
	return time.Date(c.Year, c.Month, c.Day, 0, 0, 0, 0, time.UTC)
}

func (r *reader) amount(key string, a amount) float64 {
	if a == "" {
		return 0
	}
	n, err := ParseBytes(string(a))
	r.note(key, err)
	return n
}

// amount is a number or a text in the file.
type amount string

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *amount) UnmarshalText(text []byte) error {
	*a = amount(text)
	return nil
}
