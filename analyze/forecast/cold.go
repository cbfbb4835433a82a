package forecast

import "math"

// shapes are weekly shapes found in public volumes of many kinds, Monday first, with mean 1 or near
// it: no weekday pattern, a mild weekend dip, a strong one, a closed weekend, a week from Sunday to
// Thursday.
var shapes = [...]struct {
	prior float64
	week  profile
}{
	{.25, profile{1, 1, 1, 1, 1, 1, 1}},
	{.30, profile{1.18, 1.1, 1.08, 1.08, 1.06, .8, .7}},
	{.25, profile{1.35, 1.3, 1.3, 1.3, 1.25, .3, .2}},
	{.12, profile{1.4, 1.4, 1.4, 1.4, 1.4, 0, 0}},
	{.08, profile{1.3, 1.3, 1.2, 1.1, .35, .15, 1.6}},
}

const (
	// shapeSigma is the deviation from its shape a day may have, in mean volumes; .2 and .45 score
	// .001 and .004 worse.
	shapeSigma = .3
	// shapeOutlier bounds what one day can say against a shape (in σ): a holiday is no proof of a
	// closed weekend.
	shapeOutlier = 3.
)

// coldProfile is the mixture of the shapes, each scaled to the history, by prior × likelihood.
// first is the weekday of day 0.
func coldProfile(volume []float64, first int) profile {
	var levels, logs [len(shapes)]float64
	best := math.Inf(-1)
	for k := range shapes {
		levels[k], logs[k] = fitShape(k, volume, first)
		best = math.Max(best, logs[k])
	}
	var out profile
	var total float64
	for k, s := range shapes {
		w := math.Exp(logs[k] - best)
		total += w
		for d := range out {
			out[d] += w * levels[k] * s.week[d]
		}
	}
	for d := range out {
		out[d] /= total
	}
	return out
}

// fitShape returns the level at which shape k has the history's total, and the log of its prior ×
// likelihood. A shape that has no volume on any of the days is not possible (−Inf).
func fitShape(k int, volume []float64, first int) (level, log float64) {
	var sum, share float64
	for t, v := range volume {
		sum += v
		share += shapes[k].week[(first+t)%week]
	}
	if share == 0 {
		return 0, math.Inf(-1)
	}
	level, log = sum/share, math.Log(shapes[k].prior)
	if level == 0 {
		return level, log
	}
	for t, v := range volume {
		off := (v/level - shapes[k].week[(first+t)%week]) / shapeSigma
		log -= math.Min(off*off, shapeOutlier*shapeOutlier) / 2
	}
	return level, log
}
