package proxy

import (
	"net"
	"net/url"
	"strings"
)

// tenantOf is the tenant that the policy sees in a host name; "" means none.
func (p *Proxy) tenantOf(host string) string { return p.cfg.Policy.Tenant(host) }

// hostsAt are the policy's hosts that an address serves: the one that it names, or those of the
// tenants whose upstream is there. Without any, the address is none of ours.
func (p *Proxy) hostsAt(host, port string) (hosts []string) {
	if p.tenantOf(host) != "" {
		return []string{host}
	}
	for as, to := range p.base.redirect {
		if strings.EqualFold(to.Hostname(), host) && portOf(to) == port {
			hosts = append(hosts, as)
		}
	}
	return hosts
}

// recordedAs is the URL that a request is recorded under, and by which it finds its way: its own
// where the policy knows the host, the policy's below the upstream of a tenant; ok is false for all
// others. Where one upstream is below another, the deeper one has it; where several tenants have
// the same, the first by name.
func (p *Proxy) recordedAs(u *url.URL) (as *url.URL, ok bool) {
	if p.tenantOf(u.Hostname()) != "" {
		return u, true
	}
	as, depth := u, -1
	for host, to := range p.base.redirect {
		moved, below := p.below(u, host)
		if deep := len(basePath(to)); below && (deep > depth || deep == depth && host < as.Host) {
			as, depth = moved, deep
		}
	}
	return as, depth >= 0
}

// below is a URL below a host's upstream as that of the host.
func (p *Proxy) below(u *url.URL, host string) (moved *url.URL, ok bool) {
	to := p.base.redirect[host]
	if to == nil || !strings.EqualFold(to.Hostname(), u.Hostname()) || portOf(to) != portOf(u) {
		return nil, false
	}
	path := u.EscapedPath()
	if base := basePath(to); base != "" {
		clean, _ := cleanPath(path) // where that fails, the path still begins with what it shows
		if path, ok = cutBase(clean, base); !ok {
			return nil, false
		}
	}
	at := *u
	at.Scheme, at.Host, at.RawPath = "https", host, path
	at.Path, _ = url.PathUnescape(path) // the escapes are u's own
	return &at, true
}

// cutBase takes an upstream's path from the front of another; servers take several slashes for one.
func cutBase(path, base string) (rest string, ok bool) {
	for _, segment := range strings.Split(strings.TrimPrefix(base, "/"), "/") {
		next := strings.TrimLeft(path, "/")
		if next == path && path != "" {
			return "", false
		}
		if path, ok = strings.CutPrefix(next, segment); !ok || path != "" && path[0] != '/' {
			return "", false
		}
	}
	return path, true
}

// clean resolves a request's path below the base of the upstream that it goes to, so that it cannot
// lead out of it. It says false for a path at an upstream's place that a server could resolve in
// another way than we do.
func (p *Proxy) clean(t *target) bool {
	to := p.base.redirect[strings.ToLower(t.url.Host)]
	if to == nil {
		isOurs := len(p.hostsAt(t.url.Hostname(), portOf(t.url))) > 0
		_, ok := cleanPath(t.url.EscapedPath())
		return ok || !isOurs || p.tenantOf(t.url.Hostname()) != ""
	}
	escaped := t.url.EscapedPath()
	if basePath(to) == "" || escaped == "" {
		return true
	}
	path, ok := cleanPath(escaped)
	if ok {
		at := *t.url
		at.RawPath = path
		at.Path, _ = url.PathUnescape(path) // the escapes are t.url's own
		t.url = &at
	}
	return ok
}

// cleanPath resolves what stands for the same in a path: escapes of unreserved bytes, and dot
// segments (RFC 3986, sections 6.2.2.2 and 5.2.4). ok is false where a dot segment is left that
// only some servers see: behind an escaped or a backward slash, an escaped escape, or parameters.
func cleanPath(escaped string) (clean string, ok bool) {
	var kept []string
	segments := strings.Split(strings.TrimPrefix(decodeUnreserved(escaped), "/"), "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch s {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, s)
			continue
		}
		if last {
			kept = append(kept, "") // the slash before it stays
		}
	}
	clean = "/" + strings.Join(kept, "/")
	return clean, !hidesDots(clean)
}

// decodeUnreserved undoes the escapes of letters, digits, "-", ".", "_" and "~".
func decodeUnreserved(s string) string {
	const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i] == '%' {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil && len(c) == 1 &&
				strings.Contains(unreserved, c) {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// hidesDots looks for dot segments as the most lenient server would.
func hidesDots(path string) bool {
	for range 3 { // servers behind servers unescape again
		more, err := url.PathUnescape(path)
		if err != nil || more == path {
			break
		}
		path = more
	}
	for s := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		s, _, _ = strings.Cut(s, ";")
		s = strings.Trim(s, " \t\r\n\x00")
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

// basePath is the escaped path of an upstream, to put before the paths of requests.
func basePath(upstream *url.URL) string { return strings.TrimSuffix(upstream.EscapedPath(), "/") }

// portOf is the port of a URL, given or not; "" means that its scheme has none.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// hostPort is a URL's host: without the port where that goes without saying.
func hostPort(scheme, host, port string) string {
	if portOf(&url.URL{Scheme: scheme}) != port {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
