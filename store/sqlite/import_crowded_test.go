package sqlite

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// TestImportOfACrowdedTime imports a log whose requests share one second, some of them being equal, again and grown and
// in another order. Counts must be right, and rows must not each be looked up among all others.
func TestImportOfACrowdedTime(t *testing.T) {
	const n = 20000
	st := openTest(t, "")
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings", Class: "recording_list"}
	source := &store.Source{Kind: "combined", Name: "access.log", Resolution: 1e6}
	log := make([]store.Request, n+500)
	for i := range log {
		log[i] = store.Request{Tenant: []string{"acme", "beta"}[i%2], StartedAt: 1e15, ResponseBytes: int64(i % (n / 4)), Status: 200, Route: route, Source: source}
		log[i].Identify()
	}
	read := func(log []store.Request, added, duplicates int64) (looked int) {
		t.Helper()
		im, err := st.beginImport(context.Background())
		must(t, err)
		must(t, im.Add(context.Background(), append([]store.Request(nil), log...)))
		looked = im.Looked()
		must(t, im.Close(context.Background()))
		if im.Added() != added || im.Duplicates() != duplicates {
			t.Errorf("%d new and %d duplicates, want %d and %d", im.Added(), im.Duplicates(), added, duplicates)
		}
		return looked
	}
	read(log[:n], n, 0)
	for _, grown := range []int{n, n + 500} {
		shuffled := append([]store.Request(nil), log[:grown]...)
		rand.New(rand.NewPCG(1, 2)).Shuffle(grown, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if looked := read(shuffled, int64(grown-n), n); looked > 10*n {
			t.Errorf("%d rows were looked at one by one for %d requests", looked, grown)
		}
		checkCache(t, st)
	}
}
