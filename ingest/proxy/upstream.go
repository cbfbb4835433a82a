package proxy

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

const (
	dialPatience = 30 * time.Second
	keepIdle     = 90 * time.Second
	idlePerHost  = 64
	// silence is after how long without a word an HTTP/2 connection is tried, and pingPatience how
	// long its answer may take. All requests to a host share one, and would go on to hang in it when
	// the network has dropped it.
	silence, pingPatience = 30 * time.Second, 15 * time.Second
)

// upstream is the way out: below the recording transport, and for tunnels. It goes through the
// proxy that the environment names, where it names one (a company's, say).
type upstream struct {
	any      *http.Transport // HTTP/2 where the server can
	http1    *http.Transport // for upgrades, which HTTP/2 has not
	id       string          // in ringField
	redirect map[string]*url.URL
	proxy    func(*http.Request) (*url.URL, error)
	dialer   net.Dialer
	isOwn    func(net.Conn) bool
}

// newUpstream makes an upstream; roots nil means the system's, proxy nil the environment's. A proxy
// that isSelf is left out; isOwn tells a connection that leads to the proxy itself.
func newUpstream(
	roots *x509.CertPool, proxy func(*http.Request) (*url.URL, error), isSelf func(addr string) bool,
	isOwn func(net.Conn) bool,
) *upstream {
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	u := &upstream{
		id: rand.Text(), redirect: map[string]*url.URL{}, isOwn: isOwn,
		dialer: net.Dialer{Timeout: dialPatience, KeepAlive: 30 * time.Second},
	}
	u.proxy = func(r *http.Request) (*url.URL, error) {
		through, err := proxy(r)
		switch {
		case err != nil:
			return nil, errProxySetting // the error would repeat the setting, with its password
		case through == nil || isSelf(through.Host):
			return nil, nil
		case through.User != nil && !isOwnRequest(r.Context()):
			bare := *through
			bare.User = nil
			return &bare, nil
		}
		return through, nil
	}
	u.any = u.transport(roots)
	u.any.ForceAttemptHTTP2 = true
	u.any.HTTP2 = &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: pingPatience}
	u.http1 = u.transport(roots)
	u.http1.Protocols = new(http.Protocols)
	u.http1.Protocols.SetHTTP1(true)
	return u
}

func (u *upstream) transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy: u.proxy, DialContext: u.connect, TLSHandshakeTimeout: dialPatience,
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DisableCompression:  true, // what the client did not ask for, it would not understand
		MaxIdleConnsPerHost: idlePerHost, IdleConnTimeout: keepIdle, ExpectContinueTimeout: time.Second,
		ReadBufferSize: bufferSize, WriteBufferSize: bufferSize,
		GetProxyConnectHeader: func(ctx context.Context, _ *url.URL, _ string) (http.Header, error) {
			return http.Header{ringField: u.ring(ctx)}, nil
		},
	}
}

var errProxySetting = errors.New(
	"the environment names a proxy in a way that cannot be read: write it like http://proxy.example.com:3128")

// RoundTrip sends a request to its host, or to where the host's requests are redirected.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	to, moved := u.redirect[strings.ToLower(r.URL.Host)]
	if moved {
		r = redirected(r, to)
	}
	if r.URL.Scheme == "http" && (moved || u.isProxied(r)) {
		r = r.WithContext(r.Context())
		r.Header = r.Header.Clone()
		r.Header[ringField] = u.ring(r.Context())
	}
	if r.Header.Get("Upgrade") != "" {
		return u.http1.RoundTrip(r)
	}
	return u.any.RoundTrip(r)
}

func (u *upstream) isProxied(r *http.Request) bool {
	through, err := u.proxy(r)
	return err == nil && through != nil
}

// redirected is a shallow copy of r that goes to another place. Its path has been cleaned, see
// target.clean.
func redirected(r *http.Request, to *url.URL) *http.Request {
	out := r.WithContext(r.Context())
	at := *r.URL
	at.Scheme, at.Host = to.Scheme, to.Host
	at.Path = strings.TrimSuffix(to.Path, "/") + r.URL.Path
	at.RawPath = basePath(to) + r.URL.EscapedPath()
	out.URL, out.Host = &at, to.Host
	return out
}

