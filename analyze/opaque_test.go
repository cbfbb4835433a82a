package analyze_test

import (
	"testing"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// A tunnel is counted, and judged by no rule but no-answer: neither its status nor its method is the vendor's.
func TestTunnelsAreCountedAndNotJudged(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	tunnel := &store.Route{Method: "CONNECT", Origin: "https://acme.xima.cloud", Template: "/", Class: store.OpaqueClass}
	a := analyze.NewAuditor(policy, egress.Tenant{Name: "acme", Chance: -1})
	for i, status := range []int{200, 0} {
		r := store.Request{ID: int64(i + 1), Tenant: "acme", StartedAt: int64(i+1) * 1e6, Status: status, Route: tunnel, ResponseBytes: 5000}
		call := r.Call()
		if err := a.Add(&call); err != nil {
			t.Fatal(err)
		}
	}
	got := a.Result(10e6, analyze.AboutRange)
	if got.Opaque != 2 || got.Requests != 2 || len(got.Findings) != 1 || got.Findings[0].Rule != rules.NoAnswer || got.Egress.Total != 0 {
		t.Errorf("got %+v", got)
	}
	for _, s := range got.Statuses {
		if s.Class != store.OpaqueClass || !s.Expected {
			t.Errorf("status %+v", s)
		}
	}
}
