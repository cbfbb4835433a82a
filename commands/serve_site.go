package commands

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
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

// freshFor is how long an analysis is shown while the log does not change: sums roll on without
// requests.
const freshFor = 10 * time.Minute

// site is the report as a web site. What it shows is made again when somebody asks and the log has
// changed.
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
	counts  *requestCounts
	html    []byte // of the page; nil until somebody asks
	packed  []byte // html by gzip, in the same way
}

func newSite(se *session, o serveOptions) (*site, error) {
	s := &site{se: se, o: o}
	registry := prometheus.NewRegistry()
	if err := registry.Register(liveMetrics{s}); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	s.counts = newRequestCounts(se.policy)
	return s, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage)
	mux.HandleFunc("GET "+pulsePath, s.servePulse)
	mux.Handle("GET /metrics", s.metrics)
	mux.HandleFunc("GET /healthz", s.serveHealth)
	return s.guarded(mux)
}

// guarded refuses a name for this machine that somebody else's page made up, so that no such page
// can read this one.
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
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

func (s *site) servePage(w http.ResponseWriter, r *http.Request) {
	gzipped := acceptsGzip(r.Header)
	html, tag, err := s.rendered(r.Context(), gzipped)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Vary", "Accept-Encoding")
	if gzipped {
		w.Header().Set("Content-Encoding", "gzip")
		tag += "-gzip" // what differs byte for byte needs another tag
	}
	w.Header().Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(html))
}

// acceptsGzip says that a client takes gzip, and does not refuse it with a weight of 0.
func acceptsGzip(h http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return weight == "" || err == nil && q > 0
		}
	}
	return false
}

// serveHealth says whether the log can be read now. It reads no requests.
func (s *site) serveHealth(w http.ResponseWriter, r *http.Request) {
	snap, err := s.se.look(r.Context())
	if err == nil {
		err = snap.Close()
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
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

func (s *site) rendered(ctx context.Context, gzipped bool) (text []byte, tag string, err error) {
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
	if !gzipped {
		return s.html, s.tag, nil
	}
	if s.packed == nil {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(s.html)
		if err := errors.Join(err, z.Close()); err != nil {
			return nil, "", fmt.Errorf("pack page: %w", err)
		}
		s.packed = b.Bytes()
	}
	return s.packed, s.tag, nil
}

// current is what is to be shown now.
func (s *site) current(ctx context.Context) (*report.Picture, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.update(ctx)
	return s.picture, s.tag, err
}

// update makes the picture again where the log has changed or time has passed. It must be called
// with the lock.
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
	// The analysis may have written its states since: then the next look finds the same content.
	s.seen = files
	return nil
}

func (s *site) draw(ctx context.Context, snap store.Snapshot, content string) error {
	now := time.Now()
	sp := span{asOf: orNow(s.o.asOf)}
	names, err := s.se.tenants(snap, s.o.tenants)
	if err != nil {
		return err
	}
	o := s.se.outlook(sp, names) // metrics tell the budget, too
	o.NoScores = true
	p, err := s.se.picture(ctx, snap, sp, names, o)
	if err != nil {
		return err
	}
	if err := s.counts.update(ctx, snap, names); err != nil {
		return err
	}
	if err := s.se.tellOrigin(ctx, snap, p); err != nil {
		return err
	}
	p.Live = pulsePath
	s.picture, s.html, s.packed, s.at, s.content = p, nil, nil, now, content
	s.tag = fmt.Sprintf("%s-%x", content, now.UnixNano())
	return nil
}

// askEvery is how often a log that is no file is asked whether it has changed.
const askEvery = 10 * time.Second

// look says what the log's files look like from outside; it changes whenever one is written. What
// is no file may have changed every few seconds.
func (s *site) look() (all string) {
	if isURL(s.se.store.Path()) {
		return time.Now().Truncate(askEvery).String()
	}
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

// liveMetrics gives the figures of a site to Prometheus. They are computed when they are asked for.
type liveMetrics struct{ *site }

// Describe implements prometheus.Collector.
func (l liveMetrics) Describe(out chan<- *prometheus.Desc) { new(metrics).Describe(out) }

// Collect implements prometheus.Collector. A log that cannot be read makes the scrape fail.
func (l liveMetrics) Collect(out chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.update(context.Background()); err != nil {
		l.se.warn("headroom: metrics: %v", err)
		out <- prometheus.NewInvalidMetric(descUsed, err)
		return
	}
	m := metrics{audit: l.picture.Audit, forecast: l.picture.Forecast, counts: l.counts}
	var err error
	if m.seal, err = l.se.newestSeal(context.Background()); err != nil {
		l.se.warn("headroom: metrics: %v", err)
		out <- prometheus.NewInvalidMetric(descSealed, err)
		return
	}
	m.Collect(out)
}
