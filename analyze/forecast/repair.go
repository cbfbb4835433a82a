package forecast

import "math"

const (
	repairWeeks = 6
	// repairReach is how many nights a catch-up can make good.
	repairReach = 4
	// repairLimit is how many deviations above its weekday's median a day may be; 3 and 8 score the
	// same.
	repairLimit = 5
	// nearEmpty is the share of its weekday's median under which a night counts as missed; .3 scores
	// the same.
	nearEmpty = .15
)

// repair makes the last day of volume fit to learn from where nobody has labelled faults. It
// returns the first day that it changed, and whether the last one was over its limit. With m the
// median and MAD the deviation of up to six same weekdays before, and
//
//	s = max(1.4826·MAD, .08 m, .02·median of the 28 days before)
//
// a surplus above m + 5 s is first given back to nearly empty days directly before (it was a
// catch-up); what is left is clipped at m + 5 s. Clipping alone does harm; with giving back the
// pinball loss of faulty series falls by 1 %.
func repair(volume []float64) (first int, over bool) {
	t := len(volume) - 1
	var buf [repairWeeks]float64
	past := sameWeekdays(volume, t, buf[:])
	if len(past) < 3 {
		return t, false
	}
	m := median(past)
	limit := m + repairLimit*deviation(past, m, volume[max(0, t-4*week):t])
	if volume[t] <= limit {
		return t, false
	}
	left, first := giveBack(volume, t, volume[t]-m)
	volume[t] = math.Min(m+left, limit)
	return first, true
}

// levels tells a new level from a fault: a tenant that starts to pull after weeks of nothing, that
// doubles its volume, or opens on Saturdays would be clipped for months, or for ever. A surplus is
// no fault when each of the last days that were not empty had one, or the same weekday of each of
// the last weeks.
type levels struct {
	own  []float64 // before any repair
	over []bool    // over the limit of repair
	// believed are the days over their limit that teach as they were.
	believed []bool
	run      int // days over their limit up to the last one, empty days and closures left out
}

// levelDays and levelWeeks are how many days over their limit, or same weekdays, one after the
// other are a new level. More days than repairReach, so that no catch-up is one; 4 to 7 days score
// the same on public series, 3 weeks .001 worse.
const levelDays, levelWeeks = 5, 4

func (l *levels) add(own float64) {
	l.own, l.over, l.believed = append(l.own, own), append(l.over, false), append(l.believed, false)
}

// judge is told whether the last day of volume is over its limit, gives the days of a new level
// back what they had, and returns the first of the last week's, or the last day.
func (l *levels) judge(volume []float64, over bool) int {
	t := len(volume) - 1
	l.over[t] = over
	if !over {
		if l.own[t] > 0 {
			l.run = 0
		}
		return t
	}
	first := t
	if l.run++; l.run >= levelDays {
		first = l.believe(volume, t, 1, week)
	}
	if l.count(t, week, levelWeeks) == levelWeeks {
		l.believe(volume, t, week, levelWeeks)
	}
	return first
}

// count counts those over their limit among n days up to t, step days apart.
func (l *levels) count(t, step, n int) (over int) {
	for d := t; d >= 0 && d > t-step*n; d -= step {
		if l.over[d] {
			over++
		}
	}
	return over
}

func (l *levels) believe(volume []float64, t, step, n int) (first int) {
	first = t
	for d := t; d >= 0 && d > t-step*n; d -= step {
		if l.over[d] {
			volume[d], l.believed[d], first = l.own[d], true, d
		}
	}
	return first
}

// deviation is the s of repair. It reorders past.
func deviation(past []float64, m float64, recent []float64) float64 {
	for i, v := range past {
		past[i] = math.Abs(v - m)
	}
	var buf [4 * week]float64
	return max(1.4826*median(past), .08*m, .02*median(append(buf[:0], recent...)))
}

// giveBack fills nearly empty days directly before t up to their medians. It returns what is left
// of surplus and the first day it changed.
func giveBack(volume []float64, t int, surplus float64) (left float64, first int) {
	first = t
	for d := t - 1; d >= max(0, t-repairReach) && surplus > 0; d-- {
		var buf [repairWeeks]float64
		usual := median(sameWeekdays(volume, d, buf[:]))
		if usual == 0 || volume[d] > nearEmpty*usual {
			break
		}
		back := math.Min(surplus, usual-volume[d])
		volume[d] += back
		surplus -= back
		first = d
	}
	return surplus, first
}
