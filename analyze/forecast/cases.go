package forecast

import "math"

// What the coming days may be like.
//
// Mostly there is one case: days like those before. After days that were not like the pattern there
// are several, each with a weight, and every band is their mixture:
//
//   - usual: the profile;
//   - caught up: the profile, and what missed nights left comes with the next pull;
//   - silent: nothing comes, since nothing came for some days;
//   - another level: the profile times the factor by which the last days were off it.
//
// A tenant that pulls on no fixed weekdays has other cases altogether, see gaps.go.
//
// The weights (see state.go) are judgements in coarse steps, but for the share of missed nights
// that this tenant has caught up before, which is learned.

// future is one case of the coming days.
type future struct {
	weight float64
	// factor multiplies the scale of usual days.
	factor float64
	// raised is by how many scales the case lies above days, and wide by how many it is wider, for the
	// first week; both fade within another.
	raised, wide float64
	// least is the least mean |error| of a window, in bytes.
	least float64
	// played says that the days are one path, not the middle of many.
	played bool
	// days are the bytes of the coming days, and unsure the mean |error| of some of them beside that
	// of usual days; nil is none.
	days, unsure []float64
}

// leastScale is the least scale of a case, in those of a usual day: no case is certain.
const leastScale = .1

// futures are the cases, with weights that add up to 1.
func (m *Model) futures() []future {
	if paths := m.gaps.futures(); paths != nil {
		return paths
	}
	usual := make([]float64, mostAhead+1)
	for j := range usual {
		usual[j] = m.expected(m.n + j)
	}
	all := m.state.futures(usual, m.s.Backlog == nil)
	if m.state.run > 1 {
		return all // a new level, not a growth
	}
	return m.recent.futures(all, m.s.Labelled)
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
	lasts := math.Min(1, math.Max(0, 2-float64(h)/week))
	out.point += lasts * f.raised * usual
	usual *= 1 + lasts*f.wide
	out.scale = math.Hypot(math.Max(f.factor, leastScale)*usual, unsure)
	return out
}

// Expected are the mean bytes of so many coming days, over all cases: at most
// MaxHorizon+MaxUnknown+1 days.
func (m *Model) Expected(days int) []float64 {
	out := make([]float64, min(max(days, 0), mostAhead+1))
	futures := m.futures()
	for i := range futures {
		for j := range out {
			out[j] += futures[i].weight * futures[i].days[j]
		}
	}
	return out
}

// State is what is out of the ordinary in the last days, as far as the forecast takes it into
// account. The zero State is nothing.
type State struct {
	// Missed are the nights up to the last that were missed, Lost the bytes they should have brought,
	// and CatchUp how likely those are taken to come with the next pulls. In the days that a rhythm
	// leaves out none is missed.
	Missed  int
	Lost    float64
	CatchUp float64
	// Steps are the days up to the last that were Factor times what was expected, all far above it or
	// all far below.
	Steps  int
	Factor float64
	// Growth is that of a volume that grows, or falls, steadily: what is expected is so many times
	// what the last weeks show. 1 is none.
	Growth float64
	// Surprise is by how many mean errors the sums of the last days lay above their forecasts, where
	// the volume may be growing.
	Surprise float64
	// Every is the typical number of days between two pulls, where those are on no fixed weekdays; 0
	// elsewhere.
	Every int
}

// State tells what is out of the ordinary.
func (m *Model) State() State {
	s := State{Missed: m.state.missed, Lost: m.state.lost, Growth: m.growth}
	if s.Missed > 0 && m.s.Backlog == nil {
		s.CatchUp = m.state.catchUp()
	}
	if m.state.run > 1 && m.state.said > 0 {
		s.Steps, s.Factor = m.state.run, m.state.factor()
	}
	if z, _ := m.recent.means(); z > surprising {
		s.Surprise = z
	}
	if m.gaps.sparse() {
		s = State{Growth: 1, Every: m.gaps.typical()}
	}
	return s
}
