package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/6dcca832/headroom/store/pack"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openTest opens a store that the test closes; "" is a new file.
func openTest(t testing.TB, path string, opts ...Option) *Store {
	t.Helper()
	if path == "" {
		path = filepath.Join(t.TempDir(), "requests.db")
	}
	st, err := Open(path, opts...)
	must(t, err)
	t.Cleanup(func() { st.Close() })
	return st
}

func snapshot(t testing.TB, st *Store) *Snapshot {
	t.Helper()
	n, err := st.snapshot(context.Background())
	must(t, err)
	t.Cleanup(func() { n.Close() })
	return n
}

func number(t testing.TB, q queryer, query string, args ...any) (n int64) {
	t.Helper()
	must(t, q.QueryRowContext(context.Background(), query, args...).Scan(&n))
	return n
}

func textOf(t testing.TB, q queryer, query string, args ...any) (s string) {
	t.Helper()
	must(t, q.QueryRowContext(context.Background(), query, args...).Scan(&s))
	return s
}

// set changes a variable for the length of the test.
func set[T any](t *testing.T, variable *T, value T) {
	was := *variable
	*variable = value
	t.Cleanup(func() { *variable = was })
}

// checkCache proves what schema.sql says of the chunks: they hold exactly the rows up to the mark, in order, at most
// chunkRows each, without overlaps, and their columns and filters tell the truth.
func checkCache(t *testing.T, st *Store) {
	t.Helper()
	ctx := context.Background()
	names, err := loadNames(ctx, st.db)
	must(t, err)
	upto, err := packedUpTo(ctx, st.db)
	must(t, err)
	want := map[int64]map[int64]pack.Entry{}
	must(t, readRows(ctx, st.db, rowsBetween, func(r *storedRow) error {
		q := r.request(names)
		if want[r.tenant] == nil {
			want[r.tenant] = map[int64]pack.Entry{}
		}
		want[r.tenant][r.id] = newEntry(&q, r.ref())
		return nil
	}, 0, upto))
	hash := func(id int64) uint64 { return names.Route(id).Hash() }
	last := map[int64]pack.Entry{}
	must(t, each(ctx, st.db, `SELECT c.id, c.tenant_id, c.rows, c.first_at, c.first_id, c.last_at, c.last_id, c.data, f.bits
		FROM cache_chunk c JOIN cache_filter f ON f.chunk_id = c.id ORDER BY c.tenant_id, c.first_at, c.first_id`, func(scan func(...any) error) error {
		var id, tenant, rows, firstAt, firstID, lastAt, lastID int64
		var data, bits []byte
		must(t, scan(&id, &tenant, &rows, &firstAt, &firstID, &lastAt, &lastID, &data, &bits))
		var c pack.Columns
		data, ok := pack.Unseal(data, tenant, rows, firstAt, lastAt)
		filter, okFilter := pack.Unseal(bits, id)
		if !ok || !okFilter {
			t.Fatal("a seal is broken")
		}
		must(t, c.Decode(data, hash))
		if int64(c.N) != rows || rows < 1 || rows > pack.MaxRows {
			t.Fatalf("a chunk says %d rows and holds %d", rows, c.N)
		}
		first, end := c.Entry(0), c.Entry(c.N-1)
		if first.At != firstAt || first.ID != firstID || end.At != lastAt || end.ID != lastID {
			t.Fatalf("a chunk from %d/%d to %d/%d says otherwise", first.At, first.ID, end.At, end.ID)
		}
		for i := range c.N {
			e := c.Entry(i)
			if w, ok := want[tenant][e.ID]; !ok || w != e {
				t.Fatalf("a chunk holds %+v, the row is %+v", e, w)
			}
			if prev, ok := last[tenant]; ok && pack.Compare(prev, e) >= 0 {
				t.Fatalf("%d/%d comes after %d/%d", e.At, e.ID, prev.At, prev.ID)
			}
			if e.Item != 0 && !pack.MayHold(filter, e.Item) {
				t.Fatalf("the filter denies item %d", e.Item)
			}
			last[tenant] = e
			delete(want[tenant], e.ID)
		}
		return nil
	}))
	for tenant, left := range want {
		if len(left) > 0 {
			t.Fatalf("%d requests of tenant %d up to the mark are in no chunk", len(left), tenant)
		}
	}
}
