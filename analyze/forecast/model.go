package forecast

import "math"

// profile is a volume for each weekday, Monday first.
type profile [week]float64

const (
	closurePrior = .5 // of a normal day; .3 and .7 score .001 and .002 (MASE) differently
	// closureWeight is how many days of mean volume the prior counts; .3 and 3 score the same.
	closureWeight = 1.
	// scalePrior is the mean |error| of a sum of k days over √k·mean volume in short histories;
	// scaleWeight is how many measured errors it counts. With .28 the 80 % band of new tenants holds
	// 73 % only, with .45 86 %; a weight of 5 or 20 scores the same.
	scalePrior, scaleWeight = .35, 10.
	// levelFloor is the share of the mean of the last four weeks that the level is at least.
	levelFloor = .25
	// levelPower: errors grow with the level, but less than in proportion. With 0 the chances of caps
	// after a fall to .4 come true half as often as said (.59 came .30), with 1 the Brier skill of
	// caps within 14 days is .01 lower.
	levelPower = .7
	// wider is the growth of the scale per day beyond learnHorizon, as measured from the 15th to the
	// 30th day.
	wider = .01
)

// Model has learned the days of a Series up to some day and forecasts from there.
type Model struct {
	s       *Series
	window  int // days of the rolling sum
	n       int // days learned
	weekday int // of day 0, Monday is 0
	surplus map[int]float64
	// caught are the labelled catch-ups, which are in surplus, too.
	caught map[int]float64
	// volume is what teaches: the bytes without faults and closures.
	volume []float64
	// usual are the bytes without faults, but with closures.
	usual   []float64
	levels  levels
	experts experts
	carry   carry
	// profile is the current combination of all experts, mean its mean. level is the same, but never
	// nothing while the last weeks had something; unit is what errors are counted in.
	profile           profile
	mean, level, unit float64
	record            record
	state             state
	silent            int // the last day of a silence
	gaps              gaps
	drift             drift
	growth            float64
	recent            recent
	// closed and open sum the volumes of closure days and what they would have been.
	closed, open float64
}

func newModel(s *Series, window int) *Model {
	m := &Model{
		growth:  1,
		silent:  -1,
		s:       s,
		window:  window,
		weekday: (int(s.Start.Weekday()) + week - 1) % week,
		volume:  make([]float64, 0, len(s.Bytes)),
	}
	if len(s.Faults) > 0 {
		m.surplus = make(map[int]float64, len(s.Faults))
		m.caught = map[int]float64{}
	}
	for _, f := range s.Faults {
		bytes, _ := f.surplus() // Series.check has refused what has none
		m.surplus[f.Day] += bytes
		if f.Kind == CatchUp {
			m.caught[f.Day] += bytes
		}
	}
	return m
}

// learn takes in the next day of the series.
func (m *Model) learn() {
	changed := m.clean(m.n)
	m.n++
	if m.state.missed >= longMiss {
		m.silent = m.n - 1
	}
	m.record.learn(m)
	m.recent.learn(m)
	m.drift.learn(m)
	m.carry.learn(m)
	m.experts.learn(m, changed)
	m.combine()
	if m.state.run >= stepDays {
		m.move(m.state.factor())
	}
	m.drift.say(m)
	m.growth = m.drift.factor()
	m.record.say(m, m.point)
	m.recent.say(m)
}

// clean appends what day t teaches to m.volume and returns the first day whose volume changed by
// that.
func (m *Model) clean(t int) int {
	_, closure := m.s.Closures[t]
	own := math.Max(0, m.s.Bytes[t]-m.surplus[t])
	said := m.profile[m.day(t)]
	m.gaps.learn(m.s.Bytes[t])
	switch {
	case t < week && !math.IsNaN(own):
	case math.IsNaN(own) || closure:
		m.add(said, own)
		if !math.IsNaN(own) {
			m.closed += own
			m.open += said
		}
		return t
	case m.surplus[t] < 0:
		m.state.miss(-m.surplus[t])
	case t >= warmFrom && said > little*m.mean:
		if m.s.Backlog == nil && own <= nearEmpty*said && m.habitual(t) {
			if m.state.miss(said); m.state.missed >= longMiss {
				m.add(said, said)
				m.levels.own[t] = own
				return t
			}
			break
		}
		own -= m.state.pull(own, m.caught[t], said, m.experts.filters[0].dev[m.day(t)])
	}
	m.add(own, own)
	changed, over := repair(m.volume)
	return min(changed, m.levels.judge(m.volume, over))
}

