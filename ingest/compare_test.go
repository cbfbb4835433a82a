package ingest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// versatile is a server that answers in every way that matters to a transport.
func versatile(t *testing.T) http.HandlerFunc {
	zipped := gzipped(strings.Repeat("hello ", 20000))
	start := func(w http.ResponseWriter, length int) {
		w.Header().Set("Content-Length", fmt.Sprint(length))
		w.Write(zipped[:len(zipped)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(zipped)
		case "/gzip-cut":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(zipped[:len(zipped)/2])
		case "/gzip-broken":
			w.Header().Set("Content-Encoding", "gzip")
			start(w, len(zipped))
		case "/gzip-empty":
			w.Header().Set("Content-Encoding", "gzip")
			w.(http.Flusher).Flush()
		case "/gzip-lie":
			w.Header().Set("Content-Encoding", "GZIP")
			io.WriteString(w, "not packed")
		case "/trailer":
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "body")
			w.Header().Set("X-Sum", "42")
		case "/204", "/304":
			w.WriteHeader(map[string]int{"/204": 204, "/304": 304}[r.URL.Path])
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "body")
		case "/empty":
			w.Header().Set("Content-Length", "0")
		case "/broken":
			start(w, 1000000)
		case "/nothing":
			panic(http.ErrAbortHandler)
		case "/moved":
			http.Redirect(w, r, "/echo", http.StatusTemporaryRedirect)
		case "/echo":
			io.Copy(w, r.Body)
		case "/file":
			http.ServeContent(w, r, "a.wav", testNow, strings.NewReader(strings.Repeat("x", 5000)))
		}
	}
}

// TestCallersSeeWhatTheyWouldWithout compares everything that a caller can see of an answer, with and without the
// transport, over HTTP/1.1 and HTTP/2.
func TestCallersSeeWhatTheyWouldWithout(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(versatile(t))
		srv.Config.ErrorLog, srv.EnableHTTP2 = silent, http2
		srv.StartTLS()
		defer srv.Close()
		base := func() *http.Transport {
			return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
		}
		for _, path := range strings.Fields("/gzip /gzip-cut /gzip-broken /gzip-empty /gzip-lie /trailer /204 /304 /hints /empty /broken /nothing /moved /echo /file") {
			for _, how := range strings.Fields("GET HEAD POST GET,Accept-Encoding:identity GET,Range:bytes=0-9 GET,unread POST,Expect:100-continue") {
				if strings.Contains(how, "Expect") && path != "/echo" && path != "/moved" {
					continue // a server that breaks off before it reads leaves the client waiting, with or without us
				}
				bare, rec := base(), &recorded{}
				below := base()
				want := seen(t, bare, how, srv.URL+path)
				got := seen(t, NewTransport(below, rec), how, srv.URL+path)
				bare.CloseIdleConnections()
				below.CloseIdleConnections()
				if got != want {
					t.Errorf("http2 %v, %s %s:\n%s\nwithout:\n%s", http2, how, path, got, want)
				}
				if rows := len(rec.all()); rows != 1 && path != "/moved" {
					t.Errorf("http2 %v, %s %s: %d rows", http2, how, path, rows)
				}
			}
		}
	}
}

// seen does one call, reads and closes more often than it should, and writes down all it saw.
func seen(t *testing.T, rt http.RoundTripper, how, url string) string {
	t.Helper()
	words := strings.Split(how, ",")
	var body io.Reader
	if words[0] == "POST" {
		body = strings.NewReader(strings.Repeat("b", 1000))
	}
	req := request(t, words[0], url, body)
	for _, word := range words[1:] {
		if name, value, ok := strings.Cut(word, ":"); ok {
			req.Header.Set(name, value)
		}
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err != nil {
		return "error " + err.Error()
	}
	var got []byte
	if how != "GET,unread" {
		got, err = io.ReadAll(resp.Body)
	}
	once, twice := resp.Body.Close(), resp.Body.Close()
	n, after := resp.Body.Read(make([]byte, 1))
	resp.Header.Del("Date")
	return fmt.Sprintf("%s %s length %d unpacked %v encoding %v header %v trailer %v\nread %d %.20q %v, closed %v, %v, then %d, %v",
		resp.Proto, resp.Status, resp.ContentLength, resp.Uncompressed, resp.TransferEncoding, resp.Header, resp.Trailer,
		len(got), got, err, once, twice, n, after)
}
