package forecast

import (
	"errors"
	"fmt"
	"iter"
	"math"
)

// Origins forecasts the calendar sums 1 to horizon days ahead from every day of s from the third
// on, each with no more than was known at its end (closure days are known ahead). It yields the
// day's distance from s.Start and the bands; the Fan is overwritten by the next step. The error is
// Fit's, or says that the horizon is not possible.
func Origins(s Series, window, horizon int) (iter.Seq2[int, Fan], error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if horizon < 1 || horizon > MaxHorizon {
		return nil, fmt.Errorf("backtest %d days ahead: 1 to %d are possible", horizon, MaxHorizon)
	}
	if n := s.known(); n < MinHistory {
		return nil, &ShortHistoryError{Days: n, Needed: MinHistory}
	}
	idle := s.idle()
	s = s.last(len(s.Bytes) - idle)
	return func(yield func(int, Fan) bool) {
		m := newModel(&s, window)
		fan, buf := make(Fan, horizon), m.Calendar(horizon)
		for t := range s.Bytes {
			m.learn()
			if m.n < MinHistory {
				continue
			}
			m.calendar(fan, buf)
			if !yield(idle+t, fan) {
				return
			}
		}
	}, nil
}

// calendar is Forecast(Calendar(len(fan))), with what buf already holds.
func (m *Model) calendar(fan Fan, buf []Window) {
	for i := range buf {
		buf[i].Known = m.known(i + 1)
	}
	m.bands(fan, buf)
}

// Score is how good forecasts were, over all origins and days ahead.
type Score struct {
	// Name is the way of forecasting.
	Name string
	// MASE is the mean |error| of the point, and Pinball the mean pinball loss over the quantiles from
	// 5 to 95 %, both in units of the mean change of the sum over a week. Lower is better, 0 is
	// perfect.
	MASE, Pinball float64
	// Cover80 and Cover95 are the shares of sums inside the 80 and 95 % bands.
	Cover80, Cover95 float64
	// Origins is the number of days forecast from.
	Origins int
}

// Evaluate forecasts the past of s from its last days (0 means all) that have four weeks before and
// horizon days after them, and does the same with three ways in common use: the median of the last
// four same weekdays, the value of a week ago, and a straight line through the last seven sums.
// Each has a band of the same kind, from its own errors. The first Score is this package's. The
// error is a *ShortHistoryError where no day qualifies, or says why there is no scale.
func Evaluate(s Series, window, horizon, last int) ([]Score, error) {
	horizon = min(max(horizon, 1), learnHorizon)
	if err := s.check(); err != nil {
		return nil, err
	}
	n := len(s.Bytes)
	first := warmFull - 1
	if last > 0 {
		first = max(first, n-horizon-last)
	}
	if first > n-horizon-1 {
		return nil, &ShortHistoryError{Days: n, Needed: warmFull + horizon}
	}
	m := newModel(&s, window)
	unit := m.weeklyChange(n)
	if unit == 0 {
		return nil, errSteady
	}
	methods := newMethods()
	for t := range n {
		m.learn()
		for i := range methods {
			methods[i].step(m, t >= first && t < n-horizon, horizon)
		}
	}
	return finish(methods, unit), nil
}

// errSteady is a reason to show, like a *ShortHistoryError.
var errSteady = errors.New(
	"the five-day sum is the same every week, so that there is no scale to score by")

// weeklyChange is the mean |S(t) − S(t−7)| over the first n days.
func (m *Model) weeklyChange(n int) float64 {
	var sum float64
	from := m.window - 1 + week
	for t := from; t < n; t++ {
		sum += math.Abs(m.sum(t) - m.sum(t-week))
	}
	return sum / float64(max(1, n-from))
}

// method is a way of forecasting under evaluation.
type method struct {
	point  func(m *Model, h int) float64
	record record
	score  Score
	bands  float64
	// fan and windows are the model's own.
	fan     Fan
	windows []Window
}

