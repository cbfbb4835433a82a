package analyze_test

import (
	"strings"
	"testing"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// A refusal for frequency of a request that kept the interval is told apart: it has another cause, and another remedy.
func TestRefusedThoughTheIntervalWasKept(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio"}
	fine, coarse := &store.Source{Kind: "transport"}, &store.Source{Kind: "combined", Resolution: 1e6}
	for _, c := range []struct {
		name   string
		gap    int64
		source *store.Source
		kept   bool
	}{
		{"exactly the interval", 3e6, fine, true}, {"a little less", 2_999_999, fine, false}, {"whole seconds, undecided", 3e6, coarse, false},
		{"whole seconds, decided", 4e6, coarse, true},
	} {
		a := analyze.NewAuditor(policy, egress.Tenant{Name: "acme", Chance: -1})
		for i, at := range []int64{1e6, 1e6 + c.gap} { // the first has nothing before it, so nobody knows
			r := store.Request{ID: int64(i + 1), Tenant: "acme", StartedAt: at, Status: 429, Route: route, Source: c.source}
			call := r.Call()
			if err := a.Add(&call); err != nil {
				t.Fatal(err)
			}
		}
		got := a.Result(10e6, analyze.AboutRange)
		for _, f := range got.Findings {
			if f.Rule == rules.RateLimited && strings.Contains(f.Detail, "1 of them started 3 s or more after the one before") != c.kept {
				t.Errorf("%s: %s", c.name, f.Detail)
			}
		}
		if len(got.Findings) == 0 {
			t.Errorf("%s: no findings", c.name)
		}
	}
}
