package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// sealed opens the seals as they are now.
func sealed(t *testing.T, st handle) store.Seals {
	t.Helper()
	in, err := st.Seals(ctx)
	must(t, err)
	return in
}

// testRowsForSeals: each kind of row comes in order of arrival, of one tenant or of all, and within
// the numbers that are asked for.
func testRowsForSeals(t *testing.T, st handle) {
	in := sealed(t, st)
	if last := in.Last(); last != (store.RowIDs{}) || len(in.Tenants()) != 0 || in.Format() < 1 {
		t.Errorf("an empty log has %v of %v, format %d", last, in.Tenants(), in.Format())
	}
	must(t, in.Close())

	var m model
	for _, name := range []string{"zeta", "acme"} {
		batch := nightOf(name, 40)
		must(t, st.Append(ctx, batch))
		m.add(batch)
		_, err := st.AddRecordings(ctx, []store.Recording{
			{Tenant: name, Key: "k", StartedAt: 300, Duration: 5, Bytes: 6},
			{Tenant: name, Key: "l", StartedAt: 200},
		})
		must(t, err)
		must(t, st.AddEvent(ctx, store.Event{Kind: store.EventReset, Tenant: name, At: 7, Note: name}))
		beat := store.Capture{Span: -1, Kind: store.CaptureBeat, At: 5, Version: name}
		must(t, st.AddCapture(ctx, beat))
	}
	must(t, st.AddEvent(ctx, store.Event{Kind: store.EventDropped, At: 8, Count: 3, Bytes: 4}))
	in = sealed(t, st)
	defer in.Close()
	must(t, st.Append(ctx, nightOf("later", 3))) // after in was opened
	if got := in.Tenants(); !slices.Equal(got, []string{"acme", "zeta"}) {
		t.Errorf("tenants are %v", got)
	}
	last := in.Last()
	if last.Request != 80 || last.Event != 3 || last.Recording != 4 || last.Capture != 2 {
		t.Errorf("the last rows are %+v", last)
	}
	for _, c := range []struct {
		tenant      string
		after, upto int64
		want        model
	}{
		{"", -1 << 62, 80, m}, {"", 10, 50, m[10:50]}, {"zeta", 0, 80, m[:40]}, {"acme", 0, 79, m[40:79]},
		{"nobody", 0, 80, nil},
	} {
		var got model
		for q, err := range in.Requests(ctx, c.tenant, c.after, c.upto) {
			must(t, err)
			got = append(got, wholeOf(*q))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("requests of %q from %d to %d: %d, not %d, or others", c.tenant, c.after, c.upto,
				len(got), len(c.want))
		}
	}
	for _, err := range in.Requests(ctx, "", 0, 80) {
		must(t, err)
		break // the next reading must work
	}
	otherRowsForSeals(t, in)
	first, err := in.FirstIn(ctx, "acme", 7, 250)
	must(t, err)
	want := store.RowIDs{Request: 41, Event: 2, Recording: 4}
	if first != want {
		t.Errorf("the first rows are %+v, not %+v", first, want)
	}
	if first, err = in.FirstIn(ctx, "acme", 8, 9); err != nil || first != (store.RowIDs{Event: 3}) {
		t.Errorf("the first rows of a time with one event are %+v, %v", first, err)
	}
}

// nightOf makes requests that differ, from a time of 20 on.
func nightOf(tenant string, n int) (batch []store.Request) {
	route := &store.Route{
		Method: "GET", Origin: "https://" + tenant + ".example", Template: "/a/{+k}", Class: "audio",
	}
	source := &store.Source{Kind: "transport", Name: "pull of " + tenant}
	for i := range n {
		batch = append(batch, store.Request{
			Tenant: tenant, StartedAt: int64(20 + 10*i), Status: 200, ResponseBytes: int64(i),
			Key: fmt.Sprint(i), Client: "client of " + tenant, VendorID: "v", Route: route, Source: source,
			DateSkew: []store.Seconds{{}, {N: -2, Known: true}}[i%2],
		})
	}
	return batch
}

// otherRowsForSeals checks events, listed recordings and captures of testRowsForSeals.
func otherRowsForSeals(t *testing.T, in store.Seals) {
	events, err := in.Events(ctx, "acme", 1, 3)
	must(t, err)
	var got []string
	for _, e := range events {
		numbered := e.ID > 0 && e.RecordedAt > 0
		got = append(got, fmt.Sprintln(numbered, e.Kind, e.Tenant, e.At, e.Count, e.Bytes, e.Note))
	}
	for c, err := range in.Listed(ctx, "acme", 0, 4) {
		must(t, err)
		got = append(got, fmt.Sprint(c.ID, c.ListedAt > 0, c.Recording))
	}
	captures, err := in.Captures(ctx, 1, 2)
	must(t, err)
	for _, c := range captures {
		got = append(got, fmt.Sprint(c))
	}
	want := []string{
		"true reset acme 7 0 0 acme\n", "true dropped  8 3 4 \n",
		fmt.Sprint(3, true,
			store.Recording{Tenant: "acme", Key: "k", StartedAt: 300, Duration: 5, Bytes: 6}),
		fmt.Sprint(4, true, store.Recording{Tenant: "acme", Key: "l", StartedAt: 200}),
		fmt.Sprint(store.Capture{ID: 2, Span: -1, Kind: store.CaptureBeat, At: 5, Version: "acme"}),
	}
	if !slices.Equal(got, want) {
		t.Errorf("the other rows are %q, not %q", got, want)
	}
	if all, err := in.Events(ctx, "", 0, 2); err != nil || len(all) != 2 {
		t.Errorf("%d events of all, %v", len(all), err)
	}
}

