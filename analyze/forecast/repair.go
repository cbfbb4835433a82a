package forecast

import "math"

const (
	repairWeeks = 6
	// repairReach is how many nights a catch-up can make good.
	repairReach = 4
	// repairLimit is how many deviations above its weekday's median a day may be; 3 and 8 score the same.
	repairLimit = 5
	// nearEmpty is the share of its weekday's median under which a night counts as missed; .3 scores the same.
	nearEmpty = .15
)

// repair makes the last day of volume fit to learn from where nobody has labelled faults, and returns the first day
// that it changed. With m the median and MAD the deviation of up to six same weekdays before, and
//
//	s = max(1.4826·MAD, .08 m, .02·median of the 28 days before)
//
// a surplus above m + 5 s is first given back to nearly empty days directly before (it was a catch-up); what is left
// is clipped at m + 5 s. Clipping alone does harm; with giving back the pinball loss of faulty series falls by 1 %.
func repair(volume []float64) int {
	t := len(volume) - 1
	var buf [repairWeeks]float64
	past := sameWeekdays(volume, t, buf[:])
	if len(past) < 3 {
		return t
	}
	m := median(past)
	limit := m + repairLimit*deviation(past, m, volume[max(0, t-4*week):t])
	if volume[t] <= limit {
		return t
	}
	left, first := giveBack(volume, t, volume[t]-m)
	volume[t] = math.Min(m+left, limit)
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

// giveBack fills nearly empty days directly before t up to their medians. It returns what is left of surplus and the
// first day it changed.
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
