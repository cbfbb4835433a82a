package outlook

import (
	"math"
	"slices"
	"sort"

	"github.com/6dcca832/headroom/analyze/forecast"
)

// How rolling sums of the coming nights are put together.
//
// The coming day i is the 24 hours (asOf + (i−1) d, asOf + i d]. A window that ends τ into it holds
//
//	S(i, τ) = bytes stored after its beginning, as far as no reset has dropped them
//	        + Σ over coming days j of (x_j + y_j) ·
//	          (F(end − day j's beginning) − F(start − day j's beginning))
//
// where F is the share of a day's bytes pulled by a time of day (0 before the day, 1 after it), y_j
// the forecast volume, and x_j what is known of it (pending bytes, planned backfills, what a
// running fault brings). So a pull that starts earlier than the one five nights ago puts parts of
// six pulls into one window.
//
// Of all τ, two windows of a day are forecast: the one whose expectation is largest, and the one
// whose expectation is largest when the unknown part comes twice. A quantile of the day is the
// larger of theirs. Without the second, a window that is just about to lose an old night, and holds
// nothing uncertain, would hide what the coming night can do.
//
// What pulls that move about do to these sums, timing.go adds. It fails where a pull is moved for
// good: that is seen only as its bytes come, and wholly after four weeks.

// outlook says what rolling sums the coming days have.
type outlook struct {
	c       *collector
	model   *forecast.Model // nil where only what is given counts
	growth  float64         // factor on the unknown
	running runaway         // counted in extra when it is sure to go on
	// unknown is the number of nights up to now whose data has not come. They are forecast, too.
	unknown int
	extra   []float64 // x, from the first unknown or coming day on
	y       []float64 // expected of those days, growth included
	sums    []float64 // sums[k] is the bytes of the cells from the k-th on
	stored  [][slots]float64
	// inside[m][j] is the share of a day's bytes in the window that ends in slot j, m days later.
	inside [][slots]float64
	moves  []move
}

// nights are what coming nights bring, where that is decided: tonight, or all of them.
type nights struct {
	first, all bool
	bytes      float64
}

func (n nights) given(day int) bool { return n.all && day >= 0 || n.first && day == 0 }

func newOutlook(c *collector, h *habits, m *forecast.Model, o Options) *outlook {
	days := max(o.Horizon, ChanceDays)
	u := h.unknown
	l := &outlook{
		c:       c,
		model:   m,
		growth:  1 + o.WhatIf.Growth,
		unknown: u,
		extra:   make([]float64, u+days),
		y:       make([]float64, u+days),
	}
	l.expect()
	l.extra[u], _ = h.overdue()
	if l.running = h.running(); l.running.chance == 1 {
		l.extra = more(l.extra, u+days, l.running.bytes)
	}
	for _, b := range o.WhatIf.Backfills {
		l.extra[u+min(max(b.night(h), 0), days-1)] += b.Bytes
	}
	l.sumUp()
	l.tabulate(h, days)
	l.moves = l.timing(h)
	return l
}

// expect asks the model for the coming days.
func (l *outlook) expect() {
	if l.model == nil {
		return
	}
	for i, bytes := range l.model.Expected(len(l.y)) {
		l.y[i] = l.growth * bytes
	}
}

func (l *outlook) sumUp() {
	cells := l.c.window.Cells
	l.sums = make([]float64, len(cells)+1)
	for k := len(cells) - 1; k >= 0; k-- {
		l.sums[k] = l.sums[k+1] + float64(cells[k].Bytes)
	}
}

// after is what is stored after a time.
func (l *outlook) after(at int64) float64 {
	cells := l.c.window.Cells
	return l.sums[sort.Search(len(cells), func(k int) bool { return cells[k].At > at })]
}

// tabulate prepares the parts of S(i, τ) for the ends of all slots.
func (l *outlook) tabulate(h *habits, days int) {
	length := l.c.policy.Egress.Window.Microseconds()
	l.stored = make([][slots]float64, days)
	for i := range l.stored {
		for j := range slots {
			end := l.c.asOf + int64(i)*dayMicros + int64(j+1)*slotMicros
			l.stored[i][j] = l.after(end - length)
		}
	}
	l.inside = make([][slots]float64, min(int64(days+h.unknown), length/dayMicros+2))
	for m := range l.inside {
		for j := range slots {
			end := int64(m)*dayMicros + int64(j+1)*slotMicros
			l.inside[m][j] = h.share.pulled(end) - h.share.pulled(end-length)
		}
	}
}

