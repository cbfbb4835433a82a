package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/ingest"
)

// say sends raw bytes to the proxy and gives all that comes back until it hangs up.
func (s *setup) say(t *testing.T, bytes string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, bytes); err != nil {
		t.Fatal(err)
	}
	back, _ := io.ReadAll(conn) // a reset is an end, too
	return string(back)
}

// crude is a vendor on loopback that sends these very bytes in answer to a request, and hangs up.
func crude(t *testing.T, answer string) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.WriteString(conn, answer)
			}
			conn.Close()
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

// before puts a proxy before an upstream of the tenant acme.
func before(t *testing.T, to *url.URL) *setup {
	return start(t, http.NotFoundHandler(), func(c *Config) { c.Upstreams = map[string]*url.URL{"acme": to} })
}

const plainGet = "GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

// TestBrokenBody has a short body that breaks off before anything was passed on: the client gets what was recorded.
func TestBrokenBody(t *testing.T) {
	for _, head := range []string{"Content-Length: 100\r\n\r\nonly this", "Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n"} {
		s := before(t, crude(t, "HTTP/1.1 200 OK\r\n"+head))
		back := s.say(t, plainGet)
		if !strings.HasPrefix(back, "HTTP/1.1 200 OK\r\n") || !strings.Contains(back, "only this") || strings.Contains(back, "\r\n0\r\n") {
			t.Errorf("%q: %q", head, back)
		}
		if r := s.rows.wait(t, 1)[0]; r.ResponseBytes != 9 || !r.CutShort {
			t.Errorf("%+v", r)
		}
	}
}

// TestBrokenOffBeforeAnswer ends the proxy while the vendor thinks: no answer is made up.
func TestBrokenOffBeforeAnswer(t *testing.T) {
	asked := make(chan bool)
	s := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}), nil)
	go func() {
		<-asked
		s.stop(0)
	}()
	if back := s.say(t, plainGet); back != "" {
		t.Errorf("%q", back)
	}
}

// TestNothingAdded has an answer without the usual fields, after an interim one.
func TestNothingAdded(t *testing.T) {
	s := before(t, crude(t, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	back := s.say(t, plainGet)
	want := "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
	if back != want {
		t.Errorf("%q, not %q", back, want)
	}
}

// The handshake of RFC 6455, section 1.3.
const (
	handshake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

// TestSwitched has a server that switches protocols: after a whole handshake of WebSocket the client gets it. In all other
// cases what followed could hold requests that nobody records, so the client does not. Each attempt is recorded.
func TestSwitched(t *testing.T) {
	h2c := "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
	for _, c := range []struct{ ask, answer, want string }{
		{handshake, switching, "HTTP/1.1 101 "},
		{"", switching, "HTTP/1.1 502 "},
		{h2c, strings.ReplaceAll(switching, "websocket", "h2c"), "HTTP/1.1 502 "},
		{"Upgrade: foo\r\nConnection: Upgrade\r\n", strings.ReplaceAll(switching, "websocket", "foo"), "HTTP/1.1 502 "},
		{handshake, strings.ReplaceAll(switching, "s3pPLM", "AAAAAA"), "HTTP/1.1 502 "},
		{handshake, strings.ReplaceAll(switching, "websocket", "h2c"), "HTTP/1.1 502 "},
		{"Upgrade: websocket\r\nConnection: Upgrade\r\n", switching, "HTTP/1.1 502 "},
	} {
		s := before(t, crude(t, c.answer+"hi"))
		back := s.say(t, "GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\n"+c.ask+"\r\n")
		if !strings.HasPrefix(back, c.want) {
			t.Errorf("%q and %q: %q", c.ask, c.answer, back)
		}
		if r := s.rows.wait(t, 1)[0]; r.Status != 101 || r.CutShort {
			t.Errorf("%+v", r)
		}
	}
}

// TestSmuggling has requests and answers that two servers could read in two ways: they are refused, or passed on in one.
func TestSmuggling(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	for head, want := range map[string]string{
		"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd": "400", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n": "501",
		"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n": "400", "Content-Length: +3\r\n\r\nabc": "400",
		"Content-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n": "200",
	} {
		back := s.say(t, "POST /t/acme/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"+head)
		_, body, _ := strings.Cut(back, "\r\n\r\n")
		if !strings.HasPrefix(back, "HTTP/1.1 "+want+" ") || want == "200" && body != "POST acme.xima.cloud /x HTTP/2.0\nhello" {
			t.Errorf("%q: %q", head, back)
		}
	}
	s = before(t, crude(t, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"))
	if back := s.say(t, plainGet); !strings.HasPrefix(back, "HTTP/1.1 502 ") {
		t.Errorf("%q", back)
	}
}

// TestHopByHop is RFC 9110, section 7.6.1, both ways.
func TestHopByHop(t *testing.T) {
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "X-Back"} {
			w.Header().Set(name, "Hop")
		}
		w.Header().Set("Connection", "X-Back")
		echo(w, r)
	}))
	t.Cleanup(vendor.Close)
	to, _ := url.Parse(vendor.URL)
	s := before(t, to)
	back := s.say(t, "GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-Forth\r\nX-Forth: Hop\r\nTE: trailers, gzip\r\nKeep-Alive: Hop\r\n"+
		"Proxy-Connection: Hop\r\nProxy-Authorization: Basic SG9wOkhvcA==\r\nUpgrade: Hop\r\nCookie: end=1\r\n\r\n")
	if strings.Contains(back, "Hop") || strings.Contains(back, "SG9w") || !strings.Contains(back, "Cookie: end=1") || !strings.Contains(back, "Te: trailers\r\n") {
		t.Errorf("%q", back)
	}
}

// TestNoBodies are answers that announce a length and have no body.
func TestNoBodies(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "12345")
		switch r.URL.Path {
		case "/204":
			w.Header().Del("Content-Length")
			w.WriteHeader(http.StatusNoContent)
		case "/304":
			w.WriteHeader(http.StatusNotModified)
		}
	}), nil)
	for line, want := range map[string]string{
		"HEAD /t/acme/x": "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n", "GET /t/acme/204": "HTTP/1.1 204 No Content\r\n",
		"GET /t/acme/304": "HTTP/1.1 304 Not Modified\r\n",
	} {
		back := s.say(t, line+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(back, want) || !strings.HasSuffix(back, "\r\n\r\n") {
			t.Errorf("%s: %q", line, back)
		}
	}
	for _, r := range s.rows.wait(t, 3) {
		if r.ResponseBytes != 0 || r.CutShort || r.Error != "" {
			t.Errorf("%+v", r)
		}
	}
}

