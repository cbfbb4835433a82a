package limits

import (
	"net/url"
	"slices"
	"strings"
)

// Match is what may be known of a request's URL, and the class and tenant the policy gives it.
//
// Origin, Key and Query may share the memory of the URL they were cut from: clone what outlives it.
type Match struct {
	// Tenant is taken from the host; "" means that no host pattern fits.
	Tenant string
	// Class is OtherClass when no route fits.
	Class string
	// Origin is scheme and host in lower case, without userinfo, and a port only if it is not the
	// scheme's default.
	Origin string
	// Template is the path: "{+name}" stands for a value of Key, "{name}" and "*" for values that were
	// not kept.
	Template string
	// Key holds the kept values of the "{+name}" segments in order, joined by "/". In the place of one
	// that may not be kept stands its digest, see MatchKeyed.
	Key string
	// Query holds the kept name=value pairs in their original order and encoding, joined by "&".
	Query string
	// Lossless says that nothing of the URL was left out; a fragment, which is never sent, does not
	// count.
	Lossless bool
}

// Match says what may be kept of a request's method and URL, and which class and tenant it has. The
// method is in capitals.
//
// A segment or pair that already is a placeholder, because the URL was written by headroom, is no
// value: it stays as it is and Match is as lossless as before. The errors are ErrURLTooLong,
// ErrURLControl, ErrURLScheme and ErrURLHost.
func (p *Policy) Match(method, rawURL string) (Match, error) {
	return p.MatchKeyed(method, rawURL, nil)
}

// MatchKeyed is Match for a place that has a key of its own. digest gives a text of the form that
// IsDigest knows for a value of a "{+name}" segment that may not be kept, so that two such values
// stay two. It is not asked about a personal route. A digest that is read again is kept as it is.
func (p *Policy) MatchKeyed(
	method, rawURL string,
	digest func(value string) string,
) (Match, error) {
	u, err := splitURL(rawURL)
	if err != nil {
		return Match{}, err
	}
	m := Match{Class: OtherClass, Origin: u.origin, Lossless: !u.userinfo}
	var space [maxSegments]string
	segments := splitPath(space[:0], u.path)
	var r *route
	if m.Tenant = p.tenant(u.host); m.Tenant != "" {
		r = p.route(method, segments)
	}
	if r != nil {
		m.Class = r.Class
	}
	if r != nil && r.Personal {
		digest = nil
	}
	p.keepPath(&m, r, segments, digest)
	p.keepQuery(&m, r, u.query)
	if len(m.Origin)+len(m.Template)+len(m.Key)+len(m.Query) >= maxURL {
		return Match{}, ErrURLTooLong // names and digests are longer than what they stand for
	}
	return m, nil
}

// Host is the host name of a tenant by the policy's first pattern; ok is false where the name does
// not fit into it.
func (p *Policy) Host(tenant string) (host string, ok bool) {
	host = strings.Replace(p.Hosts[0], "{tenant}", tenant, 1)
	return host, tenant != "" && p.Tenant(host) == tenant
}

// Tenant is the tenant whose host a name is, "" where no host pattern fits. The host may be written
// in capitals and have a port.
func (p *Policy) Tenant(host string) string {
	_, tenant, _ := p.Place(host)
	return tenant
}

// Place is the origin of a host that is reached by TLS, as Match gives it, and the tenant whose
// host it is, "" where no host pattern fits. The host may be written in capitals and have a port;
// ok is false where it is no host's name.
func (p *Policy) Place(host string) (origin, tenant string, ok bool) {
	u, err := splitURL("https://" + host)
	if err != nil || u.path != "/" || u.userinfo || u.query != "" {
		return "", "", false
	}
	return u.origin, p.tenant(u.host), true
}

// Reclassify gives the class of a stored route, its origin and template as Match made them, under
// this policy. So a corrected policy applies to what was recorded under an earlier one.
func (p *Policy) Reclassify(method, origin, template string) string {
	u, err := splitURL(origin)
	if err != nil || p.tenant(u.host) == "" {
		return OtherClass
	}
	var space [maxSegments]string
	if r := p.route(method, splitPath(space[:0], template)); r != nil {
		return r.Class
	}
	return OtherClass
}

// maxSegments is how many segments of a path are looked at without allocating.
const maxSegments = 16

func splitPath(segments []string, path string) []string {
	path = strings.TrimPrefix(path, "/")
	for {
		i := strings.IndexByte(path, '/')
		if i < 0 {
			return append(segments, path)
		}
		segments = append(segments, path[:i])
		path = path[i+1:]
	}
}

// tenant is the part of host that stands for the tenant: one label, or with the pattern "{tenant}"
// the whole host.
func (p *Policy) tenant(host string) string {
	for _, h := range p.rules.hosts {
		if len(host) <= len(h.before)+len(h.after) || !strings.HasPrefix(host, h.before) ||
			!strings.HasSuffix(host, h.after) {
			continue
		}
		t := host[len(h.before) : len(host)-len(h.after)]
		if len(t) == len(host) || strings.IndexByte(t, '.') < 0 {
			return t
		}
	}
	return ""
}

// route is the first route that fits, nil if none does.
func (p *Policy) route(method string, segments []string) *route {
	for i := range p.rules.routes {
		r := &p.rules.routes[i]
		if (r.Method == "" || r.Method == method) && r.fits(segments) {
			return r
		}
	}
	return nil
}

func (r *route) fits(segments []string) bool {
	n, fixed := len(segments), len(r.head)+len(r.tail)
	if n < fixed || n > fixed && !r.deep || n == fixed && r.deep {
		return false
	}
	return fit(r.head, segments[:len(r.head)]) && fit(r.tail, segments[n-len(r.tail):])
}

