package proxy

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestWebPages has the requests that a page in the user's browser can make: none is passed on, and none is recorded.
func TestWebPages(t *testing.T) {
	var came atomic.Int32
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { came.Add(1) }), nil)
	const ok = "200"
	served := 0
	for _, c := range []struct{ host, fields, want string }{
		{s.addr, "", ok}, {"localhost", "", ok}, {"LOCALHOST.:8480", "", ok}, {"[::1]:8480", "", ok}, {"127.8.9.1", "", ok},
		{"evil.example", "", "403"}, {"evil.example:8480", "", "403"}, {"127.0.0.1.evil.example", "", "403"},
		{"localhost.evil.example", "", "403"}, {"0.0.0.0", "", "403"}, {"192.0.2.1", "", "403"}, {"acme.xima.cloud", "", "403"},
		{"", "", "403"},
		{s.addr, "Origin: http://" + s.addr + "\r\n", ok}, {s.addr, "Origin: https://acme.xima.cloud\r\n", ok},
		{s.addr, "Origin: https://evil.example\r\n", "403"}, {s.addr, "Origin: null\r\n", "403"},
		{s.addr, "Origin: http://localhost:3000\r\n", "403"}, {s.addr, "Origin: https://other.xima.cloud\r\n", "403"},
		{s.addr, "Origin: https://" + s.addr + "\r\n", "403"}, {s.addr, "Origin: \r\n", "403"},
		{s.addr, "Origin: http://" + s.addr + "\r\nOrigin: https://evil.example\r\n", "403"},
		{s.addr, "Sec-Fetch-Site: none\r\n", ok}, {s.addr, "Sec-Fetch-Site: same-origin\r\n", ok},
		{s.addr, "Sec-Fetch-Site: cross-site\r\n", "403"}, {s.addr, "Sec-Fetch-Site: same-site\r\n", "403"},
		{s.addr, "sec-fetch-site: Cross-Site\r\nOrigin: http://" + s.addr + "\r\n", "403"},
	} {
		back := s.say(t, "GET /t/acme"+audioPath+" HTTP/1.1\r\nConnection: close\r\nHost: "+c.host+"\r\n"+c.fields+"\r\n")
		if !strings.HasPrefix(back, "HTTP/1.1 "+c.want+" ") {
			t.Errorf("Host %q, %q: %q", c.host, c.fields, back)
		}
		if c.want == ok {
			served++
		}
	}
	back := s.say(t, "GET http://acme.xima.cloud/x HTTP/1.1\r\nConnection: close\r\nOrigin: https://evil.example\r\n\r\n")
	if !strings.HasPrefix(back, "HTTP/1.1 4") {
		t.Errorf("by an absolute URL: %q", back)
	}
	if n := len(s.rows.wait(t, served)); n != served || int(came.Load()) != served {
		t.Errorf("%d rows, %d requests arrived, %d were served", n, came.Load(), served)
	}
}

// TestAllowRemote serves other machines, which name this one as they like, and which know the password.
func TestAllowRemote(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), func(c *Config) { c.AllowRemote, c.Password = true, "secret" })
	for password, want := range map[string]string{"OnNlY3JldA==": "200", "OndyaW5n": "407"} {
		back := s.say(t, "GET /t/acme/x HTTP/1.1\r\nConnection: close\r\nHost: gateway.example\r\nProxy-Authorization: Basic "+password+"\r\n\r\n")
		if !strings.HasPrefix(back, "HTTP/1.1 "+want+" ") {
			t.Errorf("%q", back)
		}
	}
	if _, err := New(Config{Policy: builtin(t), Recorder: s.rows, AllowRemote: true}); err == nil {
		t.Error("remote without a password")
	}
}

