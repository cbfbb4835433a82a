package commands

import (
	"bytes"
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
		for range n {
			last = last.Add(3 * time.Second)
			r.Record(store.Request{
				Tenant: tenant, StartedAt: last.UnixMicro(), Status: 200, ResponseBytes: 1000, Key: last.Format("150405"), Source: &store.Source{Kind: "transport"},
				Route: &store.Route{Method: "GET", Origin: "https://" + tenant + ".xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}/audio", Class: "recording_audio"},
			})
		}
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
		`headroom_rolling_bytes{tenant="acme"} 4000`, `headroom_cap_bytes{source="told",tenant="acme"} 10000`, `headroom_utilization_ratio{tenant="acme"} 0.4`,
		`headroom_violations{tenant="acme"} 0`, `headroom_last_pull_age_seconds{tenant="acme"} 79188`, `headroom_verdict{tenant="acme",verdict="pass"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
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
	sample := regexp.MustCompile(`^([a-z_]+)(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)*\})? [-+0-9.e]+$`)
	seen, typed := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			typed[strings.TrimSuffix(name, " gauge")] = true
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
	if len(seen) != 10 {
		t.Errorf("%d samples of two tenants in\n%s", len(seen), text)
	}
}
