package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/6dcca832/headroom/store"
)

// recorded is a Recorder that keeps everything.
type recorded struct {
	mu   sync.Mutex
	rows []store.Request
}

func (r *recorded) Record(q store.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, q)
}

func (r *recorded) all() []store.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]store.Request(nil), r.rows...)
}

// one is the only row there is.
func (r *recorded) one(t *testing.T) store.Request {
	t.Helper()
	rows := r.all()
	if len(rows) != 1 {
		t.Fatalf("%d rows, want 1: %+v", len(rows), rows)
	}
	return rows[0]
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const audioURL = "https://acme.xima.cloud/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950e1763938800000/audio"

// serve starts a vendor that any host name leads to, and a client whose transport records into rec.
func serve(t *testing.T, h http.HandlerFunc, opts ...Option) (*http.Client, *recorded) {
	t.Helper()
	rec := &recorded{}
	return serveTo(t, rec, h, opts...), rec
}

func serveTo(t *testing.T, rec Recorder, h http.HandlerFunc, opts ...Option) *http.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	base := dialTo(srv.Listener.Addr().String())
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: NewTransport(base, rec, opts...)}
}

func dialTo(addr string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func answer(status int, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: body, ContentLength: length}
}

func text(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

func TestRequestIsNotModified(t *testing.T) {
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	body := text("hello")
	req := request(t, "POST", "http://acme.xima.cloud/rest/api/v1/historic-data/7?x=1", nil)
	req.Body, req.ContentLength = body, 5
	req.Header.Set("Authorization", "Bearer t")
	before, header := *req, req.Header.Clone()
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !reflect.DeepEqual(req.Header, header) || req.Body != body || req.GetBody != nil || *req.URL != *before.URL {
		t.Errorf("request was modified: %+v", req)
	}
	if resp.Request != req {
		t.Error("the answer names another request than the caller's")
	}
	if got := rec.one(t); got.RequestBytes != 5 {
		t.Errorf("request bytes = %d", got.RequestBytes)
	}
}

func TestRequestIsPassedOnWithoutACopyWhereNothingIsWatched(t *testing.T) {
	req := request(t, "GET", audioURL, nil)
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r != req {
			t.Error("the base got a copy")
		}
		return answer(200, http.NoBody, 0), nil
	})
	if _, err := NewTransport(base, &recorded{}).RoundTrip(req); err != nil {
		t.Fatal(err)
	}
}

func TestRequestBodyIsClosed(t *testing.T) {
	closed := make(chan bool, 1)
	client, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
	req := request(t, "POST", "http://acme.xima.cloud/", nil)
	req.Body = closeFunc{strings.NewReader("x"), func() error { closed <- true; return nil }}
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-closed
}

type closeFunc struct {
	io.Reader
	close func() error
}

func (c closeFunc) Close() error { return c.close() }

func TestErrorPassesThroughUntouched(t *testing.T) {
	want := errors.New("mine")
	rec := &recorded{}
	rt := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, want }), rec)
	resp, err := rt.RoundTrip(request(t, "GET", audioURL, nil))
	if resp != nil || err != want {
		t.Errorf("got %v, %v", resp, err)
	}
	if got := rec.one(t); got.Status != 0 || got.Error != "other" || got.CutShort || got.FirstByte != 0 || got.Duration < 1 {
		t.Errorf("row = %+v", got)
	}
}

func TestAnswerPassesThroughUntouched(t *testing.T) {
	want := answer(418, text("short and stout"), 15)
	want.Header.Set("X-Y", "z")
	want.Trailer = http.Header{"T": nil}
	before := *want
	rt := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) { return want, nil }), &recorded{})
	got, err := rt.RoundTrip(request(t, "GET", audioURL, nil))
	if err != nil || got != want {
		t.Fatalf("got %v, %v", got, err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil || string(body) != "short and stout" {
		t.Errorf("body = %q, %v", body, err)
	}
	before.Body, got.Body = nil, nil
	if !reflect.DeepEqual(*got, before) {
		t.Errorf("answer = %+v, want %+v", *got, before)
	}
}

func TestABaseThatAnswersNothing(t *testing.T) {
	rec := &recorded{}
	rt := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) { return nil, nil }), rec)
	if resp, err := rt.RoundTrip(request(t, "GET", audioURL, nil)); resp != nil || err != nil {
		t.Errorf("got %v, %v", resp, err)
	}
	if got := rec.one(t); got.Error != "other" {
		t.Errorf("error class = %q", got.Error)
	}
}