// little is the share of the mean volume below which a weekday's days say nothing of missed nights
// or of the level.
const little = .25

// add appends a day: what it teaches, and its bytes without faults.
func (m *Model) add(teaches, own float64) {
	if math.IsNaN(own) {
		own = teaches
	}
	m.volume = append(m.volume, teaches)
	m.usual = append(m.usual, own)
	m.levels.add(teaches)
}

// habitual says whether at least half of the last same weekdays had bytes.
func (m *Model) habitual(t int) bool {
	var had, n int
	for d := t - week; d >= 0 && n < repairWeeks; d -= week {
		if n++; m.levels.own[d] > 0 {
			had++
		}
	}
	return n > 0 && 2*had >= n
}

// move takes the last days' level for the new one: the past teaches as if it had been so all along.
func (m *Model) move(factor float64) {
	from := m.n - m.state.run
	for d := max(0, from-meanWeeks*week); d < from; d++ {
		m.volume[d] *= factor
		m.levels.own[d] *= factor
	}
	m.experts.move(factor)
	m.state.run, m.state.own, m.state.said = 0, 0, 0
	m.combine()
}

func (m *Model) combine() {
	trust := math.Min(1, float64(m.n-warmFrom)/(warmFull-warmFrom))
	var p profile
	if trust > 0 {
		p = m.experts.combined()
	}
	if trust < 1 {
		cold := coldProfile(m.volume, m.weekday)
		for d := range p {
			p[d] = math.Max(trust, 0)*p[d] + (1-math.Max(trust, 0))*cold[d]
		}
	}
	m.profile, m.mean = p, 0
	for _, v := range p {
		m.mean += v / week
	}
	m.level = 0
	last := m.volume[max(0, len(m.volume)-warmFull):]
	for _, v := range last {
		m.level += levelFloor * v / float64(len(last))
	}
	m.level = math.Max(m.mean, m.level)
	m.unit = math.Pow(m.level, levelPower)
}

// day is the weekday of day t.
func (m *Model) day(t int) int { return (m.weekday + t) % week }

// expected is what day t, after those learned, should bring.
func (m *Model) expected(t int) float64 {
	v := m.profile[m.day(t)] * m.carry.factor(t-m.n) * m.growth
	if _, closure := m.s.Closures[t]; !closure {
		return v
	}
	prior := closureWeight * m.mean
	if m.open+prior == 0 {
		return v
	}
	return v * (m.closed + closurePrior*prior) / (m.open + prior)
}

// bytes is what day t put into sums.
func (m *Model) bytes(t int) float64 {
	if v := m.s.Bytes[t]; !math.IsNaN(v) {
		return v
	}
	return 0
}

// known is the part of the calendar sum h days ahead that cannot change any more.
func (m *Model) known(h int) float64 {
	var sum float64
	for t := max(0, m.n-m.window+h); t < m.n; t++ {
		sum += m.bytes(t)
	}
	if m.s.Backlog != nil && m.n > 0 && h <= m.window {
		sum += m.s.Backlog[m.n-1]
	}
	return sum
}

func (m *Model) unknown(h int) float64 {
	var sum float64
	for t := m.n + max(0, h-m.window); t < m.n+h; t++ {
		sum += m.expected(t)
	}
	return sum
}

func (m *Model) point(h int) float64 { return m.known(h) + m.unknown(h) }

