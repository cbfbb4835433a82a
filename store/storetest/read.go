package storetest

import (
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// fill appends requests and gives the model of them.
func fill(t *testing.T, st handle, batches ...[]store.Request) model {
	t.Helper()
	var m model
	for _, batch := range batches {
		must(t, st.Append(ctx, batch))
		m.add(batch)
	}
	return m
}

func testEmpty(t *testing.T, st handle) {
	must(t, st.Append(ctx, nil))
	must(t, st.Refresh(ctx))
	must(t, st.DropCache(ctx))
	model(nil).check(t, st, []string{"nobody", ""})
	if len(st.HashKey()) != 32 {
		t.Errorf("the hash key has %d bytes", len(st.HashKey()))
	}
}

func testRoundTrip(t *testing.T, st handle) {
	mk := newMaker(1)
	full := store.Request{
		Tenant: "acme", StartedAt: 1_767_225_600_123_456, Duration: 5_000_001, FirstByte: 250_000,
		RequestBytes: 77, ResponseBytes: 1 << 41,
		Status: 509, CutShort: true, RetryAfter: 86400, Error: "reset", Route: mk.routes[0],
		Key: "a key/ü", Query: "from=1&to=2",
		Params: "00112233445566778899aabbccddeeff", Client: "nightly", Source: mk.sources[1],
	}
	bare := store.Request{Tenant: "c", StartedAt: 0, Route: mk.routes[1], Source: mk.sources[0]}
	m := fill(t, st, []store.Request{full, bare}, mk.requests(200))
	for i := range m {
		if m[i].ID != int64(i)+1 {
			t.Fatalf("Append gave request %d the ID %d", i, m[i].ID)
		}
	}
	for range 2 {
		m.check(t, st, mk.tenants)
		must(t, st.Refresh(ctx))
	}
	again, err := st.again()
	must(t, err)
	defer again.Close()
	m.check(t, again, mk.tenants)
	if !slices.Equal(again.HashKey(), st.HashKey()) {
		t.Error("the hash key differs from one handle to the next")
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	found, err := n.ByID(ctx, []int64{7, 999_999, 1, 0, -3})
	must(t, err)
	equal(t, "ByID", []whole{wholeOf(found[0]), wholeOf(found[1])}, []whole{m[6], m[0]})
	if len(found) != 2 {
		t.Errorf("ByID found %d requests of 2", len(found))
	}
}

func testNames(t *testing.T, st handle) {
	route := func(class string) *store.Route {
		return &store.Route{Method: "GET", Origin: "https://a.example", Template: "/x", Class: class}
	}
	src := &store.Source{Kind: "csv", Name: "a.csv"}
	fill(t, st, []store.Request{
		{Tenant: "a", StartedAt: 1, Route: route("first"), Source: src},
		{
			Tenant:    "a",
			StartedAt: 2,
			Route:     route("second"),
			Source:    &store.Source{Kind: "csv", Name: "a.csv"},
		},
	})
	must(t, st.AddEvent(ctx, store.Event{Kind: store.EventReset, At: 1, Tenant: "only an event"}))
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	if routes := n.Routes(); len(routes) != 1 || routes[0].Class != "first" {
		t.Errorf("equal routes became %d", len(routes))
	}
	if sources := n.Sources(); len(sources) != 1 || sources[0].Name != "a.csv" || sources[0].ID == 0 {
		t.Errorf("equal sources became %d", len(sources))
	}
	want := []store.TenantInfo{{Name: "a", Requests: 2, First: 1, Last: 2}, {Name: "only an event"}}
	if got := n.Tenants(); !slices.Equal(got, want) {
		t.Errorf("tenants are %+v", got)
	}
}

func testRefusesIncomplete(t *testing.T, st handle) {
	mk := newMaker(1)
	for _, spoil := range []func(q *store.Request){
		func(q *store.Request) { q.Tenant = "" },
		func(q *store.Request) { q.Route = nil },
		func(q *store.Request) { q.Source = nil },
		func(q *store.Request) { q.StartedAt = -1 },
		func(q *store.Request) { q.ResponseBytes = -1 },
		func(q *store.Request) { q.Status = -1 },
		func(q *store.Request) { q.Status = 1 << 20 },
	} {
		batch := mk.requests(3)
		spoil(&batch[2])
		if err := st.Append(ctx, batch); err == nil {
			t.Error("Append took a request that is not complete")
		}
	}
	model(nil).check(t, st, mk.tenants)
	fill(t, st, mk.requests(3)).check(t, st, mk.tenants)
}

// testSnapshotStays: a snapshot shows nothing of what came after it, even when the cache is packed
// or emptied meanwhile.
func testSnapshotStays(t *testing.T, st handle) {
	mk := newMaker(2)
	m := fill(t, st, mk.requests(300))
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	for _, change := range []func() error{
		func() error { return st.Append(ctx, mk.requests(300)) },
		func() error { return st.Refresh(ctx) },
		func() error { return st.DropCache(ctx) },
	} {
		must(t, change())
		m.checkSnapshot(t, n, mk.tenants)
	}
}

func testRanges(t *testing.T, st handle) {
	mk := newMaker(3)
	m := fill(t, st, mk.requests(13_000))
	must(t, st.Refresh(ctx))
	m = append(m, fill(t, st, mk.requests(500))...)
	all := m.scan("acme", store.Range{})
	at := func(i int) int64 { return all[i].StartedAt }
	last := len(all) - 1
	m.check(
		t,
		st,
		mk.tenants,
		store.Range{From: at(100), To: at(100)},
		store.Range{From: at(100), To: at(100) + 1},
		store.Range{From: at(4000), To: at(4300)},
		store.Range{To: at(0)},
		store.Range{To: at(0) + 1},
		store.Range{From: at(last)},
		store.Range{From: at(last) + 1},
		store.Range{
			From: at(50),
			To:   at(last),
		},
		store.Range{From: at(200), To: at(100)},
		store.Range{From: -5, To: -1},
	)
}

// testEqualTimes: more requests of one time than a pack holds still come in order of their IDs.
func testEqualTimes(t *testing.T, st handle) {
	mk := newMaker(4)
	var m model
	for _, n := range []int{5000, 100, 4096, 1, 3000} {
		batch := mk.requests(n)
		for i := range batch {
			batch[i].Tenant, batch[i].StartedAt = "acme", 1_767_225_600e6
		}
		m = append(m, fill(t, st, batch)...)
		must(t, st.Refresh(ctx))
		m.check(t, st, mk.tenants)
	}
}

func testScanStops(t *testing.T, st handle) {
	mk := newMaker(5)
	mk.tenants = mk.tenants[:1]
	m := fill(t, st, mk.requests(9000))
	must(t, st.Refresh(ctx))
	m = append(m, fill(t, st, mk.requests(100))...)
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	for batch, err := range n.Scan(ctx, "acme", store.Range{}) {
		must(t, err)
		first := batch[0].ID
		equal(t, "a Scan inside a Scan", scanned(t, n, "acme", store.Range{}),
			m.scan("acme", store.Range{}))
		if batch[0].ID != first {
			t.Fatal("a Scan inside a Scan changed the outer one's batch")
		}
		break
	}
	for _, err := range n.Rows(ctx, "", store.Range{}) {
		must(t, err)
		break
	}
	m.checkSnapshot(t, n, mk.tenants)
}

func testDropCache(t *testing.T, st handle) {
	mk := newMaker(6)
	m := fill(t, st, mk.requests(9000), mk.requests(10))
	for _, step := range []func() error{
		func() error { return st.Refresh(ctx) },
		func() error { return st.DropCache(ctx) },
		func() error { return st.Refresh(ctx) },
		func() error { return st.Refresh(ctx) },
	} {
		must(t, step())
		m.check(t, st, mk.tenants)
	}
}

// testRandom does random things and compares with the model.
func testRandom(t *testing.T, st handle) {
	mk := newMaker(8)
	var m model
	for step := range 90 {
		switch p := mk.IntN(100); {
		case p < 50:
			m = append(m, fill(t, st, mk.requests(1+mk.IntN(pick(mk, 3, 50, 1500))))...)
		case p < 85:
			must(t, st.Refresh(ctx))
		case p < 90:
			must(t, st.DropCache(ctx))
		default:
			mk.now += pick(mk, int64(-3e9), 3e9)
		}
		if step%5 == 0 {
			from := mk.now - mk.Int64N(1e10)
			m.check(t, st, mk.tenants, store.Range{From: from},
				store.Range{From: from, To: from + mk.Int64N(1e9)})
		}
	}
	m.check(t, st, mk.tenants)
}

// testSnapshotOfRows: what is read from rows alone is what the cache gives, and both are as before.
func testSnapshotOfRows(t *testing.T, st handle) {
	mk := newMaker(12)
	m := fill(t, st, mk.requests(300))
	must(t, st.Refresh(ctx))
	m = append(m, fill(t, st, mk.requests(30))...)
	for range 2 {
		n, err := st.SnapshotOfRows(ctx)
		must(t, err)
		m.checkSnapshot(t, n, mk.tenants)
		must(t, n.Close())
		m.check(t, st, mk.tenants)
		must(t, st.DropCache(ctx))
	}
}

func testHistory(t *testing.T, st handle) {
	mk := newMaker(9)
	m := fill(t, st, mk.requests(9000))
	must(t, st.Refresh(ctx))
	m = append(m, fill(t, st, mk.requests(500))...)
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	h := n.History(ctx, "acme")
	all := m.scan("acme", store.Range{})
	for range 200 {
		like := all[mk.IntN(len(all))]
		var want []call
		for _, w := range all {
			if w.ItemHash == like.ItemHash && w.StartedAt <= like.StartedAt {
				want = append(want, w)
			}
		}
		if like.ItemHash == 0 {
			continue
		}
		found, err := h.Find(like.ItemHash, like.StartedAt)
		must(t, err)
		var got []call
		for _, q := range found {
			got = append(got, callOf(q))
		}
		equal(t, "Find", got, want)
	}
}
