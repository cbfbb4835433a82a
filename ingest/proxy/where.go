package proxy

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// tenantOf is the tenant that the policy sees in a host name; "" means none.
func (p *Proxy) tenantOf(host string) string {
	m, err := p.cfg.Policy.Match(http.MethodGet, "https://"+host+"/")
	if err != nil {
		return ""
	}
	return m.Tenant
}

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
// the deeper one has it.
func (p *Proxy) recordedAs(u *url.URL) (as *url.URL, ok bool) {
	if p.tenantOf(u.Hostname()) != "" {
		return u, true
	}
	as, depth := u, -1
	for host, to := range p.base.redirect {
		base := basePath(to)
		path, below := strings.CutPrefix(u.EscapedPath(), base)
		below = below && (path == "" || path[0] == '/')
		if !below || len(base) <= depth || !strings.EqualFold(to.Hostname(), u.Hostname()) || portOf(to) != portOf(u) {
			continue
		}
		moved := *u
		moved.Scheme, moved.Host, moved.RawPath = "https", host, path
		moved.Path, _ = url.PathUnescape(path) // the escapes are u's own
		as, depth = &moved, len(base)
	}
	return as, depth >= 0
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
