package commands

import (
	"errors"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/pull/api"
)

// Who needs somebody stands first: an error, then missing recordings, then the rest by name.
func TestPullOrder(t *testing.T) {
	results := []pull.Result{
		{Tenant: "a"}, {Tenant: "b", Missing: make([]pull.Missing, 1)}, {Tenant: "c"},
		{Tenant: "d", Err: &api.Error{Status: 403, Role: limits.RoleAuth}},
		{Tenant: "e", Err: errors.New("no"), Listed: 1}, {Tenant: "f", Missing: make([]pull.Missing, 1)},
	}
	slices.Reverse(results)
	slices.SortFunc(results, byNeed)
	order := ""
	for i := range results {
		order += results[i].Tenant
	}
	if order != "debfac" {
		t.Errorf("the order is %s", order)
	}
	if !notListed(&results[0]) || notListed(&results[1]) || notListed(&results[5]) {
		t.Error("a list that was read is told as not known, or the other way round")
	}
}
