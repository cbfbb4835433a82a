package outlook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Options say what to forecast.
type Options struct {
	// Policy says what counts towards the rolling egress. It must be set.
	Policy *limits.Policy
	// AsOf is the moment taken as "now"; later requests are left out. It must be set.
	AsOf time.Time
	// Horizon is how many days ahead to look, at most forecast.MaxHorizon. By default, DefaultHorizon.
	Horizon int
	// Tenants are the tenants to forecast; none means all.
	Tenants []string
	// About gives what is known of a tenant beside its requests; nil means nothing. Name and Resets
	// are filled in.
	About func(name string) egress.Tenant
	// WhatIf changes what is assumed of the future.
	WhatIf WhatIf
	// NoBudget and NoScores leave out Projection.Budget, and Scores with Unscored: each costs about as
	// much as the bands of the coming days. By default, both are made.
	NoBudget, NoScores bool
}

// needed refuses options without what has no default: without a policy nothing can be counted, and
// year 1 is no "now".
func (o *Options) needed() error {
	switch {
	case o.Policy == nil:
		return errors.New("no Policy is given; limits.Builtin has one")
	case o.AsOf.IsZero():
		return errors.New("no AsOf is given; time.Now() is the usual one")
	}
	return nil
}

func (o *Options) check() error {
	if o.Horizon == 0 {
		o.Horizon = DefaultHorizon
	}
	if o.Horizon < 1 || o.Horizon > forecast.MaxHorizon {
		return fmt.Errorf("forecast %d days ahead: 1 to %d are possible", o.Horizon, forecast.MaxHorizon)
	}
	return o.WhatIf.check(o.AsOf, o.Horizon)
}

// names are the tenants to forecast: those asked for, whether they have requests or not, or all of
// the snapshot.
func (o *Options) names(snap store.Snapshot) []string {
	if len(o.Tenants) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(o.Tenants)))
	}
	var names []string
	for _, t := range snap.Tenants() {
		names = append(names, t.Name)
	}
	return names
}

func (o *Options) about(
	ctx context.Context, snap store.Snapshot, name string, resets map[string][]int64,
) (egress.Tenant, error) {
	t := egress.Tenant{Chance: -1}
	if o.About != nil {
		t = o.About(name)
	}
	t.Name, t.Resets = name, resets[name]
	if t.Zone == nil {
		t.Zone = time.UTC
	}
	return t, t.Measure(ctx, snap, o.AsOf.UnixMicro())
}
