package config

import (
	"reflect"
	"testing"
)

// What TenantText writes is read back as the same facts, and is the same text for them.
func TestTenantText(t *testing.T) {
	const file = `token_env = "TOKEN"
[defaults]
time_zone = "America/Denver"
closures = ["12-25", "2026-07-03"]
[tenants."a b.'\"\\"]
agents = 120
cap = "450GB"
cap_told_on = 2026-11-01
cap_told_by = "ticket \"7\"\n"
bytes_per_recorded_hour = "9.1MB"
window = "22:00-05:00"
host = "b.example.com"
[tenants.other]
agents = 3
`
	c, err := Parse("test", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a b.'\"\\", "other", "unknown"} {
		text := c.TenantText(name)
		again, err := Parse("text", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		got, want := again.Tenant(name), c.Tenant(name)
		want.TokenEnv, want.Host = "", ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", name, got, want)
		}
		if string(again.TenantText(name)) != string(text) || len(again.Tenants) != 1 {
			t.Errorf("%q: written again it is another text", name)
		}
	}
}
