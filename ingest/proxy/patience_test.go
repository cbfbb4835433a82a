package proxy

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// little is the patience of a proxy that waits for nobody.
var little = patience{first: time.Second, body: time.Second, idle: 1500 * time.Millisecond}

func hasty(c *Config) { c.patience = little }

// enough is for what goes on slowly: a busy machine, which stands still for a second now and then,
// must not make it seem to have stopped.
var enough = patience{first: 3 * time.Second, body: 3 * time.Second, idle: 3 * time.Second}

func patient(c *Config) { c.patience = enough }

// silent accepts connections and says nothing, or what it is given once it was asked; then it stops.
func silent(t *testing.T, says string) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	done := make(chan bool)
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, conn)
			if says == "" {
				continue
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.WriteString(conn, says)
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range conns {
			c.Close()
		}
	})
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

// ends reads a connection to its end, which must come by itself.
func ends(t *testing.T, conn net.Conn) string {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	back, err := io.ReadAll(conn)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Error("the connection is still there")
	}
	conn.Close()
	return string(back)
}

// TestSilentClients ask for a tunnel and stop, at each step of the way. None is taken for one that refuses a certificate.
func TestSilentClients(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), hasty)
	quiet := silent(t, "")
	t.Run("before a tunnel is opened", func(t *testing.T) { ends(t, s.tunnelTo(t, "acme.xima.cloud:443", "a")) })
	t.Run("after the handshake", func(t *testing.T) {
		conn := tls.Client(s.tunnelTo(t, "acme.xima.cloud:443", "b"), &tls.Config{InsecureSkipVerify: true})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		ends(t, conn)
	})
	t.Run("in a tunnel", func(t *testing.T) { ends(t, s.tunnelTo(t, quiet.Host, "c")) })
	t.Run("in a header", func(t *testing.T) {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET /t/acme/x HTTP/1.1\r\n")
		ends(t, conn)
	})
	for _, agent := range []string{"a", "b"} {
		if s.refusals.has(peer{agent, agent, "127.0.0.1", "acme.xima.cloud"}) {
			t.Errorf("%s counts as refusing", agent)
		}
	}
	if rows := s.rows.list(); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

// TestTunnelIdle: a tunnel lives for as long as one side has something to say.
func TestTunnelIdle(t *testing.T) {
	t.Parallel()
	s := start(t, http.HandlerFunc(echo), patient)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		for range 20 { // longer than any patience
			io.WriteString(conn, "x")
			time.Sleep(enough.idle / 15)
		}
	}()
	if back := ends(t, s.tunnelTo(t, l.Addr().String(), "idle")); len(back) != 20 {
		t.Errorf("%q", back)
	}
}

// TestStoppedBodies has a vendor and clients that stop in the middle: both ends are told, and it is recorded.
func TestStoppedBodies(t *testing.T) {
	t.Run("answer", func(t *testing.T) {
		to := silent(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
		s := start(t, http.NotFoundHandler(), func(c *Config) { hasty(c); c.Upstreams = map[string]*url.URL{"acme": to} })
		if back := s.say(t, plainGet); !strings.Contains(back, "only this") {
			t.Errorf("%q", back)
		}
		if r := s.rows.wait(t, 1)[0]; r.Status != 200 || r.ResponseBytes != 9 || !r.CutShort || r.Error != "timeout" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("answer over HTTP/2", func(t *testing.T) {
		s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "only this")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), hasty)
		if back := s.say(t, plainGet); !strings.Contains(back, "only this") {
			t.Errorf("%q", back)
		}
		if r := s.rows.wait(t, 1)[0]; r.ResponseBytes != 9 || !r.CutShort || r.Error != "timeout" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("upload", func(t *testing.T) {
		s := start(t, http.HandlerFunc(echo), hasty)
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "POST /t/acme/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nonly this")
		ends(t, conn)
		if r := s.rows.wait(t, 1)[0]; r.RequestBytes != 9 || r.Error == "" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a client that does not read", func(t *testing.T) {
		s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, zeros(64<<20)) }), hasty)
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, plainGet)
		if r := s.rows.wait(t, 1)[0]; !r.CutShort || r.ResponseBytes >= 64<<20 {
			t.Errorf("%+v", r)
		}
	})
}

// TestSlowIsNotStopped has a body that takes longer than the patience, a little at a time.
func TestSlowIsNotStopped(t *testing.T) {
	t.Parallel()
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		for range 8 {
			fmt.Fprint(w, n)
			w.(http.Flusher).Flush()
			time.Sleep(enough.body / 6)
		}
	}), patient)
	body, in := io.Pipe()
	go func() {
		for range 8 {
			io.WriteString(in, "x")
			time.Sleep(enough.body / 6)
		}
		in.Close()
	}()
	resp, err := s.trusting(t).Post("https://acme.xima.cloud/x", "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	if _, back := read(t, resp); back != "88888888" {
		t.Errorf("%q", back)
	}
}

// TestHalfClosed has clients that end their side once they have asked, as nc does: they get the whole answer.
func TestHalfClosed(t *testing.T) {
	if !PeersKnown() {
		t.Skip("this system does not tell a peer that is gone from one that has said all it had to say")
	}
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(300 * time.Millisecond) // longer than the end takes to arrive
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "answer")
	}), nil)
	asks := []string{
		plainGet, "GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /t/acme/x HTTP/1.0\r\nHost: localhost\r\n\r\n",
		"POST /t/acme/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody",
	}
	for _, ask := range asks {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, ask)
		conn.(*net.TCPConn).CloseWrite()
		if back := ends(t, conn); !strings.HasPrefix(back, "HTTP/1.") || !strings.Contains(back, "answer") {
			t.Errorf("%q: %q", ask, back)
		}
	}
	conn := tls.Client(s.tunnelTo(t, "acme.xima.cloud:443", "half"), &tls.Config{InsecureSkipVerify: true})
	io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: acme.xima.cloud\r\n\r\n")
	conn.CloseWrite()
	if back := ends(t, conn); !strings.Contains(back, "answer") {
		t.Errorf("inside a tunnel: %q", back)
	}
	for _, r := range s.rows.wait(t, len(asks)+1) {
		if r.Status != 200 || r.ResponseBytes != 6 || r.CutShort {
			t.Errorf("%+v", r)
		}
	}
}

// TestGoneWhileWaiting: a client that is gone for good ends its request, though its last word looks the same.
func TestGoneWhileWaiting(t *testing.T) {
	asked, over := make(chan bool, 1), make(chan bool, 1)
	s := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		<-r.Context().Done()
		over <- true
	}), nil)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, plainGet)
	<-asked
	conn.(*net.TCPConn).CloseWrite()
	select {
	case <-over:
		t.Error("the end of the client's side ended the request")
	case <-time.After(2 * lookAgain):
	}
	conn.Close()
	select {
	case <-over:
	case <-time.After(time.Minute):
		t.Error("a request goes on whose client is gone")
	}
	if r := s.rows.wait(t, 1)[0]; r.Error != "cancelled" {
		t.Errorf("%+v", r)
	}
}

// TestKeptAlive has a second request on a connection whose first was watched.
func TestKeptAlive(t *testing.T) {
	s := start(t, http.HandlerFunc(echo), hasty)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := bufio.NewReader(conn)
	for range 3 {
		io.WriteString(conn, "POST /t/acme/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody")
		resp, err := http.ReadResponse(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, body := read(t, resp); resp.StatusCode != 200 || !strings.HasSuffix(body, "body") {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
		time.Sleep(little.body + little.body/4) // longer than any deadline that is left behind
	}
}
