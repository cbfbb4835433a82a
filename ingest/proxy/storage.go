package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A vendor may answer the request for a recording with a redirect to a storage of somebody else's.
// What comes from there is the tenant's all the same, and no tenant of the storage's name: so the
// Proxy remembers where redirects of a tenant led, and records what is asked for there as the
// tenant's. It belongs to no class of the policy, whose limits are the vendor's.

const (
	// storageMemory is how long after a redirect its place is known.
	storageMemory = 15 * time.Minute
	// maxStorages bounds how many places are remembered.
	maxStorages = 256
)

// storages are the places that redirects of recorded requests have led to.
type storages struct {
	mu sync.Mutex
	at map[string]storage // by host and port
}

type storage struct {
	tenant string // of the last redirect
	until  time.Time
}

// note remembers a place, and says whether it is new.
func (s *storages) note(place, tenant string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.at[place]
	if s.at == nil || !known && len(s.at) >= maxStorages {
		s.at = map[string]storage{}
	}
	s.at[place] = storage{tenant, now.Add(storageMemory)}
	return !known
}

// tenant is whose redirect has led to a place; "" means nobody's.
func (s *storages) tenant(place string, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.at[place]; ok && now.Before(at.until) {
		return at.tenant
	}
	return ""
}

func placeOf(u *url.URL) string { return strings.ToLower(u.Hostname()) + " " + portOf(u) }

// noteRedirect remembers where a recorded answer leads, if that is neither a host of the policy nor
// an upstream.
func (p *Proxy) noteRedirect(resp *http.Response, t *target) {
	if resp.StatusCode/100 != 3 || !t.recorded {
		return
	}
	to, err := resp.Location()
	tenant := p.tenantOf(t.url.Hostname())
	if err != nil || tenant == "" || len(p.hostsAt(to.Hostname(), portOf(to))) > 0 {
		return
	}
	if p.storages.note(placeOf(to), tenant, time.Now()) {
		p.cfg.Tell(
			tenant + " is redirected to " + to.Hostname() + ": what comes from there is recorded as its own, " +
				"by TLS as opaque, and counts for no limit of the policy's",
		)
	}
}
