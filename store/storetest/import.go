package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// What an import compares: everything else may differ between two logs of the same request.
type likeness struct {
	tenant, client, method, url, params string
	at, bytes                           int64
	status                              int
}

func likenessOf(q *store.Request) likeness {
	return likeness{
		q.Tenant,
		q.Client,
		q.Route.Method,
		q.URL(),
		q.Params,
		q.StartedAt,
		q.ResponseBytes,
		q.Status,
	}
}

// bag says how many of each request there are.
type bag map[likeness]int

func bagOf(requests []store.Request) bag {
	b := bag{}
	for i := range requests {
		b[likenessOf(&requests[i])]++
	}
	return b
}

// union is what an import of other must make of b.
func (b bag) union(other bag) bag {
	all := bag{}
	for _, side := range []bag{b, other} {
		for like, n := range side {
			all[like] = max(all[like], n)
		}
	}
	return all
}

func (b bag) size() (n int64) {
	for _, k := range b {
		n += int64(k)
	}
	return n
}

func bagIn(t *testing.T, st handle) bag {
	t.Helper()
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	b := bag{}
	for q, err := range n.Rows(ctx, "", store.Range{}) {
		must(t, err)
		b[likenessOf(&q)]++
	}
	return b
}

func compare(t *testing.T, want, got bag) {
	t.Helper()
	for like, n := range want {
		if got[like] != n {
			t.Fatalf("there are %d, not %d, of %+v", got[like], n, like)
		}
	}
	if want.size() != got.size() {
		t.Fatalf("there are %d requests, not %d", got.size(), want.size())
	}
}

// load imports a file in batches of the given size.
func load(t *testing.T, st handle, file []store.Request, size int) (added int64) {
	t.Helper()
	im, err := st.BeginImport(ctx)
	must(t, err)
	var stored, last int64
	im.OnStored(func(_ context.Context, before int64, requests []store.Request) {
		for i := range requests {
			id := requests[i].ID
			if id <= max(before, last) || i > 0 && id != last+1 {
				t.Fatalf("request %d is told after %d, of those after %d", id, last, before)
			}
			last = id
			stored++
		}
	})
	for batch := range slices.Chunk(slices.Clone(file), size) {
		must(t, im.Add(ctx, batch))
	}
	must(t, im.Close(ctx))
	if stored != im.Added() {
		t.Fatalf("OnStored told %d requests of %d that were added", stored, im.Added())
	}
	if im.Added()+im.Duplicates()+im.Rejected() != int64(len(file)) {
		t.Fatalf("%d requests, but %d added and %d duplicates", len(file), im.Added(), im.Duplicates())
	}
	return im.Added()
}

func testImportTwice(t *testing.T, st handle) {
	mk := newMaker(40)
	file := mk.requests(6000)
	file = append(file, file[:10]...) // equal requests inside one file stay
	for i, tt := range []struct {
		file  []store.Request
		added int64
	}{
		{file[:2000], 2000}, {file[:2000], 0}, {file[1000:3000], 1000}, {file, 3010}, {file, 0},
		{file[6000:], 0}, {nil, 0},
	} {
		if added := load(t, st, tt.file, 700); added != tt.added {
			t.Fatalf("import %d added %d, not %d", i, added, tt.added)
		}
	}
	compare(t, bagOf(file), bagIn(t, st))
}

// testImportUnlike: requests that differ in any of what is compared are two; a difference elsewhere
// does not count.
func testImportUnlike(t *testing.T, st handle) {
	q := newMaker(1).request()
	q.Tenant, q.Key, q.Query, q.Params, q.Status, q.Client = "acme", "k", "a=1", "p", 200, "x"
	edits := []struct {
		added int64
		edit  func(q *store.Request)
	}{
		{1, func(*store.Request) {}},
		{1, func(q *store.Request) { q.Tenant = "c" }},
		{1, func(q *store.Request) { q.StartedAt++ }},
		{1, func(q *store.Request) { q.ResponseBytes++ }},
		{1, func(q *store.Request) { q.Status++ }},
		{1, func(q *store.Request) { q.Key = "k2" }},
		{1, func(q *store.Request) { q.Params = "p2" }},
		{1, func(q *store.Request) { q.Params, q.Query = "", "a=2" }},
		{1, func(q *store.Request) { r := *q.Route; r.Method = "PUT"; q.Route = &r }},
		{1, func(q *store.Request) { q.Client = "y" }},
		{0, func(q *store.Request) { q.Duration, q.CutShort = 9, true }},
		{0, func(q *store.Request) { q.Source = &store.Source{Kind: "har", Name: "other"} }},
		// A HAR has each request once: of one that it has twice, the first export stays.
		{
			1,
			func(q *store.Request) {
				q.StartedAt, q.Source = q.StartedAt+9, &store.Source{Kind: "har", Name: "a"}
			},
		},
		{0, func(q *store.Request) {
			q.StartedAt, q.ResponseBytes, q.Source = q.StartedAt+9, q.ResponseBytes+5, &store.Source{
				Kind: "har",
				Name: "b",
			}
		}},
		{1, func(q *store.Request) {
			q.StartedAt, q.ResponseBytes, q.Source = q.StartedAt+9, q.ResponseBytes+6, &store.Source{
				Kind: "jsonl",
				Name: "c",
			}
		}},
	}
	for i, e := range edits {
		r := q
		e.edit(&r)
		if added := load(t, st, []store.Request{r}, 1); added != e.added {
			t.Errorf("edit %d: added %d", i, added)
		}
	}
}

