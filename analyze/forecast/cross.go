package forecast

import "math"

// How the chances of single days become that of having reached the cap on one of them.
//
// With p(h) = P(S(h) ≥ cap), the chance of having reached it within H days lies between the largest
// p(h) (sums that move together) and 1 − Π(1 − p(h)) (sums that do not). Neighbouring sums share
// four of their five days:
//
//	P(H) = 1 − (1 − max p(h))^.7 · (Π (1 − p(h)))^.3,  h ≤ H
//
// Measured on the public series, for caps of 1, 1.1 and 1.2 times the largest sum of the four weeks
// before (closure days known): the mean chance within 7 days is 1.05, 1.03 and .88 of how often it
// came to that, within 14 days .97, .98 and .83. The largest p(h) alone says .90, .79 and .64, and
// .68, .56 and .43. The Brier skill is .30, .19 and .09 instead of .29, .18 and .08, and .22, .11
// and .06 instead of .12, .03 and −.01, and better on either half of the series. It fails on caps
// at a fifth above all that the last weeks had: a jump of the volume is likelier than the tails of
// band.go say (where 13 % are said within 7 days it is 17 %, where 26 % within 14 days, 42 %). Caps
// set with knowledge of the future, as a percentile of the whole series, score .007 worse than by
// the largest p(h).

// What came of the tenant's own mornings at the same utilisation (within a tenth, of the last 120
// days), as a floor and a ceiling of the chance, makes it worse: with two standard errors the Brier
// skill on public series falls from .32, .26 and .16 to .29, .23 and .14, and said and came are up
// to .17 apart instead of .07. A sum near its cap because of a large week behind it and one because
// of a large week ahead have the same utilisation. The rhythms for which it was asked are played
// again instead (gaps.go).

// fresh is the share of each day's chance that the other days have not, within a week; it grows to
// freshFar within two, as fewer days are in common. Without the growth the chances within 14 days
// come to .7–.85 of how often it was; .1 more or less scores .005 worse.
const fresh, freshFar = .2, .3

// reached turns the chances that the sums of the first, second, … day reach the cap into those of
// having reached it by the end of that day, in place. near and far are fresh and freshFar, or 0 for
// days that are known to move together.
func reached(daily []float64, near, far float64) {
	most, none := 0., 1.
	for i, p := range daily {
		most = math.Max(most, p)
		none *= 1 - p
		fresh := near + (far-near)*math.Min(1, math.Max(0, float64(i+1-week)/week))
		daily[i] = math.Max(most, 1-math.Pow(1-most, 1-fresh)*math.Pow(none, fresh))
	}
}

// Cap is a limit as far as it is known: values in bytes that are equally likely. One value is a
// limit that was told.
type Cap []float64

// CapBetween is a limit of which only a lower and an upper bound are known, equally likely
// everywhere between them.
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

// Crossing gives, for each day of the fans, the chance of having reached the cap by its end; nil
// for a Cap without values. The fans are of one model and as long as each other: bands of different
// windows of the same days, of which the one that is likelier to reach the cap counts.
func (c Cap) Crossing(fans ...Fan) []float64 {
	if len(c) == 0 {
		return nil
	}
	days := len(fans[0])
	out, daily := make([]float64, days), make([]float64, days)
	for k := range fans[0].cases() {
		for _, limit := range c {
			for day := range daily {
				daily[day] = 0
				for _, fan := range fans {
					daily[day] = math.Max(daily[day], fan[day].exceedIn(k, limit))
				}
			}
			if fans[0][0].parts[k].played {
				reached(daily, 0, 0)
			} else {
				reached(daily, fresh, freshFar)
			}
			for day, p := range daily {
				out[day] += fans[0][0].parts[k].weight * p / float64(len(c))
			}
		}
	}
	for day, p := range out {
		out[day] = math.Min(p, 1) // weights add up to 1 but for rounding
	}
	return out
}

// Added is the chance that something reaches the cap that would not be reached without it: with and
// without are the bands of the same windows with and without it, as often as Crossing takes fans.
// What happens anyway counts for nothing.
func (c Cap) Added(with, without []Fan) float64 {
	if len(c) == 0 {
		return 0
	}
	var sum float64
	daily := make([]float64, len(with[0]))
	for k := range with[0].cases() {
		weight := with[0][0].parts[k].weight / float64(len(c))
		for _, limit := range c {
			for day := range daily {
				daily[day] = 0
				for i := range with {
					daily[day] = math.Max(daily[day],
						with[i][day].exceedIn(k, limit)-without[i][day].exceedIn(k, limit))
				}
			}
			if with[0][0].parts[k].played {
				reached(daily, 0, 0)
			} else {
				reached(daily, fresh, freshFar)
			}
			sum += weight * daily[len(daily)-1]
		}
	}
	return sum
}

// cases is of how many parts the bands are mixtures, the same ones in all.
func (f Fan) cases() int {
	if len(f) == 0 {
		return 0
	}
	return len(f[0].parts)
}

// exceedIn is P(sum ≥ limit) in one case.
func (b *Band) exceedIn(k int, limit float64) float64 {
	if limit <= b.Known {
		return 1
	}
	return b.parts[k].exceed(limit)
}

// Cross is the chance that the sum reaches the cap within the first days of the fan; 0 for a Cap
// without values.
func (f Fan) Cross(c Cap, days int) float64 {
	f = f[:min(max(days, 0), len(f))]
	all := c.Crossing(f)
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1]
}

// First is the first day ahead (1 is the next) by which the chance of reaching the cap is at least
// p, 0 for none: with p = .5 the expected day, with .1 the day to warn of.
func (f Fan) First(c Cap, p float64) int {
	for i, chance := range c.Crossing(f) {
		if chance >= p {
			return i + 1
		}
	}
	return 0
}
