package outlook

import (
	"math"
	"slices"
)

// How pulls that move about change the largest sum of a day.
//
// The share F of outlook.go is a mean over four weeks. In a given night the pull starts earlier
// than that or later: earlier than the one that is about to leave the window, it puts six nights
// into one window, later it lets one leave first. With F_d the share of one of the last nights, and
// e one of another as that of the night that leaves,
//
//	Δ(d) = max over τ of S(i, τ) with F_d and F_e − max over τ of S(i, τ) with F
//
// the sum of day i has the median of Δ on top, and the mean |Δ − median| in its scale (see
// forecast.Band.Moved). On nightly pulls of public volumes that start within half an hour (three
// hours) of each other, the 80 % band of the next day holds 81 (74) % instead of 63 (44), that of
// the six days after it 77 (73) instead of 76 (68), and the pinball loss is the same (1 % less).
// Nights are taken to be early or late independently of each other.

// move is the effect on one day's sum, in bytes; least is the smallest, 0 at most.
type move struct{ shift, spread, least float64 }

// timing gives the effect on each of the coming days; none where the window is no whole number of
// days.
func (l *outlook) timing(h *habits) []move {
	moves := make([]move, len(l.y)-l.unknown)
	length := l.c.policy.Egress.Window.Microseconds()
	leaves := int(length / dayMicros) // how many days before the night that leaves the window was
	if len(h.nights) < 2 || length%dayMicros != 0 || leaves >= len(l.inside) {
		return moves
	}
	deltas := make([]float64, len(h.nights))
	var s dayParts
	for i := range moves {
		l.parts(&s, nights{}, i)
		sums := s.known
		for j, unknown := range s.unknown {
			sums[j] += unknown
		}
		usual := slices.Max(sums[:])
		for k := range h.nights {
			deltas[k] = l.worstOf(&sums, &h.nights[k], &h.nights[(k+leaves)%len(h.nights)], i,
				leaves) - usual
		}
		moves[i] = spreadOf(deltas)
	}
	return moves
}

// worstOf is the largest of the sums of day i when its own pull is like one night's, and the
// leaving one's like another's.
func (l *outlook) worstOf(
	sums *[slots]float64, own, leaving *profile, i, leaves int,
) (most float64) {
	i += l.unknown
	enters, leavesBytes := l.extra[i]+l.y[i], 0.
	if i >= leaves {
		leavesBytes = l.extra[i-leaves] + l.y[i-leaves]
	}
	first, inside := &l.inside[0], &l.inside[leaves]
	for j, sum := range sums {
		sum += (own[j+1] - first[j]) * enters
		sum += (1 - leaving[j+1] - inside[j]) * leavesBytes
		most = max(most, sum)
	}
	return most
}

func spreadOf(deltas []float64) (m move) {
	slices.Sort(deltas)
	m.shift, m.least = deltas[len(deltas)/2], math.Min(0, deltas[0])
	for _, d := range deltas {
		m.spread += math.Abs(d-m.shift) / float64(len(deltas))
	}
	return m
}
