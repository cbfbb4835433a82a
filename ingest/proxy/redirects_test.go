package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// TestRedirects has a vendor that redirects a recording to a storage elsewhere, with a signature:
// what comes from there is the tenant's, by HTTP and by a tunnel, and counts as egress, no tenant
// goes by the storage's name, and the signature is nowhere.
func TestRedirects(t *testing.T) {
	const audio = "the audio"
	serve := http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, audio) },
	)
	open, closed := httptest.NewServer(serve), httptest.NewTLSServer(serve)
	t.Cleanup(open.Close)
	t.Cleanup(closed.Close)
	for _, all := range []bool{false, true} {
		for _, at := range []string{open.URL, closed.URL} {
			var told []string
			s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, at+"/bucket/rec.wav?X-Amz-Signature=Canary", http.StatusFound)
			}), func(c *Config) { c.All, c.Tell = all, func(line string) { told = append(told, line) } })
			c := s.client(t, s.cfg.Authority.raw, closed.Certificate())
			for range 2 {
				resp, err := c.Get("https://acme.xima.cloud" + audioPath)
				if err != nil {
					t.Fatal(err)
				}
				if _, body := read(t, resp); body != audio {
					t.Errorf("%q", body)
				}
				c.CloseIdleConnections() // ends the tunnel, which is recorded then
			}
			rows := s.rows.wait(t, 4)
			seen := 0
			for _, r := range rows {
				if r.Tenant != "acme" || strings.Contains(r.URL()+r.Key+r.Query, "Canary") {
					t.Errorf("%+v %+v", r, r.Route)
				}
				if r.Status == 302 {
					continue
				}
				seen++
				key := ""
				if at == open.URL {
					key, _, _ = strings.Cut(strings.TrimPrefix(audioPath, "/rest/api/v2/recordings/"), "/")
				}
				if r.Route.Class != store.StorageClass || r.ResponseBytes < int64(len(audio)) || r.Key != key {
					t.Errorf("%+v %+v", r, r.Route)
				}
			}
			if seen != 2 || len(told) != 1 ||
				!strings.Contains(
					told[0],
					"acme is redirected to 127.0.0.1: what comes from there is recorded as its own and counts",
				) ||
				strings.Contains(told[0], "Canary") {
				t.Errorf("all %v, %s: %d, told %q", all, at, seen, told)
			}
		}
	}
}
