package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
)

// wantParams is the definition, spelled out.
func wantParams(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, text)
	return hex.EncodeToString(mac.Sum(nil))[:32]
}

func TestParamsOf(t *testing.T) {
	for _, tc := range []struct{ method, url, body, text string }{
		{"GET", "https://acme.xima.cloud/a/b?c=d", "", "GET\x00acme.xima.cloud\x00/a/b\x00c=d\x00"},
		{"GET", "http://u:p@other.example:8080/a/b?c=d#f", "", "GET\x00other.example:8080\x00/a/b\x00c=d\x00"},
		{"GET", "/a/b?c=d", "", "GET\x00\x00/a/b\x00c=d\x00"},
		{"", "HTTPS://ACME.xima.cloud:443", "", "GET\x00acme.xima.cloud\x00/\x00\x00"},
		{"get", "https://acme.xima.cloud?x", "", "GET\x00acme.xima.cloud\x00/\x00x\x00"},
		{"GET", "//acme.xima.cloud/a", "", "GET\x00acme.xima.cloud\x00/a\x00\x00"},
		{"GET", "/a%2Fb//c?u=http://x/y", "", "GET\x00\x00/a%2Fb//c\x00u=http://x/y\x00"},
		{"POST", "https://acme.xima.cloud/r", "hello", "POST\x00acme.xima.cloud\x00/r\x00\x00hello"},
	} {
		p := NewParams([]byte("key"), tc.method, tc.url)
		io.WriteString(p, tc.body)
		if got := p.Sum(); got != wantParams("key", tc.text) {
			t.Errorf("%s %s %q: got %s", tc.method, tc.url, tc.body, got)
		}
	}
}

func TestParamsMayBeWrittenOnAfterSum(t *testing.T) {
	p := NewParams(nil, "POST", "/r")
	io.WriteString(p, "hel")
	p.Sum()
	io.WriteString(p, "lo")
	if got := p.Sum(); got != wantParams("", "POST\x00\x00/r\x00\x00hello") {
		t.Errorf("got %s", got)
	}
}

func TestTransportAndImportersAgreeOnParams(t *testing.T) {
	key := []byte("0123456789abcdef")
	for _, url := range []string{
		"https://acme.xima.cloud/rest/api/v1/agents/1234/state",
		"https://acme.xima.cloud/rest/x%2Fy/a%20b?q=1&r=%41#frag",
		"https://user:pw@acme.xima.cloud/rest?x",
		"https://acme.xima.cloud?q=1",
	} {
		for _, body := range []string{"", "body"} {
			rec := &recorded{}
			base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
				if r.Body != nil {
					io.ReadAll(r.Body)
				}
				return answer(204, http.NoBody, 0), nil
			})
			req := request(t, "POST", url, strings.NewReader(body))
			if _, err := NewTransport(base, rec, WithHashKey(key)).RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			want := NewParams(key, "POST", url)
			io.WriteString(want, body)
			if got := rec.one(t).Params; got != want.Sum() {
				t.Errorf("%s %q: transport %q, importer %q", url, body, got, want.Sum())
			}
		}
	}
}

// TestNoParamsOfPeople: of whom somebody dials not even a digest is kept, since a number is guessed from it in seconds.
// TestParamsOfAURLThatWasAskedBefore: the digest comes from the cache of URLs then, and a body, or
// anything else in the URL, still counts.
func TestParamsOfAURLThatWasAskedBefore(t *testing.T) {
	const listed = "https://acme.xima.cloud/rest/api/v2/recordings?secret="
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			io.Copy(io.Discard, r.Body)
		}
		return answer(204, http.NoBody, 0), nil
	})
	rec := &recorded{}
	tr := NewTransport(base, rec, WithHashKey([]byte("k")))
	for i, c := range []struct{ method, url, body string }{
		{"GET", listed + "1", ""}, {"GET", listed + "1", ""}, {"GET", listed + "2", ""},
		{"POST", listed + "1", ""}, {"POST", listed + "1", "body"}, {"POST", listed + "1", ""},
		{"GET", listed + "1", ""}, {"GET", "https://beta.xima.cloud/rest/api/v2/recordings?secret=1", ""},
	} {
		var body io.Reader
		if c.body != "" {
			body = strings.NewReader(c.body)
		}
		if _, err := tr.RoundTrip(request(t, c.method, c.url, body)); err != nil {
			t.Fatal(err)
		}
		p := NewParams([]byte("k"), c.method, c.url)
		io.WriteString(p, c.body)
		if got := rec.all()[i].Params; got != p.Sum() {
			t.Errorf("%d, %s %s: params %s, want %s", i, c.method, c.url, got, p.Sum())
		}
	}
}

func TestNoParamsOfPeople(t *testing.T) {
	for _, path := range []string{"/rest/api/v1/agents/1234/click-to-dial", "/rest/api/v1/skills/7/callback"} {
		rec := &recorded{}
		rt := NewTransport(roundTripFunc(func(r *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, r.Body)
			return answer(204, http.NoBody, 0), nil
		}), rec)
		req := request(t, "POST", "https://acme.xima.cloud"+path+"?x=1", strings.NewReader(`{"numberToDial":"+15550100123"}`))
		if _, err := rt.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if row := rec.one(t); row.Params != "" || row.RequestBytes == 0 {
			t.Errorf("%s: %+v", path, row)
		}
	}
}

func TestNoParamsWhereTheKeptURLSaysThemAll(t *testing.T) {
	rec := &recorded{}
	rt := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) { return answer(200, http.NoBody, 0), nil }), rec)
	rt.RoundTrip(request(t, "GET", "https://acme.xima.cloud/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z#top", nil))
	if got := rec.one(t); got.Params != "" || got.URL() != "https://acme.xima.cloud/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z" {
		t.Errorf("params %q, url %s", got.Params, got.URL())
	}
}

func FuzzParams(f *testing.F) {
	f.Add("GET", "https://acme.xima.cloud/a?b#c", []byte("body"))
	f.Fuzz(func(t *testing.T, method, url string, body []byte) {
		p, q := NewParams([]byte("k"), method, url), NewParams([]byte("k"), method, url)
		p.Write(body)
		for _, b := range body {
			q.Write([]byte{b})
		}
		if p.Sum() != q.Sum() || len(p.Sum()) != 32 {
			t.Errorf("%s and %s", p.Sum(), q.Sum())
		}
	})
}
