package analyze_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

var forecastAsOf = time.Date(2026, 11, 10, 9, 0, 0, 0, time.UTC)

// pulledLog is a store in which each tenant pulled so many recordings in each of the last nights.
func pulledLog(tb testing.TB, tenants, days, each int) *store.Snapshot {
	tb.Helper()
	ctx := context.Background()
	s, err := store.Open(filepath.Join(tb.TempDir(), "a.db"))
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

func forecastOptions(tb testing.TB, told int64) analyze.ForecastOptions {
	tb.Helper()
	p, err := limits.Builtin("xima")
	if err != nil {
		tb.Fatal(err)
	}
	return analyze.ForecastOptions{Policy: p, AsOf: forecastAsOf, About: func(string) analyze.Tenant {
		return analyze.Tenant{Chance: -1, Cap: analyze.CapFacts{Told: told}}
	}}
}

// TestChancesAreTheForecasts: where nothing older than the last days matters, both say the same.
func TestChancesAreTheForecasts(t *testing.T) {
	snap := pulledLog(t, 3, 100, 10)
	for _, told := range []int64{65_000, 75_000, 90_000} {
		o := forecastOptions(t, told)
		r, err := analyze.Project(context.Background(), snap, o)
		if err != nil {
			t.Fatal(err)
		}
		chances, err := analyze.Chances(context.Background(), snap, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(chances) != 3 || len(r.Tenants) != 3 {
			t.Fatalf("cap %d: chances %v of %d tenants", told, chances, len(r.Tenants))
		}
		for _, p := range r.Tenants {
			if chances[p.Tenant] != p.Chance {
				t.Errorf("cap %d, %s: %v and %v", told, p.Tenant, chances[p.Tenant], p.Chance)
			}
		}
	}
}

// TestNoChanceWithoutNeed: neither without a cap nor far from it.
func TestNoChanceWithoutNeed(t *testing.T) {
	snap := pulledLog(t, 2, 60, 10)
	for _, told := range []int64{0, 1e9} {
		if chances, err := analyze.Chances(context.Background(), snap, forecastOptions(t, told)); err != nil || len(chances) > 0 {
			t.Errorf("cap %d: %v, %v", told, chances, err)
		}
	}
}

func BenchmarkProject(b *testing.B) {
	snap := pulledLog(b, 100, 365, 10)
	o := forecastOptions(b, 90_000)
	for b.Loop() {
		if _, err := analyze.Project(context.Background(), snap, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChances(b *testing.B) {
	snap := pulledLog(b, 100, 365, 10)
	o := forecastOptions(b, 90_000)
	for b.Loop() {
		if _, err := analyze.Chances(context.Background(), snap, o); err != nil {
			b.Fatal(err)
		}
	}
}
