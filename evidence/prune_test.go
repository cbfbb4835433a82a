package evidence

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/store"
)

func TestPrune(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(9, 9))
	o := PruneOptions{SealOptions: testSealOptions(key), Before: testNow - 10*86400_000000}
	var line string
	for range 3 {
		addRows(t, st, random, 700, "acme", "zeta")
		line = mustSeal(t, st, o.SealOptions).Line
	}
	held, err := ParseAnchor("mail", []byte(line))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a later prune merges what the first one kept
		done, err := Prune(context.Background(), st, o)
		if err != nil || done.Requests == 0 || done.Line == "" {
			t.Fatalf("%+v, %v", done, err)
		}
		r := mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}})
		if r.Problem != nil || r.Grade != Held || r.Pruned < done.Requests+done.Other {
			t.Fatalf("after a prune: %+v", r)
		}
		if r := mustVerify(t, st.Path(), LogOptions{}); r.Problem != nil {
			t.Fatalf("without the key: %v", r.Problem)
		}
		o.Before = testNow - 86400_000000
	}
	in, err := st.Seals(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range in.Requests(context.Background(), "", -1, 1<<62) {
		if err != nil || r.StartedAt < o.Before {
			t.Fatalf("request %d is still there: %v", r.ID, err)
		}
	}
	in.Close()
	if done, err := Prune(context.Background(), st, o); err != nil || done.Requests+done.Other != 0 {
		t.Errorf("a prune with nothing to remove: %+v, %v", done, err)
	}
	if _, err := collect(t, st, key, Period{Tenant: "acme", Until: 1 << 62, AsOf: testNow}); !errors.Is(err, ErrPruned) {
		t.Errorf("a bundle of pruned rows: %v", err)
	}
	addRows(t, st, random, 20, "acme")
	mustSeal(t, st, o.SealOptions)
	if r := mustVerify(t, st.Path(), LogOptions{Key: key}); r.Problem != nil || r.Unsealed != 0 {
		t.Errorf("sealed after a prune: %+v", r)
	}
}

// A row of no tenant is in several logs, and a prune tells of it once.
func TestPruneTellsOfEachRowOnce(t *testing.T) {
	ctx, st := context.Background(), testStore(t)
	addRows(t, st, rand.New(rand.NewPCG(11, 11)), 1, "acme", "zeta") // each with a recording and a reset; one drop
	if err := st.AddCapture(ctx, store.Capture{Kind: store.CaptureBeat, At: testNow}); err != nil {
		t.Fatal(err)
	}
	o := PruneOptions{SealOptions: testSealOptions(testKey()), Before: testNow + 1}
	if done, err := Prune(ctx, st, o); err != nil || done.Requests != 2 || done.Other != 6 {
		t.Errorf("%+v, %v", done, err)
	}
	if r := mustVerify(t, st.Path(), LogOptions{Key: testKey()}); r.Problem != nil || r.Pruned != 10 {
		t.Errorf("%+v", r)
	}
}

// With another key a prune says so, and does not call the rows altered.
func TestPruneWithAnotherKey(t *testing.T) {
	st := testStore(t)
	addRows(t, st, rand.New(rand.NewPCG(10, 10)), 20, "acme")
	mustSeal(t, st, testSealOptions(testKey()))
	o := PruneOptions{SealOptions: testSealOptions(NewKey()), Before: testNow}
	if done, err := Prune(context.Background(), st, o); !errors.Is(err, ErrOtherKey) {
		t.Errorf("%+v, %v", done, err)
	}
}

