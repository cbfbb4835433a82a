// Package forecast says where the rolling sum of a daily volume will be in the next days: a point
// and quantiles per day ahead, and the chance of reaching a cap. It is arithmetic on numbers: no
// clock, no files, no database. The window of the sum is an argument, in days.
//
// # Assumptions
//
// The volume of a day is never negative, depends on the weekday, and its level moves slowly; there
// is no trend worth extrapolating within a month (a straight line is four times worse than this
// method). Closure days (holidays) are known in advance. Faults (missed nights, catch-ups,
// downloads repeated, backfills) are no part of the pattern: they are labelled by the caller, or
// guessed (see repair), and do not teach. Where the last days were not like that, several cases of
// the coming days are thought of (see cases.go); where pulls are on no fixed weekdays, the past is
// played again (gaps.go).
//
// # Formulas
//
// Every way of forecasting gives a profile p of seven volumes, one a weekday. Four experts are
// combined: median of the last six same weekdays; mean of the last eight weighted .7^weeks; and two
// multiplicative Holt-Winters filters without trend, v ≈ level·season[weekday] (see holtWinters).
// Their weights are (mean |error of the sum|)^−4. Before the 28th day the profile leans on five
// weekly shapes found elsewhere (see coldProfile).
//
//	point(h)  = known + Σ ratio·carry·drift·p[weekday] over the window's unknown days
//	S(h)      ~ point(h) ± wider·scale(h) · E, never below known;
//	            E with the piecewise exponential tails of band.go
//	scale(h)  = (n·e(h) + 10·.35·√k·mean(p)) / (n + 10),  k unknown days in the window
//
// e(h) is the mean of the n past |errors| h days ahead, each clipped at five scales, in units of
// mean(p)^.7; their weight halves every 120 days, and is three times as large for origins on the
// same weekday. ratio is 1, or on closure days the mean ratio of past ones to what would have been
// expected, with a prior of ½. carry is near 1: what the last day's surprise says of the next ones
// (see carry.go). drift is 1 but for volumes that grow for weeks (drift.go), wider is what the last
// days' errors say of the next (recent.go). The chance of reaching a cap within some days follows
// from those of the single days by the formula of cross.go.
//
// # Failure modes
//
// A lasting change of level is followed within a week where it is large (half as much again, and
// five mean deviations), within two to four weeks where it is small. Monthly and yearly seasons are
// not known, nor are announced changes: give those to the caller's planning. Chances of caps well
// above all that the last weeks had are too small (see cross.go). Before two weeks of history no
// chance is reliable.
//
// # Why these constants
//
// They were chosen in coarse steps on 29 public series, and mostly do not matter: "the same" in
// their comments is a scaled pinball loss within .001 of .570, when that constant alone is changed.
// Those of cases, gaps and drift come from made series of the kinds that they are for, and were
// kept where the public series score the same. Fitted quantile tables, and quantiles of the
// tenant's own errors, were dropped: on series left out of the fit they were no better than the
// closed form. Effects of the day of the month and of the day after closures, and the experts'
// disagreement, gained nothing or too little to be worth their lines.
package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// MaxHorizon is the furthest day ahead that is forecast.
	MaxHorizon = 30
	// MaxUnknown are the days up to now of which nothing may be known yet, on top of MaxHorizon: they
	// are forecast, too.
	MaxUnknown = week
	mostAhead  = MaxHorizon + MaxUnknown
	// MinHistory is the number of days under which there is no forecast.
	MinHistory = 3
	// Reliable is the number of days under which chances should be shown with a warning.
	Reliable = 14

	week = 7
	// learnHorizon is how far ahead errors are measured; further days use the last one's, widened.
	learnHorizon = 14
	// maxHistory days are learned from: three years keep every yearly closure day thrice and a
	// forecast within 5 ms.
	maxHistory = 3*365 + 1
	// maxVolume bounds a day's bytes far above 2^63, so that no sum of squares or products leaves
	// float64.
	maxVolume = 1 << 80
)

// Series is what is known of one tenant: a volume in bytes for each calendar day.
type Series struct {
	// Start is the calendar day of Bytes[0]; the time of day is ignored.
	Start time.Time
	// Bytes are the days' egress bytes. NaN means that nobody knows: it counts 0 in sums and does not
	// teach.
	Bytes []float64
	// Closures names closure days by their distance from Start in days, past (also before Start) and
	// future.
	Closures map[int]string
	// Faults label bytes that must not teach, or that are missing from what should. Several on one day
	// add up.
	Faults []Fault
	// Labelled says that Faults has all faults of the days: what is left is the tenant's own volume.
	Labelled bool
	// Backlog, when not nil, holds for each day the bytes known at its end to be still to come with
	// the next pull.
	Backlog []float64
}

// Fault is a labelled deviation of one day.
type Fault struct {
	// Day is the distance from Series.Start in days.
	Day int
	// Kind says what happened.
	Kind Kind
	// Bytes are those that came too much (or, for MissedNight, too few). 0 labels nothing.
	Bytes float64
}

// Kind is a kind of Fault.
type Kind string

// The kinds of faults. All but MissedNight are bytes on top of the day's own volume.
const (
	Redownload  Kind = "redownload"
	CatchUp     Kind = "catch_up"
	Backfill    Kind = "backfill"
	MissedNight Kind = "missed_night"
)

// ShortHistoryError is returned where there are fewer than MinHistory days. Its text is a reason to
// show.
type ShortHistoryError struct{ Days, Needed int }

func (e *ShortHistoryError) Error() string {
	days := "days"
	if e.Days == 1 {
		days = "day"
	}
	return fmt.Sprintf("only %d %s of history; %d are needed", e.Days, days, e.Needed)
}

