package outlook_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

var forecastAsOf = time.Date(2026, 11, 10, 9, 0, 0, 0, time.UTC)

// pulledLog is a store in which each tenant pulled so many recordings in each of the last nights.
func pulledLog(tb testing.TB, tenants, days, each int) store.Snapshot {
	tb.Helper()
	ctx := context.Background()
	s, err := sqlite.Open(filepath.Join(tb.TempDir(), "a.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	source := &store.Source{Kind: "transport"}
	for n := range tenants {
		name := fmt.Sprintf("t%03d", n)
		route := &store.Route{Method: "GET", Origin: "https://" + name + ".xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio"}
		var rows []store.Request
		for d := range days {
			night := forecastAsOf.AddDate(0, 0, d-days+1).Add(-7 * time.Hour)
			for i := range each {
				rows = append(rows, store.Request{
					Tenant: name, StartedAt: night.Add(time.Duration(i) * 4 * time.Second).UnixMicro(), Status: 200, Route: route, Source: source,
					ResponseBytes: int64(1000 + d%7*100 + d*(n+7)%23), Key: fmt.Sprintf("%d-%d-%d", d, i, night.Add(-10*time.Hour).UnixMilli()),
				})
			}
		}
		if err := s.Append(ctx, rows); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Refresh(ctx); err != nil {
		tb.Fatal(err)
	}
	snap, err := s.Snapshot(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { snap.Close() })
	return snap
}

func forecastOptions(tb testing.TB, told int64) outlook.Options {
	tb.Helper()
	p, err := limits.Builtin("xima")
	if err != nil {
		tb.Fatal(err)
	}
	return outlook.Options{Policy: p, AsOf: forecastAsOf, About: func(string) egress.Tenant {
		return egress.Tenant{Chance: -1, Cap: egress.CapFacts{Told: told}}
	}}
}

// chances asks for that of each tenant, and leaves out those that have none.
func chances(tb testing.TB, snap store.Snapshot, limit egress.Cap, o outlook.Options) map[string]float64 {
	tb.Helper()
	found := map[string]float64{}
	for _, info := range snap.Tenants() {
		t := o.About(info.Name)
		t.Name = info.Name
		p, err := outlook.Chance(context.Background(), snap, t, limit, o, new(egress.Items))
		if err != nil {
			tb.Fatal(err)
		}
		if p >= 0 {
			found[info.Name] = p
		}
	}
	return found
}

// TestChancesAreTheForecasts: both say the same, however much older the log is than what the audit reads again.
func TestChancesAreTheForecasts(t *testing.T) {
	for _, days := range []int{100, 121, 260} {
		snap := pulledLog(t, 3, days, 10)
		for _, told := range []int64{65_000, 75_000, 90_000} {
			o := forecastOptions(t, told)
			r, err := outlook.Project(context.Background(), snap, o)
			if err != nil {
				t.Fatal(err)
			}
			chances := chances(t, snap, capOf(told), o)
			if len(chances) != 3 || len(r.Tenants) != 3 {
				t.Fatalf("cap %d: chances %v of %d tenants", told, chances, len(r.Tenants))
			}
			for _, p := range r.Tenants {
				if chances[p.Tenant] != p.Chance {
					t.Errorf("%d days, cap %d, %s: %v and %v", days, told, p.Tenant, chances[p.Tenant], p.Chance)
				}
				if made, ok := r.Chance(p.Tenant, capOf(told)); !ok || made != p.Chance {
					t.Errorf("the report says %v, %v of a chance of %v", made, ok, p.Chance)
				}
				if p.History != days {
					t.Errorf("%d days of history, want %d", p.History, days)
				}
			}
		}
	}
}

func capOf(bytes int64) egress.Cap {
	return egress.Cap{Bytes: bytes, Low: bytes, High: bytes, Source: egress.CapTold}
}

// TestNoChanceWithoutNeed: neither without a cap nor far from it.
func TestNoChanceWithoutNeed(t *testing.T) {
	snap := pulledLog(t, 2, 60, 10)
	for _, told := range []int64{0, 1e9} {
		if found := chances(t, snap, capOf(told), forecastOptions(t, told)); len(found) > 0 {
			t.Errorf("cap %d: %v", told, found)
		}
	}
	r, err := outlook.Project(t.Context(), snap, forecastOptions(t, 1e9))
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := r.Chance("t000", capOf(1e9)); p != -1 || !ok {
		t.Errorf("far from the cap the report says %v, %v, want none", p, ok)
	}
}

// TestReportTellsNoChanceOfAnotherQuestion: another cap, tenant, horizon or what-if, or no report.
func TestReportTellsNoChanceOfAnotherQuestion(t *testing.T) {
	snap := pulledLog(t, 1, 60, 10)
	o := forecastOptions(t, 75_000)
	r, err := outlook.Project(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Horizon = 3
	short, err := outlook.Project(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Horizon, o.WhatIf.Growth = 0, .2
	grown, err := outlook.Project(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	for what, ask := range map[string]func() (float64, bool){
		"cap":     func() (float64, bool) { return r.Chance("t000", capOf(75_001)) },
		"tenant":  func() (float64, bool) { return r.Chance("t001", capOf(75_000)) },
		"horizon": func() (float64, bool) { return short.Chance("t000", capOf(75_000)) },
		"what-if": func() (float64, bool) { return grown.Chance("t000", capOf(75_000)) },
		"none":    func() (float64, bool) { return (*outlook.Report)(nil).Chance("t000", capOf(75_000)) },
	} {
		if p, ok := ask(); ok || p != -1 {
			t.Errorf("another %s: %v, %v", what, p, ok)
		}
	}
}

// TestLeavingOutChangesNothingElse: without budget and scores a forecast is the same.
func TestLeavingOutChangesNothingElse(t *testing.T) {
	snap := pulledLog(t, 3, 60, 10)
	o := forecastOptions(t, 75_000)
	whole, err := outlook.Project(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	o.NoBudget, o.NoScores = true, true
	bare, err := outlook.Project(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole.Tenants {
		p, q := &whole.Tenants[i], &bare.Tenants[i]
		if p.Budget == nil || len(p.Scores) == 0 || q.Budget != nil || q.Scores != nil || q.Unscored != "" {
			t.Errorf("%s: budgets %v and %v, scores %v and %v", p.Tenant, p.Budget, q.Budget, p.Scores, q.Scores)
		}
		p.Budget, p.Scores, p.Unscored = nil, nil, ""
	}
	if !reflect.DeepEqual(whole, bare) {
		t.Errorf("%+v\nis not\n%+v", bare, whole)
	}
}

func BenchmarkProject(b *testing.B) {
	snap := pulledLog(b, 100, 365, 10)
	o := forecastOptions(b, 90_000)
	for b.Loop() {
		if _, err := outlook.Project(context.Background(), snap, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChances(b *testing.B) {
	snap := pulledLog(b, 100, 365, 10)
	o := forecastOptions(b, 90_000)
	for b.Loop() {
		chances(b, snap, capOf(90_000), o)
	}
}
