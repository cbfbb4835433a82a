package analyze_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// A repeat of what was refused as wrong counts where it failed, too: a success clears the refusal,
// and what got no answer says nothing.
func TestBlindRetryLooksAtTheLatestAnswer(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	route := &store.Route{
		Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings",
		Class: "recording_list",
	}
	source := &store.Source{Kind: "transport"}
	const second = int64(1e6)
	for _, c := range []struct {
		name     string
		statuses []int
		every    int64
		want     []int64
	}{
		{"refused again", []int{404, 404, 404}, 60, []int64{2, 3}},
		{"mended at the other end", []int{404, 200, 200, 200}, 60, nil},
		{"a redirect is no failure", []int{404, 302}, 60, nil},
		{"after a success it is new", []int{404, 200, 404, 404}, 60, []int64{4}},
		{"no answer neither counts nor clears", []int{404, 0, 0, 404}, 60, []int64{4}},
		{"another failure counts and clears", []int{404, 500, 500}, 60, []int64{2}},
		{"exactly ten minutes", []int{422, 422}, 600, []int64{2}},
		{"later", []int{422, 422}, 601, nil},
	} {
		a := analyze.NewAuditor(policy, egress.Tenant{Name: "acme", Chance: -1})
		at := second
		for i, status := range c.statuses {
			r := store.Request{
				ID: int64(i + 1), Tenant: "acme", StartedAt: at, Status: status, Route: route, Source: source,
			}
			call := r.Call()
			if err := a.Add(&call); err != nil {
				t.Fatal(err)
			}
			at += c.every * second
		}
		var got []int64
		for _, f := range a.Result(at, analyze.AboutRange).Findings {
			if f.Rule == rules.BlindRetry {
				got = f.Requests
			}
		}
		if !slices.Equal(got, c.want) {
			t.Error(fmt.Sprint(c.name, ": ", got, " counted, want ", c.want))
		}
	}
}
