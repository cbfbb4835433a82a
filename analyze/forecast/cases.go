package forecast

import "math"

// What the coming days may be like.
//
// Mostly there is one case: days like those before. After days that were not like the pattern there are several, each with a
// weight, and every band is their mixture:
//
//   - usual: the profile;
//   - caught up: the profile, and what missed nights left comes with the next pull;
//   - silent: nothing comes, since nothing came for some days;
//   - another level: the profile times the factor by which the last days were off it.
//
// A tenant that pulls on no fixed weekdays has other cases altogether, see gaps.go.
//
// The weights (see state.go) are judgements in coarse steps, but for the share of missed nights that this tenant has caught up
// before, which is learned.

// future is one case of the coming days.
type future struct {
	weight float64
	// factor multiplies the scale of usual days.
	factor float64
	// raised is by how many of these the case lies above days.
	raised float64
	// least is the least mean |error| of a window, in bytes.
	least float64
	// played says that the days are one path, not the middle of many.
	played bool
	// days are the bytes of the coming days, and unsure the mean |error| of some of them beside that of usual days; nil is none.
	days, unsure []float64
}

// leastScale is the least scale of a case, in those of a usual day: no case is certain.
const leastScale = .1

// futures are the cases, with weights that add up to 1.
func (m *Model) futures() []future {
	if paths := m.gaps.futures(); paths != nil {
		return paths
	}
	usual := make([]float64, MaxHorizon+1)
	for j := range usual {
		usual[j] = m.expected(m.n + j)
	}
	return m.recent.futures(m.state.futures(usual, m.s.Backlog == nil))
}

// part is what a window that ends h days ahead holds in one case.
func (m *Model) part(f *future, w *Window, h int) part {
	out := part{weight: f.weight, point: w.Known, played: f.played}
	var k, unsure float64
	for j, share := range w.Days {
		k += share
		out.point += share * f.days[j]
		if f.unsure != nil {
			unsure += share * f.unsure[j]
		}
	}
	if k == 0 {
		return out
	}
	if f.played {
		out.scale = math.Hypot(unsure, f.least)
		return out
	}
	usual := m.recent.wider(h) * m.scale(h, k)
	out.scale = math.Hypot(math.Max(f.factor, leastScale)*usual, unsure)
	out.point += f.raised * usual
	return out
}