// testImportRandom imports random parts of a pool of requests, some of them several times in one
// file, in random order.
func testImportRandom(t *testing.T, st handle) {
	mk := newMaker(41)
	pool := mk.requests(3000)
	want := bag{}
	for range 25 {
		from := mk.IntN(len(pool))
		file := slices.Clone(pool[from:min(from+mk.IntN(800), len(pool))])
		for range mk.IntN(20) {
			file = append(file, pick(mk, pool...))
		}
		if mk.IntN(3) == 0 {
			mk.Shuffle(len(file), func(i, j int) { file[i], file[j] = file[j], file[i] })
		}
		both := want.union(bagOf(file))
		if added := load(t, st, file, 1+mk.IntN(500)); added != both.size()-want.size() {
			t.Fatalf("added %d, not %d", added, both.size()-want.size())
		}
		want = both
		if mk.IntN(5) == 0 {
			must(t, st.DropCache(ctx))
		}
	}
	compare(t, want, bagIn(t, st))
}

// testImportConcurrently: two handles import overlapping files at the same time.
func testImportConcurrently(t *testing.T, st handle) {
	again, err := st.again()
	must(t, err)
	defer again.Close()
	mk := newMaker(42)
	pool := mk.requests(6000)
	files := [][]store.Request{
		append(slices.Clone(pool[:4000]), pool[:5]...),
		append(slices.Clone(pool[2000:]), pool[3000:3003]...),
	}
	load(t, st, pool[1000:1500], 100)
	for range 2 {
		var wg sync.WaitGroup
		for i, h := range []handle{st, again} {
			wg.Go(func() { concurrentLoad(t, h, files[i]) })
		}
		wg.Wait()
		compare(t, bagOf(files[0]).union(bagOf(files[1])), bagIn(t, st))
	}
	for range 2 { // the very same file
		var wg sync.WaitGroup
		for _, h := range []handle{st, again} {
			wg.Go(func() { concurrentLoad(t, h, files[0]) })
		}
		wg.Wait()
	}
	compare(t, bagOf(files[0]).union(bagOf(files[1])), bagIn(t, st))
	must(t, st.Refresh(ctx))
	checkScans(t, st)
}

func concurrentLoad(t *testing.T, st handle, file []store.Request) {
	im, err := st.BeginImport(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	for batch := range slices.Chunk(slices.Clone(file), 150) {
		if err := im.Add(ctx, batch); err != nil {
			t.Error(err)
		}
	}
	if err := im.Close(ctx); err != nil {
		t.Error(err)
	}
}

// checkScans: the scans of all tenants hold just what the rows hold.
func checkScans(t *testing.T, st handle) {
	t.Helper()
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	var m model
	for q, err := range n.Rows(ctx, "", store.Range{}) {
		must(t, err)
		m = append(m, wholeOf(q))
	}
	for _, info := range n.Tenants() {
		equal(t, "Scan of "+info.Name, scanned(t, n, info.Name, store.Range{}),
			m.scan(info.Name, store.Range{}))
	}
}

// testImportBesideRecorder: what is recorded while a log is imported that holds some of it too is
// counted once.
func testImportBesideRecorder(t *testing.T, st handle) {
	again, err := st.again()
	must(t, err)
	defer again.Close()
	mk := newMaker(43)
	recorded, logged := mk.requests(900), mk.requests(3000)
	im, err := st.BeginImport(ctx)
	must(t, err)
	rec := again.recorder()
	file := append(slices.Clone(logged), recorded...) // each is recorded before the import comes to it
	for i := 0; i < len(file); i += 300 {
		if i < len(recorded)*3 {
			for _, q := range recorded[i/3 : i/3+100] {
				rec.Record(q)
			}
		}
		if i >= len(logged) && rec != nil {
			must(t, rec.Close())
			rec = nil
		}
		must(t, im.Add(ctx, file[i:i+300]))
		time.Sleep(5 * time.Millisecond)
	}
	must(t, im.Close(ctx))
	compare(t, bagOf(file), bagIn(t, st))
	must(t, st.Refresh(ctx))
	checkScans(t, st)
}

// testImportCancelled: an import that ends early leaves whole batches, and importing the file again
// adds the rest.
func testImportCancelled(t *testing.T, st handle) {
	mk := newMaker(44)
	file := mk.requests(2000)
	cancelled, cancel := context.WithCancel(ctx)
	im, err := st.BeginImport(ctx)
	must(t, err)
	must(t, im.Add(ctx, slices.Clone(file[:800])))
	cancel()
	if err := im.Add(cancelled, slices.Clone(file[800:])); err == nil {
		t.Fatal("Add did not notice that it was cancelled")
	}
	if err := im.Add(ctx, slices.Clone(file[800:])); err == nil {
		t.Fatal("Add goes on after an error")
	}
	must(t, im.Close(ctx))
	if im.Added() != 800 || im.Duplicates() != 0 {
		t.Errorf("added %d, duplicates %d", im.Added(), im.Duplicates())
	}
	compare(t, bagOf(file[:800]), bagIn(t, st))
	load(t, st, file, 500)
	compare(t, bagOf(file), bagIn(t, st))
	checkScans(t, st)
}
