package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// logBatches makes n plain log rows of a number of tenants, interleaved in time order, each with its own recording key.
func logBatches(n, tenants int, f func([]store.Request)) {
	src := &store.Source{Kind: "combined", Name: "bench.log", Resolution: 1e6}
	routes := make([]*store.Route, tenants)
	names := make([]string, tenants)
	for i := range routes {
		names[i] = fmt.Sprintf("tenant-%03d", i)
		routes[i] = &store.Route{Method: "GET", Origin: "https://" + names[i] + ".xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}/audio", Class: "recording_audio"}
	}
	batch := make([]store.Request, 0, 4096)
	for i := range n {
		t := i % tenants
		batch = append(batch, store.Request{
			Tenant: names[t], Route: routes[t], Source: src, Client: "10.0.0.7", StartedAt: 1767225600e6 + int64(i)*3e6/int64(tenants),
			Status: 200, ResponseBytes: int64(100000 + i%50000), Key: fmt.Sprintf("6f9619ff-8b86-d011-b42d-%012x-1767225600000", i),
		})
		if len(batch) == cap(batch) || i == n-1 {
			f(batch)
			batch = batch[:0]
		}
	}
}

// BenchmarkImport is the store's share of an import: distinct recordings, committed and packed.
func BenchmarkImport(b *testing.B) {
	const rows = 1_000_000
	for b.Loop() {
		b.StopTimer()
		st, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		im, err := st.BeginImport(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		logBatches(rows, 200, func(batch []store.Request) {
			if err := im.Add(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		})
		if err := im.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		st.Close()
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkScan reads all packed requests of a store, as an audit does.
func BenchmarkScan(b *testing.B) {
	const rows, tenants = 500_000, 20
	ctx := context.Background()
	st, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	logBatches(rows, tenants, func(batch []store.Request) {
		if err := st.Append(ctx, batch); err != nil {
			b.Fatal(err)
		}
	})
	if err := st.Refresh(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if n := scanAll(b, st); n != rows {
			b.Fatalf("%d requests, not %d", n, rows)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func scanAll(b *testing.B, st *sqlite.Store) (rows int) {
	n, err := st.Snapshot(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	for _, t := range n.Tenants() {
		for batch, err := range n.Scan(context.Background(), t.Name, store.Range{}) {
			if err != nil {
				b.Fatal(err)
			}
			rows += len(batch)
		}
	}
	return rows
}

// BenchmarkAppend writes what a recorder collects in one turn: small transactions, not packed.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 64, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			st, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			var batch []store.Request
			logBatches(size, 20, func(made []store.Request) { batch = append(batch, made...) })
			b.ReportAllocs()
			for b.Loop() {
				if err := st.Append(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
