package analyze_test

import (
	"context"
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
