package ingest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

const reportURL = "http://acme.xima.cloud/rest/api/v1/historic-data/7"

func paramsOf(key []byte, body string) string {
	p := NewParams(key, "POST", reportURL)
	io.WriteString(p, body)
	return p.Sum()
}

// sendThrough sends a POST whose body the base reads as far as take, 0 meaning to the end.
func sendThrough(t *testing.T, req *http.Request, take int64) (n int64, params string) {
	t.Helper()
	rec := &recorded{}
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		defer r.Body.Close()
		body := io.Reader(r.Body)
		if take > 0 {
			body = io.LimitReader(body, take)
		}
		io.Copy(io.Discard, body)
		return answer(204, http.NoBody, 0), nil
	})
	if _, err := NewTransport(base, rec, WithHashKey([]byte("k"))).RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	row := rec.one(t)
	return row.RequestBytes, row.Params
}

func TestUploadIsCountedAndHashed(t *testing.T) {
	const body = `{"format":"json"}`
	whole := paramsOf([]byte("k"), body)
	if n, params := sendThrough(t, request(t, "POST", reportURL, strings.NewReader(body)), 0); n != 17 || params != whole {
		t.Errorf("whole: %d bytes, params %s", n, params)
	}
	chunked := request(t, "POST", reportURL, io.MultiReader(iotest.OneByteReader(strings.NewReader(body))))
	if n, params := sendThrough(t, chunked, 0); n != 17 || params != whole {
		t.Errorf("unknown length: %d bytes, params %s", n, params)
	}
	empty := request(t, "POST", reportURL, io.MultiReader())
	if n, params := sendThrough(t, empty, 0); n != 0 || params != "" {
		t.Errorf("empty: %d bytes, params %s", n, params)
	}
}

func TestUploadThatWasNotSentWhole(t *testing.T) {
	const body = `{"format":"json"}`
	whole := paramsOf([]byte("k"), body)
	if n, params := sendThrough(t, request(t, "POST", reportURL, strings.NewReader(body)), 5); n != 5 || params != whole {
		t.Errorf("with GetBody: %d bytes, params %s, want those of the whole", n, params)
	}
	once := request(t, "POST", reportURL, io.MultiReader(strings.NewReader(body)))
	n, params := sendThrough(t, once, 5)
	if n != 5 || len(params) != 32 || params == whole || params == paramsOf([]byte("k"), body[:5]) {
		t.Errorf("without GetBody: %d bytes, params %s", n, params)
	}
	fails := request(t, "POST", reportURL, strings.NewReader(body))
	fails.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	if _, again := sendThrough(t, fails, 5); again != params {
		t.Errorf("a failing GetBody: params %s, want %s", again, params)
	}
}

func TestServerThatAnswersEarly(t *testing.T) {
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
	})
	const size = 64 << 20
	req := request(t, "POST", reportURL, io.LimitReader(forever{}, size))
	req.ContentLength = size
	req.Header.Set("Expect", "100-continue")
	client.Transport.(*Transport).base.(*http.Transport).ExpectContinueTimeout = 1 << 40
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if got := rec.one(t); got.Status != 403 || got.RequestBytes != 0 || len(got.Params) != 32 {
		t.Errorf("row = %+v", got)
	}
}

type forever struct{}

func (forever) Read(p []byte) (int, error) { return len(p), nil }

// TestBodySentAgainAfterALostConnection lets http.Transport find a kept connection dead, so that it takes a new body.
func TestBodySentAgainAfterALostConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go answerOncePerConnection(ln)
	rec := &recorded{}
	base := dialTo(ln.Addr().String())
	defer base.CloseIdleConnections()
	client := &http.Client{Transport: NewTransport(base, rec, WithHashKey([]byte("k")))}
	fresh := 0
	for range 2 {
		req := request(t, "POST", reportURL, strings.NewReader("hello"))
		getBody := req.GetBody
		req.GetBody = func() (io.ReadCloser, error) { fresh++; return getBody() }
		req.Header.Set("Idempotency-Key", "1") // lets http.Transport send it again
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if n := len(rec.all()); n != 2 || fresh == 0 {
		t.Fatalf("%d rows, %d fresh bodies: nothing was sent again", n, fresh)
	}
	for _, r := range rec.all() {
		if r.RequestBytes != 5 || r.Params != paramsOf([]byte("k"), "hello") {
			t.Errorf("row = %+v", r)
		}
	}
}

// answerOncePerConnection promises to keep a connection, reads the next request from it and hangs up.
func answerOncePerConnection(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r := bufio.NewReader(conn)
			if swallow(r) == nil {
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				swallow(r)
			}
		}()
	}
}

// swallow reads a request to its end.
func swallow(r *bufio.Reader) error {
	req, err := http.ReadRequest(r)
	if err == nil {
		_, err = io.Copy(io.Discard, req.Body)
	}
	return err
}

// TestUploadThatFails tells a caller whose body breaks from a server that hangs up while it is sent.
func TestUploadThatFails(t *testing.T) {
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 1<<20)
		hangUp(w, 0)
	})
	broken := io.MultiReader(strings.NewReader("begun"), iotest.ErrReader(errors.New("disk error")))
	endless := io.LimitReader(zero{}, 1<<30)
	for want, body := range map[string]io.Reader{"cancelled": broken, "reset": endless} {
		if resp, err := client.Transport.RoundTrip(request(t, "POST", reportURL, body)); err == nil {
			resp.Body.Close()
			t.Errorf("%s: answered %d", want, resp.StatusCode)
		}
		rows := rec.all()
		if row := rows[len(rows)-1]; row.Error != want || row.Status != 0 {
			t.Errorf("%q, not %q: %+v", row.Error, want, row)
		}
	}
}

// zero is an endless body.
type zero struct{}

func (zero) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
