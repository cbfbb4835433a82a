package analyze_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// TestUsageAgreesWithTheAudit: by whatever is counted, sums are those of an audit of the same requests.
func TestUsageAgreesWithTheAudit(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	snap := snapshotOf(t, fortnight(rand.New(rand.NewPCG(7, 4))))
	o := analyze.Options{Policy: policy, AsOf: time.UnixMicro(1767225600e6 + 20*testDay).UTC()}
	ranged := o
	ranged.Since, ranged.Until = time.UnixMicro(1767225600e6+3*testDay), time.UnixMicro(1767225600e6+9*testDay)
	for name, o := range map[string]analyze.Options{"now": o, "range": ranged} {
		audit, _, err := analyze.Run(t.Context(), snap, o)
		if err != nil {
			t.Fatal(err)
		}
		want := audit.Tenants[0]
		var errors int64
		for _, s := range want.Statuses {
			if s.Status == 0 || s.Status >= 400 {
				errors += s.Requests
			}
		}
		for _, by := range analyze.UsageBys {
			u, err := analyze.Usage(t.Context(), snap, o, by)
			if err != nil {
				t.Fatal(err)
			}
			var requests, bytes, failed int64
			for _, row := range u.Rows {
				requests, bytes, failed = requests+row.Requests, bytes+row.ResponseBytes, failed+row.Errors
			}
			if requests != want.Requests || failed != errors || u.Total.Requests != requests || u.Total.ResponseBytes != bytes {
				t.Errorf("%s by %s: %d requests, %d errors, total %d; the audit has %d and %d", name, by, requests, failed,
					u.Total.Requests, want.Requests, errors)
			}
			if u.Total.Duration.P50 != 500_000 || u.Total.WastedRequests == 0 {
				t.Errorf("%s by %s: %+v", name, by, u.Total)
			}
		}
	}
	if _, err := analyze.Usage(t.Context(), snap, o, "moon"); err == nil {
		t.Error("counts by the moon")
	}
}

// TestUsageOfAnAuditIsUsageOfOne: what an audit's pass tells of each tenant is what a count of that tenant alone
// tells, by everything.
func TestUsageOfAnAuditIsUsageOfOne(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	all := fortnight(rand.New(rand.NewPCG(7, 4)))
	for i := range all {
		if i%3 == 0 {
			all[i].Tenant = "birch"
		}
	}
	snap := snapshotOf(t, all)
	o := analyze.Options{Policy: policy, AsOf: time.UnixMicro(1767225600e6 + 20*testDay).UTC(), Known: []string{"silent"}}
	by := []analyze.UsageBy{analyze.ByClass, analyze.ByClient, analyze.ByHour, analyze.ByDay}
	o.Usage = by
	r, _, err := analyze.Run(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	each := r.Usage
	if len(each) != 2 {
		t.Errorf("%d tenants, want the two that have requests", len(each))
	}
	for tenant, got := range each {
		for k := range by {
			one := o
			one.Tenants, one.Known = []string{tenant}, nil
			want, err := analyze.Usage(t.Context(), snap, one, by[k])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got[k], want) {
				t.Errorf("%s by %s: %+v, want %+v", tenant, by[k], got[k], want)
			}
		}
	}
	o.Usage = []analyze.UsageBy{"moon"}
	if _, _, err := analyze.Run(t.Context(), snap, o); err == nil {
		t.Error("counts by the moon")
	}
	if !analyze.CheapUsage(snap) {
		t.Error("a small log is not cheap")
	}
}

// TestEndsOfRequests: where a time may be the end of a request, a gap only counts if no duration could change that.
func TestEndsOfRequests(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}"}
	start, end := &store.Source{ID: 1}, &store.Source{ID: 2, TimeIs: store.TimeIsEnd}
	unknown := &store.Source{ID: 3, TimeIs: store.TimeIsUnknown}
	for _, c := range []struct {
		first, second    *store.Source
		gap              int64
		short, undecided int64
	}{
		{start, start, 2e6, 1, 0}, {start, start, 4e6, 0, 0},
		{end, end, 1e6, 0, 1}, {end, end, 4e6, 0, 1}, {unknown, unknown, 90e6, 0, 1},
		{start, end, 2e6, 1, 0}, {start, end, 4e6, 0, 1}, // the second can only have started earlier
		{end, start, 2e6, 0, 1}, {end, start, 4e6, 0, 0}, // the first can only have started earlier
	} {
		a := analyze.NewAuditor(policy, egress.Tenant{Name: "acme", Chance: -1})
		for i, source := range []*store.Source{c.first, c.second} {
			r := store.Request{
				ID: int64(i + 1), Tenant: "acme", StartedAt: 1793000000e6 + int64(i)*c.gap, Status: 200, Route: route, Source: source,
				Key: []string{"a", "b"}[i],
			}
			call := r.Call()
			if err := a.Add(&call); err != nil {
				t.Fatal(err)
			}
		}
		s := a.Result(1793001000e6, analyze.AboutNow).Spacing
		if s.Violations != c.short || s.Indeterminate != c.undecided {
			t.Errorf("%d then %d, %d apart: %+v", c.first.TimeIs, c.second.TimeIs, c.gap, s)
		}
	}
}