// TestClosedPeer: the user of a socket that is closed already may not be told, and 0 would be root.
func TestClosedPeer(t *testing.T) {
	if !PeersKnown() {
		t.Skip("this system does not tell users")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	if peerGone(served.LocalAddr(), served.RemoteAddr()) {
		t.Error("an open peer is gone")
	}
	conn.(*net.TCPConn).CloseWrite()
	if !ownPeer(served.LocalAddr(), served.RemoteAddr()) || peerGone(served.LocalAddr(), served.RemoteAddr()) {
		t.Error("a peer that has said all it had to say is gone")
	}
	conn.Close()
	if ownPeer(served.LocalAddr(), served.RemoteAddr()) || !peerGone(served.LocalAddr(), served.RemoteAddr()) {
		t.Error("a closed peer is not gone")
	}
}

// TestCompanyPassword: the user name and password of the company's proxy are the user's own; others go without.
func TestCompanyPassword(t *testing.T) {
	var got []string
	company := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Proxy-Authorization"))
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(company.Close)
	to, _ := url.Parse(company.URL)
	to.User = url.UserPassword("user", "secret")
	for _, own := range []bool{true, false} {
		s := start(t, http.NotFoundHandler(), func(c *Config) {
			c.Proxy, c.Password = func(*http.Request) (*url.URL, error) { return to, nil }, "open"
		}, func(s *setup) {
			s.base.proxy = newUpstream(nil, s.cfg.Proxy, s.isSelf, s.isOwn).proxy
			for _, tr := range []*http.Transport{s.base.any, s.base.http1} {
				tr.Proxy = s.base.proxy
			}
			if own {
				return
			}
			s.peersKnown = true // and all are strangers
			s.outer.ConnContext = nil
			s.outer.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.RemoteAddr = "192.0.2.1:99"
				s.ServeHTTP(w, r)
			})
		})
		got = nil
		const auth = "Proxy-Authorization: Basic eDpvcGVu\r\n"
		s.say(t, "GET /t/acme/x HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n"+auth+"\r\n")
		s.say(t, "GET http://acme.xima.cloud/ HTTP/1.1\r\nConnection: close\r\nHost: acme.xima.cloud\r\n"+auth+"\r\n")
		s.say(t, "CONNECT else.example:443 HTTP/1.1\r\nHost: else.example:443\r\n"+auth+"\r\n")
		if len(got) != 3 {
			t.Fatalf("own %v: %q", own, got)
		}
		for _, g := range got {
			if (g == "Basic dXNlcjpzZWNyZXQ=") != own || !own && g != "" {
				t.Errorf("own %v: %q", own, got)
			}
		}
	}
}

