package postgres

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
)

// benchRows is how many rows BenchmarkRefresh packs; HEADROOM_ROWS sets it.
func benchRows(tb testing.TB) int {
	tb.Helper()
	n, err := strconv.Atoi(os.Getenv("HEADROOM_ROWS"))
	if err != nil {
		return 100_000
	}
	return n
}

// fillBench appends rows of 200 tenants as pulls record them.
func fillBench(tb testing.TB, s *Store, first, n int) {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, uint64(first)))
	var batch []store.Request
	for i := first; i < first+n; i++ {
		q := request(int64(i) * 3_000_000)
		q.Tenant, q.Key = fmt.Sprint("tenant-", i%200), fmt.Sprintf("%016x-%d", random.Uint64(), i)
		q.ResponseBytes, q.Duration, q.FirstByte = random.Int64N(1e6), random.Int64N(1e6), random.Int64N(1e5)
		q.VendorID = fmt.Sprintf("%032x", i)
		if batch = append(batch, q); len(batch) == maxBatch || i == first+n-1 {
			must(tb, s.Append(ctx, batch))
			batch = batch[:0]
		}
	}
}

// BenchmarkRefresh packs the rows of a large push into the cache, as the first audit after it does,
// and compares that with the server's own time to hand them out.
func BenchmarkRefresh(b *testing.B) {
	s := openTest(b, pgtest.Schema(b))
	rows := benchRows(b)
	fillBench(b, s, 0, rows)
	for b.Loop() {
		b.StopTimer()
		must(b, s.DropCache(ctx))
		began := time.Now()
		_, err := s.pool.Exec(ctx, "SELECT count(*), sum(length(vendor_id)) FROM (SELECT * FROM request ORDER BY id) r")
		must(b, err)
		handed := time.Since(began)
		b.StartTimer()
		began = time.Now()
		must(b, s.Refresh(ctx))
		took := time.Since(began)
		b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
		b.ReportMetric(took.Seconds()/handed.Seconds(), "×-server")
	}
}
