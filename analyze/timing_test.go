package analyze

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
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
			p := project(collected(t, Tenant{}, asOf, append([]pulled{}, past...)), ForecastOptions{Policy: mustPolicy(t), Horizon: 1, AsOf: asOf})
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
	c := collected(t, Tenant{}, projectAsOf, nightly(60, weekly, time.UTC))
	l := newOutlook(c, c.habits(), nil, ForecastOptions{})
	l.y[0], l.y[5] = 9000, 9000
	for i, m := range l.timing(c.habits()) {
		if math.Abs(m.shift)+m.spread-m.least > 1e-6 {
			t.Errorf("day %d: %+v", i, m)
		}
	}
}
