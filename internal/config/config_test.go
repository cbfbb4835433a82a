package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

const sampleConfig = `token_env = "ALL_TOKEN"
[defaults]
time_zone = "Europe/Berlin"
window = "22:00-05:00"
closures = ["12-25"]
bytes_per_recorded_hour = "9.1MB"

[tenants.acme]
agents = 120
cap = "450GB"
cap_told_on = 2026-11-01
time_zone = "America/Denver"
closures = [2026-07-04]

[tenants."b.c"]
cap = 450_000
bytes_per_recorded_hour = 2.5e6
token_env = "BC_TOKEN"
host = "b.example.com"

[tenants.gate]
upstream = "https://gateway.example.com/gate"
`

// TestPlace: an upstream goes before a host, and one that cannot be is told without what it may hold.
func TestPlace(t *testing.T) {
	c, err := Parse("headroom.toml", []byte(sampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	if at := c.Tenant("acme").Place(); at != nil {
		t.Errorf("acme: %v", at)
	}
	for name, want := range map[string]string{"b.c": "https://b.example.com", "gate": "https://gateway.example.com/gate"} {
		if at := c.Tenant(name).Place(); at == nil || at.String() != want {
			t.Errorf("%s: %v", name, at)
		}
	}
	for _, wrong := range []string{"https://user:Canary@gate.example", "gate.example/Canary", "ftp://gate.example/Canary", "https://g.example/?Canary=1"} {
		_, err := Parse("headroom.toml", []byte("[tenants.acme]\nupstream = \""+wrong+"\"\n"))
		if err == nil || strings.Contains(err.Error(), "Canary") || !strings.Contains(err.Error(), "headroom.toml:2: upstream must be") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestParse(t *testing.T) {
	c, err := Parse("headroom.toml", []byte(sampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Tenant("acme"), c.Tenant("b.c")
	if a.Agents != 120 || a.CapBytes != 450e9 || a.CapToldOn.Format(time.DateOnly) != "2026-11-01" || a.BytesPerHour != 9.1e6 {
		t.Errorf("acme: %+v", a)
	}
	if a.TokenEnv != "ALL_TOKEN" || a.Location.String() != "America/Denver" || len(a.Closures) != 2 {
		t.Errorf("acme: %+v", a)
	}
	if b.CapBytes != 450_000 || b.BytesPerHour != 2.5e6 || b.TokenEnv != "BC_TOKEN" || b.Host != "b.example.com" || !b.CapToldOn.IsZero() {
		t.Errorf("b.c: %+v", b)
	}
	// The default window goes by each tenant's own clock.
	at := time.Date(2026, 11, 2, 21, 30, 0, 0, time.UTC)
	if c.About("acme").Window.Contains(at) || !c.About("b.c").Window.Contains(at) {
		t.Errorf("windows: %v, %v", a.Window, b.Window)
	}
	if got := c.Tenant("unknown"); got.ZoneName() != "Europe/Berlin" || got.CapBytes != 0 || got.TokenEnv != "ALL_TOKEN" {
		t.Errorf("unknown tenant: %+v", got)
	}
}

func TestClosedAt(t *testing.T) {
	c, err := Parse("headroom.toml", []byte(sampleConfig))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Tenant("acme")
	for at, want := range map[string]bool{
		"2026-07-04T12:00:00Z": true,
		"2027-07-04T12:00:00Z": false,
		"2027-12-25T12:00:00Z": true,
		"2027-12-26T05:00:00Z": true, // still the 25th in Denver
		"2027-12-25T05:00:00Z": false,
	} {
		when, _ := time.Parse(time.RFC3339, at)
		if got := a.ClosedAt(when); got != want {
			t.Errorf("closed at %s: %v, want %v", at, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		`agentz = 1`:                           `headroom.toml:2: unknown key "agentz"; did you mean "agents"?`,
		`agents = -1`:                          "headroom.toml:2: agents must be between 0 and 1000000, and is -1",
		`agents = 99999999`:                    "headroom.toml:2: agents must be",
		`agents = "many"`:                      `headroom.toml:2: "tenants.acme.agents" must be a whole number`,
		`agents = 1.5`:                         `headroom.toml:2: "tenants.acme.agents" must be a whole number`,
		`cap = -5`:                             `headroom.toml:2: size "-5" must be above 0`,
		`cap = 0`:                              `headroom.toml:2: size "0" must be above 0`,
		`cap = 0.5`:                            `headroom.toml:2: size "0.5" must be above 0`,
		`cap = [1]`:                            `headroom.toml:2: "tenants.acme.cap" must be a number or a text`,
		`cap_told_on = 2026-11-01`:             "headroom.toml:2: cap_told_on says when",
		"[tenants.Acme]":                       `headroom.toml:1: tenant "acme" is there twice, the other time as "Acme"`,
		`cap = nan`:                            `headroom.toml:2: size "nan" must be above 0`,
		`cap = inf`:                            `headroom.toml:2: size "inf" must be above 0`,
		`cap = "5 XB"`:                         `headroom.toml:2: size "5 XB" must be a number`,
		`cap = "GB"`:                           `headroom.toml:2: size "GB" must be a number`,
		`cap = "9000000TB"`:                    `headroom.toml:2: size "9000000TB" must be above 0 and at most`,
		`cap = 0x10`:                           `headroom.toml:2: size "0x10" must be a number`,
		`cap = true`:                           "headroom.toml:2: ",
		`cap_told_on = "soon"`:                 `headroom.toml:2: date "soon" must be`,
		`cap_told_on = "11-01"`:                "headroom.toml:2: cap_told_on must be a date",
		`cap_told_on = 5`:                      "headroom.toml:2: date",
		`bytes_per_recorded_hour = "-1MB"`:     `headroom.toml:2: size "-1MB" must be above 0`,
		`time_zone = "Mars/Base"`:              `headroom.toml:2: time zone "Mars/Base" is not known`,
		`time_zone = "Local"`:                  "headroom.toml:2: time zone",
		`window = "22-05"`:                     `headroom.toml:2: window "22-05" must be written like`,
		`window = "22:00-25:00"`:               "headroom.toml:2: window",
		`window = "24:00-05:00"`:               "headroom.toml:2: window",
		`window = "22:60-05:00"`:               "headroom.toml:2: window",
		`window = "05:00-05:00"`:               "headroom.toml:2: window",
		"closures = [\n\"12-25\",\n\"02-30\"]": `headroom.toml:4: date "02-30" must be`,
		`closures = "12-25"`:                   `headroom.toml:2: "tenants.acme.closures" must be a list, each element a value`,
		`token_env = "eyJhbGciOi.secret"`:      "headroom.toml:2: token_env must be the name",
		`host = "https://acme"`:                "headroom.toml:2: host",
		`[tenant.other]`:                       `headroom.toml:2: unknown key "tenant"; did you mean "tenants"?`,
		`agents = `:                            "headroom.toml:2: ",
		"agents = 1\nagents = 2":               "headroom.toml:3: ",
	} {
		_, err := Parse("headroom.toml", []byte("[tenants.acme]\n"+line+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", line, err, want)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q", line, err)
		}
	}
}

func TestParseEncodings(t *testing.T) {
	text := "[tenants.acme]\nagents = 5\n"
	c, err := Parse("headroom.toml", []byte("\ufeff"+text))
	if err != nil || c.Tenant("acme").Agents != 5 {
		t.Errorf("with a byte order mark: %v, %v", c, err)
	}
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if _, err := Parse("headroom.toml", []byte(mark+"[\x00")); err == nil || !strings.Contains(err.Error(), "UTF-16; save it as UTF-8") {
			t.Errorf("in UTF-16: %v", err)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]float64{
		"1": 1, "1B": 1, "1.5kB": 1500, "9.1 MB": 9.1e6, "450GB": 450e9, "2TB": 2e12, "64KiB": 65536, "1MiB": 1 << 20,
		"1GiB": 1 << 30, "1TiB": 1 << 40, "1_000": 1000, "450gb": 450e9,
	} {
		if got, err := ParseBytes(s); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
}

func TestWindowContains(t *testing.T) {
	for _, c := range []struct {
		window, at string
		want       bool
	}{
		{"22:00-05:00", "22:00", true}, {"22:00-05:00", "21:59", false}, {"22:00-05:00", "00:00", true},
		{"22:00-05:00", "04:59", true}, {"22:00-05:00", "05:00", false}, {"01:00-02:30", "02:29", true},
		{"01:00-02:30", "02:30", false}, {"01:00-02:30", "00:59", false}, {"00:00-24:00", "23:59", true},
		{"20:00-24:00", "00:00", false},
	} {
		w, err := ParseWindow(c.window)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := time.Parse("15:04", c.at)
		if got := w.Contains(at); got != c.want || w.String() != c.window {
			t.Errorf("%s contains %s: %v, want %v", w, c.at, got, c.want)
		}
	}
	if !(Window{}).Contains(time.Now()) {
		t.Error("no window does not contain every time")
	}
}

// A window goes by the clock on the wall: an hour that comes twice is inside twice, one that is left out is not there.
func TestWindowWhenClocksChange(t *testing.T) {
	for _, c := range []struct {
		window, zone, at string
		want             bool
	}{
		{"02:00-03:00", "Europe/Berlin", "2026-10-24T23:59:59Z", false}, // 01:59:59
		{"02:00-03:00", "Europe/Berlin", "2026-10-25T00:00:00Z", true},  // 02:00 for the first time
		{"02:00-03:00", "Europe/Berlin", "2026-10-25T01:59:59Z", true},  // 02:59:59 for the second
		{"02:00-03:00", "Europe/Berlin", "2026-10-25T02:00:00Z", false}, // 03:00
		{"02:00-03:00", "Europe/Berlin", "2026-03-29T00:59:59Z", false}, // 01:59:59
		{"02:00-03:00", "Europe/Berlin", "2026-03-29T01:00:00Z", false}, // 03:00
		{"22:00-05:00", "America/Denver", "2026-11-01T04:00:00Z", true}, // 22:00, seven hours and one more before 05:00
		{"22:00-05:00", "America/Denver", "2026-11-01T11:59:59Z", true}, // 04:59:59
		{"22:00-05:00", "America/Denver", "2026-11-01T12:00:00Z", false},
		{"22:00-05:00", "America/Denver", "2026-03-08T10:59:59Z", true}, // 04:59:59, an hour earlier
		{"22:00-05:00", "America/Denver", "2026-03-08T11:00:00Z", false},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		w, err := ParseWindow(c.window)
		if err != nil {
			t.Fatal(err)
		}
		at, _ := time.Parse(time.RFC3339, c.at)
		if got := w.Contains(at.In(zone)); got != c.want {
			t.Errorf("%s in %s contains %s: %v, want %v", c.window, c.zone, c.at, got, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "headroom.toml")
	if _, err := Load(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: error %v", err)
	}
	writeConfigFile(t, name, "[defaults]\nclosures_file = \"days\"\n[tenants.acme]\nclosures = [\"01-01\"]\n")
	if _, err := Load(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing closures: error %v", err)
	}
	writeConfigFile(t, filepath.Join(dir, "days"), "\ufeff# ours\n\n12-25, Christmas\n2026-11-26 Thanksgiving\r\n")
	c, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Defaults.Closures) != 2 || len(c.Tenant("acme").Closures) != 3 {
		t.Errorf("closures %v and %v", c.Defaults.Closures, c.Tenant("acme").Closures)
	}
	writeConfigFile(t, filepath.Join(dir, "days"), "12-25\n13-25\n")
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), `days:2: date "13-25"`) {
		t.Errorf("bad closures: error %v", err)
	}
}

func writeConfigFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The file that init writes is right as it is, and with all its examples switched on.
func TestConfigTemplate(t *testing.T) {
	if _, err := Parse("headroom.toml", []byte(Template)); err != nil {
		t.Error(err)
	}
	full := regexp.MustCompile(`(?m)^#([a-z\[])`).ReplaceAllString(Template, "$1")
	c, err := Parse("headroom.toml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Tenant("acme"); a.Agents == 0 || a.CapBytes == 0 || a.Window.IsZero() || len(a.Closures) == 0 {
		t.Errorf("the examples do not set what they should: %+v", a)
	}
}

// A key without a folder lies beside the config.
func TestKeyFile(t *testing.T) {
	folder := t.TempDir()
	for text, want := range map[string]string{
		"":                          "",
		"key = \"evidence.key\"":    filepath.Join(folder, "evidence.key"),
		"key = \"/keys/other.key\"": "/keys/other.key",
	} {
		name := filepath.Join(folder, "headroom.toml")
		writeConfigFile(t, name, text)
		if c, err := Load(name); err != nil || c.Key != want {
			t.Errorf("%q names %q, %v; want %q", text, c.Key, err, want)
		}
	}
}

// FuzzParseClosures also checks that a list is read the same again when written as dates alone.
func FuzzParseClosures(f *testing.F) {
	f.Add("# ours\n12-25, Christmas\n2026-11-26 Thanksgiving\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		closures, err := parseClosures("days", []byte(text))
		if err != nil {
			checkErrorLine(t, err, "days")
			return
		}
		var again strings.Builder
		for _, c := range closures {
			if c.Year > 0 {
				fmt.Fprintf(&again, "%04d-", c.Year)
			}
			fmt.Fprintf(&again, "%02d-%02d\n", c.Month, c.Day)
		}
		if got, err := parseClosures("days", []byte(again.String())); err != nil || !slices.Equal(got, closures) {
			t.Errorf("%v came back as %v, %v", closures, got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(sampleConfig)
	f.Add(Template)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("headroom.toml", []byte(text))
		if (c == nil) == (err == nil) {
			t.Errorf("config %v, error %v", c, err)
		}
		if err != nil {
			checkErrorLine(t, err, "headroom.toml")
			return
		}
		for _, name := range append(c.Names(), "another") {
			c.About(name) // does not panic
			checkTenantText(t, c, name)
		}
	})
}

// checkErrorLine holds an error to one line that says where.
func checkErrorLine(t *testing.T, err error, name string) {
	t.Helper()
	if s := err.Error(); !strings.HasPrefix(s, name) || strings.ContainsFunc(s, unicode.IsControl) {
		t.Errorf("error %q", s)
	}
}

// checkTenantText: what stands for a tenant's facts is read as the same facts.
func checkTenantText(t *testing.T, c *Config, name string) {
	t.Helper()
	text := c.TenantText(name)
	again, err := Parse("text", text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if got := again.TenantText(name); !bytes.Equal(got, text) {
		t.Errorf("%q came back as %q", text, got)
	}
}

func TestHooks(t *testing.T) {
	c, err := Parse("h.toml", []byte("[hooks]\non_start = 'https://example.com/x?y=1'\non_failure = ['mail', '-s', '']\n"))
	if err != nil {
		t.Fatal(err)
	}
	h := c.Hooks
	if h.OnStart.URL != "https://example.com/x?y=1" || !slices.Equal(h.OnFailure.Command, []string{"mail", "-s", ""}) {
		t.Errorf("%+v", h)
	}
	if !h.OnSuccess.IsZero() || !h.OnChange.IsZero() || h.OnStart.IsZero() || h.OnFailure.IsZero() {
		t.Errorf("%+v", h)
	}
	for _, value := range []string{"'secret'", "5", "[]", "['']", "[5]", "'ftp://secret'", "'https://'"} {
		_, err := Parse("h.toml", []byte("[hooks]\non_start = "+value+"\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "h.toml:2: on_start must be a URL") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", value, err)
		}
	}
}