// runOf makes a run that covers rows up to some numbers.
func runOf(n int64, upto store.RowIDs) *store.SealRun {
	return &store.SealRun{
		N: n, SealedAt: n * 100, Upto: upto, Pad: [32]byte{1, byte(n)}, TextSum: [32]byte{2, byte(n)},
	}
}

// headOf makes a tenant's head of a run: leaves from one index to a size, of which the last is a
// line.
func headOf(tenant string, run, from, size int64) store.SealHead {
	return store.SealHead{
		Tenant: tenant, Run: run,
		Log:  store.SealLog{ID: [16]byte{tenant[0]}, PublicKey: [32]byte{9, tenant[0]}},
		Size: size, Checkpoint: fmt.Appendf(nil, "a checkpoint — %s\n%d\n", tenant, size),
		Peaks: bytes.Repeat([]byte{byte(run)}, 64),
		Hints: bytes.Repeat([]byte{byte(size)}, int(4*(size-from))),
		Lines: []store.SealLine{{Seq: size - 1, Line: fmt.Sprintf("k1\t%d\tü\n", size-1)}},
	}
}

func bare(h store.SealHead) store.SealHead {
	h.Hints, h.Lines = nil, nil
	return h
}

// testSeals: runs and heads come back as they were added, one after the other; the run that is not
// the next is refused as a whole.
func testSeals(t *testing.T, st handle) {
	must(t, st.Append(ctx, nightOf("acme", 5)))
	must(t, st.Append(ctx, nightOf("zeta", 5)))
	none := sealed(t, st)
	defer none.Close()
	r1, r2 := runOf(1, store.RowIDs{Request: 6}), runOf(2, store.RowIDs{Request: 10, Event: 3})
	a1, z1, a2 := headOf("acme", 1, 0, 7), headOf("zeta", 1, 0, 4), headOf("acme", 2, 7, 9)
	if err := st.AddSeal(ctx, r2, nil); !errors.Is(err, store.ErrSealedMeanwhile) {
		t.Errorf("the second run is the first: %v", err)
	}
	must(t, st.AddSeal(ctx, r1, []store.SealHead{a1, z1}))
	again := runOf(1, store.RowIDs{Request: 10})
	if err := st.AddSeal(ctx, again, []store.SealHead{a2}); !errors.Is(err, store.ErrSealedMeanwhile) {
		t.Errorf("the first run again: %v", err)
	}
	must(t, st.AddSeal(ctx, r2, []store.SealHead{a2}))
	for range 2 {
		must(t, st.TellSeal(ctx, 2))
		must(t, st.TellSeal(ctx, 7))
		must(t, st.AddStamp(ctx, 1, []byte("answer")))
	}
	if err := st.AddStamp(ctx, 1, []byte("another")); !errors.Is(err, store.ErrStamped) {
		t.Errorf("a second time stamp: %v", err)
	}
	r2.Told = true

	in := sealed(t, st)
	defer in.Close()
	want := func(what string, got, want any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, not %+v (%v)", what, got, want, err)
		}
	}
	run, err := in.Run(ctx, 0)
	want("the newest run", run, *r2, err)
	run, err = in.Run(ctx, 1)
	want("run 1", run, *r1, err)
	run, err = in.Run(ctx, 3)
	want("run 3", run, store.SealRun{}, err)
	runs, err := in.Runs(ctx, 1)
	want("all runs", runs, []store.SealRun{*r1, *r2}, err)
	answer, err := in.Stamp(ctx, 1)
	want("the time stamp", string(answer), "answer", err)
	answer, err = in.Stamp(ctx, 2)
	want("no time stamp", len(answer), 0, err)
	heads, err := in.Heads(ctx, 1)
	want("heads of run 1", heads, []store.SealHead{a1, z1}, err)
	heads, err = in.Heads(ctx, 2)
	want("heads of run 2", heads, []store.SealHead{a2}, err)
	heads, err = in.NewestHeads(ctx, 2)
	want("newest heads", heads, []store.SealHead{bare(a2), bare(z1)}, err)
	heads, err = in.NewestHeads(ctx, 1)
	want("newest heads at run 1", heads, []store.SealHead{bare(a1), bare(z1)}, err)
	heads, err = in.TenantHeads(ctx, "acme")
	want("heads of acme", heads, []store.SealHead{bare(a1), bare(a2)}, err)
	lines, err := in.Lines(ctx, "acme", 7)
	want("lines of acme", lines, a2.Lines, err)
	run, err = none.Run(ctx, 0)
	want("what was opened before", run, store.SealRun{}, err)
}

