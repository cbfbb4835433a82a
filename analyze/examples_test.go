package analyze_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// TestExamplesAreTheFirstAndTheWorst: of a burst, the first five requests that broke a rule, then those that
// broke two rules, the largest first; none of them twice, and none from outside the incident.
func TestExamplesAreTheFirstAndTheWorst(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	route := &store.Route{
		Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio",
	}
	source := &store.Source{Kind: "transport"}
	start := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC).UnixMicro()
	var all []store.Request
	for i := range int64(20) {
		r := store.Request{
			Tenant: "acme", StartedAt: start + i*1e6, Status: 200, Route: route, Source: source, Key: fmt.Sprint("k", i), ResponseBytes: 100 + i,
		}
		if i >= 10 && i < 13 {
			r.Status = 429
		}
		all = append(all, r)
	}
	snap := snapshotOf(t, all)
	report := &analyze.Report{AsOf: time.UnixMicro(start + 3600e6).UTC(), Tenants: []analyze.Result{{Tenant: "acme", Incidents: []analyze.Incident{{
		ID: "acme-x", Rules: []string{"spacing", "rate-limited"}, First: start, Last: start + 15e6,
	}}}}}
	examples, err := analyze.Examples(t.Context(), snap, analyze.Options{Policy: policy}, report)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, e := range examples["acme-x"] {
		got += e.Request.Key
		if e.Worst {
			got += "!"
		}
		if e.Why == "" {
			t.Errorf("no reason for %s", e.Request.Key)
		}
		got += " "
	}
	if want := "k1 k2 k3 k4 k5 k12! k11! k10! k15! k14! "; got != want {
		t.Errorf("examples %s, want %s", got, want)
	}
}
