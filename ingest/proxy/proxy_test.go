package proxy

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const audioPath = "/rest/api/v2/recordings/0a1b2c3d-0000-4000-8000-000000000000-1767225600000/audio"

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %s %s\n", r.Method, r.Host, r.RequestURI, r.Proto)
	r.Header.Write(w)
	io.Copy(w, r.Body)
}

// TestReverse asks for paths and queries that a careless proxy would clean.
func TestReverse(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	for _, target := range []string{audioPath, "/", "/a%2Fb//c/../d?x=1;y=2&z=%zz", "/p?"} {
		t.Run(target, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /t/acme%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer Canary\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nX-Forwarded-For: me\r\n\r\n", target, s.addr)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, body := read(t, resp)
			if want := "GET acme.xima.cloud " + target + " HTTP/2.0\n"; !strings.HasPrefix(body, want) {
				t.Errorf("%q does not begin with %q", body, want)
			}
			for want, is := range map[string]bool{
				"Authorization: Bearer Canary": true, "X-Forwarded-For: me": true,
				"X-Hop": false, "Via": false, "User-Agent": false, "Accept-Encoding": false,
			} {
				if strings.Contains(body, want) != is {
					t.Errorf("%q in %q: %v", want, body, !is)
				}
			}
		})
	}
	r := s.rows.wait(t, 4)[0]
	if r.Tenant != "acme" || r.Route.Class != "recording_audio" || r.Source.Kind != "proxy" || r.Status != 200 {
		t.Errorf("row %+v of %+v", r, r.Route)
	}
}

func TestReverseRefuses(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	for path, want := range map[string]int{"/": 404, "/t/": 404, "/t/a.b/x": 404, "/t/acme": 200} {
		if status, body := get(t, http.DefaultClient, "http://"+s.addr+path); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if n := len(s.rows.wait(t, 1)); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestRedirectStays(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.Header.Get("To"))
		w.WriteHeader(302)
	}), nil)
	for to, want := range map[string]string{
		"https://acme.xima.cloud/x?y=1": "/t/acme/x?y=1", "/x": "/t/acme/x", "https://else.example/x": "https://else.example/x",
		"http://acme.xima.cloud/x": "http://acme.xima.cloud/x", "x": "x",
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

// TestUpstream has a tenant at another place: it is recorded under the policy's host.
func TestUpstream(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), func(c *Config) {
		c.Upstreams = map[string]*url.URL{"acme": {Scheme: "https", Host: "gateway.example", Path: "/base/"}}
	})
	_, body := get(t, http.DefaultClient, "http://"+s.addr+"/t/acme"+audioPath)
	if !strings.HasPrefix(body, "GET gateway.example /base"+audioPath+" ") {
		t.Errorf("%q", body)
	}
	if r := s.rows.wait(t, 1)[0]; r.Route.Class != "recording_audio" || r.Tenant != "acme" || r.Route.Origin != "https://acme.xima.cloud" {
		t.Errorf("%+v %+v", r, r.Route)
	}
	if _, err := New(Config{Policy: builtin(t), Recorder: s.rows, Upstreams: map[string]*url.URL{"a.b": {}}}); err == nil {
		t.Error("an upstream of an impossible tenant")
	}
}

