package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// wire is a vendor on loopback that keeps connections open, as desynchronised requests need it, and
// notes what came and with which bytes.
type wire struct {
	mu   sync.Mutex
	seen []string // method and path of each request
	raw  bytes.Buffer
}

func (w *wire) listen(t *testing.T) *url.URL {
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
			go w.serve(conn)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}
}

func (w *wire) serve(conn net.Conn) {
	defer conn.Close()
	b := bufio.NewReader(io.TeeReader(conn, w))
	for {
		r, err := http.ReadRequest(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.seen = append(w.seen, r.Method+" "+r.URL.Path)
		w.mu.Unlock()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	}
}

// Write notes bytes as they come.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.raw.Write(b)
}

func (w *wire) all() (seen []string, raw string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen), w.raw.String()
}

// TestDesync has bytes by which one request could become two behind the proxy, or another one: each
// request that the vendor gets has a row, and is spelled in one way.
func TestDesync(t *testing.T) {
	const inner = "GET /t/acme/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
	const head = "POST /t/acme/x HTTP/1.1\r\nHost: localhost\r\n"
	reached := 0
	for name, sent := range map[string]string{
		"folded length":        head + "X-A: b\r\n Content-Length: 60\r\n\r\n",
		"folded coding":        head + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		"bare line feeds":      "GET /t/acme/x HTTP/1.1\nHost: localhost\nX-A: b\n\n",
		"bare carriage return": head + "X-A: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"line in a chunk size": head + "Transfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
		"coding twice":         head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"coding behind a tab":  head + "Transfer-Encoding: \x0bchunked\r\nContent-Length: 3\r\n\r\nabc",
		"coding of HTTP/1.0":   "POST /t/acme/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"length as a list":     head + "Content-Length: 3, 3\r\n\r\nabc",
		"same length twice":    head + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		"field with a NUL":     head + "X\x00A: b\r\n\r\n",
		"underscore":           head + "Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
		"length is hop by hop": head + "Connection: Content-Length, Host\r\nContent-Length: 50\r\n\r\n" + inner,
		"coding is hop by hop": head + "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n" + inner + "\r\n0\r\n\r\n",
		"length in a trailer":  head + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 50\r\n\r\n",
		"body of a GET":        "GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n" + inner,
		"two hosts":            head + "Host: elsewhere.example\r\n\r\n",
		"h2c": "GET /t/acme/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n" +
			"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
		"preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"escaped line end":  "GET /t/acme/x%0d%0aX-A:%20b HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"absolute, another host": "GET http://localhost/t/acme/x HTTP/1.1\r\nHost: borealis.xima.cloud\r\n" +
			"X-Forwarded-Host: elsewhere.example\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var vendor wire
			s := before(t, vendor.listen(t))
			// The second request tells whether the first has shifted what follows on the connection.
			s.say(t, sent+"GET /t/acme/after HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			s.stop(0)
			var rows []string
			for _, r := range s.rows.list() {
				rows = append(rows, r.Route.Method)
			}
			seen, raw := vendor.all()
			reached += len(seen)
			var methods []string
			for _, request := range seen {
				method, path, _ := strings.Cut(request, " ")
				methods = append(methods, method)
				if strings.Contains(path, "smuggled") {
					t.Errorf("the vendor was asked for %s", request)
				}
			}
			if !slices.Equal(rows, methods) {
				t.Errorf("rows %q, the vendor got %q", rows, seen)
			}
			lines, _, _ := strings.Cut(raw, "\r\n\r\n")
			for line := range strings.SplitSeq(lines, "\r\n") {
				if strings.ContainsAny(line, "\r\n\x00\x0b") || strings.HasPrefix(line, " ") {
					t.Errorf("the vendor was sent %q", line)
				}
			}
			if strings.Contains(lines, "Content-Length:") && strings.Contains(lines, "Transfer-Encoding:") {
				t.Errorf("two lengths: %q", lines)
			}
		})
	}
	if reached < 20 {
		t.Errorf("only %d requests reached the vendor: it is not tested what becomes of them", reached)
	}
}
