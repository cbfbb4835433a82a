package forecast

import (
	"math"
	"slices"
)

const (
	// warmFrom and warmFull are the days of history between which the experts take over from the
	// weekly shapes. Seven days earlier adds .2 to the cold pinball loss (a weekday's median is then a
	// single day); later is no better.
	warmFrom, warmFull = 2 * week, 4 * week

	medianWeeks  = 6  // 4 scores .003 worse; both together are no better
	meanWeeks    = 8  // .7^8 is 6 %: what is older hardly counts
	meanDecay    = .7 // .6 and .8 score the same
	weightPower  = 4. // 10 scores the same, equal weights .005 worse
	expertsCount = 2 + len(filterSpeeds)
)

// filterSpeeds are the shares of an innovation that move the level: one slow filter and one that
// follows within a few days. Six speeds from .02 to .35 score .003 worse; one of .15 scores the
// same, but .007 worse before the 28th day.
var filterSpeeds = [...]float64{.1, .3}

// expertDecay halves the weight of an expert's past error in 80 days; 40 and 160 score the same.
var expertDecay = math.Pow(.5, 1./80)

// experts are the warm ways of forecasting, with their past errors.
type experts struct {
	filters [len(filterSpeeds)]holtWinters
	// before[t % n] are the filters before day t, to learn days again that a repair has changed.
	before [week][len(filterSpeeds)]holtWinters
	// said[t % n] are the profiles after day t.
	said   [learnHorizon][expertsCount]profile
	latest int
	errors [expertsCount]float64
}

// learn takes in the last day of m.volume; days from changed on have new volumes.
func (e *experts) learn(m *Model, changed int) {
	t := m.n - 1
	switch {
	case m.n < warmFrom:
		return
	case m.n == warmFrom:
		e.start(m)
	default:
		e.score(m, t)
		e.filter(m, max(changed, warmFrom), t)
	}
	e.say(m, t)
}

func (e *experts) start(m *Model) {
	var mean profile
	var level float64
	for t, v := range m.volume {
		mean[m.day(t)] += v * week / warmFrom
		level += v / warmFrom
	}
	for i, speed := range filterSpeeds {
		e.filters[i] = newHoltWinters(speed, level, mean)
	}
}

func (e *experts) filter(m *Model, from, t int) {
	if from < t {
		e.filters = e.before[from%len(e.before)]
	}
	for d := from; d <= t; d++ {
		e.before[d%len(e.before)] = e.filters
		for i := range e.filters {
			e.filters[i].learn(m.day(d), m.volume[d], m.levels.believed[d])
		}
	}
}

// move multiplies all that is known of the level.
func (e *experts) move(factor float64) {
	scale := func(filters *[len(filterSpeeds)]holtWinters) {
		for i := range filters {
			filters[i].level *= factor
			for d := range filters[i].dev {
				filters[i].dev[d] *= factor
			}
		}
	}
	scale(&e.filters)
	for i := range e.before {
		scale(&e.before[i])
	}
	for i := range e.said {
		for k := range e.said[i] {
			for d := range e.said[i][k] {
				e.said[i][k][d] *= factor
			}
		}
	}
	for k := range e.errors {
		e.errors[k] *= factor
	}
}

func (e *experts) say(m *Model, t int) {
	out := &e.said[t%learnHorizon]
	for ahead := 1; ahead <= week; ahead++ {
		d := m.day(t + ahead)
		var buf [meanWeeks]float64
		past := sameWeekdays(m.volume, t+ahead, buf[:])
		out[1][d] = decayingMean(past)
		out[0][d] = median(past[:min(medianWeeks, len(past))])
		for i, f := range e.filters {
			out[2+i][d] = f.level * f.season[d]
		}
	}
	e.latest = t % learnHorizon
}

// score adds the errors of the sums that end with day t, in volume (without faults and closures: an
// expert is not to blame for them).
func (e *experts) score(m *Model, t int) {
	for k := range e.errors {
		e.errors[k] *= expertDecay
	}
	for h := 1; h <= learnHorizon && t-h >= warmFrom-1; h++ {
		said := &e.said[(t-h)%learnHorizon]
		var diff [expertsCount]float64
		for d := t - min(h, m.window) + 1; d <= t; d++ {
			weekday := m.day(d)
			for k := range diff {
				diff[k] += m.volume[d] - said[k][weekday]
			}
		}
		for k := range diff {
			e.errors[k] += math.Abs(diff[k])
		}
	}
}

