package analyze_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// TestListsBetweenAudits: an audit that continues a saved state says what one from the start says, also where a recording
// list has come in between and moved cap and forecast, but no request.
func TestListsBetweenAudits(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	other := *policy // the same rules under another key: no saved state fits
	other.Source += "."
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "lists.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	run := func(p *limits.Policy, asOf time.Time) (*analyze.Report, int) {
		t.Helper()
		snap, err := st.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		r, saved, err := analyze.Run(t.Context(), snap, analyze.Options{Policy: p, AsOf: asOf, Forecast: true, About: func(string) egress.Tenant {
			return egress.Tenant{Cap: egress.CapFacts{Agents: 1}, Chance: -1}
		}})
		if err == nil && p == policy {
			err = st.SaveStates(t.Context(), snap, saved.Key, saved.States)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r, len(saved.States)
	}
	resumed, moved := 0, 0
	for night := range 50 {
		asOf := time.Date(2026, 6, 2+night, 8, 0, 0, 0, time.UTC)
		requests, list := listedNight(night, asOf)
		if err := errors.Join(st.Append(t.Context(), requests), st.Refresh(t.Context())); err != nil {
			t.Fatal(err)
		}
		before, _ := run(policy, asOf)
		if _, err := st.AddRecordings(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		got, states := run(policy, asOf)
		if want, _ := run(&other, asOf); !reflect.DeepEqual(got, want) {
			t.Fatalf("night %d: continued\n%+v\nfrom the start\n%+v", night, got, want)
		}
		if states == 0 {
			resumed++
		}
		if !reflect.DeepEqual(got, before) {
			moved++
		}
	}
	if resumed < 50 || moved < 10 {
		t.Errorf("%d audits continued a state, %d lists moved one: this test tests little", resumed, moved)
	}
}

// listedNight is a night of 20 calls of growing size, one of which is left for later, and the list of them.
func listedNight(night int, asOf time.Time) (requests []store.Request, list []store.Recording) {
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio"}
	for call := range 20 {
		at := asOf.Add(-20*time.Hour + time.Duration(call)*15*time.Minute)
		r := store.Recording{
			Tenant: "acme", Key: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", night*20+call, at.UnixMilli()),
			StartedAt: at.UnixMicro(), Duration: int64(1200+20*night) * 1e6, Bytes: int64(1000 + 5*night + 13*call),
		}
		list = append(list, r)
		if call != night%20 {
			requests = append(requests, store.Request{
				Tenant: "acme", Route: route, Source: &store.Source{Kind: "transport"}, Key: r.Key, Status: 200, ResponseBytes: r.Bytes,
				StartedAt: asOf.Add(-6*time.Hour + time.Duration(call)*4*time.Second).UnixMicro(),
			})
		}
	}
	return requests, list
}