// close ends the idle connections.
func (u *upstream) close() {
	u.any.CloseIdleConnections()
	u.http1.CloseIdleConnections()
}

var errLoop = errors.New(
	"that is the proxy itself: correct --upstream, or what the host's name stands for on this machine")

// connect is the one way out of this machine, and refuses the one back in: each request would breed
// another.
func (u *upstream) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := u.dialer.DialContext(ctx, network, addr)
	if err == nil && u.isOwn(conn) {
		conn.Close()
		return nil, &net.OpError{Op: "dial", Net: network, Addr: conn.RemoteAddr(), Err: errLoop}
	}
	return conn, err
}

// dial connects to an address for a tunnel.
func (u *upstream) dial(ctx context.Context, addr string) (net.Conn, error) {
	asked := &http.Request{URL: &url.URL{Scheme: "https", Host: addr}}
	through, err := u.proxy(asked.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	switch {
	case through == nil:
		return u.connect(ctx, "tcp", addr)
	case through.Scheme == "socks5" || through.Scheme == "socks5h":
		return u.dialSocks(ctx, through, addr)
	}
	conn, err := u.dialProxy(ctx, through)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	tunnel, err := connectThrough(conn, through, addr, u.ring(ctx))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect through proxy %s: %w", through.Host, err)
	}
	return tunnel, nil
}

// dialProxy connects to the environment's proxy, by TLS where its URL says so.
func (u *upstream) dialProxy(ctx context.Context, through *url.URL) (net.Conn, error) {
	port := through.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[through.Scheme]
	}
	addr := net.JoinHostPort(through.Hostname(), port)
	switch through.Scheme {
	case "http":
		return u.connect(ctx, "tcp", addr)
	case "https":
		d := tls.Dialer{
			NetDialer: &u.dialer,
			Config:    &tls.Config{RootCAs: u.any.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12},
		}
		return d.DialContext(ctx, "tcp", addr)
	}
	return nil, fmt.Errorf("proxy %s: tunnels through a proxy of scheme %q are not possible",
		through.Host, through.Scheme)
}

// dialSocks connects to an address through a SOCKS proxy.
func (u *upstream) dialSocks(ctx context.Context, through *url.URL, addr string) (net.Conn, error) {
	var auth *proxy.Auth
	if user := through.User; user != nil {
		auth = &proxy.Auth{User: user.Username()}
		auth.Password, _ = user.Password()
	}
	at := through.Host
	if through.Port() == "" {
		at = net.JoinHostPort(through.Hostname(), "1080")
	}
	d, err := proxy.SOCKS5("tcp", at, auth, dialFunc(u.connect))
	if err != nil {
		return nil, fmt.Errorf("connect through proxy %s: %w", through.Host, err)
	}
	return d.(proxy.ContextDialer).DialContext(ctx, "tcp", addr)
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Dial is for an interface that is older than contexts.
func (f dialFunc) Dial(network, addr string) (net.Conn, error) {
	return f(context.Background(), network, addr)
}

// DialContext connects.
func (f dialFunc) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f(ctx, network, addr)
}

// connectThrough asks a proxy for a tunnel to addr.
func connectThrough(conn net.Conn, proxy *url.URL, addr string, ring []string) (net.Conn, error) {
	r := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr,
		Header: http.Header{ringField: ring},
	}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		r.Header.Set("Proxy-Authorization",
			"Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	// A broken connection shows itself.
	conn.SetDeadline(time.Now().Add(dialPatience)) //nolint:errcheck
	if err := r.Write(conn); err != nil {
		return nil, err
	}
	b := bufio.NewReader(conn)
	resp, err := http.ReadResponse(b, r) //nolint:bodyclose // what follows is the tunnel
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("it answered %d", resp.StatusCode)
	}
	conn.SetDeadline(time.Time{}) //nolint:errcheck // as above
	return &bufferedConn{Conn: conn, r: b}, nil
}