// TestUpstreamPlaces has several tenants at one gateway, told apart by path, and another service on its machine.
func TestUpstreamPlaces(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(other.Close)
	s := start(t, http.HandlerFunc(echo), func(c *Config) {
		c.Upstreams = map[string]*url.URL{
			"acme": {Scheme: "https", Host: "gateway.example", Path: "/acme"}, "borealis": {Scheme: "https", Host: "gateway.example", Path: "/b/"},
			"cobalt": {Scheme: "https", Host: "gateway.example", Path: "/b/c"}, "dunmore": {Scheme: "http", Host: "127.0.0.1:1"},
		}
		var err error
		if c.Authority, err = NewAuthority(c.Policy, "gateway.example"); err != nil {
			t.Fatal(err)
		}
	})
	c := s.trusting(t)
	for path, tenant := range map[string]string{"/acme": "acme", "/b": "borealis", "/b/c": "cobalt", "/acmes": "", "": ""} {
		_, body := get(t, c, "https://gateway.example"+path+audioPath)
		if !strings.HasPrefix(body, "GET gateway.example "+path+audioPath+" ") {
			t.Errorf("%s: %q", path, body)
		}
		if tenant == "" {
			continue
		}
		rows := s.rows.list()
		if r := rows[len(rows)-1]; r.Tenant != tenant || r.Route.Class != "recording_audio" {
			t.Errorf("%s: %+v %+v", path, r, r.Route)
		}
	}
	if _, body := get(t, c, other.URL+"/x"); !strings.HasPrefix(body, "GET "+strings.TrimPrefix(other.URL, "http://")+" /x ") {
		t.Errorf("another port of an upstream's host: %q", body)
	}
	if n := len(s.rows.list()); n != 3 {
		t.Errorf("%d rows", n)
	}
	if back := s.say(t, "GET http://DUNMORE.xima.cloud/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(back, "HTTP/1.1 502 ") || !strings.Contains(back, "127.0.0.1:1:") {
		t.Errorf("a host in capitals: %q", back)
	}
	if hosts := s.hostsAt("gateway.example", "443"); len(hosts) != 3 || s.hostsAt("gateway.example", "8443") != nil || !slices.Equal(s.hostsAt("127.0.0.1", "1"), []string{"dunmore.xima.cloud"}) {
		t.Errorf("%v", hosts)
	}
}

// TestUpstreamRedirects has redirects of a gateway that lead back below it, and elsewhere.
func TestUpstreamRedirects(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.Header.Get("To"))
		w.WriteHeader(http.StatusFound)
	}), func(c *Config) {
		gateway := &url.URL{Scheme: "https", Host: "gateway.example", Path: "/base"}
		c.Upstreams = map[string]*url.URL{"acme": gateway, "aaa": gateway, "zzz": gateway}
	})
	for to, want := range map[string]string{
		"/base/x?y=1#z": "/t/acme/x?y=1#z", "https://gateway.example/base/a%2Fb": "/t/acme/a%2Fb", "https://acme.xima.cloud/x": "/t/acme/x",
		"/other": "/other", "https://gateway.example/other": "https://gateway.example/other", "x": "x", "?y": "?y",
	} {
		r, _ := http.NewRequest("GET", "http://"+s.addr+"/t/acme/a", nil)
		r.Header.Set("To", to)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("%s became %s, not %s", to, got, want)
		}
	}
}

