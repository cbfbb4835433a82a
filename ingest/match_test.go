package ingest

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

func TestCacheGivesWhatThePolicyGave(t *testing.T) {
	tr := NewTransport(stubBase{}, &recorded{})
	for range 2 {
		for i := range 4 * cacheSize {
			req := request(t, "GET", fmt.Sprintf("https://t%d.xima.cloud/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z&secret=%d", i%7, i), nil)
			got := tr.keep(req)
			want := fmt.Sprintf("t%d", i%7)
			if got.tenant != want || got.route.Class != "recording_list" || got.query != "startTime=2026-11-01T00:00:00Z" || got.lossless {
				t.Fatalf("%s: %+v", req.URL, got)
			}
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	tr := NewTransport(stubBase{}, &recorded{})
	for i := range 2*placesMax + 10 {
		tr.keep(request(t, "GET", fmt.Sprintf("https://t%d.xima.cloud/rest/x?n=%d", i, i), nil))
	}
	if n := len(tr.urls.young) + len(tr.urls.old); n > 2*cacheSize || n == 0 {
		t.Errorf("%d urls", n)
	}
	if n := len(tr.urls.places); n > placesMax || n == 0 {
		t.Errorf("%d places", n)
	}
}

func TestCacheTellsMethodsAndEscapesApart(t *testing.T) {
	tr := NewTransport(stubBase{}, &recorded{})
	const u = "https://acme.xima.cloud/rest/api/v2/recordings"
	if get, post := tr.keep(request(t, "GET", u, nil)), tr.keep(request(t, "POST", u, nil)); get.route == post.route {
		t.Error("GET and POST share a route")
	}
	slash, escaped := tr.keep(request(t, "GET", u+"/a/b", nil)), tr.keep(request(t, "GET", u+"/a%2Fb", nil))
	if slash.route == escaped.route {
		t.Errorf("%q and its escaped form share a route", u+"/a/b")
	}
}

func TestURLsThatNoPolicyCanRead(t *testing.T) {
	for name, u := range map[string]*url.URL{
		"nil":     nil,
		"empty":   {},
		"opaque":  {Scheme: "mailto", Opaque: "someone@example.com"},
		"no host": {Scheme: "https", Path: "/secret"},
	} {
		rec := &recorded{}
		tr := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, errNoAnswer }), rec)
		tr.RoundTrip(&http.Request{Method: "GET", URL: u})
		got := rec.one(t)
		if got.Tenant != "unknown" || got.Route == nil || got.Route.Class != "other" || got.Path() != "/*" {
			t.Errorf("%s: %+v %+v", name, got, got.Route)
		}
	}
}

// TestPlainURL compares with what net/url makes of the parts.
func TestPlainURL(t *testing.T) {
	hosts := []string{"acme.xima.cloud", "acme.xima.cloud:8443", "[::1]:80", "a b", "ä.example", ""}
	paths := []string{
		"/rest/api/v2/recordings/6f96-19ff~_.x/audio", "/", "", "relative", "/a b", "/a%b", "/ä", "/a;b,c",
		"//a", "*", "/a:b",
	}
	for _, scheme := range []string{"https", "http", ""} {
		for _, host := range hosts {
			for _, path := range paths {
				for _, u := range []url.URL{
					{Scheme: scheme, Host: host, Path: path},
					{Scheme: scheme, Host: host, Path: path, RawQuery: "a=b c&d=%zz"},
					{Scheme: scheme, Host: host, Path: path, ForceQuery: true},
					{Scheme: scheme, Host: host, Path: path, RawPath: "/%61"},
					{Scheme: scheme, Host: host, Path: path, Opaque: "x"},
				} {
					want := u.String()
					u.User, u.Fragment = url.UserPassword("name", "secret"), "fragment"
					if got := plainURL(&u); got != want {
						t.Errorf("plainURL(%#v) = %q, not %q", u, got, want)
					}
				}
			}
		}
	}
}
