package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

func testEvents(t *testing.T, st handle) {
	before := time.Now().UnixMicro()
	for _, e := range []store.Event{
		{Kind: store.EventReset, At: 300, Tenant: "acme", Note: "support said so"},
		{Kind: store.EventDropped, At: 100, Count: 7},
		{Kind: store.EventPrune, At: 300, Count: 3, Bytes: 1 << 40},
	} {
		must(t, st.AddEvent(ctx, e))
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	got, err := n.Events(ctx)
	must(t, err)
	for i := range got {
		if got[i].RecordedAt < before || got[i].RecordedAt > time.Now().UnixMicro() {
			t.Errorf("event %d was recorded at %d", i, got[i].RecordedAt)
		}
		got[i].RecordedAt = 0
	}
	want := []store.Event{
		{ID: 2, Kind: store.EventDropped, At: 100, Count: 7},
		{ID: 1, Kind: store.EventReset, At: 300, Tenant: "acme", Note: "support said so"},
		{ID: 3, Kind: store.EventPrune, At: 300, Count: 3, Bytes: 1 << 40},
	}
	if !slices.Equal(got, want) {
		t.Errorf("events are %+v", got)
	}
}

// stateOf gives what is saved of acme under the key "k"; nil for nothing.
func stateOf(t *testing.T, st handle) []byte {
	t.Helper()
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	states, err := n.States(ctx, []byte("k"))
	must(t, err)
	return states["acme"].Data
}

// saveState saves one of acme up to the given time, from a snapshot of now.
func saveState(t *testing.T, st handle, upto int64) {
	t.Helper()
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	must(
		t,
		st.SaveStates(ctx, n, []byte("k"),
			[]store.State{{Tenant: "acme", UptoAt: upto, Data: []byte("sum")}}),
	)
}

// at appends one request that began then.
func at(t *testing.T, st handle, tenant string, started int64) {
	t.Helper()
	q := newMaker(1).request()
	q.Tenant, q.StartedAt = tenant, started
	must(t, st.Append(ctx, []store.Request{q}))
}

// testStates: a request before a state's end, or at it, makes it stale, before and after it is
// packed; others do not.
func testStates(t *testing.T, st handle) {
	for _, tt := range []struct {
		name   string
		tenant string
		at     int64
		stays  bool
	}{
		{"later", "acme", 1001, true},
		{"much later", "acme", 5000, true},
		{"another tenant's", "c", 500, true},
		{"at the end", "acme", 1000, false},
		{"late", "acme", 1, false},
	} {
		must(t, st.DropCache(ctx))
		at(t, st, "acme", 1000)
		must(t, st.Refresh(ctx))
		saveState(t, st, 1000)
		if got := string(stateOf(t, st)); got != "sum" {
			t.Fatalf("before a request that is %s, the state is %q", tt.name, got)
		}
		at(t, st, tt.tenant, tt.at)
		for _, when := range []string{"before", "after"} {
			if stays := stateOf(t, st) != nil; stays != tt.stays {
				t.Errorf("%s a refresh, a request that is %s: state stays %v", when, tt.name, stays)
			}
			must(t, st.Refresh(ctx))
		}
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	if other, err := n.States(ctx, []byte("another key")); err != nil || len(other) > 0 {
		t.Errorf("another key has %d states, %v", len(other), err)
	}
}

// testStatesOfOldSnapshot: a state computed from a snapshot is not kept for requests that came
// after the snapshot.
func testStatesOfOldSnapshot(t *testing.T, st handle) {
	for _, pack := range []bool{false, true} {
		must(t, st.DropCache(ctx))
		at(t, st, "acme", 1000)
		must(t, st.Refresh(ctx))
		n, err := st.Snapshot(ctx)
		must(t, err)
		at(t, st, "acme", 500)
		if pack {
			must(t, st.Refresh(ctx))
		}
		must(
			t,
			st.SaveStates(ctx, n, []byte("k"),
				[]store.State{{Tenant: "acme", UptoAt: 1000, Data: []byte("sum")}}),
		)
		must(t, n.Close())
		if stateOf(t, st) != nil {
			t.Errorf("packed %v: a state survives a late request that it does not hold", pack)
		}
	}
}

func testRecorder(t *testing.T, st handle) {
	mk := newMaker(20)
	batch := mk.requests(2000)
	rec := st.recorder()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for _, q := range batch[i*500 : (i+1)*500] {
				rec.Record(q)
			}
		})
	}
	wg.Wait()
	must(t, rec.Close())
	if rec.Dropped() != 0 {
		t.Errorf("%d requests were dropped", rec.Dropped())
	}
	bag := bagOf(batch)
	compare(t, bag, bagIn(t, st))
}

