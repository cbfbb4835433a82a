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

// Cap is a limit as far as it is known: values in bytes that are equally likely. One value is a limit that was told.
type Cap []float64

// CapBetween is a limit of which only a lower and an upper bound are known, equally likely everywhere between them.
func CapBetween(low, high float64) Cap {
	if low >= high {
		return Cap{low}
	}
	const parts = 32 // the chance then differs by less than .001 from the integral
	out := make(Cap, parts)
	for i := range out {
		out[i] = low + (high-low)*(float64(i)+.5)/parts
	}
	return out
}

// Cross is the chance that the sum reaches the cap within the first days of the fan; 0 for a Cap without values. It is
// the mean over the cap's values of the largest chance of a single day: sums of neighbouring days share most of their
// volume, and modelling how they move together was not better.
func (f Fan) Cross(c Cap, days int) float64 {
	var sum float64
	for _, limit := range c {
		var most float64
		for _, b := range f[:min(max(days, 0), len(f))] {
			most = math.Max(most, b.Exceed(limit))
		}
		sum += most
	}
	if len(c) == 0 {
		return 0
	}
	return sum / float64(len(c))
}

// First is the first day ahead (1 is the next) by which the chance of reaching the cap is at least p, 0 for none: with
// p = .5 the expected day, with .1 the day to warn of.
func (f Fan) First(c Cap, p float64) int {
	for days := 1; days <= len(f); days++ {
		if f.Cross(c, days) >= p {
			return days
		}
	}
	return 0
}