func TestBodyIsRecordedExactlyOnce(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		body io.Reader
		size int64
		use  func(io.ReadCloser)
		n    int64
		cut  bool
		err  string
	}{
		"read to the end":          {strings.NewReader("12345"), 5, func(b io.ReadCloser) { io.ReadAll(b) }, 5, false, ""},
		"unknown length":           {strings.NewReader("12345"), -1, func(b io.ReadCloser) { io.ReadAll(b) }, 5, false, ""},
		"announced bytes, no EOF":  {strings.NewReader("12345"), 5, func(b io.ReadCloser) { io.ReadFull(b, make([]byte, 5)) }, 5, false, ""},
		"closed at once":           {strings.NewReader("12345"), 5, func(io.ReadCloser) {}, 0, true, ""},
		"closed in the middle":     {strings.NewReader("12345"), 5, func(b io.ReadCloser) { io.ReadFull(b, make([]byte, 2)) }, 2, true, ""},
		"closed, unknown length":   {strings.NewReader("12345"), -1, func(b io.ReadCloser) { io.ReadFull(b, make([]byte, 5)) }, 5, true, ""},
		"error":                    {io.MultiReader(strings.NewReader("123"), iotest.ErrReader(broken)), 5, func(b io.ReadCloser) { io.ReadAll(b) }, 3, true, "other"},
		"ends before its length":   {iotest.DataErrReader(io.MultiReader(strings.NewReader("123"), iotest.ErrReader(io.ErrUnexpectedEOF))), 5, func(b io.ReadCloser) { io.ReadAll(b) }, 3, true, "reset"},
		"data together with EOF":   {iotest.DataErrReader(strings.NewReader("12345")), -1, func(b io.ReadCloser) { io.ReadAll(b) }, 5, false, ""},
		"length left unset (stub)": {strings.NewReader("12345"), 0, func(b io.ReadCloser) { io.ReadFull(b, make([]byte, 2)) }, 2, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			rec, closes := &recorded{}, 0
			body := closeFunc{tc.body, func() error { closes++; return broken }}
			rt := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) { return answer(200, body, tc.size), nil }), rec)
			resp, err := rt.RoundTrip(request(t, "GET", audioURL, nil))
			if err != nil || len(rec.all()) != 0 {
				t.Fatalf("recorded too early, or %v", err)
			}
			tc.use(resp.Body)
			if err := resp.Body.Close(); err != broken {
				t.Errorf("Close = %v", err)
			}
			resp.Body.Close()
			resp.Body.Read(make([]byte, 1))
			got := rec.one(t)
			if got.ResponseBytes != tc.n || got.CutShort != tc.cut || got.Error != tc.err || closes != 2 {
				t.Errorf("row = %+v, closed %d times", got, closes)
			}
		})
	}
}

func TestAnswersWithoutABodyAreRecordedAtOnce(t *testing.T) {
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.WriteHeader(304)
		case "/head":
			w.Header().Set("Content-Length", "1000000")
		}
	})
	for i, c := range []struct{ method, path string }{{"POST", "/204"}, {"GET", "/304"}, {"HEAD", "/head"}, {"GET", "/empty"}} {
		resp, err := client.Transport.RoundTrip(request(t, c.method, "http://acme.xima.cloud"+c.path, nil))
		if err != nil {
			t.Fatal(err)
		}
		rows := rec.all() // before the body is touched
		if len(rows) != i+1 || rows[i].CutShort || rows[i].ResponseBytes != 0 || rows[i].Status != resp.StatusCode {
			t.Errorf("%s %s: rows = %+v", c.method, c.path, rows)
		}
		resp.Body.Close()
	}
}

func TestAnswerWithANilBody(t *testing.T) {
	rec := &recorded{}
	rt := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) { return answer(200, nil, 0), nil }), rec)
	if resp, err := rt.RoundTrip(request(t, "GET", audioURL, nil)); err != nil || resp.Body != nil {
		t.Fatalf("got %v, %v", resp, err)
	}
	rec.one(t)
}

