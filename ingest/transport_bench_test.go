package ingest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// stubBase answers at once, from memory, with about as many allocations as the cheapest real answer.
type stubBase struct{ text string }

func (s stubBase) RoundTrip(req *http.Request) (*http.Response, error) {
	h := make(http.Header, 4)
	h["Content-Type"] = []string{"audio/wav"}
	h["Date"] = []string{"Mon, 23 Nov 2026 19:00:00 GMT"}
	return &http.Response{
		StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Request: req,
		Body: io.NopCloser(struct{ io.Reader }{strings.NewReader(s.text)}), ContentLength: int64(len(s.text)),
	}, nil
}

type discard struct{}

func (discard) Record(store.Request) {}

func BenchmarkTransport(b *testing.B) {
	stub := stubBase{strings.Repeat("x", 1000)}
	const list = "https://acme.xima.cloud/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z&endTime=2026-11-02T00:00:00Z"
	for _, bc := range []struct {
		name string
		rt   http.RoundTripper
		urls []string
	}{
		{"bare", stub, []string{list}},
		{"wrapped", NewTransport(stub, discard{}), []string{list}},
		{"wrapped_hashed", NewTransport(stub, discard{}), []string{list + "&secret=1"}},
		{"wrapped_distinct", NewTransport(stub, discard{}), audioURLs(20_000)},
	} {
		b.Run(bc.name, func(b *testing.B) { roundTrips(b, bc.rt, bc.urls) })
	}
}

// audioURLs are recordings that were all asked for once: nothing of them is in a cache.
func audioURLs(n int) []string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("https://acme.xima.cloud/rest/api/v2/recordings/%08x-89ab-4def-8123-456789abcdef1763938800000/audio", i)
	}
	return urls
}

func roundTrips(b *testing.B, rt http.RoundTripper, urls []string) {
	reqs := make([]*http.Request, len(urls))
	for i, u := range urls {
		reqs[i], _ = http.NewRequest("GET", u, nil)
	}
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		resp, err := rt.RoundTrip(reqs[i%len(reqs)])
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		resp.Body.Close()
	}
}
