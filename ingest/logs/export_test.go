package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/listing"
	"github.com/6dcca832/headroom/store"
)

// randomRequest makes a request as an import or the transport would have stored it.
func randomRequest(t *testing.T, r *rand.Rand, o Options, sources []*store.Source) store.Request {
	t.Helper()
	paths := []string{
		"/rest/api/v2/recordings", "/rest/api/v2/recordings?startTime=2026-10-31T00:00:00Z&endTime=2026-11-01T00:00:00%2B01:00",
		fmt.Sprintf("/rest/api/v2/recordings/0f8b6c1e-6a5d-4f44-9d25-0a2f5a8f7d%02x-1730419200000/audio", r.IntN(256)),
		"/rest/api/v2/recordings/0f8b6c1e-6a5d-4f44-9d25-0a2f5a8f7d10-1730419200000/who/knows",
		"/rest/api/v2/recordings/nobody%20knows?token=1", fmt.Sprintf("/rest/api/v1/historic-data/%d", r.IntN(99)),
		"/rest/api/v1/agents/4711/click-to-dial", "/rest/api/v1/skills/x/\"y\"\\z?é=1&<>", "/", "", "//a//b/",
	}
	method := []string{"GET", "POST", "DELETE"}[r.IntN(3)]
	url := []string{"https://acme.xima.cloud", "http://beta.xima.cloud:8080", "https://user:pw@gamma.xima.cloud"}[r.IntN(3)] + paths[r.IntN(len(paths))]
	m, err := o.Policy.Match(method, url)
	if err != nil {
		t.Fatal(err)
	}
	q := store.Request{
		Tenant: []string{m.Tenant, "Acme & \"Co\"", "é x"}[r.IntN(3)], StartedAt: earliest + r.Int64N(8e14), Status: []int{0, 200, 429, 999}[r.IntN(4)],
		CutShort: r.IntN(2) == 0, Error: []string{"", "dns", "reset", "other"}[r.IntN(4)], Key: m.Key, Query: m.Query,
		Client: []string{"", "nightly", "redacted \\ \"quoted\" <é>"}[r.IntN(3)], Source: sources[r.IntN(len(sources))],
		Route: &store.Route{Method: method, Origin: m.Origin, Template: m.Template, Class: m.Class},
	}
	for _, n := range []*int64{&q.Duration, &q.RequestBytes, &q.ResponseBytes, &q.RetryAfter} {
		*n = []int64{0, r.Int64N(10), r.Int64N(1e9)}[r.IntN(3)]
	}
	if r.IntN(9) == 0 {
		q.ResponseBytes = listing.MaxBytes - r.Int64N(1000)
	}
	if (!m.Lossless || r.IntN(2) == 0) && !o.Policy.IsPersonal(m.Class) {
		q.Params = fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64())
	}
	q.StartedAt -= (q.StartedAt - earliest) % max(q.Source.Resolution, 1)
	q.Identify()
	return q
}

func TestExportThenImportGivesEqualRequests(t *testing.T) {
	o := testOptions(t)
	r := rand.New(rand.NewPCG(1, 2))
	sources := []*store.Source{{Kind: "transport"}, {Kind: "combined", Name: "access.log", Resolution: 1e6}}
	var want []store.Request
	for range 20000 {
		want = append(want, randomRequest(t, r, o, sources))
	}
	var file bytes.Buffer
	if err := WriteJSONL(&file, sequence(want)); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(file.String(), "\n")
	got, rejects, _ := mustImport(t, file.String(), o)
	if len(rejects) > 0 || len(got) != len(want) {
		t.Fatalf("%d of %d requests came back; rejects %v", len(got), len(want), rejects[:min(len(rejects), 3)])
	}
	for i := range want {
		if !equalRequests(got[i], want[i]) {
			t.Fatalf("line %s came back as\n%+v\n%+v, want\n%+v\n%+v", lines[i], got[i], *got[i].Route, want[i], *want[i].Route)
		}
	}
}

func TestResetsGoWithTheFirstRequest(t *testing.T) {
	o := testOptions(t)
	requests, _, _ := mustImport(t, record(`,"tenant":"a"`)+"\n"+record(`,"tenant":"b"`)+"\n"+record(`,"tenant":"a"`), o)
	want := []Reset{{"a", 1e15, "ticket \"1\""}, {"a", 1e15 + 1, ""}, {"b", 2, "é"}}
	var file bytes.Buffer
	if err := WriteJSONL(&file, sequence(requests), append(want, Reset{"c", 1, "of no request"})...); err != nil {
		t.Fatal(err)
	}
	var got []Reset
	o.OnReset = func(r Reset) { got = append(got, r) }
	if again, rejects, _ := mustImport(t, file.String(), o); len(again) != 3 || len(rejects) > 0 || !slices.Equal(got, want) {
		t.Errorf("%v, want %v, from %s (rejects %v)", got, want, file.String(), rejects)
	}
	got = nil
	mustImport(t, record(`,"egress_resets":[{"at":"2026-01-01T00:00:00Z","note":"a\u001b[2Jb`+strings.Repeat("é", 600)+`"}]`), o)
	if len(got) != 1 || got[0].Note != "a[2Jb"+strings.Repeat("é", 497) {
		t.Errorf("a hostile note became %+v", got)
	}
	got = nil
	future := `[{"at":"` + o.Now.Add(25*time.Hour).Format(time.RFC3339) + `"}]`
	for _, other := range []string{future, `[]`, `[1]`, `"x"`, `{"at":1}`, `[{"at":"soon"}]`, `[{"at":"9999-01-01T00:00:00Z"}]`, `[{"at":"1969-01-01T00:00:00Z"}]`} {
		if taken, _, _ := mustImport(t, record(`,"egress_resets":`+other), o); len(taken) != 1 || len(got) > 0 {
			t.Errorf("%s: %v, resets %v", other, taken, got)
		}
	}
}