// combined is the mean of the experts' last profiles, weighted by (mean |error|)^−weightPower.
func (e *experts) combined() profile {
	said := &e.said[e.latest]
	// An error of a millionth of the volume is as good as none: no rounding may decide between perfect
	// experts.
	var floor float64
	for _, v := range said[0] {
		floor += v * 1e-6
	}
	best := slices.Min(e.errors[:]) + floor
	var out profile
	var total float64
	for k, p := range said {
		w := 1.
		if err := e.errors[k] + floor; err > 0 {
			w = math.Pow(best/err, weightPower)
		}
		total += w
		for d := range out {
			out[d] += w * p[d]
		}
	}
	for d := range out {
		out[d] /= total
	}
	return out
}

// holtWinters is a robust level and weekly season without trend: v ≈ level·season[weekday].
//
//	e = v − level·season,  clipped at 1.9 mean deviations of that weekday (1.5 σ)
//	level += speed·e·season/max(season², mean(season²)),  season += γ·e/level
//
// The level moves by the normalised gradient, not by e/season: a weekend of near zero volume then
// says near nothing of it (the textbook form scores .01 worse), and a tenant that pulls once a week
// cannot overshoot. A season rises by γ·max(1, season) at most, since a level of near nothing would
// make it anything.
type holtWinters struct {
	speed, level float64
	season, dev  profile
}

const (
	seasonSpeed = .15   // γ; .05 scores .003 worse, .3 the same
	clipAt      = 1.875 // mean deviations: 1.5 σ of a normal error; 3 σ scores .004 worse
	devSpeed    = .1    // .05 and .2 score the same
)

func newHoltWinters(speed, level float64, mean profile) holtWinters {
	f := holtWinters{speed: speed, level: level}
	for d := range mean {
		if level > 0 {
			f.season[d] = mean[d] / level
		}
		// A first guess, forgotten within weeks: 15 % of the day, and a little where there is none.
		f.dev[d] = .15*mean[d] + .02*level
	}
	return f
}

// learn takes in a day; the error of one that is believed is not clipped.
func (f *holtWinters) learn(weekday int, v float64, believed bool) {
	e := v - f.level*f.season[weekday]
	limit := clipAt * f.dev[weekday]
	f.dev[weekday] += devSpeed * (math.Min(math.Abs(e), 2*limit) - f.dev[weekday])
	if f.level <= 0 {
		f.restart(v)
		return
	}
	if !believed {
		e = math.Max(-limit, math.Min(limit, e))
	}
	own := f.season[weekday]
	norm := own * own
	var squares float64
	for _, s := range f.season {
		squares += s * s / week
	}
	before := f.level
	if norm = math.Max(norm, squares); norm > 0 {
		f.level = math.Max(0, f.level+f.speed*e*own/norm)
	}
	f.season[weekday] = math.Max(0, own+seasonSpeed*math.Min(e/before, math.Max(1, own)))
}

// restart begins a filter that has seen no volume, with the first it sees.
func (f *holtWinters) restart(v float64) {
	if v <= 0 {
		return
	}
	f.level = v
	f.season = profile{1, 1, 1, 1, 1, 1, 1}
	f.dev = profile{v, v, v, v, v, v, v}
}

// sameWeekdays fills buf with the known volumes one, two, … weeks before day t, latest first.
func sameWeekdays(volume []float64, t int, buf []float64) []float64 {
	buf = buf[:0]
	for d := t - week; d >= 0 && len(buf) < cap(buf); d -= week {
		if d < len(volume) {
			buf = append(buf, volume[d])
		}
	}
	return buf
}

func decayingMean(latestFirst []float64) float64 {
	var sum, total float64
	w := 1.
	for _, v := range latestFirst {
		sum += w * v
		total += w
		w *= meanDecay
	}
	return sum / total
}

// median sorts x and returns its median, 0 for nothing.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	mid := len(x) / 2
	if len(x)%2 == 1 {
		return x[mid]
	}
	return x[mid-1] + (x[mid]-x[mid-1])/2
}
