package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// rows is a Recorder in memory.
type rows struct {
	mu  sync.Mutex
	all []store.Request
}

func (r *rows) Record(q store.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, q)
}

func (r *rows) list() []store.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// wait gives the rows once there are n of them.
func (r *rows) wait(t *testing.T, n int) []store.Request {
	t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if list := r.list(); len(list) >= n {
			return list
		}
	}
	t.Fatalf("%d rows, not %d", len(r.list()), n)
	return nil
}

// setup is a vendor, a proxy before it, and a place for clients.
type setup struct {
	*Proxy
	rows   *rows
	addr   string
	vendor *httptest.Server
}

// start serves h as every host of the vendor, over TLS, and a Proxy before it. prepare changes the Proxy
// before it serves.
func start(t *testing.T, h http.Handler, change func(*Config), prepare ...func(*setup)) *setup {
	t.Helper()
	vendor := httptest.NewUnstartedServer(h)
	vendor.EnableHTTP2 = true
	vendor.StartTLS()
	t.Cleanup(vendor.Close)
	return startBefore(t, vendor, change, prepare...)
}

func startBefore(t *testing.T, vendor *httptest.Server, change func(*Config), prepare ...func(*setup)) *setup {
	t.Helper()
	s := &setup{rows: &rows{}, vendor: vendor}
	cfg := Config{Policy: builtin(t), Recorder: s.rows, Name: "test", HashKey: []byte("key")}
	var err error
	if cfg.Authority, err = NewAuthority(cfg.Policy); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	if s.Proxy, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	s.reach(t)
	for _, f := range prepare {
		f(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.stop(0)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

func builtin(t *testing.T) *limits.Policy {
	p, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reach lets the proxy find the vendor under any name, the way a company's proxy would: by CONNECT.
func (s *setup) reach(t *testing.T) {
	company := httptest.NewServer(router(s.vendor.Listener.Addr().String()))
	t.Cleanup(company.Close)
	to, _ := url.Parse(company.URL)
	s.base.proxy = func(r *http.Request) (*url.URL, error) {
		if ip := net.ParseIP(r.URL.Hostname()); ip.IsLoopback() {
			return nil, nil
		}
		return to, nil
	}
	for _, tr := range []*http.Transport{s.base.any, s.base.http1} {
		tr.Proxy = s.base.proxy
		tr.TLSClientConfig.InsecureSkipVerify = true // the certificate is of httptest; TestUpstreamVerified is about that
	}
}

// router answers each CONNECT with a connection to one address.
func router(addr string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up, err := net.Dial("tcp", addr)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		down, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		io.WriteString(down, established)
		go func() { io.Copy(up, down); up.(*net.TCPConn).CloseWrite() }()
		io.Copy(down, up)
		down.Close()
		up.Close()
	})
}

func (s *setup) stop(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return s.Shutdown(ctx)
}

// client is a program that uses the proxy and trusts what the config says.
func (s *setup) client(t *testing.T, trusts ...*x509.Certificate) *http.Client {
	pool := x509.NewCertPool()
	for _, c := range trusts {
		pool.AddCert(c)
	}
	tr := &http.Transport{
		Proxy:              http.ProxyURL(&url.URL{Scheme: "http", Host: s.addr}),
		TLSClientConfig:    &tls.Config{RootCAs: pool},
		DisableCompression: true,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// trusting trusts the proxy's Authority.
func (s *setup) trusting(t *testing.T) *http.Client { return s.client(t, s.cfg.Authority.raw) }

func get(t *testing.T, c *http.Client, url string) (status int, body string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

func read(t *testing.T, resp *http.Response) (status int, body string) {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// policyFor is a policy with another host pattern.
func policyFor(t *testing.T, hosts string) *limits.Policy {
	p, err := limits.Parse("test", []byte(`name = "test"
version = "1"
hosts = ["`+hosts+`"]
[[route]]
class = "media"
path = "/media"
[frequency]
class = "media"
min_interval = "200ms"
backoff_max = "1s"
[[status]]
code = 200
name = "OK"
methods = ["GET"]
role = "ok"
meaning = "Done."
`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// plain serves without TLS and without being the vendor.
func plain(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(server.Close)
	return server.URL
}

// tunnelTo asks the proxy for a tunnel.
func (s *setup) tunnelTo(t *testing.T, addr, agent string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "CONNECT "+addr+" HTTP/1.1\r\nHost: "+addr+"\r\nUser-Agent: "+agent+"\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, len(established))); err != nil {
		t.Fatal(err)
	}
	return conn
}

// shake shakes hands as a client that accepts any certificate.
func (s *setup) shake(conn net.Conn, name string) error {
	return tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake()
}

// Router is router, for the tests from outside.
var Router = router
