package analyze_test

import (
	"testing"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// TestResumedDownloadsAreOne: parts that complete a download are no repeats; the whole that comes after them is one.
func TestResumedDownloadsAreOne(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}"}
	a := analyze.NewAuditor(policy, egress.Tenant{Name: "acme", Chance: -1})
	for i, c := range []struct {
		status int
		short  bool
	}{{200, true}, {206, false}, {206, false}, {200, false}} {
		r := store.Request{
			ID: int64(i + 1), Tenant: "acme", StartedAt: 1793000000e6 + int64(i)*5e6, Status: c.status, CutShort: c.short, Route: route,
			Source: &store.Source{ID: 1}, Key: "recording-0001", ResponseBytes: 100,
		}
		call := r.Call()
		if err := a.Add(&call); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[string]int64{}
	for _, f := range a.Result(1793001000e6, analyze.AboutNow).Findings {
		counts[f.Rule] = f.Count
	}
	if len(counts) != 2 || counts[rules.DuplicateDownload] != 1 || counts[rules.CutShort] != 1 {
		t.Errorf("found %v", counts)
	}
}
