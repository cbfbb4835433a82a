package commands

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// served is a site over a new log, and how to add downloads of a tenant to it.
func served(t *testing.T, o serveOptions) (*httptest.Server, func(tenant string, n int)) {
	t.Helper()
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "served.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	policy, err := limits.Builtin(defaultPolicy)
	if err != nil {
		t.Fatal(err)
	}
	known, err := config.Parse("test.toml", []byte("[tenants.acme]\ncap = 10000\ncap_told_on = 2026-01-01\n"))
	if err != nil {
		t.Fatal(err)
	}
	site, err := newSite(&session{streams: &streams{err: io.Discard}, store: st, policy: policy, config: known}, o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(site.handler())
	t.Cleanup(server.Close)
	last := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	return server, func(tenant string, n int) {
		r := store.NewRecorder(st)
		at := func(i int) time.Time {
			if n < 0 { // earlier than all
				return last.Add(-24 * time.Hour)
			}
			return last.Add(time.Duration(i+1) * 3 * time.Second)
		}
		for i := range max(n, -n) {
			r.Record(store.Request{
				Tenant: tenant, StartedAt: at(i).UnixMicro(), Status: 200, ResponseBytes: 1000, Key: at(i).Format("150405"), Source: &store.Source{Kind: "transport"},
				Route: &store.Route{Method: "GET", Origin: "https://" + tenant + ".xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}/audio", Class: "recording_audio"},
			})
		}
		last = last.Add(time.Duration(max(n, 0)) * 3 * time.Second)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func fetch(t *testing.T, url, host string) (string, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), resp
}

var november = serveOptions{asOf: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}

func TestServeFollowsTheLog(t *testing.T) {
	server, add := served(t, november)
	add("acme", 3)
	pulse, _ := fetch(t, server.URL+pulsePath, "")
	if again, _ := fetch(t, server.URL+pulsePath, ""); again != pulse {
		t.Errorf("pulse %q, then %q, though nothing happened", pulse, again)
	}
	page, resp := fetch(t, server.URL+"/", "")
	if strings.Contains(page, "borealis") || !strings.Contains(page, "acme") || !strings.Contains(page, `"live":"/pulse"`) || resp.Header.Get("ETag") == "" {
		t.Errorf("the page is not the live one of acme; ETag %q", resp.Header.Get("ETag"))
	}
	add("borealis", 2)
	if later, _ := fetch(t, server.URL+pulsePath, ""); later == pulse {
		t.Error("the pulse is the same after new requests")
	}
	if page, _ := fetch(t, server.URL+"/", ""); !strings.Contains(page, "borealis") {
		t.Error("the page does not show the new tenant")
	}
}

func TestServeMetrics(t *testing.T) {
	server, add := served(t, november)
	add("acme", 4)
	text, _ := fetch(t, server.URL+"/metrics", "")
	for _, want := range []string{
		`headroom_egress_used_bytes{tenant="acme"} 4000`, `headroom_egress_limit_bytes{tenant="acme"} 10000`,
		`headroom_egress_remaining_bytes{tenant="acme"} 6000`,
		`headroom_egress_limit_info{source="told",tenant="acme",told_on="`,
		`headroom_requests_total{class="recording_audio",status="200",tenant="acme"} 4`,
		`headroom_last_success_timestamp_seconds{tenant="acme"} 1.793498412e+09`,
		`headroom_verdict{tenant="acme",verdict="pass"} 1`, `headroom_verdict{tenant="acme",verdict="fail"} 0`,
		`headroom_audit_timestamp_seconds 1.7935776e+09`, `headroom_dropped_requests_total 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	// A counter follows what is added, wherever in time it belongs.
	add("acme", 2)
	add("acme", -1)
	if text, _ = fetch(t, server.URL+"/metrics", ""); !strings.Contains(text, `status="200",tenant="acme"} 7`) {
		t.Errorf("7 requests were added:\n%s", text)
	}
}

func TestServeHealthAndGzip(t *testing.T) {
	server, add := served(t, november)
	add("acme", 4)
	if text, resp := fetch(t, server.URL+"/healthz", ""); text != "ok\n" || resp.StatusCode != http.StatusOK {
		t.Errorf("%d: %q", resp.StatusCode, text)
	}
	plain := get(t, server.URL, "identity", "")
	for accept, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "br": ""} {
		resp := get(t, server.URL, accept, "")
		body := resp.body
		if got := resp.header.Get("Content-Encoding"); got != want {
			t.Errorf("%s: encoding %q, want %q", accept, got, want)
		}
		if want == "gzip" {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			if len(body) > len(unpacked)/2 {
				t.Errorf("%d bytes packed to %d", len(unpacked), len(body))
			}
			body = string(unpacked)
			if again := get(t, server.URL, accept, resp.header.Get("ETag")); again.status != http.StatusNotModified {
				t.Errorf("the same again: %d", again.status)
			}
		}
		if body != plain.body {
			t.Errorf("%s: another page", accept)
		}
	}
	if got := plain.header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
		t.Errorf("Cross-Origin-Resource-Policy %q", got)
	}
}

type answer struct {
	status int
	header http.Header
	body   string
}

// get asks for a page in an encoding, and does not unpack it.
func get(t *testing.T, url, accept, tag string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", accept)
	if tag != "" {
		req.Header.Set("If-None-Match", tag)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func TestServeAnswersThisMachineOnly(t *testing.T) {
	server, add := served(t, november)
	add("acme", 1)
	for host, want := range map[string]int{"": 200, "localhost:1": 200, "[::1]:2": 200, "evil.example": 403, "evil.example:80": 403} {
		if _, resp := fetch(t, server.URL+pulsePath, host); resp.StatusCode != want {
			t.Errorf("host %q: %d, want %d", host, resp.StatusCode, want)
		}
	}
	var errs bytes.Buffer
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "nonsense"} {
		errs.Reset()
		if code := Main(t.Context(), []string{"headroom", "serve", "--listen", address}, strings.NewReader(""), io.Discard, &errs); code != exitFailed || !strings.Contains(errs.String(), "--listen") {
			t.Errorf("%s: exit %d, %q", address, code, errs.String())
		}
	}
}

func TestServeSaysThatAnotherProgramListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	db := filepath.Join(t.TempDir(), "served.db")
	st, err := sqlite.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	code := Main(t.Context(), []string{"headroom", "--db", db, "serve", "--listen", l.Addr().String()}, strings.NewReader(""), io.Discard, &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "choose another port") || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

// Each metric has its help and type, names and labels are of the form that Prometheus reads, and no sample is told twice.
func TestMetricsAreInPrometheusTextFormat(t *testing.T) {
	server, add := served(t, november)
	add("acme", 4)
	add("quote\"back\\slash\nline", 2)
	text, resp := fetch(t, server.URL+"/metrics", "")
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", kind)
	}
	sample := regexp.MustCompile(`^([a-z_]+)(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? [-+0-9.e]+$`)
	seen, typed := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			typed[name] = kind == "gauge" || kind == "counter" && strings.HasSuffix(name, "_total")
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		m := sample.FindStringSubmatch(line)
		series, _, _ := strings.Cut(line, "} ")
		if m == nil || !typed[m[1]] || seen[series] {
			t.Errorf("%q is malformed, without a type before it, or there twice", line)
		}
		seen[series] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d samples of two tenants in\n%s", len(seen), text)
	}
}
