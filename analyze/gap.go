package analyze

import "github.com/6dcca832/headroom/store"

// gapVerdict is what can be said of the time between two starts.
type gapVerdict int

const (
	gapKept gapVerdict = iota
	gapTooShort
	gapUnclear
)

// judgeGap compares the gap between two recorded times with the least one, all in microseconds.
//
// Clocks of resolution res floor their times, so the true gap lies in (gap−res, gap+res). A log of
// the end of requests tells each start too late by a duration that is not known: where before is
// not a start, the true gap may be longer by any time, where now is none, shorter. What some
// durations could change is unclear.
func judgeGap(gap, res, least int64, before, now store.TimeMeaning) gapVerdict {
	atMost := before == store.TimeIsStart // the true gap is not longer
	atLeast := now == store.TimeIsStart   // the true gap is not shorter
	short := res == 0 && gap < least || res > 0 && gap+res <= least
	switch {
	case short && atMost:
		return gapTooShort
	case gap-res >= least && atLeast:
		return gapKept
	}
	return gapUnclear
}
