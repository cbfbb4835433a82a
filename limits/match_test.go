package limits

import (
	"errors"
	"os"
	"strings"
	"testing"
)

const (
	uuidKey = "6f1c2d3e-0a1b-4c2d-8e3f-9a8b7c6d5e4f-1764547200000"
	base    = "https://acme.xima.cloud"
)

func xima(t testing.TB) *Policy {
	t.Helper()
	p, err := Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func other(t testing.TB) *Policy {
	t.Helper()
	data, err := os.ReadFile("../testdata/policies/othervendor.toml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("othervendor.toml", data)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type matchCase struct {
	method, url string
	want        Match
}

var ximaMatches = []matchCase{
	{"GET", base + "/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z&endTime=2026-11-02T00%3A00%3A00%2B01%3A00",
		Match{"acme", "recording_list", base, "/rest/api/v2/recordings", "", "startTime=2026-11-01T00:00:00Z&endTime=2026-11-02T00%3A00%3A00%2B01%3A00", true}},
	{"GET", base + "/rest/api/v2/recordings?startTime=2026-11-01T00:00:00+01:00&agent=Ann+Lee&",
		Match{"acme", "recording_list", base, "/rest/api/v2/recordings", "", "startTime=2026-11-01T00:00:00+01:00", false}},
	{"GET", base + "/rest/api/v2/recordings?startTime=15551234567", Match{"acme", "recording_list", base, "/rest/api/v2/recordings", "", "", false}},
	{"POST", base + "/rest/api/v2/recordings", Match{"acme", "other", base, "/rest/api/v2/recordings", "", "", true}},
	{"GET", base + "/rest/api/v2/recordings/" + uuidKey, Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{+recording_key}", uuidKey, "", true}},
	{"GET", base + "/rest/api/v2/recordings/" + uuidKey + "/audio", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{+recording_key}/audio", uuidKey, "", true}},
	{"GET", base + "/rest/api/v2/recordings/" + uuidKey + "/audio/Ann", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{+recording_key}/audio/*", uuidKey, "", false}},
	{"GET", base + "/rest/api/v2/recordings/+15551234567", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{recording_key}", "", "", false}},
	{"GET", base + "/rest/api/v2/recordings/15551234567/audio", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{recording_key}/audio", "", "", false}},
	{"GET", base + "/rest/api/v2/recordings/ann@example.com", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{recording_key}", "", "", false}},
	{"GET", base + "/rest/api/v2/recordings/ann-van-lee", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{recording_key}", "", "", false}},
	{"GET", base + "/rest/api/v2/recordings/{recording_key}/audio", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{recording_key}/audio", "", "", true}},
	{"GET", base + "/rest/api/v2/recordings/{+recording_key}", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{recording_key}", "", "", false}},
	{"GET", base + "/rest/api/v2/%72ecordings/rec%2D000%31234", Match{"acme", "recording_audio", base, "/rest/api/v2/recordings/{+recording_key}", "rec-0001234", "", true}},
	{"POST", base + "/rest/api/v1/historic-data/12", Match{"acme", "historical_report", base, "/rest/api/v1/historic-data/{+report_id}", "12", "", true}},
	{"POST", base + "/rest/api/v1/agents/4711/click-to-dial", Match{"acme", "click_to_dial", base, "/rest/api/v1/agents/{extension}/click-to-dial", "", "", false}},
	{"POST", base + "/rest/api/v1/agents/{extension}/click-to-dial", Match{"acme", "click_to_dial", base, "/rest/api/v1/agents/{extension}/click-to-dial", "", "", true}},
	{"POST", base + "/rest/api/v1/agents/%7Bextension%7D/click-to-dial", Match{"acme", "click_to_dial", base, "/rest/api/v1/agents/{extension}/click-to-dial", "", "", true}},
	{"POST", base + "/rest/api/v1/skills/Sales/callback", Match{"acme", "callback", base, "/rest/api/v1/skills/*/callback", "", "", false}},
	{"GET", base + "/rest/api/v1/agents/{Ann}", Match{"acme", "other", base, "/rest/api/v1/agents/*", "", "", false}},
	{"GET", base + "/rest/*/*", Match{"acme", "other", base, "/rest/*/*", "", "", true}},
	{"GET", base + "/rest/secret/", Match{"acme", "other", base, "/rest/*/", "", "", false}},
	{"GET", base + "/rest/api/v2/recordings/?token=abc", Match{"acme", "other", base, "/rest/api/v2/recordings/", "", "", false}},
	{"GET", "https://acme.xima.cloud.:443//rest///api/v2//recordings", Match{"acme", "recording_list", base, "/rest/api/v2/recordings", "", "", true}},
	{"GET", "HTTPS://ACME.Xima.Cloud:443", Match{"acme", "other", base, "/", "", "", true}},
	{"GET", "https://user:pw@acme.xima.cloud/rest?#top", Match{"acme", "other", base, "/rest", "", "", false}},
	{"GET", "http://acme.xima.cloud:8080/#/rest/x", Match{"acme", "other", "http://acme.xima.cloud:8080", "/", "", "", true}},
	{"GET", "https://a.b.xima.cloud/rest/api/v2/recordings", Match{"", "other", "https://a.b.xima.cloud", "/rest/api/v2/recordings", "", "", true}},
	{"GET", "https://xima.cloud.evil.example/rest/api/v2/recordings/" + uuidKey, Match{"", "other", "https://xima.cloud.evil.example", "/rest/api/v2/recordings/*", "", "", false}},
	{"GET", "https://acme\u3002xima.cloud:0443/rest", Match{"acme", "other", base, "/rest", "", "", true}},
	{"GET", "https://acme.xima.cloud:000/rest", Match{"acme", "other", base + ":0", "/rest", "", "", true}},
	{"GET", "https://b\u00fccher.example/rest", Match{"", "other", "https://b\u00fccher.example", "/rest", "", "", true}},
	{"GET", "https://[::1]:9/x", Match{"", "other", "https://[::1]:9", "/*", "", "", false}},
}

func TestMatch(t *testing.T) {
	checkMatches(t, xima(t), ximaMatches)
}

func TestMatchOtherVendor(t *testing.T) {
	const origin = "https://api-zed.voice.example"
	checkMatches(t, other(t), []matchCase{
		{"GET", origin + "/accounts/ann/media/m-00ff/12?codec=opus&codec=mp3", Match{"zed", "media", origin, "/accounts/{account}/media/{+media_id}/{+part}", "m-00ff/12", "codec=opus", false}},
		{"GET", origin + "/accounts/{account}/media/m-00ff/345", Match{"zed", "media", origin, "/accounts/{account}/media/{+media_id}/{part}", "m-00ff", "", false}},
		{"PUT", origin + "/search/calls/x", Match{"zed", "search", origin, "/search/calls/*", "", "", false}},
		{"DELETE", origin + "/accounts/7/media", Match{"zed", "erase", origin, "/accounts/*/media", "", "", false}},
		{"GET", "https://zed.eu.voice.example/search", Match{"zed", "other", "https://zed.eu.voice.example", "/search", "", "", true}},
		{"GET", base + "/search/x", Match{"", "other", base, "/search/*", "", "", false}},
	})
}

func checkMatches(t *testing.T, p *Policy, cases []matchCase) {
	t.Helper()
	for _, c := range cases {
		got, err := p.Match(c.method, c.url)
		if err != nil {
			t.Errorf("Match(%s %s): %v", c.method, c.url, err)
		} else if got != c.want {
			t.Errorf("Match(%s %s)\n got %+v\nwant %+v", c.method, c.url, got, c.want)
		}
		if class := p.Reclassify(c.method, c.want.Origin, c.want.Template); class != c.want.Class {
			t.Errorf("Reclassify(%s %s) = %s, want %s", c.method, c.want.Template, class, c.want.Class)
		}
	}
}

func TestMatchWholeHostIsTenant(t *testing.T) {
	p := mustParse(t, strings.Replace(minimal, `"{tenant}.example"`, `"{tenant}"`, 1))
	m, err := p.Match("GET", "http://www.shop.example:81/a")
	if err != nil || m.Tenant != "www.shop.example" || m.Class != "a" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestMatchErrors(t *testing.T) {
	for url, want := range map[string]error{
		"":                                 ErrURLScheme,
		"/rest/secret":                     ErrURLScheme,
		"se cret://host/":                  ErrURLScheme,
		"https:///secret":                  ErrURLHost,
		"https://user@/secret":             ErrURLHost,
		"https://sec ret/":                 ErrURLHost,
		"https://secret:port/":             ErrURLHost,
		"https://[secret]/":                ErrURLHost,
		"https://\xffsecret/":              ErrURLHost,
		"https://secret\u2028.example/":    ErrURLHost,
		"https://secret\u202e.example/":    ErrURLHost,
		"https://host/secret\n":            ErrURLControl,
		"https://host/?secret=\x7f":        ErrURLControl,
		base + strings.Repeat("/s", 1<<16): ErrURLTooLong,
		// Its record, in which "{recording_key}" stands for "s", could not be read again.
		(base + "/rest/api/v2/recordings" + strings.Repeat("/s", 1<<16))[:maxURL-1]: ErrURLTooLong,
	} {
		m, err := xima(t).Match("GET", url)
		if !errors.Is(err, want) || m != (Match{}) {
			t.Errorf("Match(%.40q) = %+v, %v; want %v", url, m, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error repeats the url: %v", err)
		}
	}
}

// An unkept value says nothing about itself: not where it stands, not that its segment had another encoding.
func TestMatchDropsEscapedValues(t *testing.T) {
	for _, url := range []string{
		base + "/rest/api/v2/recordings/%2B15551234567",
		base + "/rest/api/v2/recordings/rec%2F%2E%2Fsecret1",
		base + "/rest/api/v2/recordings/rec%secret1",
		base + "/rest/api/v2/recordings?startTime=%zzsecret1&15551234567",
		base + "/rest/api/v2/recordings?start%54ime=2026-11-01T00:00:00Z&secret1",
	} {
		m, err := xima(t).Match("GET", url)
		if err != nil || m.Key+m.Query != "" || m.Lossless {
			t.Errorf("Match(%s) = %+v, %v", url, m, err)
		}
	}
}

func TestReclassifyForeignOrigin(t *testing.T) {
	if got := xima(t).Reclassify("GET", "not a url", "/rest/api/v2/recordings"); got != OtherClass {
		t.Errorf("got class %q", got)
	}
}

func TestMatchAllocations(t *testing.T) {
	p := xima(t)
	url := base + "/rest/api/v2/recordings/" + uuidKey + "/audio"
	if n := testing.AllocsPerRun(100, func() { _, _ = p.Match("GET", url) }); n > 2 {
		t.Errorf("%v allocations for an audio URL, want at most 2", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	p := xima(b)
	for _, bm := range []struct{ name, url string }{
		{"audio", base + "/rest/api/v2/recordings/" + uuidKey + "/audio"},
		{"key", base + "/rest/api/v2/recordings/" + uuidKey},
		{"list", base + "/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z&endTime=2026-11-02T00:00:00Z"},
		{"other", base + "/rest/api/v1/agents/4711"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Match("GET", bm.url); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestDotSegments: a path is what a server makes of it.
func TestDotSegments(t *testing.T) {
	p := xima(t)
	audio, err := p.Match("GET", base+"/rest/api/v2/recordings/"+uuidKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/rest/api/v2/x/../recordings/" + uuidKey, "/rest/./api/v2/recordings/./" + uuidKey,
		"/../../rest/api/v2/recordings/" + uuidKey, "/rest/api/v2/x/%2e%2E/recordings/" + uuidKey,
		"/rest/api/v2/recordings/a/b/../../" + uuidKey,
	} {
		if m, err := p.Match("GET", base+path); err != nil || m != audio {
			t.Errorf("%s: %+v, %v", path, m, err)
		}
	}
	for path, template := range map[string]string{
		"/rest/api/v2/recordings/..": "/rest/api/v2/", "/status/.": "/status/", "/..": "/", "/.well/status": "/*/status",
	} {
		if m, err := p.Match("GET", base+path); err != nil || m.Template != template ||
			m.Class != OtherClass {
			t.Errorf("%s: %+v, %v", path, m, err)
		}
	}
}

// TestMatchKeyed: of a key that may not be kept, its digest tells it apart, whatever follows it; a
// digest that is read again stays; a personal route has none.
func TestMatchKeyed(t *testing.T) {
	p := xima(t)
	asked := 0
	digest := func(value string) string {
		asked++
		return "key-" + strings.Repeat(string('a'+value[len(value)-1]-'0'), 16)
	}
	for url, want := range map[string]Match{
		"/rest/api/v2/recordings/abc1": {"acme", "recording_audio", base, "/rest/api/v2/recordings/{+recording_key}",
			"key-bbbbbbbbbbbbbbbb", "", false},
		"/rest/api/v2/recordings/abc1/audio?a=1": {"acme", "recording_audio", base, "/rest/api/v2/recordings/{+recording_key}/audio",
			"key-bbbbbbbbbbbbbbbb", "", false},
		"/rest/api/v2/recordings/key-bbbbbbbbbbbbbbbb": {"acme", "recording_audio", base,
			"/rest/api/v2/recordings/{+recording_key}", "key-bbbbbbbbbbbbbbbb", "", true},
	} {
		if m, err := p.MatchKeyed("GET", base+url, digest); err != nil || m != want {
			t.Errorf("%s: %+v, %v", url, m, err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	personal := strings.Replace(
		minimal,
		"class = \"b\"\npath",
		"class = \"b\"\npersonal = true\npath",
		1,
	)
	for policy, kept := range map[string]string{minimal: "key-bbbbbbbbbbbbbbbb", personal: ""} {
		p, err := Parse("p.toml", []byte(policy))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := p.MatchKeyed("GET", "https://x.example/b/A1/w", digest); err != nil ||
			m.Key != kept {
			t.Errorf("personal %v: %+v, %v", policy == personal, m, err)
		}
	}
}
