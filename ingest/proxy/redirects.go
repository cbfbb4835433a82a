package proxy

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/ingest"
)

// A client follows a redirect by a request of its own, which does not tell where it comes from. So
// the Proxy remembers where redirects of a tenant led: the URL, which tells the recording, and the
// place, which tells at least whose it is, behind TLS as well. See ingest.Followed.

const (
	// redirectMemory is how long after a redirect it is known where it led.
	redirectMemory = 15 * time.Minute
	// maxRedirects bounds how many places and how many URLs are remembered.
	maxRedirects = 4096
)

// redirects are where redirects of recorded requests have led to.
type redirects struct {
	mu     sync.Mutex
	places map[string]redirect            // by host and port, the latest
	urls   map[[sha256.Size]byte]redirect // by digest: they hold signatures
}

type redirect struct {
	ingest.Followed
	until time.Time
}

// note remembers where a redirect led, and says whether the place is new.
func (s *redirects) note(to *url.URL, f ingest.Followed, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := placeOf(to)
	_, known := s.places[place]
	if s.places == nil || !known && len(s.places) >= maxRedirects {
		s.places = map[string]redirect{}
	}
	if s.urls == nil || len(s.urls) >= maxRedirects {
		s.urls = map[[sha256.Size]byte]redirect{}
	}
	s.urls[digestOf(to)] = redirect{f, now.Add(redirectMemory)}
	f.Key = "" // of this one request
	s.places[place] = redirect{f, now.Add(redirectMemory)}
	return !known
}

// of is the redirect that led to a URL, or else to its place; without a tenant, none did.
func (s *redirects) of(u *url.URL, now time.Time) ingest.Followed {
	s.mu.Lock()
	r, ok := s.urls[digestOf(u)]
	s.mu.Unlock()
	if ok && now.Before(r.until) {
		return r.Followed
	}
	return s.at(placeOf(u), now)
}

// at is the latest redirect that led to a place.
func (s *redirects) at(place string, now time.Time) (f ingest.Followed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.places[place]; ok && now.Before(r.until) {
		return r.Followed
	}
	return f
}

func placeOf(u *url.URL) string { return strings.ToLower(u.Hostname()) + " " + portOf(u) }

func digestOf(u *url.URL) [sha256.Size]byte {
	return sha256.Sum256([]byte(u.Scheme + " " + placeOf(u) + " " + u.RequestURI()))
}

// noteRedirect remembers where a recorded answer leads, if that is neither a host of the policy nor
// an upstream.
func (p *Proxy) noteRedirect(resp *http.Response, t *target) {
	if resp.StatusCode/100 != 3 || !t.recorded {
		return
	}
	to, err := resp.Location()
	if err != nil || len(p.hostsAt(to.Hostname(), portOf(to))) > 0 {
		return
	}
	f, ok := ingest.FollowedFrom(
		p.cfg.Policy,
		p.cfg.HashKey,
		resp.Request.Method,
		t.url.String(),
		resp.StatusCode,
		to.Host,
	)
	if !ok && t.followed.Tenant != "" {
		f, ok = t.followed, true // the storage redirects once more
	}
	if !ok || !p.followed.note(to, f, time.Now()) {
		return
	}
	line := f.Tenant + " is redirected to " + to.Hostname() + ": what comes from there is recorded as its own"
	if f.Storage {
		line += " and counts as egress, by TLS with what that adds"
	}
	p.cfg.Tell(line)
}
