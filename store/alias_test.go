package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// A view in which "acm" and "akme" are acme says what a log says in which they always were.
func TestAliasSaysWhatOneTenantWould(t *testing.T) {
	ctx := context.Background()
	aliases := map[string]string{"acm": "acme", "akme": "acme"}
	r := rand.New(rand.NewPCG(1, 2))
	split, whole := openLog(t), openLog(t)
	requests, recordings := randomLog(r)
	events := []store.Event{{Kind: store.EventReset, At: 50e6, Tenant: "akme", Note: "n"}, {Kind: store.EventDropped, At: 60e6, Count: 2}}
	for log, name := range map[store.Log]func(string) string{
		split: func(s string) string { return s },
		whole: func(s string) string {
			if of := aliases[s]; of != "" {
				return of
			}
			return s
		},
	} {
		for i := range requests {
			q := requests[i]
			q.Tenant = name(q.Tenant)
			if err := log.Append(ctx, []store.Request{q}); err != nil {
				t.Fatal(err)
			}
			if i == len(requests)/2 { // half of the rows are packed, half are not
				if err := log.Refresh(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, rec := range recordings {
			rec.Tenant = name(rec.Tenant)
			if _, err := log.AddRecordings(ctx, []store.Recording{rec}); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range events {
			e.Tenant = name(e.Tenant)
			if err := log.AddEvent(ctx, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, want := store.Alias(snapshot(t, split), aliases), snapshot(t, whole)
	for _, tenant := range []string{"acme", "acm", "akme", "blue", "nobody"} {
		for _, rg := range []store.Range{{}, {From: 30e6, To: 70e6}} {
			equal(t, tenant, calls(t, got, tenant, rg), calls(t, want, tenant, rg))
			equal(t, tenant, rows(t, got, tenant, rg), rows(t, want, tenant, rg))
		}
		for item := range uint64(4) {
			x, err := got.History(ctx, tenant).Find(itemHash(int(item)), 80e6)
			y, err2 := want.History(ctx, tenant).Find(itemHash(int(item)), 80e6)
			if err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			gotCalls, wantCalls := shown(x), shown(y)
			slices.Sort(gotCalls)
			slices.Sort(wantCalls)
			equal(t, tenant+" history", gotCalls, wantCalls)
		}
		x, err := got.Recorded(ctx, tenant, 0, 90e6)
		y, err2 := want.Recorded(ctx, tenant, 0, 90e6)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		equal(t, tenant+" recorded", rounded(x), rounded(y))
	}
	equal(t, "rows of all", rows(t, got, "", store.Range{}), rows(t, want, "", store.Range{}))
	equal(t, "tenants", withRequests(got.Tenants()), withRequests(want.Tenants()))
	x, _ := got.Events(ctx)
	y, _ := want.Events(ctx)
	for i := range x {
		x[i].RecordedAt, y[i].RecordedAt = 0, 0
	}
	equal(t, "events", x, y)
}

// What was saved of a tenant alone is not continued for it with its aliases, and the other way round.
func TestAliasKeepsStatesApart(t *testing.T) {
	ctx := context.Background()
	log := openLog(t)
	requests, _ := randomLog(rand.New(rand.NewPCG(3, 4)))
	if err := log.Append(ctx, requests); err != nil {
		t.Fatal(err)
	}
	if err := log.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	view := store.Alias(snapshot(t, log), map[string]string{"acm": "acme"})
	states := []store.State{{Tenant: "acme", UptoAt: 90e6, Data: []byte("x")}, {Tenant: "blue", UptoAt: 90e6, Data: []byte("y")}}
	snap, kept := store.Unalias(view, states)
	if len(kept) != 1 || kept[0].Tenant != "blue" {
		t.Errorf("kept %v", kept)
	}
	if err := log.SaveStates(ctx, snap, []byte("key"), states); err != nil {
		t.Fatal(err)
	}
	view = store.Alias(snapshot(t, log), map[string]string{"acm": "acme"})
	if got, err := view.States(ctx, []byte("key")); err != nil || len(got) != 1 || got["blue"].Tenant != "blue" {
		t.Errorf("states %v, %v", got, err)
	}
	if s := snapshot(t, log); store.Alias(s, nil) != s {
		t.Error("a view without aliases is not the snapshot")
	}
}

func openLog(t *testing.T) store.Log {
	t.Helper()
	log, err := sqlite.Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

func snapshot(t *testing.T, log store.Log) store.Snapshot {
	t.Helper()
	snap, err := log.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap
}

func randomLog(r *rand.Rand) (requests []store.Request, recordings []store.Recording) {
	tenants := []string{"acme", "acm", "akme", "blue"}
	source := &store.Source{Kind: "jsonl"}
	for i := range 300 {
		tenant := tenants[r.IntN(len(tenants))]
		route := &store.Route{Method: "GET", Origin: "https://v.example", Template: "/r/{+key}", Class: "audio"}
		requests = append(requests, store.Request{
			Tenant: tenant, Route: route, Source: source, StartedAt: int64(r.IntN(100)) * 1e6, Status: 200,
			ResponseBytes: int64(i), Key: key(r.IntN(4)),
		})
	}
	for i := range 40 {
		recordings = append(recordings, store.Recording{
			Tenant: tenants[i%4], Key: key(i), StartedAt: int64(i) * 2e6, Duration: 1e6, Bytes: int64(i % 3),
		})
	}
	return requests, recordings
}

func key(n int) string { return fmt.Sprintf("0f8fad5b-d9cb-469f-a165-70867728%04d-1763938800000", n) }

func itemHash(n int) uint64 {
	r := store.Recording{Key: key(n)}
	return r.ItemHash()
}

func calls(t *testing.T, s store.Snapshot, tenant string, r store.Range) (all []string) {
	t.Helper()
	for batch, err := range s.Scan(context.Background(), tenant, r) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, shown(batch)...)
	}
	return all
}

func shown(calls []store.Call) (all []string) {
	for _, c := range calls {
		all = append(all, fmt.Sprint(c.StartedAt, c.ID, c.ResponseBytes, c.ItemHash, c.Route.Template))
	}
	return all
}

func rows(t *testing.T, s store.Snapshot, tenant string, r store.Range) (all []string) {
	t.Helper()
	for q, err := range s.Rows(context.Background(), tenant, r) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(q.ID, q.Tenant, q.StartedAt, q.ResponseBytes, q.Key))
	}
	return all
}

// withRequests leaves out tenants that only an event names: under an alias, there may be none.
func withRequests(tenants []store.TenantInfo) (all []store.TenantInfo) {
	for _, t := range tenants {
		if t.Requests > 0 {
			all = append(all, t)
		}
	}
	return all
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %.300v\nwant %.300v", what, fmt.Sprint(got), fmt.Sprint(want))
	}
}

func rounded(r store.Recorded) string {
	return fmt.Sprintf("%d %.6g %.6g", r.Recordings, r.Hours, r.Bytes)
}