// Of each night whose requests were removed, sums stay, also where two prunes share one night.
func TestPruneKeepsTheNights(t *testing.T) {
	st, key := testStore(t), testKey()
	ctx := context.Background()
	noonOf := noon(time.UnixMicro(testNow))
	var requests []store.Request
	for i := range 6 { // a night of 1, 2, … 6 requests, the last begun; each second one is refused
		for k := range i + 1 {
			requests = append(requests, store.Request{
				Tenant: "acme", Route: testRoutes[0], Source: testSources[0], Status: 200 + 309*(k%2), ResponseBytes: 100,
				StartedAt: noonOf.AddDate(0, 0, i-5).Add(time.Duration(k+1) * time.Hour).UnixMicro(),
			})
		}
	}
	requests = append(requests, store.Request{
		Tenant: "zeta", Route: testRoutes[0], Source: testSources[0], Status: 200, StartedAt: testNow - 40*86400_000000,
	})
	if err := st.Append(ctx, requests); err != nil {
		t.Fatal(err)
	}
	o := PruneOptions{SealOptions: testSealOptions(key)}
	for _, before := range []time.Time{noonOf.AddDate(0, 0, -3).Add(150 * time.Minute), noonOf.AddDate(0, 0, -1)} {
		o.Before = before.UnixMicro()
		if _, err := Prune(ctx, st, o); err != nil {
			t.Fatal(err)
		}
	}
	if r := mustVerify(t, st.Path(), LogOptions{Key: key}); r.Problem != nil || r.Pruned != 11 {
		t.Errorf("%+v", r)
	}
	in, err := st.Seals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got, err := PrunedNights(ctx, in, []string{"acme"})
	if err != nil {
		t.Fatal(err)
	}
	var want []analyze.PrunedNight
	for i := range 4 {
		n := int64(i + 1)
		want = append(want, analyze.PrunedNight{
			Tenant: "acme", Night: noonOf.AddDate(0, 0, i-5), Requests: n, Refused: n / 2, Bytes: 100 * n,
		})
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v\nnot %+v", got, want)
	}
	if all, err := PrunedNights(ctx, in, nil); err != nil || len(all) != 5 || all[4].Tenant != "zeta" {
		t.Errorf("of all tenants: %+v, %v", all, err)
	}
}

// What was removed is in the file no more, and only a prune can remove.
func TestPruneLeavesNothingBehind(t *testing.T) {
	st, key := testStore(t), testKey()
	ctx := context.Background()
	add := func(at int64, word string) {
		r := store.Request{Tenant: "acme", StartedAt: at, Status: 200, Route: testRoutes[0], Source: testSources[0], Key: "key-" + word, Client: "client-" + word}
		err := errors.Join(st.Append(ctx, []store.Request{r}), st.AddEvent(ctx, store.Event{Kind: store.EventReset, At: at, Tenant: "acme", Note: "note-" + word}))
		_, err2 := st.AddRecordings(ctx, []store.Recording{{Tenant: "acme", Key: "listed-" + word, StartedAt: at}})
		if err := errors.Join(err, err2, st.Refresh(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	add(testNow-2, "oldword")
	add(testNow, "newword")
	if _, err := Prune(ctx, st, PruneOptions{SealOptions: testSealOptions(key), Before: testNow - 1}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{st.Path(), st.Path() + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if i := bytes.Index(data, []byte("oldword")); i >= 0 {
			t.Errorf("%s still has %q", name, data[max(0, i-10):i+8])
		}
		if name == st.Path() && !bytes.Contains(data, []byte("key-newword")) {
			t.Error("the newer row is gone, too")
		}
	}
	if err := st.AddEvent(ctx, store.Event{Kind: store.EventPrune, At: testNow + 5}); err != nil {
		t.Fatal(err)
	}
	if err := deleteRows(st.Path()); err == nil {
		t.Error("an event that tells of a prune unlocks the log")
	}
}

// What a pull did stays known, so that nothing is fetched twice.
func TestPruneKeepsTheLedger(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(9, 1))
	ctx := context.Background()
	addRows(t, st, random, 20, "acme")
	entry := store.LedgerEntry{
		Tenant: "acme", StartedAt: testNow - 1000, Key: "call-1", At: testNow, State: store.LedgerStored,
		Bytes: 3, SHA256: hexSum([]byte("abc")), Place: "call-1.mp3",
	}
	if err := st.AddLedger(ctx, []store.LedgerEntry{entry}); err != nil {
		t.Fatal(err)
	}
	done, err := Prune(ctx, st, PruneOptions{SealOptions: testSealOptions(key), Before: testNow - 1})
	if err != nil || done.Requests == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	snap, err := st.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	entries, err := snap.Ledger(ctx, "acme", 0, testNow)
	if err != nil || len(entries) != 1 || entries[0].Key != entry.Key || entries[0].State != store.LedgerStored {
		t.Errorf("the ledger has %+v, %v", entries, err)
	}
}