func testRecorderAfterClose(t *testing.T, st handle) {
	mk := newMaker(21)
	rec := st.recorder()
	rec.Record(store.Request{Tenant: "no route"})
	rec.Record(mk.request())
	if err := rec.Close(); err == nil {
		t.Error("Close does not tell that a request was incomplete")
	}
	rec.Record(mk.request())
	if err := rec.Close(); err == nil || rec.Dropped() != 2 {
		t.Errorf("a second Close says %v, with %d dropped", err, rec.Dropped())
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	events, err := n.Events(ctx)
	must(t, err)
	if len(events) != 1 || events[0].Kind != store.EventDropped || events[0].Count != 1 {
		t.Errorf("events are %+v", events)
	}
	if infos := n.Tenants(); len(infos) != 1 || infos[0].Requests != 1 {
		t.Errorf("tenants are %+v", infos)
	}
}

// testAppendConcurrently: two handles and several goroutines lose nothing, and each request has the
// ID that it was told.
func testAppendConcurrently(t *testing.T, st handle) {
	again, err := st.again()
	must(t, err)
	defer again.Close()
	var mu sync.Mutex
	told := map[int64]whole{}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			mk := newMaker(uint64(30 + i))
			mk.tenants = append(mk.tenants, fmt.Sprint("tenant ", i))
			for j := range 25 {
				batch := mk.requests(1 + mk.IntN(20))
				if err := []handle{st, again}[i%2].Append(ctx, batch); err != nil {
					t.Error(err)
				}
				if j%5 == 0 {
					if err := st.Refresh(ctx); err != nil {
						t.Error(err)
					}
				}
				mu.Lock()
				for _, q := range batch {
					told[q.ID] = wholeOf(q)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	var m model
	for id := int64(1); id <= int64(len(told)); id++ {
		m = append(m, told[id])
	}
	m.check(t, st, []string{"acme", "tenant 0", "tenant 3"})
	must(t, again.Refresh(ctx))
	m.check(t, st, []string{"acme", "tenant 0", "tenant 3"})
}

func testCaptures(t *testing.T, st handle) {
	want := []store.Capture{
		{ID: 1, Span: -7, Kind: store.CaptureStarted, At: 5, Version: "v1"},
		{ID: 2, Span: -7, Kind: store.CaptureStopped, At: 9, Version: "v1"},
	}
	for _, c := range want {
		must(t, st.AddCapture(ctx, c))
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	got, err := n.Captures(ctx)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func testSpan(t *testing.T, st handle) {
	for _, want := range [][2]int64{{0, 0}, {1, 5}} {
		n, err := st.Snapshot(ctx)
		must(t, err)
		first, last, err := n.Span(ctx)
		must(t, err)
		must(t, n.Close())
		if got := [2]int64{first, last}; got != want {
			t.Errorf("requests %d, want %d", got, want)
		}
		must(t, st.Append(ctx, newMaker(3).requests(5)))
	}
	id := store.DatabaseID(st)
	if len(id) != 16 || id != store.DatabaseID(st) {
		t.Errorf("the log is called %q", id)
	}
}
