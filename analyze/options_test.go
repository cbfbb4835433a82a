package analyze_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/limits"
)

// TestOptionsThatMustBeSet: what has no default is asked for, in the caller's goroutine and not with a panic in another.
func TestOptionsThatMustBeSet(t *testing.T) {
	ctx, snap := context.Background(), pulledLog(t, 1, 2, 2)
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]struct {
		policy *limits.Policy
		asOf   time.Time
	}{"policy": {nil, forecastAsOf}, "moment": {policy, time.Time{}}} {
		audit, ahead := analyze.Options{Policy: o.policy, AsOf: o.asOf}, analyze.ForecastOptions{Policy: o.policy, AsOf: o.asOf}
		for call, f := range map[string]func() error{
			"Run":     func() error { _, _, err := analyze.Run(ctx, snap, audit); return err },
			"Explain": func() error { return analyze.Explain(ctx, snap, audit, "t000", func(analyze.Hit) {}) },
			"Days":    func() error { _, err := analyze.Days(ctx, snap, audit); return err },
			"Project": func() error { _, err := analyze.Project(ctx, snap, ahead); return err },
			"Chances": func() error { _, err := analyze.Chances(ctx, snap, ahead); return err },
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
	ctx, snap, o := context.Background(), pulledLog(t, 1, 100, 10), forecastOptions(t, told)
	chances, err := analyze.Chances(ctx, snap, o)
	if err != nil || chances["t000"] < .1 {
		t.Fatalf("the log does not lead to its cap: %v, %v", chances, err)
	}
	r, _, err := analyze.Run(ctx, snap, analyze.Options{Policy: o.Policy, AsOf: o.AsOf, Forecast: true, About: func(string) analyze.Tenant {
		return analyze.Tenant{Cap: analyze.CapFacts{Told: told}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Tenants[0].Findings {
		if f.Rule == analyze.RuleEgressNear && strings.Contains(f.Detail, "forecast") {
			return
		}
	}
	t.Errorf("the forecast is not among %+v", r.Tenants[0].Findings)
}

// TestAuditorIdentifies: two recordings in requests made by hand are two recordings.
func TestAuditorIdentifies(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	a := analyze.NewAuditor(policy, analyze.Tenant{Name: "acme"})
	requests := twoDownloads(forecastAsOf, 5*time.Second)
	for i := range requests {
		if err := a.Add(&requests[i]); err != nil {
			t.Fatal(err)
		}
	}
	if r, ok := a.Result(forecastAsOf.Add(time.Minute).UnixMicro()); !ok || r.Verdict != analyze.Pass {
		t.Errorf("%v: %+v", ok, r.Findings)
	}
}
