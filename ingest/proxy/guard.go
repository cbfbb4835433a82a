package proxy

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// This file decides who may use the port. A request that is refused here is passed on to nobody and
// recorded nowhere: whoever may not use the port must not be able to write into the log either.
//
// Three kinds of strangers reach a port on loopback. Programs of other users are told by the user
// of their socket (peerUser), or must know a password. Web pages in the user's own browser are told
// by Host, which names the page's host where that was made to mean 127.0.0.1 (DNS rebinding), and
// by Origin and Sec-Fetch-Site, which a page cannot change. Other machines come in with AllowRemote
// and a password alone.

// PeersKnown says whether this system tells which user a connection on loopback comes from. Where
// it does not, New serves every user of the machine unless Config.Password is set.
func PeersKnown() bool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return false
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return false
	}
	defer conn.Close()
	served, err := l.Accept()
	if err != nil {
		return false
	}
	defer served.Close()
	return ownPeer(served.LocalAddr(), served.RemoteAddr())
}

// origin is where a connection comes from.
type origin struct {
	own bool // a program of this process's own user is at the other end
}

type originKey struct{}

// originContext notes where a connection comes from as it is accepted: once for all of its
// requests.
func (p *Proxy) originContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, originKey{}, origin{own: p.isOwnUser(c.LocalAddr(), c.RemoteAddr())})
}

// isOwnUser says whether the other end is a program of our own user. Where that cannot be known,
// loopback will do.
func (p *Proxy) isOwnUser(local, remote net.Addr) bool {
	if p.peersKnown {
		return ownPeer(local, remote)
	}
	from, ok := remote.(*net.TCPAddr)
	return ok && from.IP.IsLoopback()
}

// located is a request that knows where it comes from. Under a server that is not Serve's, that is
// found out for each request.
func (p *Proxy) located(r *http.Request) *http.Request {
	if _, ok := r.Context().Value(originKey{}).(origin); ok {
		return r
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote, err := net.ResolveTCPAddr("tcp", r.RemoteAddr) // an address in figures: nobody is asked
	o := origin{own: err == nil && p.isOwnUser(local, remote)}
	return r.WithContext(context.WithValue(r.Context(), originKey{}, o))
}

// isOwnRequest says whether a request, or the CONNECT of a tunnel, is of a program of our own user.
func isOwnRequest(ctx context.Context) bool {
	if t, ok := ctx.Value(targetKey{}).(*target); ok {
		return t.own
	}
	o, _ := ctx.Value(originKey{}).(origin)
	return o.own
}

// admit says who sends a request: the user name given to the proxy. A refusal has a status and says
// what to do.
func (p *Proxy) admit(r *http.Request) (user string, status int, why string) {
	// BasicAuth reads Authorization, which is the vendor's here.
	asked := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	user, password, _ := asked.BasicAuth()
	switch {
	case p.cfg.Password != "":
		if subtle.ConstantTimeCompare([]byte(password), []byte(p.cfg.Password)) != 1 {
			return "", http.StatusProxyAuthRequired, "the password is missing or wrong: give it with Proxy-Authorization"
		}
	case !isOwnRequest(r.Context()):
		p.tellOnce("user",
			"refused a program of another user: start the proxy with --password-env to serve it")
		return "", http.StatusForbidden, "this proxy serves the programs of its own user only, or with a password"
	}
	if why := p.pageRefused(r); why != "" {
		p.tellOnce("page", "refused a request that looks like a web page's: "+why)
		return "", http.StatusForbidden, why
	}
	return user, 0, ""
}

// pageRefused says why a request looks as if a web page had made it; "" means that it does not. A
// CONNECT cannot be a page's. A browser that uses us as its proxy is its user's choice, but no page
// may reach a recorded host through it unencrypted.
func (p *Proxy) pageRefused(r *http.Request) string {
	if p.cfg.AllowRemote || r.Method == http.MethodConnect {
		return ""
	}
	at := &url.URL{Scheme: "http", Host: r.Host}
	switch {
	case !r.URL.IsAbs() || p.isSelf(r.URL.Host):
		if !isLoopbackName(at.Hostname()) {
			return "the field Host must name this machine, such as 127.0.0.1"
		}
	case len(p.hostsAt(r.URL.Hostname(), portOf(r.URL))) > 0:
		at = r.URL
	default:
		return ""
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" && site != "same-origin" {
		return "the field Sec-Fetch-Site says that a web page of another place asks"
	}
	for _, from := range r.Header.Values("Origin") {
		if !p.isOrigin(from, at, r) {
			return "the field Origin names another place"
		}
	}
	return ""
}

// isOrigin says whether an Origin is the place that is asked, or the tenant's host behind it.
func (p *Proxy) isOrigin(from string, at *url.URL, r *http.Request) bool {
	u, err := url.Parse(from)
	if err != nil || u.Host == "" {
		return false // "null" among them
	}
	same := func(to *url.URL) bool {
		return u.Scheme == to.Scheme && strings.EqualFold(u.Hostname(), to.Hostname()) &&
			portOf(u) == portOf(to)
	}
	host, ok := p.reverseHost(r.URL)
	return same(at) || ok && same(&url.URL{Scheme: "https", Host: host})
}

// isLoopbackName says whether a host name means this machine, whatever a name server says.
func isLoopbackName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// tellOnce tells the operator of a kind of refusal the first time only: strangers decide how often
// it comes.
func (p *Proxy) tellOnce(kind, line string) {
	if _, told := p.told.LoadOrStore(kind, true); !told {
		p.cfg.Tell(line + " (told once)")
	}
}