// TestForward opens HTTPS by CONNECT and records as if there were no proxy.
func TestForward(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	c := s.trusting(t)
	resp, err := c.Post("https://acme.xima.cloud/rest/api/v1/historic-data/calls", "application/json", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	_, body := read(t, resp)
	if !strings.HasPrefix(body, "POST acme.xima.cloud /rest/api/v1/historic-data/calls HTTP/2.0\n") || !strings.HasSuffix(body, `{"a":1}`) {
		t.Errorf("%q", body)
	}
	get(t, c, "https://acme.xima.cloud:8443"+audioPath)
	rows := s.rows.wait(t, 2)
	if r := rows[0]; r.Route.Class != "historical_report" || r.RequestBytes != 7 || r.ResponseBytes != int64(len(body)) || r.Client != "Go-http-client" || r.Params == "" {
		t.Errorf("%+v %+v", r, r.Route)
	}
	if o := rows[1].Route.Origin; o != "https://acme.xima.cloud:8443" {
		t.Errorf("origin %s", o)
	}
}

// TestRefused has a client that trusts the vendor and not us.
func TestRefused(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	c := s.client(t, s.vendor.Certificate())
	const url = "https://example.com/" // the one name of httptest's certificate
	s.cfg.Policy = policyFor(t, "example.{tenant}")
	for i := range 3 {
		resp, err := c.Get(url)
		if i == 0 {
			if err == nil {
				t.Fatal("our certificate was trusted")
			}
			s.rows.wait(t, 1) // the client knows before the proxy does
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		read(t, resp)
		c.CloseIdleConnections()
	}
	rows := s.rows.wait(t, 3)
	if r := rows[0]; r.Status != 0 || r.Error != "tls" || r.Route.Class != OpaqueClass {
		t.Errorf("the refused call: %+v", r)
	}
	for _, r := range rows[1:] {
		if r.Status != 200 || r.Route.Class != OpaqueClass || r.URL() != "https://example.com/" || r.Route.Method != "CONNECT" || r.ResponseBytes < 500 || r.RequestBytes < 200 {
			t.Errorf("%+v %+v", r, r.Route)
		}
	}
}

// TestClosed: of a program that is named beforehand not even the first call is lost, and others are
// opened as ever.
func TestClosed(t *testing.T) {
	for name, class := range map[string]string{"Go-http-client": OpaqueClass, "else": "other"} {
		s := start(t, http.HandlerFunc(echo), func(c *Config) { c.Closed = []string{name} })
		c := s.client(t)
		c.Transport.(*http.Transport).TLSClientConfig.InsecureSkipVerify = true
		get(t, c, "https://acme.xima.cloud/x")
		c.CloseIdleConnections()
		if r := s.rows.wait(t, 1)[0]; r.Route.Class != class || r.Status != 200 {
			t.Errorf("%s: %+v %+v", name, r, r.Route)
		}
	}
}

// TestHungUp has clients that shake hands and close, as Node does when it does not like a certificate.
func TestHungUp(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	get(t, s.trusting(t), "https://acme.xima.cloud/")
	for _, agent := range []string{"Go-http-client/1", "node/20"} {
		conn := s.tunnelTo(t, "acme.xima.cloud:443", agent)
		if err := s.shake(conn, "acme.xima.cloud"); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	r := s.rows.wait(t, 2)[1]
	if r.Route.Class != OpaqueClass || r.Client != "node" {
		t.Errorf("%+v", r)
	}
	if s.refusals.has(peer{"Go-http-client", "Go-http-client", "127.0.0.1", "acme.xima.cloud"}) || !s.refusals.has(peer{"node", "node", "127.0.0.1", "acme.xima.cloud"}) {
		t.Error("a client that has made a request counts as refusing, or one that has not does not")
	}
}

// TestOthers are none of the vendor's business, nor of ours.
func TestOthers(t *testing.T) {
	for _, all := range []bool{false, true} {
		s := start(t, http.HandlerFunc(echo), func(c *Config) { c.All = all })
		c := s.client(t, s.vendor.Certificate())
		get(t, c, "https://example.com/")
		get(t, c, plain(t)+"/x?secret=1")
		c.CloseIdleConnections()
		if !all {
			s.stop(time.Second)
			if n := len(s.rows.list()); n != 0 {
				t.Errorf("%d rows of others", n)
			}
			continue
		}
		rows := s.rows.wait(t, 2)
		if rows[0].Route.Class == OpaqueClass {
			rows[0], rows[1] = rows[1], rows[0]
		}
		if rows[0].Route.Class != "other" || strings.Contains(rows[0].URL(), "secret") || rows[1].Route.Class != OpaqueClass || rows[1].Tenant != "example.com" {
			t.Errorf("%+v %+v", rows[0], rows[1])
		}
	}
}

func TestPassword(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), func(c *Config) { c.Password = "open sesame" })
	for password, want := range map[string]int{"": 407, "wrong": 407, "open sesame": 200} {
		r, _ := http.NewRequest("GET", "http://"+s.addr+"/t/acme/", nil)
		if password != "" {
			r.SetBasicAuth("nightly", password)
			r.Header["Proxy-Authorization"] = r.Header["Authorization"]
			r.Header.Del("Authorization")
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		status, body := read(t, resp)
		if status != want || status == 200 && strings.Contains(body, "Proxy-Authorization") {
			t.Errorf("%q: %d %s", password, status, body)
		}
	}
	if r := s.rows.wait(t, 1)[0]; r.Client != "nightly" {
		t.Errorf("client %q", r.Client)
	}
	c := s.trusting(t)
	if _, err := c.Get("https://acme.xima.cloud/"); err == nil || !strings.Contains(err.Error(), "Proxy Authentication") {
		t.Errorf("a tunnel without password: %v", err)
	}
}

// TestGzip passes packed bodies as they are and counts them so; ranges are the server's matter.
func TestGzip(t *testing.T) {
	var packed bytes.Buffer
	zw := gzip.NewWriter(&packed)
	zw.Write(bytes.Repeat([]byte("x"), 100000))
	zw.Close()
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding %q", r.Header["Accept-Encoding"])
		}
		w.Header().Set("Content-Encoding", "gzip")
		http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(packed.Bytes()))
	}), nil)
	for _, asked := range []string{"", "bytes=10-19"} {
		r, _ := http.NewRequest("GET", "https://acme.xima.cloud"+audioPath, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		want, status := packed.String(), 200
		if asked != "" {
			r.Header.Set("Range", asked)
			want, status = want[10:20], 206
		}
		resp, err := s.trusting(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, body := read(t, resp); body != want || got != status {
			t.Errorf("%q: %d, %d bytes", asked, got, len(body))
		}
	}
	if rows := s.rows.wait(t, 2); rows[0].ResponseBytes != int64(packed.Len()) || rows[1].ResponseBytes != 10 {
		t.Errorf("%d, %d bytes", rows[0].ResponseBytes, rows[1].ResponseBytes)
	}
}

// TestTrailers go both ways.
func TestTrailers(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.Copy(w, r.Body)
		w.Header().Set("X-Sum", r.Trailer.Get("X-In"))
	}), nil)
	r, _ := http.NewRequest("POST", "https://acme.xima.cloud/rest/api/x", io.NopCloser(strings.NewReader("body")))
	r.Trailer = http.Header{"X-In": {"42"}}
	resp, err := s.trusting(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := read(t, resp); body != "body" || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("%q, trailer %v", body, resp.Trailer)
	}
}

