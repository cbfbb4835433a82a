package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestTimeout has a server that accepts connections and says nothing.
func TestTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := before(t, &url.URL{Scheme: "https", Host: l.Addr().String()})
	s.base.any.TLSHandshakeTimeout = 50 * time.Millisecond
	back := s.say(t, plainGet)
	_, body, _ := strings.Cut(back, "\r\n\r\n")
	if !strings.HasPrefix(back, "HTTP/1.1 504 ") || !strings.HasPrefix(body, "headroom: no answer in time: ") || strings.Count(body, "\n") != 1 {
		t.Errorf("%q", back)
	}
	if r := s.rows.wait(t, 1)[0]; r.Status != 0 || r.Error != "timeout" {
		t.Errorf("%+v", r)
	}
}

// relay passes connections on to an address; those of the first kind freeze.
type relay struct {
	net.Listener
	frozen chan bool // closed: nothing passes any more on connections from before
	over   chan bool
	conns  sync.WaitGroup
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, frozen: make(chan bool), over: make(chan bool)}
	t.Cleanup(func() { l.Close(); close(r.over); r.conns.Wait() })
	go func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", to)
			if err != nil {
				down.Close()
				continue
			}
			frozen := r.frozen
			select {
			case <-r.frozen:
				frozen = nil // it came after
			default:
			}
			r.conns.Go(func() { r.pass(down, up, frozen) })
			r.conns.Go(func() { r.pass(up, down, frozen) })
		}
	}()
	return r
}

func (r *relay) pass(to, from net.Conn, frozen <-chan bool) {
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		from.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		n, err := from.Read(b)
		select {
		case <-frozen:
			<-r.over
			return
		case <-r.over:
			return
		default:
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// TestDroppedConnection has a network that forgets an HTTP/2 connection without a word: one request is lost with it, the
// next takes a new one.
func TestDroppedConnection(t *testing.T) {
	asked := make(chan bool, 9)
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		io.WriteString(w, r.Proto)
	}), nil)
	r := newRelay(t, s.vendor.Listener.Addr().String())
	s.base.redirect["acme.xima.cloud"] = &url.URL{Scheme: "https", Host: r.Addr().String()}
	s.base.any.HTTP2.SendPingTimeout, s.base.any.HTTP2.PingTimeout = 300*time.Millisecond, time.Second
	if _, body := get(t, http.DefaultClient, "http://"+s.addr+"/t/acme/x"); body != "HTTP/2.0" {
		t.Fatalf("%q", body)
	}
	<-asked
	close(r.frozen)
	post := func() int {
		resp, err := http.Post("http://"+s.addr+"/t/acme/x", "text/plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := read(t, resp)
		return status
	}
	if status := post(); status != http.StatusOK && status != http.StatusBadGateway {
		t.Errorf("in the dropped connection: %d", status)
	}
	if status := post(); status != http.StatusOK {
		t.Errorf("after it: %d", status)
	}
}
