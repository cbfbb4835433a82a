package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
)

var ctx = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// whole is everything of a request that is stored, in a form that can be compared.
type whole struct {
	store.Request
	Route  store.Route
	Source store.Source
}

func wholeOf(q store.Request) whole {
	w := whole{Request: q, Route: *q.Route, Source: *q.Source}
	w.Identify()
	w.Request.Route, w.Request.Source, w.Route.ID, w.Source.ID = nil, nil, 0, 0
	return w
}

// call is a Call in a form that can be compared.
type call struct {
	store.Call
	Route  store.Route
	Source store.Source
}

func callOf(c store.Call) call {
	k := call{Call: c, Route: *c.Route, Source: *c.Source}
	k.Call.Route, k.Call.Source, k.Route.ID, k.Source.ID = nil, nil, 0, 0
	return k
}

// call is what a Scan gives of it.
func (w whole) call() call {
	q := w.Request
	q.Route, q.Source = &w.Route, &w.Source
	return callOf(q.Call())
}

// model is the simplest store: a slice in order of arrival.
type model []whole

// add takes what was appended, which has its IDs.
func (m *model) add(requests []store.Request) {
	for _, q := range requests {
		*m = append(*m, wholeOf(q))
	}
}

// scan is what Scan must give.
func (m model) scan(tenant string, r store.Range) []call {
	var found []call
	for _, w := range m {
		if w.Tenant == tenant && w.StartedAt >= r.From && (r.To == 0 || w.StartedAt < r.To) {
			found = append(found, w.call())
		}
	}
	slices.SortFunc(found, func(a, b call) int {
		if a.StartedAt != b.StartedAt {
			return int(min(max(a.StartedAt-b.StartedAt, -1), 1))
		}
		return int(a.ID - b.ID)
	})
	return found
}

// check compares a store with the model, as a fresh snapshot shows it.
func (m model) check(t *testing.T, st handle, tenants []string, ranges ...store.Range) {
	t.Helper()
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	m.checkSnapshot(t, n, tenants, ranges...)
}

func (m model) checkSnapshot(
	t *testing.T, n store.Snapshot, tenants []string, ranges ...store.Range,
) {
	t.Helper()
	for _, tenant := range tenants {
		for _, r := range append(ranges, store.Range{}) {
			equal(t, fmt.Sprintf("Scan of %s in %v", tenant, r), scanned(t, n, tenant, r), m.scan(tenant, r))
		}
	}
	var rows []whole
	for q, err := range n.Rows(ctx, "", store.Range{}) {
		must(t, err)
		rows = append(rows, wholeOf(q))
	}
	equal(t, "Rows", rows, m)
	for _, info := range n.Tenants() {
		if all := m.scan(info.Name, store.Range{}); int64(len(all)) != info.Requests ||
			len(all) > 0 && (info.First != all[0].StartedAt || info.Last != all[len(all)-1].StartedAt) {
			t.Fatalf("Tenants says %+v, but the tenant has %d requests", info, len(all))
		}
	}
}

// scanned collects a Scan.
func scanned(t *testing.T, n store.Snapshot, tenant string, r store.Range) []call {
	t.Helper()
	var found []call
	for batch, err := range n.Scan(ctx, tenant, r) {
		must(t, err)
		if len(batch) == 0 {
			t.Fatal("Scan gave an empty batch")
		}
		for _, q := range batch {
			found = append(found, callOf(q))
		}
	}
	return found
}

func equal[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: request %d is\n%+v, not\n%+v", what, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s gives %d requests, not %d", what, len(got), len(want))
	}
}

// maker makes requests that differ in everything that can differ.
type maker struct {
	*rand.Rand
	now     int64
	tenants []string
	routes  []*store.Route
	sources []*store.Source
}

func newMaker(seed uint64) *maker {
	m := &maker{
		Rand:    rand.New(rand.NewPCG(seed, 7)),
		now:     1_767_225_600e6,
		tenants: []string{"acme", "böhm & co", "c"},
	}
	for i := range 4 {
		m.routes = append(m.routes, &store.Route{
			Method: []string{"GET", "POST"}[i%2], Origin: "https://acme.example",
			Template: fmt.Sprintf("/v%d/items/{+key}", i), Class: "items",
		})
	}
	m.sources = []*store.Source{
		{Kind: "transport"}, {Kind: "combined", Name: "access.log", Resolution: 1e6},
		{Kind: "combined", Name: "access.log", Resolution: 1e6, TimeIs: store.TimeIsEnd},
		{Kind: "combined", Name: "access.log", Resolution: 1e6, TimeIs: store.TimeIsUnknown},
	}
	return m
}

// pick gives one of the values.
func pick[T any](m *maker, values ...T) T { return values[m.IntN(len(values))] }

// request makes one that began somewhat after the one before, at the same time, or long before.
func (m *maker) request() store.Request {
	m.now += pick(m, 0, 0, 1, m.Int64N(5e6))
	q := store.Request{
		Tenant: pick(m, m.tenants...), StartedAt: m.now, Status: pick(m, 200, 200, 200, 0, 404, 429, 509),
		ResponseBytes: pick(m, 0, m.Int64N(1<<20), m.Int64N(1<<40)),
		Route:         pick(m, m.routes...), Source: pick(m, m.sources...),
		Key: pick(m, "", "k1", fmt.Sprint("key-", m.IntN(1000)),
			fmt.Sprintf("key-%d", m.now/1000-m.Int64N(1e9))),
	}
	if m.IntN(10) == 0 {
		q.StartedAt -= m.Int64N(1e9)
	}
	if m.IntN(3) == 0 {
		q.Query, q.Params = pick(m, "", "from=1&to=2"), pick(m, "", "0123456789abcdef0123456789abcdef")
		q.Duration, q.FirstByte, q.RequestBytes = m.Int64N(1e7), m.Int64N(1e6), m.Int64N(1e4)
		q.CutShort, q.RetryAfter = pick(m, true, false), pick(m, 0, 0, m.Int64N(100))
		q.Error, q.Client = pick(m, "", "", "dns", "connect", "tls", "timeout", "cancelled", "reset",
			"other"), pick(
			m,
			"",
			"cron",
			"10.0.0.7",
		)
		q.VendorID, q.DateSkew = pick(m, "", "req-1"), pick(m, store.Seconds{},
			store.Seconds{Known: true}, store.Seconds{N: -3, Known: true})
	}
	return q
}

func (m *maker) requests(n int) []store.Request {
	batch := make([]store.Request, n)
	for i := range batch {
		batch[i] = m.request()
	}
	return batch
}