// TestContinue sends a body only once the vendor wants it.
func TestContinue(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		io.Copy(w, r.Body)
	}), nil)
	for path, want := range map[string]string{"/yes": "HTTP/1.1 100 Continue", "/no": "HTTP/1.1 417 Expectation Failed"} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /t/acme%s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", path)
		b := bufio.NewReader(conn)
		if line, _ := b.ReadString('\n'); strings.TrimSpace(line) != want {
			t.Errorf("%s: %q", path, line)
		}
	}
}

// TestUpgrade passes what is no HTTP any more, and counts it.
func TestUpgrade(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			t.Errorf("Upgrade %q over %s", r.Header.Get("Upgrade"), r.Proto)
			return
		}
		conn, b, _ := w.(http.Hijacker).Hijack()
		defer conn.Close()
		io.WriteString(conn, switching)
		line, _ := b.ReadString('\n')
		io.WriteString(conn, strings.ToUpper(line))
	}), nil)
	r, _ := http.NewRequest("GET", "https://acme.xima.cloud/rest/api/live", nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	r.Header.Set("Sec-WebSocket-Version", "13")
	resp, err := s.trusting(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	rw := resp.Body.(io.ReadWriteCloser)
	io.WriteString(rw, "hello\n")
	back, _ := bufio.NewReader(rw).ReadString('\n')
	rw.Close()
	if resp.StatusCode != 101 || back != "HELLO\n" {
		t.Errorf("%d %q", resp.StatusCode, back)
	}
	if q := s.rows.wait(t, 1)[0]; q.Status != 101 || q.RequestBytes != 6 || q.ResponseBytes != 6 {
		t.Errorf("%+v", q)
	}
}

// TestNoAnswer is about a vendor that cannot be reached, or is not who he says.
func TestNoAnswer(t *testing.T) {
	s := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), nil)
	if status, body := get(t, http.DefaultClient, "http://"+s.addr+"/t/acme"+audioPath); status != 502 || !strings.HasPrefix(body, "headroom: no answer") {
		t.Errorf("%d %s", status, body)
	}
	s.base.any.TLSClientConfig.InsecureSkipVerify = false
	s.base.close()
	if status, body := get(t, http.DefaultClient, "http://"+s.addr+"/t/borealis"+audioPath); status != 502 || !strings.Contains(body, "certificate") {
		t.Errorf("%d %s", status, body)
	}
	rows := s.rows.wait(t, 2)
	if rows[0].Status != 0 || rows[0].Error != "reset" || rows[1].Error != "tls" {
		t.Errorf("%+v %+v", rows[0], rows[1])
	}
}