// scale is the mean |error| to expect, on a usual day, of a window that ends h days ahead and holds
// k unknown days. The errors measured are those of calendar sums; a window with more unknown days
// (an early pull makes six) has them in proportion.
func (m *Model) scale(h int, k float64) float64 {
	far := 1 + wider*float64(max(0, h-learnHorizon))
	h = min(h, learnHorizon)
	return far * k / float64(min(h, m.window)) * m.unit * m.record.errors.scale(h, m.day(m.n-1),
		m.prior(h))
}

// prior is the scale of a calendar sum in short histories, in units.
func (m *Model) prior(h int) float64 {
	if m.unit == 0 {
		return 0
	}
	return m.level / m.unit * scalePrior * math.Sqrt(float64(min(h, m.window)))
}

// sum is the calendar sum that ends with day t.
func (m *Model) sum(t int) float64 {
	var sum float64
	for d := max(0, t-m.window+1); d <= t; d++ {
		sum += m.bytes(d)
	}
	return sum
}

// record keeps what was said of coming sums, and how wrong it was.
type record struct {
	// points[t % learnHorizon][h] is what day t said of the sum h days later.
	points [learnHorizon][learnHorizon + 1]float64
	// units[t % learnHorizon] is the model's unit on day t: so errors follow a volume that has fallen
	// or risen.
	units  [learnHorizon]float64
	errors spread
}

// say notes the points of the model's last day.
func (r *record) say(m *Model, point func(h int) float64) {
	k := (m.n - 1) % learnHorizon
	r.units[k] = m.unit
	for h := 1; h <= learnHorizon; h++ {
		r.points[k][h] = point(h)
	}
}

// learn compares the sum that ends with the model's last day to what was said of it.
func (r *record) learn(m *Model) {
	t := m.n - 1
	sum := m.sum(t)
	r.errors.age()
	// The first week's origins know too little for their errors to tell anything of later ones.
	for h := 1; h <= learnHorizon && t-h >= week-1; h++ {
		k, weekday := (t-h)%learnHorizon, m.day(t-h)
		if r.units[k] == 0 || m.silent > t-min(h, m.window) {
			continue
		}
		e := math.Abs(sum-r.points[k][h]) / r.units[k]
		r.errors.add(h, weekday, math.Min(e, errorClip*r.errors.scale(h, weekday, m.prior(h))))
	}
}

// spread keeps mean absolute errors by days ahead and weekday of the origin.
type spread struct {
	sum, weight [learnHorizon + 1]profile
	count       [learnHorizon + 1]float64
}

// errorDecay halves the weight of an error in 120 days; 60 and 240 score the same.
var errorDecay = math.Pow(.5, 1./120)

// errorClip is how many times the scale an error counts at most: else a bug of one week widens the
// bands for months, until nothing may be pulled in a window that is nearly empty. 4 and 6 score the
// same, 3 lets the 95 % band hold .946.
const errorClip = 5

// sameWeekday is the weight of errors made from the same weekday; 1 loses .002 of the Brier skill.
const sameWeekday = 3

func (e *spread) age() {
	for h := range e.sum {
		for d := range e.sum[h] {
			e.sum[h][d] *= errorDecay
			e.weight[h][d] *= errorDecay
		}
	}
}

func (e *spread) add(h, weekday int, abs float64) {
	e.sum[h][weekday] += abs
	e.weight[h][weekday]++
	e.count[h]++
}

// scale is the mean |error| h days ahead, drawn to the prior while there are few.
func (e *spread) scale(h, weekday int, prior float64) float64 {
	sum, weight := (sameWeekday-1)*e.sum[h][weekday], (sameWeekday-1)*e.weight[h][weekday]
	for d := range e.sum[h] {
		sum += e.sum[h][d]
		weight += e.weight[h][d]
	}
	if weight == 0 {
		return prior
	}
	return (e.count[h]*sum/weight + scaleWeight*prior) / (e.count[h] + scaleWeight)
}
