package bench

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

const listURL = "https://acme.xima.cloud/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z&endTime=2026-11-02T00:00:00Z"

// stub answers at once, from memory, at about the cost of the cheapest real answer.
type stub struct{ text string }

func (s stub) RoundTrip(req *http.Request) (*http.Response, error) {
	h := make(http.Header, 4)
	h["Content-Type"] = []string{"audio/wav"}
	h["Date"] = []string{"Mon, 23 Nov 2026 19:00:00 GMT"}
	return &http.Response{
		StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Request: req,
		Body: io.NopCloser(struct{ io.Reader }{strings.NewReader(s.text)}), ContentLength: int64(len(s.text)),
	}, nil
}

var base = stub{strings.Repeat("x", 1000)}

// burst is how many requests are measured in a row: fewer than the recorder's queue holds, because a stub is faster
// than any database, and the figure must not be that of dropping rows.
const burst = 32768

func BenchmarkStub(b *testing.B) { roundTrips(b, base, func() {}) }

// BenchmarkHeadroom stores every row. The timer stands while the queue is written out, and nothing may be dropped.
func BenchmarkHeadroom(b *testing.B) {
	db := open(b)
	rec := store.NewRecorder(db)
	rt := ingest.NewTransport(base, recorder{func() ingest.Recorder { return rec }}, ingest.WithHashKey(db.HashKey()))
	roundTrips(b, rt, func() {
		if err := rec.Close(); err != nil {
			b.Fatal(err)
		}
		rec = store.NewRecorder(db)
	})
	if err := rec.Close(); err != nil {
		b.Fatal(err)
	}
}

// recorder lets a benchmark change the recorder between two bursts.
type recorder struct{ now func() ingest.Recorder }

func (r recorder) Record(q store.Request) { r.now().Record(q) }

// BenchmarkOtelhttp has a tracer provider that samples everything and exports nothing: its least cost.
func BenchmarkOtelhttp(b *testing.B) {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()))
	defer tp.Shutdown(context.Background())
	roundTrips(b, otelhttp.NewTransport(base, otelhttp.WithTracerProvider(tp)), func() {})
}

// roundTrips measures requests read to their end, and calls between after every burst with the timer stopped.
func roundTrips(b *testing.B, rt http.RoundTripper, between func()) {
	req, err := http.NewRequest("GET", listURL, nil)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 4096)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%burst == burst-1 {
			b.StopTimer()
			between()
			b.StartTimer()
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		resp.Body.Close()
	}
	b.StopTimer()
}

func open(b *testing.B) store.Log {
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

const gibibyte = 1 << 30

// BenchmarkStream reads 1 GiB over loopback, and tells the largest heap seen while it did.
func BenchmarkStream(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1073741824")
		piece := make([]byte, 256<<10)
		for range gibibyte / len(piece) {
			w.Write(piece)
		}
	}))
	defer srv.Close()
	db := open(b)
	rec := store.NewRecorder(db)
	b.Run("bare", func(b *testing.B) { stream(b, srv.URL, http.DefaultTransport) })
	b.Run("headroom", func(b *testing.B) { stream(b, srv.URL, ingest.NewTransport(nil, rec)) })
	if err := rec.Close(); err != nil {
		b.Fatal(err)
	}
}

func stream(b *testing.B, url string, rt http.RoundTripper) {
	b.SetBytes(gibibyte)
	runtime.GC()
	peak := watchHeap()
	for b.Loop() {
		resp, err := (&http.Client{Transport: rt}).Get(url)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || n != gibibyte {
			b.Fatalf("%d bytes, %v", n, err)
		}
	}
	b.ReportMetric(float64(peak())/1e6, "peak-heap-MB")
}

// watchHeap samples the heap until the function it returns is called, which tells the largest.
func watchHeap() func() uint64 {
	var most atomic.Uint64
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 { close(stop); <-stopped; return most.Load() }
}
