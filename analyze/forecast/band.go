package forecast

import "math"

// Levels are the levels of Band.Quantiles.
var Levels = [...]float64{.025, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95, .975}

// Errors of a sum, divided by their mean size, lie almost exactly on a Laplace distribution: its 60, 70, 80 and 90 %
// quantiles are .22, .51, .92 and 1.61, measured were .24, .51, .89 and 1.56. Only the outer tenths are longer (2.26 and
// 3.23 at 95 and 97.5 %, and −4.11 at 2.5 %). Hence a Laplace body, a little narrower, and beyond the 10 and 90 %
// quantiles an exponential tail one and a half times as long.
const (
	bodyScale = .93
	tailScale = 1.5
	tailAt    = .1
)

// turn is the distance from the median at which the tail begins, in scales.
var turn = -bodyScale * math.Log(2*tailAt)

// unit are the quantiles at Levels for a point of 0 and a scale of 1.
var unit = func() (out [len(Levels)]float64) {
	for i, p := range Levels {
		out[i] = unitQuantile(p)
	}
	return out
}()

func unitQuantile(p float64) float64 {
	if p > .5 {
		return -unitQuantile(1 - p)
	}
	if p >= tailAt {
		return bodyScale * math.Log(2*p)
	}
	return -turn + tailScale*bodyScale*math.Log(p/tailAt)
}

// unitExceed is the chance of a value of z or more.
func unitExceed(z float64) float64 {
	switch {
	case z < 0:
		return 1 - unitExceed(-z)
	case z <= turn:
		return math.Exp(-z/bodyScale) / 2
	}
	return tailAt * math.Exp(-(z-turn)/(tailScale*bodyScale))
}

// Band is what is said of one window: all in bytes.
type Band struct {
	// Known is the part that cannot change any more; nothing lies below it.
	Known float64
	// Point is the median, Known plus what is expected of the unknown days.
	Point float64
	// Quantiles are those at Levels, never decreasing.
	Quantiles [len(Levels)]float64
	// Scale is the mean |error| expected. 0 means that all of the window is known.
	Scale float64
}

func newBand(known, unknown, scale float64) Band {
	b := Band{Known: known, Point: known + unknown, Scale: scale}
	for i := range b.Quantiles {
		b.Quantiles[i] = math.Max(known, b.Point+scale*unit[i])
	}
	return b
}

// Quantile returns the quantile at p, 0 < p < 1; other p are moved to the outermost of Levels.
func (b Band) Quantile(p float64) float64 {
	if !(p > 0 && p < 1) {
		p = math.Min(math.Max(p, Levels[0]), Levels[len(Levels)-1])
	}
	return math.Max(b.Known, b.Point+b.Scale*unitQuantile(p))
}

// Moved returns the band with another sum on top that is uncertain, too, and independent of it: shift at its median, spread its
// mean |error|, and known the part of both that is for sure.
func (b Band) Moved(shift, spread, known float64) Band {
	b.Known = known
	b.Point = math.Max(known, b.Point+shift)
	spread = math.Hypot(b.Scale, spread) - b.Scale
	b.Scale += spread
	for i := range b.Quantiles {
		b.Quantiles[i] = math.Max(known, b.Quantiles[i]+shift+spread*unit[i])
	}
	return b
}

// Unknown returns the quantile at p of what the window's unknown days bring.
func (b Band) Unknown(p float64) float64 { return b.Quantile(p) - b.Known }

// Exceed is P(sum ≥ limit).
func (b Band) Exceed(limit float64) float64 {
	switch {
	case limit <= b.Known:
		return 1
	case b.Scale > 0:
		return unitExceed((limit - b.Point) / b.Scale)
	case b.Point >= limit:
		return 1
	}
	return 0
}

// Fan are the bands of 1, 2, … days ahead.
type Fan []Band
