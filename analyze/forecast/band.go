package forecast

import "math"

// Levels are the levels of Band.Quantiles.
var Levels = [...]float64{
	.025,
	.05,
	.1,
	.15,
	.2,
	.25,
	.3,
	.35,
	.4,
	.45,
	.5,
	.55,
	.6,
	.65,
	.7,
	.75,
	.8,
	.85,
	.9,
	.95,
	.975,
}

// Errors of a sum, divided by their mean size, lie almost exactly on a Laplace distribution: its
// 60, 70, 80 and 90 % quantiles are .22, .51, .92 and 1.61, measured were .24, .51, .89 and 1.56.
// Only the outer tenths are longer (2.26 and 3.23 at 95 and 97.5 %, and −4.11 at 2.5 %). Hence a
// Laplace body, a little narrower, and beyond the 10 and 90 % quantiles an exponential tail one and
// a half times as long.
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

// Band is what is said of one window: all in bytes. Where the coming days may be of several kinds
// (see cases.go), it is the mixture of what each of them would bring.
type Band struct {
	// Known is the part that cannot change any more; nothing lies below it.
	Known float64
	// Point is the median.
	Point float64
	// Quantiles are those at Levels, never decreasing.
	Quantiles [len(Levels)]float64
	// Scale is the mean |error| expected. 0 means that all of the window is known.
	Scale float64

	parts []part
	// lean bands have no Point, Quantiles and Scale: only chances are asked for.
	lean bool
}

// part is what a window holds in one case: the median and the mean |error|. Weights of a band add
// up to 1.
type part struct {
	weight, point, scale float64
	// played: the case says what the days bring together, so that those that reach a cap need not be
	// put together.
	played bool
}

func (p *part) exceed(limit float64) float64 {
	switch {
	case p.scale > 0:
		return unitExceed((limit - p.point) / p.scale)
	case p.point >= limit:
		return 1
	}
	return 0
}

// fill sets all that follows from Known and the parts.
func (b *Band) fill() {
	if b.lean {
		return
	}
	if len(b.parts) == 1 {
		p := b.parts[0]
		b.Point, b.Scale = math.Max(b.Known, p.point), p.scale
		for i := range b.Quantiles {
			b.Quantiles[i] = math.Max(b.Known, p.point+p.scale*unit[i])
		}
		return
	}
	low := math.Inf(-1)
	for i, level := range Levels {
		low = math.Max(low, b.mixed(level, unit[i]))
		b.Quantiles[i] = math.Max(b.Known, low)
	}
	b.Point, b.Scale = b.Quantiles[len(Levels)/2], 0
	for _, p := range b.parts {
		b.Scale += p.weight * (p.scale + math.Abs(p.point-b.Point))
	}
}

// Quantile returns the quantile at p, 0 < p < 1; other p are moved to the outermost of Levels.
func (b *Band) Quantile(p float64) float64 {
	if !(p > 0 && p < 1) {
		p = math.Min(math.Max(p, Levels[0]), Levels[len(Levels)-1])
	}
	return math.Max(b.Known, b.mixed(p, unitQuantile(p)))
}

// mixed is the quantile at p of the mixture; z is that of the unit distribution. It lies between
// those of the parts.
func (b *Band) mixed(p, z float64) float64 {
	low, high, x := math.Inf(1), math.Inf(-1), 0.
	for i := range b.parts {
		q := b.parts[i].point + b.parts[i].scale*z
		low, high = math.Min(low, q), math.Max(high, q)
		x += b.parts[i].weight * q
	}
	enough := 1e-9 * math.Max(math.Abs(low), math.Abs(high))
	for range 100 {
		if high-low <= enough {
			break
		}
		if x <= low || x >= high {
			x = low + (high-low)/2
		}
		above, density := b.tail(x)
		if above > 1-p {
			low = x
		} else {
			high = x
		}
		if density == 0 {
			continue
		}
		step := (above - (1 - p)) / density
		if x += step; math.Abs(step) <= enough {
			break
		}
	}
	return math.Min(math.Max(x, low), high)
}

// tail is the chance of x or more, and the density there.
func (b *Band) tail(x float64) (above, density float64) {
	for i := range b.parts {
		p := &b.parts[i]
		if p.scale == 0 {
			above += p.weight * p.exceed(x)
			continue
		}
		z := (x - p.point) / p.scale
		e := unitExceed(math.Abs(z))
		rate := 1 / bodyScale
		if math.Abs(z) > turn {
			rate /= tailScale
		}
		density += p.weight * e * rate / p.scale
		if z < 0 {
			e = 1 - e
		}
		above += p.weight * e
	}
	return above, density
}

// Unknown returns the quantile at p of what the window's unknown days bring.
func (b *Band) Unknown(p float64) float64 { return b.Quantile(p) - b.Known }

// Exceed is P(sum ≥ limit).
func (b *Band) Exceed(limit float64) float64 {
	if limit <= b.Known {
		return 1
	}
	var sum float64
	for i := range b.parts {
		sum += b.parts[i].weight * b.parts[i].exceed(limit)
	}
	return sum
}

// Moved returns the band with another sum on top that is uncertain, too, and independent of it:
// shift at its median, spread its mean |error|, and known the part of both that is for sure.
func (b Band) Moved(shift, spread, known float64) Band {
	parts := make([]part, len(b.parts))
	for i, p := range b.parts {
		parts[i] = part{p.weight, p.point + shift, math.Hypot(p.scale, spread), p.played}
	}
	b.Known, b.parts = known, parts
	b.fill()
	return b
}

// Grown returns the band with its unknown part so many times as large.
func (b Band) Grown(factor float64) Band {
	if factor == 1 {
		return b
	}
	parts := make([]part, len(b.parts))
	for i, p := range b.parts {
		parts[i] = part{p.weight, b.Known + factor*(p.point-b.Known), factor * p.scale, p.played}
	}
	b.parts = parts
	b.fill()
	return b
}

// Fan are the bands of 1, 2, … days ahead.
type Fan []Band
