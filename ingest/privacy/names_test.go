package privacy

import (
	"strings"
	"testing"
)

func TestNothingPersonalIsStored(t *testing.T) {
	for _, client := range []string{
		"+1 (555) 123-4567", "call 555-123-4567", "555.123.4567", "tel 004915112345678", "jane@example.com", "Bearer abc",
		"eyJhbGciOiJIUzI1NiJ9.e30.x", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTA", "token=abc",
	} {
		if c := Client(client); c.Text != Redacted {
			t.Errorf("%q is stored as %q", client, c.Text)
		}
	}
	for _, client := range []string{
		"192.168.100.200", "192.168.100.200:51234", "2001:db8::1234:5678", "curl/8.5.0", "Chrome/124.0.6367.207", "nightly 2026-11-01",
		"build 20261101", "ip-10-120-130-240", "puller-0f8b6c1e-6a5d-4f44-9d25-0a2f5a8f7d10",
	} {
		if c := Client(client); c.Text != client {
			t.Errorf("%q is stored as %q", client, c.Text)
		}
	}
	if c := Client(strings.Repeat("é", 150)); c.Text != strings.Repeat("é", 100) {
		t.Errorf("a long name is cut to %d bytes", len(c.Text))
	}
}
