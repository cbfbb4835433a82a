package analyze_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

var auditAsOf = time.Date(2026, 11, 10, 9, 0, 0, 0, time.UTC)

// pulledLog is a store in which a tenant pulled so many recordings in each of the last nights.
func pulledLog(t *testing.T, days, each int) store.Snapshot {
	t.Helper()
	route := &store.Route{
		Method: "GET", Origin: "https://t000.xima.cloud",
		Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio",
	}
	var rows []store.Request
	for d := range days {
		night := auditAsOf.AddDate(0, 0, d-days+1).Add(-7 * time.Hour)
		for i := range each {
			rows = append(rows, store.Request{
				Tenant: "t000", StartedAt: night.Add(time.Duration(i) * 4 * time.Second).UnixMicro(), Status: 200,
				Route: route, Source: &store.Source{Kind: "transport"}, ResponseBytes: int64(1000 + d%7*100 + d*7%23),
				Key: fmt.Sprintf("%d-%d-%d", d, i, night.Add(-10*time.Hour).UnixMilli()),
			})
		}
	}
	return snapshotOf(t, rows)
}

// TestOptionsThatMustBeSet: what has no default is asked for, in the caller's goroutine and not with a panic in another.
func TestOptionsThatMustBeSet(t *testing.T) {
	ctx, snap := context.Background(), pulledLog(t, 2, 2)
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]struct {
		policy *limits.Policy
		asOf   time.Time
	}{"policy": {nil, auditAsOf}, "moment": {policy, time.Time{}}} {
		audit, ahead := analyze.Options{Policy: o.policy, AsOf: o.asOf}, outlook.Options{Policy: o.policy, AsOf: o.asOf}
		for call, f := range map[string]func() error{
			"Run":     func() error { _, _, err := analyze.Run(ctx, snap, audit); return err },
			"Explain": func() error { return analyze.Explain(ctx, snap, audit, "t000", func(analyze.Hit) {}) },
			"Project": func() error { _, err := outlook.Project(ctx, snap, ahead); return err },
			"Chance": func() error {
				_, err := outlook.Chance(ctx, snap, egress.Tenant{Name: "t000"}, egress.Cap{}, ahead, new(egress.Items))
				return err
			},
		} {
			if f() == nil {
				t.Errorf("%s takes options without a %s", call, name)
			}
		}
	}
}

// TestForecastIsAskedByDefault: a Tenant that says nothing of its chance does not switch the forecast off.
func TestForecastIsAskedByDefault(t *testing.T) {
	const told = 60_000 // which the log is over, so that its chance is near 1
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := analyze.Run(t.Context(), pulledLog(t, 100, 10), analyze.Options{Policy: policy, AsOf: auditAsOf, Forecast: true, About: func(string) egress.Tenant {
		return egress.Tenant{Cap: egress.CapFacts{Told: told}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Tenants[0].Findings {
		if f.Rule == rules.EgressNear && strings.Contains(f.Detail, "forecast") {
			return
		}
	}
	t.Errorf("the forecast is not among %+v", r.Tenants[0].Findings)
}

// TestProjectedIsTheSameAudit: with a forecast that was made before the audit is the same, and it is
// that forecast that was asked.
func TestProjectedIsTheSameAudit(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	snap := pulledLog(t, 100, 10)
	for _, told := range []int64{60_000, 75_000, 1e9} {
		about := func(string) egress.Tenant {
			return egress.Tenant{Chance: -1, Cap: egress.CapFacts{Told: told}}
		}
		f, err := outlook.Project(t.Context(), snap, outlook.Options{
			Policy: policy, AsOf: auditAsOf, About: about, NoBudget: true, NoScores: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		run := func(projected *outlook.Report) *analyze.Report {
			r, _, err := analyze.Run(t.Context(), snap, analyze.Options{
				Policy: policy, AsOf: auditAsOf, About: about, Forecast: true, NoCache: true, Projected: projected,
			})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		alone := run(nil)
		if with := run(f); !reflect.DeepEqual(with, alone) {
			t.Errorf("cap %d:\n%+v\nis not\n%+v", told, with, alone)
		}
		if told != 75_000 {
			continue
		}
		f.Tenants[0].Chance = .77
		if with := run(f); !slices.ContainsFunc(with.Tenants[0].Findings, func(f analyze.Finding) bool {
			return f.Rule == rules.EgressNear && strings.Contains(f.Detail, "77%")
		}) {
			t.Errorf("the forecast was not asked: %+v", with.Tenants[0].Findings)
		}
	}
}
