package forecast

import "math"

// carry knows how much of a day's surprise the next days will have too: busy and quiet spells last
// some days, fewer than the experts need to follow.
//
//	r        = (v − p) / max(p, mean(p)/2) of the last day, clipped at ±.3;
//	           p is what the profile said the day before
//	φ        = (n·Σ r(t)·r(t−1) / Σ ½(r(t)² + r(t−1)²) + 20·.4) / (n + 20)
//	carry(j) = 1 + φ·r·.6^(j−1),  j days ahead
//
// n are the days learned from, from the 15th on; their weight halves in 80 days, as the experts'
// does. A day that is nearly empty is taken for a missed night, not for a quiet one: its r is 0, as
// that of closure days is.
//
// On either half of the public series the Brier skill of a cap at the 90 % percentile rises by .014
// or more (.201 to .219, with closure days .230 to .247), the pinball loss falls by .003. It is the
// last day that tells: the mean surprise of the last five to fourteen makes all worse, since the
// experts have followed that already. It fails after one odd day that is neither labelled nor
// nearly empty: the next day is then expected up to .3·φ off, half a week later a fifth of that.
type carry struct {
	last                   float64 // r of the last day
	product, square, count float64
}

const (
	// carryPrior is φ in short histories, carryWeight how many days it counts; .2, and 10 and 50 score
	// the same. A φ that is not learned costs .007 of the Brier skill.
	carryPrior, carryWeight = .4, 20.
	carryDecay              = .6 // a day; .5 and .7 score the same
	carryClip               = .3 // .2 and .5 score the same
)

// fading are the powers of carryDecay.
var fading = func() (out [mostAhead + 1]float64) {
	for j := range out {
		out[j] = math.Pow(carryDecay, float64(j))
	}
	return out
}()

// learn takes in the last day of m.volume, when m.profile is still what was said of it.
func (c *carry) learn(m *Model) {
	if m.n <= warmFrom {
		return
	}
	before, v, p := c.last, m.volume[m.n-1], m.profile[m.day(m.n-1)]
	c.last = 0
	if usual := math.Max(p, m.mean/2); v > nearEmpty*p && usual > 0 {
		c.last = math.Max(-carryClip, math.Min(carryClip, (v-p)/usual))
	}
	c.product = expertDecay*c.product + before*c.last
	c.square = expertDecay*c.square + (before*before+c.last*c.last)/2
	c.count = expertDecay*c.count + 1
}

// factor is carry(j + 1): of what the profile says of the first (j = 0), second, … coming day, how
// much that should bring.
func (c *carry) factor(j int) float64 {
	var own float64
	if c.square > 0 {
		own = c.count * c.product / c.square // at most count, either way
	}
	return 1 + c.last*fading[j]*(own+carryWeight*carryPrior)/(c.count+carryWeight)
}