func newMethods() []method {
	return []method{
		{score: Score{Name: "headroom"}},
		{score: Score{Name: "weekday median"}, point: weekdayMedian},
		{score: Score{Name: "seasonal naive"}, point: seasonalNaive},
		{score: Score{Name: "straight line"}, point: straightLine},
	}
}

// step takes in the model's last day and, if count is set, scores the forecasts from it.
func (w *method) step(m *Model, count bool, horizon int) {
	if w.point == nil {
		w.own(m, count, horizon)
		return
	}
	w.record.learn(m)
	w.record.say(m, func(h int) float64 { return math.Max(m.known(h), w.point(m, h)) })
	if !count {
		return
	}
	t := m.n - 1
	w.score.Origins++
	for h := 1; h <= horizon; h++ {
		known, point := m.known(h), w.record.points[t%learnHorizon][h]
		b := Band{
			Known: known,
			parts: []part{
				{weight: 1, point: point, scale: m.unit * w.record.errors.scale(h, m.day(t), m.prior(h))},
			},
		}
		b.fill()
		w.add(&b, m.sum(t+h))
	}
}

// own is step for the model itself.
func (w *method) own(m *Model, count bool, horizon int) {
	if !count {
		return
	}
	w.score.Origins++
	if w.fan == nil {
		w.fan, w.windows = make(Fan, horizon), m.Calendar(horizon)
	}
	m.calendar(w.fan, w.windows)
	for h := 1; h <= horizon; h++ {
		w.add(&w.fan[h-1], m.sum(m.n-1+h))
	}
}

func (w *method) add(b *Band, sum float64) {
	w.bands++
	w.score.MASE += math.Abs(sum - b.Point)
	w.score.Pinball += b.pinball(sum)
	if b.Quantiles[2] <= sum && sum <= b.Quantiles[18] {
		w.score.Cover80++
	}
	if b.Quantiles[0] <= sum && sum <= b.Quantiles[20] {
		w.score.Cover95++
	}
}

// pinball is twice the mean pinball loss of the quantiles from 5 to 95 %.
func (b *Band) pinball(sum float64) float64 {
	var loss float64
	inner := b.Quantiles[1 : len(Levels)-1]
	for i, q := range inner {
		p := Levels[i+1]
		if sum < q {
			p--
		}
		loss += 2 * p * (sum - q)
	}
	return loss / float64(len(inner))
}

func finish(methods []method, unit float64) []Score {
	out := make([]Score, len(methods))
	for i, w := range methods {
		s := w.score
		s.MASE /= w.bands * unit
		s.Pinball /= w.bands * unit
		s.Cover80 /= w.bands
		s.Cover95 /= w.bands
		out[i] = s
	}
	return out
}

func weekdayMedian(m *Model, h int) float64 {
	return m.known(h) + m.fromWeeks(h, 4)
}

func seasonalNaive(m *Model, h int) float64 {
	return m.known(h) + m.fromWeeks(h, 1)
}

// fromWeeks sums, over the unknown days of the window, the medians of the last weeks same weekdays
// as they were.
func (m *Model) fromWeeks(h, weeks int) float64 {
	var sum float64
	var buf [4]float64
	for t := m.n + max(0, h-m.window); t < m.n+h; t++ {
		past := buf[:0]
		for d := t - week; d >= 0 && len(past) < weeks; d -= week {
			if d < m.n {
				past = append(past, m.bytes(d))
			}
		}
		sum += median(past)
	}
	return sum
}

// straightLine goes through the last seven sums by least squares.
func straightLine(m *Model, h int) float64 {
	var mean, slope float64
	for i := range week {
		sum := m.sum(max(0, m.n-week+i))
		mean += sum / week
		slope += float64(i-3) * sum / 28 // Σ (i−3)² = 28
	}
	return mean + slope*float64(h+3)
}
