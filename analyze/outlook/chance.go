package outlook

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/store"
)

// How uncertain an estimated cap is taken to be: headroom's own numbers. The bytes of a recorded
// hour differ by codec and stereo; those measured on the tenant's own list do not, but the number
// of agents that the vendor counts may.
const (
	assumedSpread  = .25
	measuredSpread = .10
)

// spread turns a cap into its possible values; nil where it is unknown. No value lies below the
// largest sum that was let through.
func spread(c egress.Cap) forecast.Cap {
	low, high := float64(c.Bytes), float64(c.Bytes)
	switch c.Source {
	case egress.CapTold:
	case egress.CapLearned:
		low = float64(c.Low)
		if c.High == 0 {
			high = low * (1 + assumedSpread)
		}
	case egress.CapMeasured:
		low, high = low*(1-measuredSpread), high*(1+measuredSpread)
	case egress.CapAssumed:
		low, high = low*(1-assumedSpread), high*(1+assumedSpread)
	}
	if c.Bytes <= 0 {
		return nil
	}
	return forecast.CapBetween(math.Max(low, float64(c.Low)), math.Max(high, float64(c.Low)))
}

const (
	// learnDays are learned from: enough weeks for weekdays and errors, and the same work however long
	// the log is, since the audit learns from them, too, and must say the same chance. All of a log
	// would gain .7 % of the pinball loss.
	learnDays = 120
	// FarFromCap is the share of the cap under which a month's largest sum makes a forecast for the
	// audit idle: the volume would have to triple within a week.
	FarFromCap = .3
)

// far says of a tenant's last requests that its audit needs no chance.
func far(c *collector, limit egress.Cap) bool {
	return limit.Bytes <= 0 || len(c.days) == 0 || c.peak < FarFromCap*float64(limit.Bytes)
}

// Chance gives the chance of reaching a cap within ChanceDays of one tenant, whose Name, Resets and
// Zone are set: the one that Project says. It is negative where there is none: without a cap, or
// where the largest sum of a month is under 30 % of it. It reads no more than the last 120 days, so
// that it costs the same however long the log is; what Project makes of older requests, the cap,
// the caller has made of them already. Of the options, Policy and AsOf count. What the last 35 days
// say decides whether the others are read.
func Chance(
	ctx context.Context, snap store.Snapshot, t egress.Tenant, limit egress.Cap, o Options,
	seen *egress.Items,
) (float64, error) {
	if err := o.needed(); err != nil {
		return -1, fmt.Errorf("forecast: %w", err)
	}
	o.Horizon, o.NoBudget = ChanceDays, true
	if t.Zone == nil {
		t.Zone = time.UTC
	}
	asOf := o.AsOf.UnixMicro()
	for _, days := range []int64{35, learnDays} {
		c, err := collect(ctx, snap, o.Policy, t, asOf, asOf-days*dayMicros, seen)
		if err != nil {
			return -1, err
		}
		if far(c, limit) {
			return -1, nil
		}
		if days == learnDays {
			p := newProjection(c, o)
			p.Cap = limit
			p.forecast(c, o)
			return p.Chance, nil
		}
	}
	return -1, nil
}

// Chance is what the function Chance gives at the report's AsOf, without a computation; ok is false
// where the report does not tell it: it has no such tenant, knows another cap of it, asks what if,
// or looks less far ahead.
func (r *Report) Chance(tenant string, limit egress.Cap) (chance float64, ok bool) {
	if r == nil || r.Horizon < ChanceDays || !r.WhatIf.IsZero() {
		return -1, false
	}
	for i := range r.Tenants {
		switch p := &r.Tenants[i]; {
		case p.Tenant != tenant:
		case p.Cap != limit:
			return -1, false
		case p.far:
			return -1, true
		default:
			return p.Chance, true
		}
	}
	return -1, false
}