func TestSwitchingProtocolsKeepsTheBodyWritable(t *testing.T) {
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, rw, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		said, _ := io.ReadAll(rw)
		conn.Write(bytes.ToUpper(said))
	})
	req := request(t, "GET", "http://acme.xima.cloud/", nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(resp.Body.(io.Writer), "hello"); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	heard, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(heard) != "HELLO" {
		t.Errorf("heard %q, %v", heard, err)
	}
	if got := rec.one(t); got.Status != 101 || got.RequestBytes != 5 || got.ResponseBytes != 5 {
		t.Errorf("row = %+v", got)
	}
}

// duplex is the body of an upgraded connection whose far side ends as soon as something is written.
type duplex struct {
	io.ReadCloser
	onWrite func()
}

func (d *duplex) Write(p []byte) (int, error) { d.onWrite(); return len(p), nil }

// TestUpgradedWriteCountsBeforeItsAnswer has the exchange closed before the Write that ended it returns.
func TestUpgradedWriteCountsBeforeItsAnswer(t *testing.T) {
	body := &duplex{ReadCloser: io.NopCloser(strings.NewReader(""))}
	rec := &recorded{}
	rt := NewTransport(roundTripFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: body}, nil
	}), rec)
	resp, err := rt.RoundTrip(request(t, "GET", "https://acme.xima.cloud/", nil))
	if err != nil {
		t.Fatal(err)
	}
	body.onWrite = func() { resp.Body.Close() }
	io.WriteString(resp.Body.(io.Writer), "hello")
	if got := rec.one(t); got.RequestBytes != 5 {
		t.Errorf("%d request bytes, want 5", got.RequestBytes)
	}
}

// TestSwitchedGoesOn writes on after the server's last byte, and then hangs up first.
func TestSwitchedGoesOn(t *testing.T) {
	heard := make(chan string)
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, rw, _ := http.NewResponseController(w).Hijack()
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi")
		conn.(*net.TCPConn).CloseWrite()
		said, _ := io.ReadAll(rw)
		heard <- string(said)
	})
	req := request(t, "GET", "http://acme.xima.cloud/", nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(resp.Body); err != nil || string(said) != "hi" {
		t.Errorf("%q, %v", said, err)
	}
	io.WriteString(resp.Body.(io.Writer), "and more")
	resp.Body.Close()
	if got := <-heard; got != "and more" {
		t.Errorf("the server heard %q", got)
	}
	if got := rec.one(t); got.RequestBytes != 8 || got.ResponseBytes != 2 || got.CutShort {
		t.Errorf("row = %+v", got)
	}
}

func TestCloseWhileReading(t *testing.T) {
	release := make(chan bool)
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begin")
		http.NewResponseController(w).Flush()
		<-release
	})
	defer close(release)
	resp, err := client.Transport.RoundTrip(request(t, "GET", "http://acme.xima.cloud/", nil))
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(resp.Body, make([]byte, 5))
	ended := make(chan error)
	go func() { _, err := io.ReadAll(resp.Body); ended <- err }()
	resp.Body.Close()
	if err := <-ended; err == nil {
		t.Error("the read did not notice the close")
	}
	if got := rec.one(t); !got.CutShort || got.ResponseBytes != 5 {
		t.Errorf("row = %+v", got)
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				resp, err := client.Post("http://acme.xima.cloud/rest/api/v1/historic-data/7", "", strings.NewReader(strings.Repeat("x", i+1)))
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	params := map[string]int{}
	for _, r := range rec.all() {
		if r.RequestBytes != r.ResponseBytes || r.CutShort {
			t.Fatalf("row = %+v", r)
		}
		params[r.Params]++
	}
	for p, n := range params {
		if n != 20 {
			t.Errorf("%d rows have params %s", n, p)
		}
	}
	if len(params) != 8 {
		t.Errorf("%d kinds of parameters, want 8", len(params))
	}
}

func TestNilRecorderIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewTransport(nil, nil)
}

func TestIdleConnectionsAreClosedBelow(t *testing.T) {
	called := false
	c := http.Client{Transport: NewTransport(closesIdle{func() { called = true }}, &recorded{})}
	c.CloseIdleConnections()
	if !called {
		t.Error("the base was not told")
	}
	NewTransport(stubBase{}, &recorded{}).CloseIdleConnections()
}

type closesIdle struct{ f func() }

func (closesIdle) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNoAnswer }
func (c closesIdle) CloseIdleConnections()                         { c.f() }
