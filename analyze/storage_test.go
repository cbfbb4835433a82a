package analyze_test

import (
	"testing"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// TestStorage: the vendor's redirects are paced and expected, and carry no bytes; those of the
// storage count as egress, tell repeated downloads and broken ones, and are judged by no rule about
// the vendor.
func TestStorage(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	const key = "recording-1793500000000"
	vendor := &store.Route{
		Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}",
	}
	storage := &store.Route{
		Method:   "GET",
		Origin:   "https://s3.example",
		Template: "/*/*",
		Class:    store.StorageClass,
	}
	tunnel := &store.Route{
		Method:   "CONNECT",
		Origin:   "https://s3.example",
		Template: "/",
		Class:    store.StorageClass,
	}
	source := &store.Source{Kind: "proxy"}
	a := analyze.NewAuditor(policy, egress.Tenant{Name: "acme", Chance: -1})
	for i, r := range []store.Request{
		{StartedAt: 1e6, Status: 302, Route: vendor, Key: key},
		{StartedAt: 1.1e6, Status: 200, Route: storage, Key: key, ResponseBytes: 1000},
		{StartedAt: 5e6, Status: 307, Route: vendor, Key: key},
		{StartedAt: 5.1e6, Status: 200, Route: storage, Key: key, ResponseBytes: 1000},
		{StartedAt: 9e6, Status: 302, Route: vendor, Key: "other-1793500000001"},
		{StartedAt: 9.1e6, Status: 200, Route: storage, ResponseBytes: 400, CutShort: true},
		{StartedAt: 9.2e6, Status: 503, Route: storage, ResponseBytes: 9},
		{StartedAt: 9.3e6, Status: 403, Route: storage},
		{StartedAt: 9.4e6, Status: 200, Route: tunnel, ResponseBytes: 50},
		{StartedAt: 9.5e6, Status: 200, Route: tunnel, ResponseBytes: 50},
	} {
		r.ID, r.Tenant, r.Source = int64(i+1), "acme", source
		call := r.Call()
		if err := a.Add(&call); err != nil {
			t.Fatal(err)
		}
	}
	got := a.Result(10e6, analyze.AboutRange)
	if got.Egress.Total != 2509 || got.Egress.Peak != 2509 || got.Storage != 7 ||
		got.Redirected != 3 ||
		got.Foreign != 0 ||
		got.Opaque != 0 {
		t.Errorf("egress %+v, storage %d, redirected %d", got.Egress, got.Storage, got.Redirected)
	}
	if got.Spacing.Violations != 0 || got.Spacing.Requests != 3 {
		t.Errorf("spacing %+v", got.Spacing)
	}
	want := map[string]int64{rules.DuplicateDownload: 1, rules.CutShort: 1}
	for _, f := range got.Findings {
		if f.Count != want[f.Rule] {
			t.Errorf("%s: %d", f.Rule, f.Count)
		}
		delete(want, f.Rule)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
}
