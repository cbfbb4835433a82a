package analyze_test

import (
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// TestHeld: what pacing held back is told of the tenant, in the range and up to the moment of the audit.
func TestHeld(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	st, err := sqlite.Open(t.TempDir() + "/held.db")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings", Class: "recording_list"}
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	var all []store.Request
	for n := 1; n <= 4; n++ {
		all = append(all, store.Request{Tenant: "acme", Route: route, Source: &store.Source{Kind: "proxy"}, Status: 200, StartedAt: day(n).UnixMicro()})
		e := store.Event{Kind: store.EventPaced, At: day(n).UnixMicro(), Tenant: "acme", Count: int64(n)}
		if err := st.AddEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.AddEvent(t.Context(), store.Event{Kind: store.EventPaced, At: day(1).UnixMicro(), Tenant: "other", Count: 100}); err != nil {
		t.Fatal(err)
	}
	if err := st.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	snap, err := st.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for _, c := range []struct {
		o    analyze.Options
		want int64
	}{
		{analyze.Options{AsOf: day(30)}, 1 + 2 + 3 + 4}, {analyze.Options{AsOf: day(3)}, 1 + 2 + 3},
		{analyze.Options{AsOf: day(30), Since: day(2), Until: day(4)}, 2 + 3},
	} {
		c.o.Policy, c.o.Tenants = policy, []string{"acme"}
		r, _, err := analyze.Run(t.Context(), snap, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Tenants[0].Held; got != c.want {
			t.Errorf("%+v: %d were held, want %d", c.o, got, c.want)
		}
	}
}