// Window is what the caller knows of the sum at one day ahead.
type Window struct {
	// Known are the bytes that are in it for sure: pulled already, or pending and due before.
	Known float64
	// Days[j] is the share of the day n+1+j (n the last known day) that is in the window, 0 to 1. All
	// of it is forecast. At most MaxHorizon+MaxUnknown+1 days: a pull that starts early may reach into
	// the next calendar day.
	Days []float64
}

// Fit learns from s and returns a model that forecasts from its last day. Days that nobody knows
// are no history. The error is a *ShortHistoryError, or says which value of s is no volume.
func Fit(s Series, window int) (*Model, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if n := s.known(); n < MinHistory {
		return nil, &ShortHistoryError{Days: n, Needed: MinHistory}
	}
	s = s.last(min(maxHistory, len(s.Bytes)-s.idle()))
	m := newModel(&s, window)
	for range s.Bytes {
		m.learn()
	}
	return m, nil
}

// Calendar returns the windows of plain five-day calendar sums for 1 to horizon days ahead, with
// the known bytes and the backlog filled in. A horizon outside 1 to MaxHorizon is moved to the
// nearest.
func (m *Model) Calendar(horizon int) []Window {
	out := make([]Window, min(max(horizon, 1), MaxHorizon))
	for i := range out {
		h := i + 1
		out[i] = Window{Known: m.known(h), Days: make([]float64, h)}
		for j := max(0, h-m.window); j < h; j++ {
			out[i].Days[j] = 1
		}
	}
	return out
}

// Forecast returns a band for each of the windows; windows[i] is taken to end i+1 days ahead. The
// error names a window that is not possible.
func (m *Model) Forecast(windows []Window) (Fan, error) { return m.forecast(windows, false) }

// Chances is Forecast for those who ask for chances only: the bands have no Point, Quantiles and
// Scale, which take most of the time.
func (m *Model) Chances(windows []Window) (Fan, error) { return m.forecast(windows, true) }

func (m *Model) forecast(windows []Window, lean bool) (Fan, error) {
	if len(windows) == 0 || len(windows) > mostAhead {
		return nil, fmt.Errorf("forecast %d days ahead: 1 to %d are possible", len(windows), mostAhead)
	}
	for i := range windows {
		if err := windows[i].check(); err != nil {
			return nil, fmt.Errorf("forecast day %d: %w", i+1, err)
		}
	}
	fan := make(Fan, len(windows))
	for i := range fan {
		fan[i].lean = lean
	}
	m.bands(fan, windows)
	return fan, nil
}

// bands fills fan.
func (m *Model) bands(fan Fan, windows []Window) {
	futures := m.futures()
	for i := range fan {
		b := &fan[i]
		b.Known, b.parts = windows[i].Known, b.parts[:0]
		for k := range futures {
			b.parts = append(b.parts, m.part(&futures[k], &windows[i], i+1))
		}
		b.fill()
	}
}

func (w *Window) check() error {
	if !isVolume(w.Known) {
		return fmt.Errorf("known part of %v bytes is no volume", w.Known)
	}
	if len(w.Days) > mostAhead+1 {
		return fmt.Errorf("window reaches %d days ahead; %d are possible", len(w.Days), mostAhead+1)
	}
	for _, share := range w.Days {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("share %v of a day is not between 0 and 1", share)
		}
	}
	return nil
}

func isVolume(v float64) bool { return v >= 0 && v <= maxVolume }

func (s Series) check() error {
	for i, v := range s.Bytes {
		if !isVolume(v) && !math.IsNaN(v) {
			return fmt.Errorf("read day %d: %v bytes is no day's volume", i, v)
		}
	}
	if s.Backlog != nil && len(s.Backlog) != len(s.Bytes) {
		return fmt.Errorf("read backlog: %d days, but the volume has %d", len(s.Backlog), len(s.Bytes))
	}
	for i, v := range s.Backlog {
		if !isVolume(v) {
			return fmt.Errorf("read backlog of day %d: %v bytes is no volume", i, v)
		}
	}
	for _, f := range s.Faults {
		if _, err := f.surplus(); err != nil {
			return fmt.Errorf("read fault of day %d: %w", f.Day, err)
		}
	}
	return nil
}

// idle is the number of days before the first that had bytes; all of them where none had.
func (s Series) idle() int {
	i := slices.IndexFunc(s.Bytes, func(v float64) bool { return v > 0 })
	if i < 0 {
		return len(s.Bytes)
	}
	return i
}

// known is the number of days that somebody knows, from the first that had bytes on.
func (s Series) known() (n int) {
	for _, v := range s.Bytes[s.idle():] {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// surplus is what the fault put on top of its day's own volume, negative when it took away.
func (f Fault) surplus() (float64, error) {
	if !isVolume(f.Bytes) {
		return 0, fmt.Errorf("%v bytes is no volume", f.Bytes)
	}
	switch f.Kind {
	case Redownload, CatchUp, Backfill:
		return f.Bytes, nil
	case MissedNight:
		return -f.Bytes, nil
	}
	return 0, fmt.Errorf("unknown kind %q", f.Kind)
}

// last returns the series without all but its last days.
func (s Series) last(days int) Series {
	cut := len(s.Bytes) - days
	if cut <= 0 {
		return s
	}
	out := Series{
		Start:    s.Start.AddDate(0, 0, cut),
		Labelled: s.Labelled,
		Bytes:    s.Bytes[cut:],
		Closures: make(map[int]string, len(s.Closures)),
	}
	for day, name := range s.Closures {
		out.Closures[day-cut] = name
	}
	for _, f := range s.Faults {
		f.Day -= cut
		out.Faults = append(out.Faults, f)
	}
	if s.Backlog != nil {
		out.Backlog = s.Backlog[cut:]
	}
	return out
}