// dayParts are what is known and what is expected of the windows that end in each slot of a day.
type dayParts struct{ known, unknown [slots]float64 }

// parts fills s with those of coming day i, a night for all slots before the next night.
func (l *outlook) parts(s *dayParts, n nights, i int) {
	s.known, s.unknown = l.stored[i], [slots]float64{}
	for m := 0; m <= i+l.unknown && m < len(l.inside); m++ {
		inside, day := &l.inside[m], i-m+l.unknown
		if n.given(i - m) {
			addShares(&s.known, inside, n.bytes)
			continue
		}
		addShares(&s.known, inside, l.extra[day])
		addShares(&s.unknown, inside, l.y[day])
	}
}

// addShares adds the shares of so many bytes.
func addShares(sums, shares *[slots]float64, bytes float64) {
	if bytes == 0 {
		return
	}
	for j, share := range shares {
		sums[j] += share * bytes
	}
}

// worst is the slot whose window has the largest known + weight · unknown part.
func (s *dayParts) worst(weight float64) (slot int, sum float64) {
	for j, known := range &s.known {
		if all := known + weight*s.unknown[j]; j == 0 || all > sum {
			slot, sum = j, all
		}
	}
	return slot, sum
}

// frame is the window that ends in slot j of day i, as the model wants it; s has its sums.
func (l *outlook) frame(s *dayParts, n nights, i, j int) forecast.Window {
	w := forecast.Window{Known: s.known[j], Days: make([]float64, i+l.unknown+1)}
	for m := 0; m <= i+l.unknown && m < len(l.inside); m++ {
		if !n.given(i - m) {
			w.Days[i-m+l.unknown] = math.Max(0, math.Min(1, l.inside[m][j]))
		}
	}
	return w
}

// fans are two bands of each of the coming days: of the window that is expected to hold most, and
// of the one that holds most when what is unknown comes twice. There must be a model. Lean ones are
// for chances only.
func (l *outlook) fans(n nights, days int, lean bool) []forecast.Fan {
	ask := l.model.Forecast
	if lean {
		ask = l.model.Chances
	}
	weights := [...]float64{1, 2}
	out := make([]forecast.Fan, len(weights))
	var frames [len(weights)][]forecast.Window
	for k := range frames {
		// The first are of the unknown days, and are not looked at.
		frames[k] = make([]forecast.Window, l.unknown+days)
	}
	var s dayParts
	for i := range days {
		l.parts(&s, n, i)
		for k, weight := range weights {
			j, _ := s.worst(weight)
			frames[k][l.unknown+i] = l.frame(&s, n, i, j)
		}
	}
	for k := range out {
		fan, err := ask(frames[k])
		if err != nil {
			fan = make(forecast.Fan, l.unknown+days) // cannot be: shares are between 0 and 1
		}
		fan = fan[l.unknown:]
		for i := range fan {
			b, m := fan[i].Grown(l.growth), l.moves[i]
			fan[i] = b.Moved(m.shift, m.spread, math.Max(l.stored[i][0], b.Known+m.least))
		}
		out[k] = fan
	}
	return out
}

// chances are, for each day of the fans, that of having reached the cap by its end; nil without a
// cap. A fault that may go on counts as likely as that is, though not in the bands: they are for
// nights like the others.
func (l *outlook) chances(fans []forecast.Fan, limits forecast.Cap) []float64 {
	chances := limits.Crossing(fans...)
	if r := l.running; chances != nil && r.chance > 0 && r.chance < 1 {
		on := *l
		on.extra = more(l.extra, l.unknown+onceMoreNights, r.bytes)
		fans := on.fans(nights{}, len(fans[0]), true)
		for i, p := range limits.Crossing(fans...) {
			chances[i] += r.chance * (p - chances[i])
		}
	}
	return chances
}

// more adds so many bytes to each of the first nights.
func more(nights []float64, first int, bytes float64) []float64 {
	out := slices.Clone(nights)
	for i := range out[:min(first, len(out))] {
		out[i] += bytes
	}
	return out
}