// TestSharedUpstream has tenants with one upstream: what goes straight there is always the same one's.
func TestSharedUpstream(t *testing.T) {
	gateway := &url.URL{Scheme: "https", Host: "gateway.example"}
	s := start(t, http.HandlerFunc(echo), func(c *Config) {
		c.Upstreams = map[string]*url.URL{"acme": gateway, "birch": gateway, "cedar": gateway}
	})
	for range 30 {
		if as, ok := s.recordedAs(&url.URL{Scheme: "https", Host: "gateway.example", Path: "/x"}); !ok || as.Host != "acme.xima.cloud" {
			t.Fatalf("%v %v", as, ok)
		}
	}
}

// TestRefusalsApart has programs of one run, which have one name: what one trusts, another may not.
func TestRefusalsApart(t *testing.T) {
	var r refusals
	curl, java := peer{"run", "curl", "127.0.0.1", "h"}, peer{"run", "Java", "127.0.0.1", "h"}
	r.trust(curl)
	if !r.add(java, false) || !r.has(java) || r.has(curl) {
		t.Error("one program's refusal is another's")
	}
	if r.add(curl, false) || r.has(curl) {
		t.Error("a client that hung up counts as refusing")
	}
	if !r.add(curl, true) || !r.has(curl) || r.add(curl, true) {
		t.Error("a refusal in so many words does not count once")
	}
	if r.trust(java); !r.has(java) {
		t.Error("a client that refused is tried again")
	}
}

// TestRefusedAfterTrust has two programs that nothing tells apart, of which the second does not trust us.
func TestRefusedAfterTrust(t *testing.T) {
	told := make(chan string, 9)
	s := start(t, http.HandlerFunc(echo), func(c *Config) {
		c.Pacer, c.Tell = ingest.NewPacer(c.Policy, nil, nil), func(line string) { told <- line }
	})
	get(t, s.trusting(t), "https://acme.xima.cloud/")
	if resp, err := s.client(t, s.vendor.Certificate()).Get("https://acme.xima.cloud/"); err == nil {
		resp.Body.Close()
		t.Fatal("our certificate was trusted")
	}
	if r := s.rows.wait(t, 2)[1]; r.Route.Class != OpaqueClass || r.Error != "tls" {
		t.Errorf("%+v", r)
	}
	if line := <-told; !strings.Contains(line, "Go-http-client does not trust") || !strings.Contains(line, "cannot be held back") ||
		!strings.Contains(line, "was lost") || !strings.Contains(line, "--tunnel Go-http-client ") {
		t.Errorf("told %q", line)
	}
}

// TestLoop has an upstream that is the proxy itself.
func TestLoop(t *testing.T) {
	to := &url.URL{Scheme: "http", Path: "/t/acme"}
	s := before(t, to)
	to.Host = s.addr
	status, body := get(t, &http.Client{Timeout: time.Minute}, "http://"+s.addr+"/t/acme/x")
	if status != http.StatusBadGateway || !strings.Contains(body, "itself") {
		t.Errorf("%d %q", status, body)
	}
	if n := len(s.rows.wait(t, 1)); n != 1 {
		t.Errorf("%d rows", n)
	}
	if back := s.say(t, fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", s.addr)); !strings.HasPrefix(back, "HTTP/1.1 502 ") {
		t.Errorf("%q", back)
	}
}

// zeros are n bytes of a body.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// meter looks at the memory in use as a body passes.
type meter struct {
	io.Reader
	n, looked int64
	most      uint64
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	if m.n += int64(n); m.n-m.looked > 8<<20 {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		m.looked, m.most = m.n, max(m.most, now.HeapInuse)
	}
	return n, err
}

// TestConstantMemory passes bodies both ways, over HTTP/2 and HTTP/1.1: what is held at any time does not grow with them.
func TestConstantMemory(t *testing.T) {
	const size, most = 96 << 20, 32 << 20
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n == 0 {
			io.Copy(w, zeros(size))
		}
	}), nil)
	for _, protocol := range []string{"HTTP/2.0", "HTTP/1.1"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			var before runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			m := &meter{Reader: zeros(size)}
			r, _ := http.NewRequest(method, "http://"+s.addr+"/t/acme/rest/api/x", nil)
			if method == http.MethodPost {
				r.Body, r.ContentLength = io.NopCloser(m), size
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if method == http.MethodGet {
				m.Reader = resp.Body
				io.Copy(io.Discard, m)
			}
			resp.Body.Close()
			if grown := int64(m.most) - int64(before.HeapInuse); m.n != size || grown > most {
				t.Errorf("%s by %s: %d bytes, %d MB more in use", method, protocol, m.n, grown>>20)
			}
		}
		s.base.any = s.base.http1
	}
	for _, row := range s.rows.wait(t, 4) {
		if row.ResponseBytes+row.RequestBytes != size || row.CutShort {
			t.Errorf("%+v", row)
		}
	}
}
