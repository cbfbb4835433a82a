package privacy

import (
	"strings"
	"testing"
)

var key = []byte("test key")

// personal are texts that must not be stored, wherever they are given.
var personal = []string{
	"+1 (555) 123-4567", "call 555-123-4567", "555.123.4567", "tel 004915112345678", "(555)123.0038", "+49 151 12345678", "01.23.45.67.89",
	"555 123 4567", "5551234567", "555_123_4567", "555/123-4567", "+1.555.123.4567", "555\u2011123\u20114567",
	"jane@example.com", "jane.doe+x@mail.example.org", "jane%40example.com",
	"Bearer abc", "eyJhbGciOiJIUzI1NiJ9.e30.x", "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEyMzQ1Njc4OTA", "token=abc", "password: hunter2",
	"sk_live_4eC39HqLyjWDarjtT1zdp7dc", "AKIAIOSFODNN7EXAMPLE", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "xoxb-17653672481-19874698323",
	"glpat-abcdefghij1234567890", "AIzaSyA1234567890abcdefghij", "sk-abcdefgh12345678", "aB3dE5fG7hI9jK1lM3nO",
}

// harmless are names of programs, versions, builds and addresses.
var harmless = []string{
	"192.168.100.200", "192.168.100.200:51234", "2001:db8::1234:5678", "[2001:db8::1]:443", "curl/8.5.0", "Chrome/124.0.6367.207", "nightly 2026-11-01",
	"build 20261101", "ip-10-120-130-240", "puller-0f8b6c1e-6a5d-4f44-9d25-0a2f5a8f7d10", "python-requests/2.31", "Go-http-client/1.1",
	"Charles Proxy", "Insomnia REST Client", "WebKit Web Inspector", "Recording Export", "nightly-pull", "fetch.py", "pull.sh", "v1.22.333.4444", "X",
	"host-kbadcfeh",
}

func TestNothingPersonalIsStored(t *testing.T) {
	for _, s := range personal {
		if c := Client(s, key); c.Text != Redacted {
			t.Errorf("client %q is stored as %q", s, c.Text)
		}
		if n := Tenant(s); n.Reason == "" {
			t.Errorf("tenant %q is stored", s)
		}
		if f := File("calls of " + s + " .log"); f != Redacted {
			t.Errorf("file %q is stored as %q", s, f)
		}
		if n := Note("as " + s + " said; ticket 4711"); strings.Contains(n, s) || !strings.HasPrefix(n, "as ") || !strings.HasSuffix(n, "4711") {
			t.Errorf("note %q is stored as %q", s, n)
		}
	}
	for _, s := range harmless {
		if c := Client(s, key); c.Text != s {
			t.Errorf("%q is stored as %q", s, c.Text)
		}
	}
	if c := Client(strings.Repeat("é", 150), key); c.Text != strings.Repeat("é", 100) {
		t.Errorf("a long name is cut to %d bytes", len(c.Text))
	}
}

func TestPeople(t *testing.T) {
	for _, s := range []string{"Anna Schmidt", "Cotterill, Ann", "Jean-Luc Picard", "Ann B. Lee", "Séverine Dupré", "Mary O'Neil", "Ann Smith-Jones"} {
		if c := Client(s, key); c.Text != Redacted {
			t.Errorf("%q is stored as %q", s, c.Text)
		}
	}
}

// TestHosts: a host's name is not kept, but two stay two, under one key and no other.
func TestHosts(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"pc-anna.corp.example", "laptop.example.com", "anna.schmidt", "db1.prod.internal", "x.example:8080"} {
		c := Client(s, key)
		if !hostDigest.MatchString(c.Text) || seen[c.Text] != "" {
			t.Errorf("%q is stored as %q", s, c.Text)
		}
		seen[c.Text] = s
		if again := Client(c.Text, key); again != c {
			t.Errorf("%q comes back as %q", c.Text, again.Text)
		}
		if other := Client(s, []byte("another key")); other.Text == c.Text {
			t.Errorf("%q has the same digest under another key", s)
		}
	}
	if a, b := Host("PC7.Example.COM.", key), Host("pc7.example.com", key); a != b {
		t.Errorf("%q and %q", a.Text, b.Text)
	}
	if h := Host("laptop7", key); !hostDigest.MatchString(h.Text) {
		t.Errorf("a host without a domain is stored as %q", h.Text)
	}
	if h := Host("10.0.0.7", key); h.Text != "10.0.0.7" {
		t.Errorf("an address is stored as %q", h.Text)
	}
}

func TestFiles(t *testing.T) {
	for _, s := range []string{
		"access.log", "access.log.1.gz", "access-20261101.log", "access.log-20261101-0300", "acme_2026-11-01T02-00-00.csv", "log.1793498400", "x-1793498400123.har",
	} {
		if got := File(s); got != s {
			t.Errorf("%q is stored as %q", s, got)
		}
	}
	if got := File("a\u202eb\x1bc.log"); got != "abc.log" {
		t.Errorf("got %q", got)
	}
}

func TestTenants(t *testing.T) {
	for _, s := range []string{"acme", "Acme & \"Co\"", "tenant-000123", "Baker Hughes", "é x", "acme-20261101"} {
		if n := Tenant(" " + s + " "); n.Text != s {
			t.Errorf("%q is stored as %q, %s", s, n.Text, n.Reason)
		}
	}
}

func TestMethods(t *testing.T) {
	for s, want := range map[string]string{
		"GET": "GET", "get": "GET", "M-SEARCH": "M-SEARCH", "propfind": "PROPFIND", "ANNSMITH": OtherMethod, "Anna": OtherMethod, "": "", "G T": "", "GET1": "",
	} {
		if got, ok := Method(s); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", s, got, ok)
		}
	}
}

// TestOrigins: the host of somebody else's is kept, but for what is stored under no name.
func TestOrigins(t *testing.T) {
	for _, s := range []string{
		"https://s3.eu-central-1.amazonaws.com", "https://ip-10-120-130-240.ec2.internal:8443", "http://10.0.0.7:8080", "http://[2001:db8::1]",
		"https://calls-20261101.example", "https://d111111abcdef8.cloudfront.net",
	} {
		if got := Origin(s, key); got != s {
			t.Errorf("%s is stored as %s", s, got)
		}
	}
	for s, ending := range map[string]string{
		"https://5551230038.example": "", "https://sk_live_51h8canary.example:8443": ":8443", "https://555.123.0038": "",
	} {
		got := Origin(s, key)
		host := strings.TrimSuffix(strings.TrimPrefix(got, "https://"), ending)
		if !hostDigest.MatchString(host) || Origin(got, key) != got {
			t.Errorf("%s is stored as %s", s, got)
		}
	}
}