func fit(template []segment, segments []string) bool {
	for i := range template {
		t := &template[i]
		if t.name != "" && segments[i] == "" || t.name == "" && segments[i] != t.text {
			return false
		}
	}
	return true
}

// keepPath fills Template and Key. Most often every value that may be kept is kept, and there is
// one: then Key is cut from the URL, and Template is the route's own but for what "**" stands for.
func (p *Policy) keepPath(m *Match, r *route, segments []string, digest func(string) string) {
	var space [192]byte
	b, own, i := space[:0], r != nil, 0
	for ; r != nil && i < len(r.head); i++ {
		t := &r.head[i]
		text := p.keepSegment(m, t, segments[i], digest)
		if own && t.keep != nil && text != t.kept {
			b, own = append(b, r.full[:t.offset]...), false
		}
		if !own {
			b = append(append(b, '/'), text...)
		}
	}
	if own && !r.deep {
		m.Template = r.full
		return
	}
	if own {
		b = append(b, r.full...)
	}
	for ; i < len(segments); i++ {
		text := p.keepSegment(m, r.at(i, len(segments)), segments[i], digest)
		b = append(append(b, '/'), text...)
	}
	m.Template = r.template(b)
}

// template is the text of b. Nearly all requests of a route have the same as the one before.
func (r *route) template(b []byte) string {
	if r == nil {
		return string(b)
	}
	if last := r.last.Load(); last != nil && *last == string(b) {
		return *last
	}
	text := string(b)
	r.last.Store(&text)
	return text
}

// at is the template of the i-th of n segments, i beyond the head; nil where there is none.
func (r *route) at(i, n int) *segment {
	if r == nil {
		return nil
	}
	if j := i - (n - len(r.tail)); j >= 0 {
		return &r.tail[j]
	}
	return nil
}

// keepSegment is what Template says of a segment; a value that is kept is added to Key.
func (p *Policy) keepSegment(m *Match, t *segment, s string, digest func(string) string) string {
	if t == nil {
		if s == "" || p.rules.words[s] {
			return s
		}
		m.Lossless = m.Lossless && s == "*"
		return "*"
	}
	if t.name == "" || s == t.text {
		return t.text
	}
	if t.keep != nil && p.mayKeep(t.keep, s) {
		m.addKey(s)
		return t.kept
	}
	switch {
	case t.keep != nil && IsDigest(s):
		m.addKey(s)
		return t.kept
	case t.keep != nil && digest != nil:
		m.addKey(digest(s))
		m.Lossless = false
		return t.kept
	}
	m.Lossless = false
	return t.text
}

// digestPrefix begins a digest, digestLetters follow: 64 bits, and no digits, which could look like
// a number.
const (
	digestPrefix  = "key-"
	digestLetters = 16
)

// IsDigest says whether a value is the digest of one that may not be kept: "key-" and 16 letters
// from a to p.
func IsDigest(value string) bool {
	letters, ok := strings.CutPrefix(value, digestPrefix)
	return ok && len(letters) == digestLetters && strings.Trim(letters, "abcdefghijklmnop") == ""
}

// MayKeep says whether a value that is no part of a URL may be kept as Keep's pattern of that name
// allows.
func (p *Policy) MayKeep(name, value string) bool {
	keep := p.rules.keep[name]
	return keep != nil && p.mayKeep(keep, value)
}

// mayKeep says whether a value matches, has no byte that must be escaped in a path, and looks like
// nothing that is kept under no name.
func (p *Policy) mayKeep(keep *pattern, value string) bool {
	return keep.match(value) && (keep.plain || allIn(value, &valueBytes)) && !p.refused(value)
}

// maxVendorID is the longest id of a vendor that is kept, in bytes.
const maxVendorID = 128

// MayKeepID says whether a value may be kept as the vendor's own id of a request: it has the form
// of an id, and looks like nothing that is kept under no name.
func (p *Policy) MayKeepID(value string) bool {
	return value != "" && len(value) <= maxVendorID && allIn(value, &idBytes) && !p.refused(value)
}

// refused says whether a value looks like one that is kept under no name.
func (p *Policy) refused(value string) bool {
	for i := range p.rules.never {
		if p.rules.never[i].match(value) {
			return true
		}
	}
	return false
}

func (m *Match) addKey(value string) {
	if m.Key == "" {
		m.Key = value
	} else {
		m.Key += "/" + value
	}
}

// keepQuery fills Query. Where all that is kept stands together, Query is cut from the URL.
func (p *Policy) keepQuery(m *Match, r *route, query string) {
	start, end := 0, 0 // the run of kept pairs that Query is so far
	for at := 0; at < len(query); {
		pair, _, _ := strings.Cut(query[at:], "&")
		next := at + len(pair)
		switch {
		case pair == "":
		case r == nil || !p.keepsPair(r, pair):
			m.Lossless = false
		case m.Query == "":
			start, end, m.Query = at, next, pair
		case start >= 0 && end+1 == at:
			end, m.Query = next, query[start:next]
		default:
			start, m.Query = -1, m.Query+"&"+pair
		}
		at = next + 1
	}
}

func (p *Policy) keepsPair(r *route, pair string) bool {
	name, value, _ := strings.Cut(pair, "=")
	i := slices.Index(r.Query, name)
	if i < 0 || !allIn(pair, &pairBytes) {
		return false
	}
	// The value is tested as the server reads it, but for "+": clients write the offset of a time with
	// a bare one.
	if strings.IndexByte(value, '%') >= 0 {
		decoded, err := url.PathUnescape(value)
		if err != nil {
			return false
		}
		value = decoded
	}
	return r.query[i].match(value) && !p.refused(value)
}
