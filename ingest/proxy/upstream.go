package proxy

import (
	"bufio"
	"context"
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
)

const (
	dialPatience = 30 * time.Second
	keepIdle     = 90 * time.Second
	idlePerHost  = 64
	// silence is after how long without a word an HTTP/2 connection is tried, and pingPatience how long its answer may take.
	// All requests to a host share one, and would go on to hang in it when the network has dropped it.
	silence, pingPatience = 30 * time.Second, 15 * time.Second
)

// upstream is the way out: below the recording transport, and for tunnels. It goes through the proxy that the
// environment names, where it names one (a company's, say).
type upstream struct {
	any      *http.Transport // HTTP/2 where the server can
	http1    *http.Transport // for upgrades, which HTTP/2 has not
	redirect map[string]*url.URL
	proxy    func(*http.Request) (*url.URL, error)
	dialer   net.Dialer
	isOwn    func(net.Conn) bool
}

// newUpstream makes an upstream; roots nil means the system's. A proxy in the environment that isSelf is left out;
// isOwn tells a connection that leads to the proxy itself.
func newUpstream(roots *x509.CertPool, isSelf func(addr string) bool, isOwn func(net.Conn) bool) *upstream {
	u := &upstream{
		redirect: map[string]*url.URL{}, isOwn: isOwn, dialer: net.Dialer{Timeout: dialPatience, KeepAlive: 30 * time.Second},
	}
	u.proxy = func(r *http.Request) (*url.URL, error) {
		proxy, err := http.ProxyFromEnvironment(r)
		if proxy != nil && isSelf(proxy.Host) {
			return nil, nil
		}
		return proxy, err
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
	}
}

// RoundTrip sends a request to its host, or to where the host's requests are redirected.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if to, ok := u.redirect[strings.ToLower(r.URL.Host)]; ok {
		r = redirected(r, to)
	}
	if r.Header.Get("Upgrade") != "" {
		return u.http1.RoundTrip(r)
	}
	return u.any.RoundTrip(r)
}

// redirected is a shallow copy of r that goes to another place.
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

var errLoop = errors.New("that is the proxy itself: correct --upstream, or what the host's name stands for on this machine")

// connect is the one way out of this machine, and refuses the one back in: each request would breed another.
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
	proxy, err := u.proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: addr}})
	if err != nil {
		return nil, fmt.Errorf("read proxy from environment: %w", err)
	}
	if proxy == nil {
		return u.connect(ctx, "tcp", addr)
	}
	conn, err := u.dialProxy(ctx, proxy)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	tunnel, err := connectThrough(conn, proxy, addr)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect through proxy %s: %w", proxy.Host, err)
	}
	return tunnel, nil
}

// dialProxy connects to the environment's proxy, by TLS where its URL says so.
func (u *upstream) dialProxy(ctx context.Context, proxy *url.URL) (net.Conn, error) {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	addr := net.JoinHostPort(proxy.Hostname(), port)
	switch proxy.Scheme {
	case "http":
		return u.connect(ctx, "tcp", addr)
	case "https":
		d := tls.Dialer{NetDialer: &u.dialer, Config: &tls.Config{RootCAs: u.any.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}}
		return d.DialContext(ctx, "tcp", addr)
	}
	return nil, fmt.Errorf("proxy %s: tunnels through a proxy of scheme %q are not possible", proxy.Host, proxy.Scheme)
}

// connectThrough asks a proxy for a tunnel to addr.
func connectThrough(conn net.Conn, proxy *url.URL, addr string) (net.Conn, error) {
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		r.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
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
	return &early{Conn: conn, r: b}, nil
}
