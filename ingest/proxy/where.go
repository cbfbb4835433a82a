package proxy

import (
	"net"
	"net/url"
	"strings"
)

// tenantOf is the tenant that the policy sees in a host name; "" means none.
func (p *Proxy) tenantOf(host string) string { return p.cfg.Policy.Tenant(host) }

// hostsAt are the policy's hosts that an address serves: the one that it names, or those of the tenants whose upstream
// is there. Without any, the address is none of ours.
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

// recordedAs is the URL that a request is recorded under, and by which it finds its way: its own where the policy knows
// the host, the policy's below the upstream of a tenant; ok is false for all others. Where one upstream is below another,
// the deeper one has it; where several tenants have the same, the first by name.
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
	path, ok := strings.CutPrefix(u.EscapedPath(), basePath(to))
	if !ok || path != "" && path[0] != '/' {
		return nil, false
	}
	at := *u
	at.Scheme, at.Host, at.RawPath = "https", host, path
	at.Path, _ = url.PathUnescape(path) // the escapes are u's own
	return &at, true
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