// recorder is an ingest.Recorder for one goroutine.
type recorder struct{ rows []store.Request }

func (r *recorder) Record(q store.Request) { r.rows = append(r.rows, q) }

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What the transport and the proxy record of odd requests must survive an export too.
func TestOddRowsComeBack(t *testing.T) {
	rec := &recorder{}
	for _, c := range []struct{ method, url, client string }{
		{"GET", "https://" + strings.Repeat("long.", 45) + "example/", "pull"},
		{"GET1", "https://acme.xima.cloud/rest/api/v2/recordings", "a\x00b"},
		{"M-SEARCH", "https://acme.xima.cloud/", "pull-29384756-abcde"},
		{strings.Repeat("LONG", 20), "https://b\u00fccher.example/", strings.Repeat("client ", 100)},
	} {
		base := roundTripFunc(func(*http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 429, Header: http.Header{}, Body: http.NoBody}
			resp.Header.Set("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")
			return resp, nil
		})
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		tr := ingest.NewTransport(base, rec, ingest.WithClient(c.client), ingest.WithHashKey([]byte("test key")))
		if _, err := tr.RoundTrip(&http.Request{Method: c.method, URL: u}); err != nil {
			t.Fatal(err)
		}
	}
	want := append(rec.rows, store.Request{ // a tunnel of the proxy
		Tenant: "acme", StartedAt: 1e15, Status: 200, Source: &store.Source{Kind: "proxy"},
		Route: &store.Route{Method: "CONNECT", Origin: "https://acme.xima.cloud", Template: "/", Class: store.OpaqueClass},
	})
	var file bytes.Buffer
	if err := WriteJSONL(&file, sequence(want)); err != nil {
		t.Fatal(err)
	}
	o := testOptions(t)
	o.Now = time.Now()
	got, rejects, _ := mustImport(t, file.String(), o)
	if len(rejects) > 0 || len(got) != len(want) {
		t.Fatalf("%d of %d requests came back; rejects %v", len(got), len(want), rejects)
	}
	for i := range want {
		want[i].Identify()
		want[i].FirstByte = 0
		if !equalRequests(got[i], want[i]) {
			t.Errorf("\n%+v\n%+v, want\n%+v\n%+v", got[i], *got[i].Route, want[i], *want[i].Route)
		}
	}
}

// TestExportIsSafeToPrint: what a terminal acts on, and what turns the direction of text, is escaped and comes back.
func TestExportIsSafeToPrint(t *testing.T) {
	const hostile = "a\u009b31mb\u202egpj\u2066c\u061cd\u0085e\x7ff\u200fé"
	requests, _, _ := mustImport(t, record(""), testOptions(t))
	requests[0].Tenant = hostile
	var file bytes.Buffer
	if err := WriteJSONL(&file, sequence(requests)); err != nil {
		t.Fatal(err)
	}
	for _, r := range file.String() {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			t.Errorf("%U is written as it is", r)
		}
	}
	var back struct{ Tenant string }
	if err := json.Unmarshal(file.Bytes(), &back); err != nil || back.Tenant != hostile {
		t.Errorf("%q came back, %v", back.Tenant, err)
	}
}

func TestExportStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	err := WriteJSONL(&bytes.Buffer{}, func(yield func(store.Request, error) bool) { yield(store.Request{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := WriteJSONL(failingWriter{broken}, sequence([]store.Request{{}})); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// TestFormatsPage: the record on FORMATS.md has all fields, and is read as it says.
func TestFormatsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "FORMATS.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "```json\n")
	record, _, _ := strings.Cut(after, "```")
	for _, name := range fieldNames {
		if !strings.Contains(record, `"`+name+`":`) || !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("FORMATS.md does not explain %s", name)
		}
	}
	got, rejects, _ := mustImport(t, record, testOptions(t))
	if len(rejects) > 0 || len(got) != 1 || got[0].Tenant != "acme" || got[0].Duration != 537_287 || got[0].ResponseBytes != 25_019 || got[0].Client != "nightly-pull" {
		t.Errorf("%+v, %v", got, rejects)
	}
}
