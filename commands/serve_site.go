package commands

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
	"github.com/6dcca832/headroom/store"
)

// pulsePath is what the page asks to see whether there is something new.
const pulsePath = "/pulse"

// freshFor is how long an analysis is shown while the log does not change: sums roll on without requests.
const freshFor = 10 * time.Minute

// site is the report as a web site. What it shows is made again when somebody asks and the log has changed.
type site struct {
	se      *session
	o       serveOptions
	metrics http.Handler

	mu      sync.Mutex // guards what follows
	seen    string     // what the files looked like when the log was read
	content string     // fingerprint of the log that is shown
	tag     string     // of the picture
	at      time.Time  // when it was made
	picture *report.Picture
	html    []byte // of the page; nil until somebody asks
}

func newSite(se *session, o serveOptions) (*site, error) {
	s := &site{se: se, o: o}
	registry := prometheus.NewRegistry()
	if err := registry.Register(&gauges{site: s}); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return s, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.HandleFunc("GET "+pulsePath, s.servePulse)
	mux.Handle("GET /metrics", s.metrics)
	return s.guarded(mux)
}

// guarded refuses a name for this machine that somebody else's page made up, so that no such page can read this one.
func (s *site) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !s.o.remote && !local(host) {
			http.Error(w, "this page is for this machine; open it under 127.0.0.1", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

func (s *site) servePage(w http.ResponseWriter, r *http.Request) {
	html, tag, err := s.rendered(r.Context())
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(html))
}

func (s *site) servePulse(w http.ResponseWriter, r *http.Request) {
	_, tag, err := s.current(r.Context())
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, tag)
}

func (s *site) fail(w http.ResponseWriter, err error) {
	s.se.warn("headroom: serve: %v", err)
	http.Error(w, "the log cannot be read now", http.StatusServiceUnavailable)
}

func (s *site) rendered(ctx context.Context) (html []byte, tag string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.update(ctx); err != nil {
		return nil, "", err
	}
	if s.html == nil {
		var b bytes.Buffer
		if err := page.Write(&b, s.picture); err != nil {
			return nil, "", err
		}
		s.html = b.Bytes()
	}
	return s.html, s.tag, nil
}

// current is what is to be shown now.
func (s *site) current(ctx context.Context) (*report.Picture, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.update(ctx)
	return s.picture, s.tag, err
}

// update makes the picture again where the log has changed or time has passed. It must be called with the lock.
func (s *site) update(ctx context.Context) error {
	files := s.look()
	stale := s.o.asOf.IsZero() && time.Since(s.at) > freshFor
	if s.picture != nil && files == s.seen && !stale {
		return nil
	}
	if err := s.se.refresh(ctx); err != nil {
		return err
	}
	snap, err := s.se.look(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	content, err := fingerprint(ctx, snap)
	if err != nil {
		return err
	}
	if s.picture == nil || stale || content != s.content {
		if err := s.draw(ctx, snap, content); err != nil {
			return err
		}
	}
	s.seen = files // the analysis may have written its states since: then the next look finds the same content
	return nil
}

func (s *site) draw(ctx context.Context, snap store.Snapshot, content string) error {
	now := time.Now()
	sp := span{asOf: s.o.asOf}
	if sp.asOf.IsZero() {
		sp.asOf = now.UTC().Truncate(time.Microsecond)
	}
	names, err := s.se.tenants(snap, s.o.tenants)
	if err != nil {
		return err
	}
	p, err := s.se.picture(ctx, snap, sp, names)
	if err != nil {
		return err
	}
	p.Live = pulsePath
	s.picture, s.html, s.at, s.content = p, nil, now, content
	s.tag = fmt.Sprintf("%s-%x", content, now.UnixNano())
	return nil
}

// look says what the log's files look like from outside; it changes whenever one is written.
func (s *site) look() (all string) {
	for _, suffix := range []string{"", "-wal"} {
		if st, err := os.Stat(s.se.store.Path() + suffix); err == nil {
			all += fmt.Sprintf("%d %d;", st.Size(), st.ModTime().UnixNano())
		}
	}
	return all
}

// fingerprint differs wherever requests or events were added or removed.
func fingerprint(ctx context.Context, snap store.Snapshot) (string, error) {
	var requests, last int64
	for _, t := range snap.Tenants() {
		requests += t.Requests
		last = max(last, t.Last)
	}
	events, err := snap.Events(ctx)
	return fmt.Sprintf("%x-%x-%x", requests, last, len(events)), err
}
