package outlook

import (
	"math"

	"github.com/6dcca832/headroom/analyze/forecast"
)

// What binds a budget.
const (
	BindsEgress = "egress" // the rolling cap
	BindsTime   = "time"   // the interval between two requests
)

// Budget is how many bytes may be pulled so that the chance of reaching the cap within ChanceDays stays under 5 %.
// A fault that only the last night had is not taken to go on.
type Budget struct {
	// Tonight is for the next 24 hours, the nights after them as they are expected.
	Tonight int64
	// Daily is for each night from now on.
	Daily int64
	// Binds says which limit Tonight meets first.
	Binds string
}

// mostRisk is the chance of reaching the cap that a budget keeps under.
const mostRisk = .05

// budget needs a cap. Without a model, tonight is a night like all others.
func (l *outlook) budget(limits forecast.Cap) *Budget {
	most := limits[len(limits)-1]
	daily := largest(most, func(bytes float64) bool { return l.safe(nights{all: true, bytes: bytes}, limits) })
	tonight := daily
	if l.model != nil {
		tonight = largest(most, func(bytes float64) bool { return l.safe(nights{first: true, bytes: bytes}, limits) })
	}
	b := &Budget{Tonight: whole(math.Floor(tonight)), Daily: whole(math.Floor(daily)), Binds: BindsEgress}
	if inTime := l.inTime(); inTime > 0 {
		if inTime < b.Tonight {
			b.Tonight, b.Binds = inTime, BindsTime
		}
		b.Daily = min(b.Daily, inTime)
	}
	return b
}

// inTime is what 24 hours of requests at the least interval bring, at the mean size of a recording; 0 means unknown.
func (l *outlook) inTime() int64 {
	interval := l.c.policy.Frequency.MinInterval
	if interval <= 0 {
		return 0
	}
	return whole(math.Floor(dayMicros / float64(interval.Microseconds()) * l.c.meanSize()))
}

// safe says whether such nights keep the chance of reaching the cap under mostRisk. All nights given leave nothing
// uncertain but the cap.
func (l *outlook) safe(n nights, limits forecast.Cap) bool {
	if !n.all {
		fans := l.fans(n, ChanceDays)
		return limits.Crossing(fans[:]...)[ChanceDays-1] < mostRisk
	}
	var most float64
	for i := range ChanceDays {
		_, sum := l.worst(n, i, 1)
		most = math.Max(most, sum)
	}
	reached := 0
	for _, limit := range limits {
		if most >= limit {
			reached++
		}
	}
	return float64(reached) < mostRisk*float64(len(limits))
}

// largest finds the largest number from 0 to most that is safe, to a millionth and never above it; 0 where none is.
func largest(most float64, safe func(float64) bool) float64 {
	if !safe(0) {
		return 0
	}
	low, high := 0., most
	for high-low > math.Max(1, high/1e6) {
		if mid := low + (high-low)/2; safe(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}
