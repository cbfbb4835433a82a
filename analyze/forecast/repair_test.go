package forecast

import (
	"math"
	"testing"
)

// TestRepair: three missed nights and their catch-up teach what would have been, and a backfill is clipped.
func TestRepair(t *testing.T) {
	s := weekly(4, 60)
	want := mustForecast(t, s, 14)
	var missed float64
	for d := 50; d < 53; d++ {
		missed += s.Bytes[d]
		s.Bytes[d] = 0
	}
	s.Bytes[53] += missed
	s.Bytes[40] += 2e12
	got := mustForecast(t, s, 14)
	if off := got[13].Point/want[13].Point - 1; math.Abs(off) > .04 {
		t.Errorf("point is off by %.3f after faults", off)
	}
}

// TestNewLevel: a volume that rises for good is no fault, and is learned within four weeks, whatever it was before; a weekday
// that opens within five.
func TestNewLevel(t *testing.T) {
	const at, days = 100, 100 + 4*week
	for name, c := range map[string]struct {
		before func(day int) float64 // share of the later volume
		days   int
	}{
		"after nothing":       {func(int) float64 { return 0 }, days},
		"after weeks of none": {func(day int) float64 { return float64(1 - min(1, day/60)) }, days},
		"doubled":             {func(int) float64 { return .5 }, days},
		"fourfold":            {func(int) float64 { return .25 }, days},
		"fridays open": {func(day int) float64 {
			if day%week == 4 {
				return 0
			}
			return 1
		}, at + 5*week},
	} {
		s := weekly(9, c.days+14)
		for _, closed := range []bool{false, true} { // on weekends
			for d := range s.Bytes {
				if closed && d%week > 4 {
					s.Bytes[d] = 0
				}
			}
			want := s.Bytes[c.days:]
			part := s
			part.Bytes = append([]float64{}, s.Bytes[:c.days]...)
			for d := range at {
				part.Bytes[d] *= c.before(d)
			}
			var sum float64
			for _, v := range want[9:] {
				sum += v
			}
			if got := mustForecast(t, part, 14)[13].Point; math.Abs(got/sum-1) > .25 {
				t.Errorf("%s, weekends closed %v: %.1f GB in two weeks, want about %.1f", name, closed, got/1e9, sum/1e9)
			}
		}
	}
}

// TestNoNewLevel: a backfill of four nights is no new level, but might be one: the upper quantiles know.
func TestNoNewLevel(t *testing.T) {
	s := weekly(4, 74)
	want := mustForecast(t, s, 14)
	for d := 70; d < 74; d++ {
		s.Bytes[d] *= 5
	}
	got := mustForecast(t, s, 14)
	if off := got[13].Point/want[13].Point - 1; off > .25 {
		t.Errorf("four nights of five times the volume move the point by %.2f", off)
	}
	if up := got[13].Quantile(.95) / want[13].Point; up < 4 {
		t.Errorf("should the nights go on so, five times as much comes: the 95 %% quantile is %.1f times the point", up)
	}
}

// TestBugIsForgotten: a week of repeated downloads, labelled, widens the bands for no longer than it takes.
func TestBugIsForgotten(t *testing.T) {
	s := weekly(4, 110)
	want := mustForecast(t, s, 7)
	for d := 60; d < 67; d++ {
		s.Faults = append(s.Faults, Fault{d, Redownload, 20 * s.Bytes[d]})
		s.Bytes[d] *= 21
	}
	if got := mustForecast(t, s, 7); got[6].Scale > 2.5*want[6].Scale {
		t.Errorf("six weeks after a bug the scale is %.1f times as large", got[6].Scale/want[6].Scale)
	}
}
