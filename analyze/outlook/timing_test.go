package outlook

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
)

// TestPullsThatMove: where pulls start within three hours of each other, the bands hold as often as they say.
func TestPullsThatMove(t *testing.T) {
	var in80, in95, n float64
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 11))
		all := nightly(200, func(d int) int64 { return int64(float64(weekly(d)) * math.Exp(.1*r.NormFloat64())) }, time.UTC)
		for i := range all {
			if i%10 == 0 {
				late := time.Duration(r.IntN(180)) * time.Minute
				for k := range 10 {
					all[i+k].at = all[i+k].at.Add(late)
				}
			}
		}
		for day := 60; day < 198; day += 3 {
			asOf := projectAsOf.AddDate(0, 0, day-199)
			past := all[:(day+1)*10]
			p := project(collected(t, egress.Tenant{}, asOf, append([]pulled{}, past...)), Options{Policy: mustPolicy(t), Horizon: 1, AsOf: asOf})
			most := rolled(past, asOf.Add(time.Minute), time.Time{})
			for _, next := range all[(day+1)*10 : (day+2)*10] {
				most = math.Max(most, rolled(all[:(day+2)*10], next.at, time.Time{}))
			}
			inside := func(low, high float64) float64 {
				if d := p.Days[0]; d.Quantile(low)-1 <= most && most <= d.Quantile(high)+1 {
					return 1
				}
				return 0
			}
			in80, in95, n = in80+inside(.1, .9), in95+inside(.025, .975), n+1
		}
	}
	if in80 < .7*n || in80 > .92*n || in95 < .92*n {
		t.Errorf("the 80 %% band held %.3f, the 95 %% band %.3f", in80/n, in95/n)
	}
}

// TestPullsThatStay: nights that are all alike move nothing.
func TestPullsThatStay(t *testing.T) {
	c := collected(t, egress.Tenant{}, projectAsOf, nightly(60, weekly, time.UTC))
	l := newOutlook(c, c.habits(), nil, Options{})
	l.y[0], l.y[5] = 9000, 9000
	for i, m := range l.timing(c.habits()) {
		if math.Abs(m.shift)+m.spread-m.least > 1e-6 {
			t.Errorf("day %d: %+v", i, m)
		}
	}
}

// TestProjectionProperties: whatever comes when, quantiles never cross, no sum is below what stays in the window anyway, and a
// thousandfold volume has thousandfold sums.
func TestProjectionProperties(t *testing.T) {
	o := Options{Policy: mustPolicy(t), Horizon: forecast.MaxHorizon, AsOf: projectAsOf}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 12))
		all := nightly(3+r.IntN(120), func(d int) int64 { return weekly(d) * r.Int64N(4) / (1 + r.Int64N(3)) }, time.UTC)
		for i := range all {
			all[i].at = all[i].at.Add(time.Duration(r.IntN(600)) * time.Minute * time.Duration(seed%3))
			if r.IntN(9) == 0 {
				all[i].item = max(0, i-10) // downloaded again
			}
		}
		all = slices.DeleteFunc(all, func(p pulled) bool { return p.at.After(projectAsOf) })
		large := slices.Clone(all)
		for i := range large {
			large[i].bytes *= 1000
		}
		small := project(collected(t, egress.Tenant{}, projectAsOf, all), o)
		for i, d := range project(collected(t, egress.Tenant{}, projectAsOf, large), o).Days {
			stays := rolled(large, projectAsOf.AddDate(0, 0, i).Add(15*time.Minute), time.Time{})
			if !slices.IsSorted(d.Quantiles[:]) || d.Quantiles[0] < stays || d.Point < stays {
				t.Fatalf("seed %d day %d: point %v and %v, and %v stays", seed, i+1, d.Point, d.Quantiles, stays)
			}
			for q, v := range small.Days[i].Quantiles {
				if off := math.Abs(1000*v - d.Quantiles[q]); off > 1e-6*d.Quantiles[20]+1 {
					t.Fatalf("seed %d day %d: %v and, of a thousandfold volume, %v", seed, i+1, v, d.Quantiles[q])
				}
			}
		}
	}
}
