package ingest

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

const (
	// cacheSize is how many URLs one half of the cache holds; longer URLs than cacheLen are not kept
	// at all.
	cacheSize = 1024
	cacheLen  = 1024
	// placesMax bounds the routes that are shared between requests, for clients that visit any number
	// of hosts.
	placesMax = 4096
)

// keptURL is what the policy lets be kept of one method and URL.
type keptURL struct {
	place
	key      string
	query    string
	lossless bool
	// params is the digest of a request without a body, once one was made; nil where the URL is not
	// in the cache, or says everything itself.
	params *atomic.Pointer[string]
}

// place is what all requests to one route of one tenant share.
type place struct {
	tenant string
	route  *store.Route
}

// urlKey is all of a request that the policy looks at, compared without building a string.
type urlKey struct{ method, scheme, host, path, rawPath, query string }

// urlCache remembers the URLs seen of late, since a retry, a poll or a page of a list asks the same
// again. It keeps two halves: when the young one is full it becomes the old one, whose entries are
// lost unless asked for again.
type urlCache struct {
	mu         sync.RWMutex
	young, old map[urlKey]keptURL
	places     map[placeKey]*namedPlace
	// last is the place of the request before: the next has the same, nearly always, and is spared the
	// lock and the hash of five texts.
	last atomic.Pointer[namedPlace]
}

// namedPlace is a place and what it is found by.
type namedPlace struct {
	place
	key placeKey
}

// placeKey tells places apart; tenant is set where the host does not tell it, see Followed.
type placeKey struct{ method, origin, template, class, tenant string }

// describe fills the row with what is known before the request is sent.
func (x *exchange) describe(req *http.Request) {
	kept := x.t.keep(req)
	x.lossless, x.digest = kept.lossless, kept.params
	x.row.Tenant, x.row.Route, x.row.Key, x.row.Query = kept.tenant, kept.route, kept.key, kept.query
	x.row.Client, x.row.Source = x.t.client, x.t.source
	if f, ok := x.t.followed(req); ok {
		x.describeFollowed(f)
	}
}

// keep says what may be kept of a request, from the cache where the same was asked before. URLs
// that name an item are not cached: there is one for each recording, asked for once.
func (t *Transport) keep(req *http.Request) keptURL {
	u := req.URL
	if u == nil || u.User != nil || u.Opaque != "" || len(u.Path)+len(u.RawQuery) > cacheLen {
		return t.match(req.Method, u)
	}
	k := urlKey{req.Method, u.Scheme, u.Host, u.Path, u.RawPath, u.RawQuery}
	if kept, ok := t.urls.get(k); ok {
		return kept
	}
	kept := t.match(req.Method, u)
	if kept.key == "" {
		if !kept.lossless {
			kept.params = new(atomic.Pointer[string])
		}
		t.urls.put(k, kept)
	}
	return kept
}

// match asks the policy. The string it builds has neither userinfo nor fragment, and does not
// outlive the call.
func (t *Transport) match(method string, u *url.URL) keptURL {
	method = storedMethod(method)
	if u == nil {
		u = &url.URL{}
	}
	m, err := t.policy.MatchKeyed(method, plainURL(u), t.keyDigest)
	if err != nil {
		m = unmatched(u)
	}
	if m.Tenant == "" {
		m.Origin = privacy.Origin(m.Origin, t.key)
	}
	return keptURL{
		place: t.place(
			placeKey{method: method, origin: m.Origin, template: m.Template, class: m.Class},
			m.Tenant,
			u,
		),
		key:      strings.Clone(m.Key),
		query:    strings.Clone(m.Query),
		lossless: m.Lossless && u.User == nil,
	}
}

// plainURL is a URL without userinfo and fragment. Of most URLs nothing needs escaping, which their
// String would find out at twice the cost.
func plainURL(u *url.URL) string {
	if u.Scheme != "" && u.Opaque == "" && u.RawPath == "" && !u.ForceQuery && isPlain(u.Host) &&
		strings.HasPrefix(u.Path, "/") && isPlain(u.Path) {
		if u.RawQuery == "" {
			return u.Scheme + "://" + u.Host + u.Path
		}
		return u.Scheme + "://" + u.Host + u.Path + "?" + u.RawQuery
	}
	plain := *u
	plain.User, plain.Fragment, plain.RawFragment = nil, "", ""
	return plain.String()
}

// isPlain says that a host or a path is not empty and spelled the same in a URL.
func isPlain(s string) bool {
	for i := range len(s) {
		if !plainBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var plainBytes = func() (set [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:" {
		set[c] = true
	}
	return set
}()

// keyDigest is the digest of a key that may not be kept.
func (t *Transport) keyDigest(value string) string { return privacy.Key(value, t.key) }

// storedMethod is a method as Import would take it back; other tokens, which no API uses, share one
// name.
func storedMethod(method string) string {
	if method == "" {
		return http.MethodGet
	}
	if method, ok := privacy.Method(method); ok {
		return method
	}
	return privacy.OtherMethod
}

// place is the one Route that all requests with the same key share, and its tenant, which the
// origin decides. Its strings share no memory with a URL.
func (t *Transport) place(k placeKey, tenant string, u *url.URL) place {
	c := &t.urls
	if p := c.last.Load(); p != nil && p.key == k {
		return p.place
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.places[k]
	if !ok {
		if c.places == nil || len(c.places) >= placesMax {
			c.places = make(map[placeKey]*namedPlace)
		}
		k.origin, k.template = strings.Clone(k.origin), strings.Clone(k.template)
		k.tenant = strings.Clone(k.tenant)
		p = &namedPlace{key: k, place: place{
			tenant: t.storedTenant(either(tenant, t.tenant, strings.ToLower(u.Hostname()))),
			route:  &store.Route{Method: k.method, Origin: k.origin, Template: k.template, Class: k.class},
		}}
		c.places[k] = p
	}
	c.last.Store(p)
	return p.place
}

// storedTenant is a tenant's name as it may be stored; a digest stands for one that may not be.
func (t *Transport) storedTenant(name string) string {
	name = strings.Clone(name)
	if name == "" {
		return "unknown"
	}
	return privacy.Tenant(name).Or(privacy.Host(name, t.key).Text)
}

// unmatched is what is kept of a URL that the policy cannot read: the host, and no more.
func unmatched(u *url.URL) limits.Match {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	return limits.Match{
		Class:    limits.OtherClass,
		Origin:   either(scheme, "http") + "://" + either(host, "unknown"),
		Template: "/*",
	}
}

// either is the first that is not empty.
func either(names ...string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return ""
}

func (c *urlCache) get(k urlKey) (kept keptURL, ok bool) {
	c.mu.RLock()
	kept, young := c.young[k]
	if !young {
		kept, ok = c.old[k]
	}
	c.mu.RUnlock()
	if ok {
		c.put(k, kept)
	}
	return kept, ok || young
}

func (c *urlCache) put(k urlKey, kept keptURL) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil || len(c.young) >= cacheSize {
		c.young, c.old = make(map[urlKey]keptURL), c.young
	}
	c.young[k] = kept
}