// TestProxySetting: an unreadable setting of the environment holds a password, and is not repeated.
func TestProxySetting(t *testing.T) {
	s := start(t, http.NotFoundHandler(), nil)
	u := newUpstream(nil, func(*http.Request) (*url.URL, error) {
		return nil, fmt.Errorf("invalid proxy address %q", "http://user:secret@")
	}, s.isSelf, s.isOwn)
	r, _ := http.NewRequest("GET", "https://acme.xima.cloud/", nil)
	if _, err := u.RoundTrip(r); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if _, err := u.dial(t.Context(), "acme.xima.cloud:443"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// TestInnerHost has requests inside a tunnel that name another host than CONNECT did: the vendor would serve that one,
// and the record would name this one.
func TestInnerHost(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	for line, want := range map[string]string{
		"GET /x HTTP/1.1\r\nHost: acme.xima.cloud": "200", "GET /x HTTP/1.1\r\nHost: ACME.xima.cloud.:443": "200",
		"GET /x HTTP/1.0": "200", "GET /x HTTP/1.1\r\nHost: borealis.xima.cloud": "421",
		"GET /x HTTP/1.1\r\nHost: acme.xima.cloud:8443":                                   "421",
		"GET https://borealis.xima.cloud/x HTTP/1.1\r\nHost: acme.xima.cloud":             "421",
		"GET /x HTTP/1.1\r\nHost: acme.xima.cloud.evil.example":                           "421",
		"GET https://acme.xima.cloud/x HTTP/1.1\r\nHost: borealis.xima.cloud":             "200", // RFC 9112: the URL wins
		"GET /x HTTP/1.1\r\nHost: acme.xima.cloud\r\nX-Forwarded-Host: somewhere.example": "200",
	} {
		before := len(s.rows.list())
		conn := tls.Client(s.tunnelTo(t, "acme.xima.cloud:443", "test"), &tls.Config{InsecureSkipVerify: true})
		fmt.Fprintf(conn, "%s\r\nConnection: close\r\n\r\n", line)
		b, _ := io.ReadAll(conn)
		conn.Close()
		if back := string(b); !strings.Contains(strings.SplitN(back, "\r\n", 2)[0], " "+want+" ") {
			t.Errorf("%q: %q", line, back)
		}
		if n := len(s.rows.list()) - before; (want == "200") != (n == 1) {
			t.Errorf("%q: %d rows", line, n)
		}
	}
}

// TestOddTargets has requests whose target no client should send: what names no place of the vendor's is refused and
// leaves no row, and a point behind a host changes nothing.
func TestOddTargets(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	for _, line := range []string{
		"CONNECT acme.xima.cloud:0", "CONNECT acme.xima.cloud:99999", "CONNECT acme.xima.cloud", "CONNECT :443", "CONNECT /x",
		"CONNECT https://acme.xima.cloud:443", "GET ftp://acme.xima.cloud/x", "GET http:///x",
	} {
		if back := s.say(t, line+" HTTP/1.1\r\nHost: acme.xima.cloud\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(back, "HTTP/1.1 400 ") {
			t.Errorf("%s: %q", line, back)
		}
	}
	if rows := s.rows.list(); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
	get(t, s.trusting(t), "https://acme.xima.cloud."+audioPath)
	if r := s.rows.wait(t, 1)[0]; r.Status != 200 || r.Route.Class != "recording_audio" || r.Route.Origin != "https://acme.xima.cloud" {
		t.Errorf("%+v %+v", r, r.Route)
	}
}

// TestNamesOfTunnels: the name that a client gives itself, and a stranger's host, are stored of a tunnel as of a request.
func TestNamesOfTunnels(t *testing.T) {
	s := start(t, http.NotFoundHandler(), func(c *Config) { c.All = true })
	s.say(t, "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic "+
		base64.StdEncoding.EncodeToString([]byte("5551230038:x"))+"\r\n\r\n")
	if r := s.rows.wait(t, 1)[0]; r.Client != "(redacted)" || r.Tenant != "127.0.0.1" {
		t.Errorf("client %q of %q", r.Client, r.Tenant)
	}
}

// TestBase has paths that try to climb out of a tenant's place at a gateway: they arrive below it, or not at all, and what
// arrives is recorded under the tenant that gets it.
func TestBase(t *testing.T) {
	var came []string
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { came = append(came, r.RequestURI) }), func(c *Config) {
		c.Upstreams = map[string]*url.URL{
			"acme": {Scheme: "https", Host: "gateway.example", Path: "/acme"}, "borealis": {Scheme: "https", Host: "gateway.example", Path: "/borealis"},
		}
		var err error
		if c.Authority, err = NewAuthority(c.Policy, "gateway.example"); err != nil {
			t.Fatal(err)
		}
	})
	ask := func(tunnelled bool, path string) string {
		came = nil
		if !tunnelled {
			return s.say(t, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		}
		conn := tls.Client(s.tunnelTo(t, "gateway.example:443", "test"), &tls.Config{InsecureSkipVerify: true})
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n", path)
		back, _ := io.ReadAll(conn)
		return string(back)
	}
	n := 0
	for _, c := range []struct {
		tunnelled             bool
		path, arrives, tenant string
	}{
		{false, "/t/acme/x", "/acme/x", "acme"}, {false, "/t/acme", "/acme/", "acme"},
		{false, "/t/acme/../borealis/x", "/acme/borealis/x", "acme"}, {false, "/t/acme/a/../../../borealis/x", "/acme/borealis/x", "acme"},
		{false, "/t/acme/%2e%2E/borealis/x", "/acme/borealis/x", "acme"}, {false, "/t/acme/a/./b/..", "/acme/a/", "acme"},
		{false, "/t/acme/a%2Fb//c;d=1", "/acme/a%2Fb//c;d=1", "acme"}, {false, "/t/acme/a..b/...", "/acme/a..b/...", "acme"},
		{false, "/t/acme/..%2fborealis/x", "", ""}, {false, "/t/acme/..%5cborealis/x", "", ""}, {false, "/t/acme/%252e%252e/borealis/x", "", ""},
		{false, "/t/acme/..;/borealis/x", "", ""}, {false, "/t/acme/a%2f..%2f..%2fborealis", "", ""}, {false, "/t/acme/..\\borealis", "", ""},
		{true, "/acme/x", "/acme/x", "acme"}, {true, "/%61cme/x", "/acme/x", "acme"}, {true, "//acme/x", "/acme/x", "acme"},
		{true, "/x/../acme/x", "/acme/x", "acme"}, {true, "/acme/../borealis/x", "/borealis/x", "borealis"},
		{true, "/acme/..%2fborealis/x", "", ""}, {true, "/x%2f..%2facme/x", "", ""}, {true, "/acmes/x", "/acmes/x", ""},
	} {
		back := ask(c.tunnelled, c.path)
		if got := strings.Join(came, " "); got != c.arrives || c.arrives == "" && !strings.HasPrefix(back, "HTTP/1.1 400 ") {
			t.Errorf("%s: %q arrived: %q", c.path, got, back)
		}
		if c.tenant == "" {
			continue
		}
		n++
		if rows := s.rows.wait(t, n); rows[n-1].Tenant != c.tenant {
			t.Errorf("%s: %+v", c.path, rows[n-1])
		}
	}
	if rows := s.rows.list(); len(rows) != n {
		t.Errorf("%d rows, not %d", len(rows), n)
	}
}

// TestRing has two proxies that lead to each other, in the three ways in which they can.
func TestRing(t *testing.T) {
	for name, lead := range map[string]func(c *Config, to *url.URL){
		"proxy":    func(c *Config, to *url.URL) { c.Proxy = func(*http.Request) (*url.URL, error) { return to, nil } },
		"upstream": func(c *Config, to *url.URL) { c.Upstreams = map[string]*url.URL{"acme": to} },
	} {
		there, back := &url.URL{Scheme: "http"}, &url.URL{Scheme: "http"}
		a := startPlain(t, func(c *Config) { lead(c, there) })
		b := startPlain(t, func(c *Config) { lead(c, back) })
		there.Host, back.Host = b.addr, a.addr
		if name == "upstream" {
			there.Path, back.Path = "/t/acme", "/t/acme"
		}
		for _, ask := range []string{
			"GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			"GET http://acme.xima.cloud/x HTTP/1.1\r\nHost: acme.xima.cloud\r\nConnection: close\r\n\r\n",
			"CONNECT else.invalid:443 HTTP/1.1\r\nHost: else.invalid:443\r\n\r\n",
		} {
			if back := a.say(t, ask); !strings.HasPrefix(back, "HTTP/1.1 50") {
				t.Errorf("%s, %q: %q", name, ask, back)
			}
		}
		if n := len(a.rows.list()) + len(b.rows.list()); n > 8 {
			t.Errorf("%s: %d rows", name, n)
		}
	}
}

// startPlain is a proxy without a vendor, with its own way out.
func startPlain(t *testing.T, change func(*Config)) *setup {
	t.Helper()
	s := &setup{rows: &rows{}}
	cfg := Config{Policy: builtin(t), Recorder: s.rows, Name: "test", HashKey: []byte("key")}
	change(&cfg)
	var err error
	if s.Proxy, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { s.stop(0); <-served })
	return s
}

// TestRingFieldEndsHere: the vendor never sees the field, and a client's own does not reach him.
func TestRingFieldEndsHere(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s: other\r\n\r\n", ringField)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := read(t, resp); resp.StatusCode != 200 || strings.Contains(body, ringField) {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}