// testPrune: what is sealed and older goes, with the names that only it had, and nothing else does;
// numbers are not given twice, and who knew the names before goes on.
func testPrune(t *testing.T, st handle) {
	other, err := st.again()
	must(t, err)
	defer other.Close()
	old, kept := nightOf("acme", 10), nightOf("zeta", 10)
	for i := range kept {
		kept[i].StartedAt += 1000
	}
	must(t, st.Append(ctx, kept))
	must(t, other.Append(ctx, old)) // so it knows the names
	_, err = st.AddRecordings(ctx, []store.Recording{
		{Tenant: "acme", Key: "k", StartedAt: 5}, {Tenant: "acme", Key: "l", StartedAt: 2000},
	})
	must(t, err)
	must(t, st.AddEvent(ctx, store.Event{Kind: store.EventReset, Tenant: "acme", At: 7}))
	must(t, st.AddCapture(ctx, store.Capture{Kind: store.CaptureBeat, At: 7}))
	must(t, st.AddLedger(ctx, []store.LedgerEntry{
		{Tenant: "acme", Key: "k", StartedAt: 5, At: 5, State: store.LedgerGone},
	}))
	must(t, st.Refresh(ctx))
	in := sealed(t, st)
	upto := in.Last()
	must(t, in.Close())
	heads := []store.SealHead{headOf("acme", 1, 0, 20), headOf("zeta", 1, 0, 11)}
	must(t, st.AddSeal(ctx, runOf(1, upto), heads))
	unsealed := nightOf("acme", 1)
	must(t, st.Append(ctx, unsealed))

	p := &store.Pruning{
		After: 1, Before: 900, Upto: upto, Run: runOf(2, upto),
		Heads: []store.SealHead{headOf("acme", 2, 20, 22)},
		Keep: map[string][]store.PrunedHash{"acme": {
			{Level: 8, N: 0, Hash: [32]byte{3}}, {Level: 0, N: 300, Hash: [32]byte{4}},
		}},
	}
	stale := *p
	stale.Run = runOf(1, upto)
	if err := st.Prune(ctx, &stale); !errors.Is(err, store.ErrSealedMeanwhile) {
		t.Errorf("a prune after another seal: %v", err)
	}
	var m model
	m.add(kept)
	m.add(old)
	m.add(unsealed)
	m.check(t, st, []string{"acme", "zeta"}, store.Range{})
	must(t, st.Prune(ctx, nil)) // removes nothing
	m.check(t, st, []string{"acme", "zeta"}, store.Range{})
	must(t, st.Prune(ctx, p))
	must(t, st.Prune(ctx, nil)) // removes nothing
	m = slices.Delete(m, 10, 20)
	m.check(t, st, []string{"acme", "zeta"}, store.Range{})

	again := nightOf("acme", 2)
	must(t, other.Append(ctx, again))
	m.add(again)
	_, err = other.AddRecordings(ctx, []store.Recording{{Tenant: "acme", Key: "m", StartedAt: 2001}})
	must(t, err)
	must(t, other.AddCapture(ctx, store.Capture{Kind: store.CaptureBeat, At: 8}))
	m.check(t, st, []string{"acme", "zeta"}, store.Range{})
	must(t, st.Refresh(ctx))
	m.check(t, st, []string{"acme", "zeta"}, store.Range{})
	afterPrune(t, st, upto, again[0].ID)
}

// afterPrune checks what testPrune left besides requests.
func afterPrune(t *testing.T, st handle, upto store.RowIDs, next int64) {
	in := sealed(t, st)
	defer in.Close()
	if last := in.Last(); next <= upto.Request || last.Event <= upto.Event ||
		last.Recording <= upto.Recording || last.Capture <= upto.Capture {
		t.Errorf("after %+v, rows got the numbers %d and %+v", upto, next, last)
	}
	pruned, err := in.Pruned(ctx, "acme")
	must(t, err)
	if len(pruned) != 2 || pruned[0].Level != 8 ||
		pruned[1] != (store.PrunedHash{N: 300, Hash: [32]byte{4}}) {
		t.Errorf("hashes are %+v", pruned)
	}
	events, err := in.Events(ctx, "", 0, in.Last().Event)
	must(t, err)
	if len(events) != 1 || events[0].Kind != store.EventPrune || events[0].At != 900 ||
		events[0].Count != 10 || events[0].Bytes != 45 {
		t.Errorf("events are %+v", events)
	}
	var keys []string
	for r, err := range in.Listed(ctx, "", 0, in.Last().Recording) {
		must(t, err)
		keys = append(keys, r.Key)
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	ledger, err := n.Ledger(ctx, "acme", 0, 10)
	must(t, err)
	if !slices.Equal(keys, []string{"l", "m"}) || len(ledger) != 1 {
		t.Errorf("recordings are %q, the ledger has %d entries", keys, len(ledger))
	}
}
