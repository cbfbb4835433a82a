package forecast

import "math"

// recent is how far the sums of the last days were off what was forecast of them.
//
//	z = (bytes − expected bytes)/scale of the days t−h+1 … t, as forecast from
//	    day t−h, h ≤ 5, faults left out
//
// The mean |z| of the last five days widens, or narrows, the bands by its power of .2 for the first
// day, of nothing from the eleventh on. Where the mean z is above 1, a volume may be growing (see
// futures): the experts follow a fast growth after a week or two only.
type recent struct {
	// sums[t%n] are Σ z and Σ |z| of day t over h, and how many.
	sums [recentDays]struct{ z, abs, n float64 }
	// said[t%n][h] is what day t expected of the h days after it, and how wrong it might be.
	said [recentReach][recentReach + 1]struct{ bytes, scale float64 }
}

const (
	recentDays  = 5
	recentReach = 5
	// recentPower is what a week's errors say of the next day, recentFades the days after which they
	// say nothing. .3 scores the same; without fading the Brier skill of caps within 14 days is .01
	// lower.
	recentPower, recentFades = .2, 10.
	// narrowest is as much as bands may be narrowed: a week of perfect forecasts is luck, or the
	// volume never changes.
	narrowest = .6
	// z are clipped at mostRecent.
	mostRecent = 4.
	// surprising is the mean z from which the volume may be growing. For each mean error more, growth
	// is so likely, at most growthMost: a guess where faults are not labelled.
	surprising                            = 1.
	growthGuessed, growthSeen, growthMost = .17, 1.2, .97
)

// say notes what the model expects of the next days.
func (r *recent) say(m *Model) {
	t := m.n - 1
	var sum float64
	for h := 1; h <= recentReach; h++ {
		sum += m.expected(t + h)
		r.said[t%recentReach][h].bytes = sum
		r.said[t%recentReach][h].scale = m.scale(h, float64(min(h, m.window))) * math.Sqrt(
			float64(h)/float64(min(h, m.window)))
	}
}

// learn takes in the model's last day.
func (r *recent) learn(m *Model) {
	t := m.n - 1
	x := &r.sums[t%recentDays]
	x.z, x.abs, x.n = 0, 0, 0
	var sum float64
	for h := 1; h <= recentReach && t-h >= warmFrom; h++ {
		sum += m.usual[t-h+1]
		said := r.said[(t-h)%recentReach][h]
		if said.scale == 0 {
			continue
		}
		z := math.Max(-mostRecent, math.Min(mostRecent, (sum-said.bytes)/said.scale))
		x.z += z
		x.abs += math.Abs(z)
		x.n++
	}
}

// wider is by what the errors of the last days were larger than usual, as far as that goes on h
// days ahead.
func (r *recent) wider(h int) float64 {
	_, abs := r.means()
	return math.Max(narrowest, math.Pow(abs, recentPower*math.Max(0, 1-float64(h-1)/recentFades)))
}

// means are the mean z and |z|; 0 and 1 while there are too few.
func (r *recent) means() (z, abs float64) {
	var n float64
	for _, x := range r.sums {
		z, abs, n = z+x.z, abs+x.abs, n+x.n
	}
	if n < recentDays*recentReach {
		return 0, 1
	}
	return z / n, abs / n
}

// futures adds the case of a volume that goes on growing to those of which the last one is the
// usual. Where faults are labelled, what is above the forecast is the tenant's own volume: then
// growth is likelier, and how far it goes less sure.
func (r *recent) futures(all []future, labelled bool) []future {
	z, _ := r.means()
	if z <= surprising {
		return all
	}
	usual := &all[len(all)-1]
	on := *usual
	on.raised = z - surprising
	likely := growthGuessed * on.raised
	if labelled {
		likely, on.wide = growthSeen*on.raised, z-1
	}
	on.weight *= math.Min(growthMost, likely)
	usual.weight -= on.weight
	return append(all, on)
}