// TestShutdown lets one download finish and breaks another.
func TestShutdown(t *testing.T) {
	release := make(chan bool)
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "12345")
		w.(http.Flusher).Flush()
		select {
		case <-release:
			io.WriteString(w, "67890")
		case <-r.Context().Done():
		}
	}), nil)
	resp, err := s.trusting(t).Get("https://acme.xima.cloud" + audioPath)
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error)
	go func() { stopped <- s.stop(time.Minute) }()
	for !s.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	release <- true
	if _, body := read(t, resp); body != "1234567890" {
		t.Errorf("%q", body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if r := s.rows.list(); len(r) != 1 || r[0].ResponseBytes != 10 || r[0].CutShort {
		t.Errorf("%+v", r)
	}
}

func TestShutdownBreaksOff(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "12345")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}), nil)
	resp, err := s.trusting(t).Get("https://acme.xima.cloud" + audioPath)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(resp.Body, make([]byte, 5))
	if err := s.stop(0); err == nil {
		t.Error("nothing was broken off")
	}
	if r := s.rows.list(); len(r) != 1 || r[0].ResponseBytes != 5 || !r[0].CutShort {
		t.Errorf("%+v", r)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the client believes that it has the whole")
	}
}

// TestShutdownWaitsForNobody has a client that asked for a tunnel and then for nothing.
func TestShutdownWaitsForNobody(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	conn := s.tunnelTo(t, "acme.xima.cloud:443", "idle")
	defer conn.Close()
	if err := s.stop(time.Minute); err != nil {
		t.Error(err)
	}
}

// TestAborted has a client that goes away.
func TestAborted(t *testing.T) {
	gone := make(chan bool)
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000000")
		for r.Context().Err() == nil {
			w.Write(make([]byte, 1<<16))
		}
		close(gone)
	}), nil)
	resp, err := http.Get("http://" + s.addr + "/t/acme" + audioPath)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(resp.Body, make([]byte, 1<<20))
	resp.Body.Close()
	<-gone
	if r := s.rows.wait(t, 1)[0]; !r.CutShort || r.ResponseBytes < 1<<20 || r.ResponseBytes >= 1e9 {
		t.Errorf("%+v", r)
	}
}

// TestSelf is about a loop: the proxy named as its own proxy, and asked for itself.
func TestSelf(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), nil)
	if status, _ := get(t, s.client(t), "http://"+s.addr+"/t/acme/"); status != 200 {
		t.Errorf("%d", status)
	}
	t.Setenv("HTTPS_PROXY", "")
	for addr, want := range map[string]bool{s.addr: true, strings.Replace(s.addr, "127.0.0.1", "localhost", 1): true, "127.0.0.1:1": false, "proxy": false} {
		if got := s.isSelf(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
