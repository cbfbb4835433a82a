package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// TenantText is a headroom.toml that says of one tenant what an audit goes by, its defaults filled
// in, and of no other tenant anything. It is the same text for the same facts, so that its hash
// stands for them. Where tokens come from and where they are sent is not in it.
func (c *Config) TenantText(name string) []byte {
	t := c.Tenant(name)
	var b strings.Builder
	fmt.Fprintf(&b, "[tenants.%s]\n", quoted(name))
	say := func(key, value string) { fmt.Fprintf(&b, "%s = %s\n", key, value) }
	if t.Agents > 0 {
		say("agents", strconv.Itoa(t.Agents))
	}
	if t.CapBytes > 0 {
		say("cap", quoted(strconv.FormatInt(t.CapBytes, 10)))
	}
	if !t.CapToldOn.IsZero() {
		say("cap_told_on", t.CapToldOn.Format(time.DateOnly))
	}
	if t.CapToldBy != "" {
		say("cap_told_by", quoted(t.CapToldBy))
	}
	if t.BytesPerHour > 0 {
		say("bytes_per_recorded_hour", quoted(strconv.FormatFloat(t.BytesPerHour, 'f', -1, 64)))
	}
	if zone := t.ZoneName(); zone != "" {
		say("time_zone", quoted(zone))
	}
	if !t.Window.IsZero() {
		say("window", quoted(t.Window.String()))
	}
	if len(t.Closures) > 0 {
		days := make([]string, len(t.Closures))
		for i, day := range t.Closures {
			days[i] = quoted(day.String())
		}
		say("closures", "["+strings.Join(days, ", ")+"]")
	}
	return []byte(b.String())
}

// String is the closure as the file writes it.
func (c Closure) String() string {
	if c.Year == 0 {
		return fmt.Sprintf("%02d-%02d", c.Month, c.Day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", c.Year, c.Month, c.Day)
}

// quoted is a string of TOML, in the library's form: seals hold hashes of it.
func quoted(s string) string {
	text, err := toml.Marshal(map[string]string{"": s})
	if err != nil {
		return strconv.Quote(s) // only text that is no UTF-8 fails
	}
	_, value, _ := strings.Cut(strings.TrimSpace(string(text)), " = ")
	return value
}
