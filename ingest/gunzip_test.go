package ingest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func gzipped(s string) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	io.WriteString(zw, s)
	zw.Close()
	return b.Bytes()
}

// outcome is all that a caller sees of an answer.
type outcome struct {
	status       int
	header       http.Header
	length       int64
	uncompressed bool
	body         string
	err          string
	afterClose   string
	asked        string // what the server saw
}

func observe(t *testing.T, rt http.RoundTripper, req *http.Request) outcome {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	o := outcome{status: resp.StatusCode, length: resp.ContentLength, uncompressed: resp.Uncompressed, asked: resp.Header.Get("X-Asked")}
	body, err := io.ReadAll(resp.Body)
	o.body, o.err = fmt.Sprintf("%d bytes %.40x", len(body), sha256.Sum256(body)), errorText(err)
	resp.Body.Close()
	_, err = resp.Body.Read(make([]byte, 10))
	o.afterClose = errorText(err)
	o.header = resp.Header.Clone()
	o.header.Del("Date")
	return o
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// packs answers as the path says.
func packs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Asked", strings.Join(r.Header.Values("Accept-Encoding"), ","))
	w.Header().Set("Content-Encoding", "gzip")
	whole := gzipped(strings.Repeat("recording ", 10_000))
	switch r.URL.Path {
	case "/plain":
		w.Header().Del("Content-Encoding")
		io.WriteString(w, "plain")
	case "/upper":
		w.Header().Set("Content-Encoding", "GZIP")
		w.Write(whole)
	case "/damaged":
		w.Write(append([]byte("xx"), whole...))
	case "/damaged-inside":
		whole[len(whole)-5] ^= 1
		w.Write(whole)
	case "/empty":
		w.WriteHeader(http.StatusOK)
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	case "/short":
		w.Write(whole[:len(whole)/2])
	case "/broken-off":
		w.Header().Set("Content-Length", "1000000")
		w.Write(whole[:20])
	case "/chunked":
		w.Write(whole[:20])
		http.NewResponseController(w).Flush()
		w.Write(whole[20:])
	case "/two-members":
		w.Write(append(whole, gzipped("and more")...))
	default:
		w.Write(whole)
	}
}

func TestUnpackingLooksLikeHTTPTransports(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(packs))
		srv.EnableHTTP2 = proto == "HTTP/2.0"
		srv.StartTLS()
		defer srv.Close()
		bare := srv.Client().Transport
		for _, path := range []string{"/", "/plain", "/upper", "/damaged", "/damaged-inside", "/empty", "/none", "/short",
			"/broken-off", "/chunked", "/two-members"} {
			for name, header := range map[string]http.Header{
				"unasked":  {},
				"asked":    {"Accept-Encoding": {"gzip"}},
				"identity": {"Accept-Encoding": {"identity"}},
				"range":    {"Range": {"bytes=0-"}},
			} {
				for _, method := range []string{"GET", "HEAD"} {
					t.Run(proto+" "+method+" "+path+" "+name, func(t *testing.T) {
						req := request(t, method, srv.URL+path, nil)
						req.Header = header
						want := observe(t, bare, req)
						rec := &recorded{}
						got := observe(t, NewTransport(bare, rec), req)
						if !reflect.DeepEqual(got, want) {
							t.Errorf("got  %+v\nwant %+v", got, want)
						}
						rec.one(t)
					})
				}
			}
		}
	}
}

func TestPackedBytesAreCounted(t *testing.T) {
	whole := int64(len(gzipped(strings.Repeat("recording ", 10_000))))
	client, rec := serve(t, packs)
	resp, err := client.Get("http://acme.xima.cloud/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || len(body) != 100_000 {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	if got := rec.one(t); got.ResponseBytes != whole || got.CutShort || got.Error != "" {
		t.Errorf("row = %+v, want %d bytes", got, whole)
	}
}

func TestPackedBodyIsCompleteWhenItsLastByteCame(t *testing.T) {
	client, rec := serve(t, packs)
	resp, err := client.Get("http://acme.xima.cloud/")
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(resp.Body, make([]byte, 99_999)) // as a decoder that knows where its value ends
	resp.Body.Close()
	if got := rec.one(t); got.CutShort {
		t.Errorf("row = %+v", got)
	}
}

func TestPackedBodyThatIsDamaged(t *testing.T) {
	client, rec := serve(t, packs)
	resp, err := client.Get("http://acme.xima.cloud/damaged")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, gzip.ErrHeader) {
		t.Errorf("error = %v", err)
	}
	resp.Body.Close()
	if got := rec.one(t); got.ResponseBytes == 0 {
		t.Errorf("row = %+v", got)
	}
}

func TestNobodyAsksForGzipWhereHTTPTransportWouldNot(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(packs))
	defer srv.Close()
	base := &http.Transport{DisableCompression: true}
	defer base.CloseIdleConnections()
	got := observe(t, NewTransport(base, &recorded{}), request(t, "GET", srv.URL, nil))
	if got.asked != "" || got.uncompressed {
		t.Errorf("asked for %q, uncompressed %v", got.asked, got.uncompressed)
	}
	NewTransport(roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("asked for an encoding over a base that is not net/http's")
		}
		return answer(200, http.NoBody, 0), nil
	}), &recorded{}).RoundTrip(request(t, "GET", audioURL, nil))
}
