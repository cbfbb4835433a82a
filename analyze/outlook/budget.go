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

// Budget is how many bytes may be pulled. A fault that only the last night had is not taken to go
// on.
type Budget struct {
	// Tonight is for the next 24 hours, the nights after them as they are expected: the most that adds
	// no more than 2.5 points to the chance of reaching the cap within ChanceDays, and never less than
	// what fits when the later nights bring as much as their 97.5 % quantiles. What later nights risk
	// by themselves, they can be held back for.
	Tonight int64
	// Daily is for each night from now on, so that the chance of reaching the cap stays under 5 %.
	Daily int64
	// Binds says which limit Tonight meets first.
	Binds string
}

const (
	// mostRisk is the chance of reaching the cap that Daily keeps under.
	mostRisk = .05
	// mostAdded is what Tonight adds to it. With 5 points 94.8 to 95.2 % of public mornings were safe,
	// and 95.3 % of 360 against the simulator's cap; with 3.5 and 2.5 98.1 and 99.2 % of the latter.
	// The rest is for volumes that jump more than those did. Usual nights that were safe had room in
	// all.
	mostAdded = .025
	// certain is the quantile of the later nights under which something fits for certain.
	certain = .975
)

// budget needs a cap. Without a model, tonight is a night like all others.
func (l *outlook) budget(limits forecast.Cap) *Budget {
	most := limits[len(limits)-1]
	daily := largest(most, func(bytes float64) bool { return l.safe(bytes, limits) })
	night := daily
	if l.model != nil {
		night = tonight(limits, func(bytes float64, lean bool) []forecast.Fan {
			return l.fans(nights{first: true, bytes: bytes}, ChanceDays, lean)
		})
	}
	b := &Budget{
		Tonight: whole(math.Floor(night)),
		Daily:   whole(math.Floor(daily)),
		Binds:   BindsEgress,
	}
	if inTime := l.inTime(); inTime > 0 {
		if inTime < b.Tonight {
			b.Tonight, b.Binds = inTime, BindsTime
		}
		b.Daily = min(b.Daily, inTime)
	}
	return b
}

// tonight is Budget.Tonight; fans gives the bands of the coming days when tonight brings so many
// bytes.
func tonight(limits forecast.Cap, fans func(bytes float64, lean bool) []forecast.Fan) float64 {
	without := fans(0, false)
	room, sure := limits[len(limits)-1], limits[0]
	for _, fan := range without {
		room = math.Min(room, limits[len(limits)-1]-fan[0].Known)
		for i := range fan {
			sure = math.Min(sure, limits[0]-fan[i].Quantile(certain))
		}
	}
	if room <= 0 {
		return 0
	}
	night := largest(room,
		func(bytes float64) bool { return limits.Added(fans(bytes, true), without) <= mostAdded })
	return math.Min(math.Max(night, sure), room)
}

// inTime is what 24 hours of requests at the least interval bring, at the mean size of a recording;
// 0 means unknown.
func (l *outlook) inTime() int64 {
	interval := l.c.policy.Frequency.MinInterval
	if interval <= 0 {
		return 0
	}
	return whole(math.Floor(dayMicros / float64(interval.Microseconds()) * l.c.meanSize()))
}

// safe says whether so many bytes in all nights keep the chance of reaching the cap under mostRisk.
// They leave nothing uncertain but the cap.
func (l *outlook) safe(bytes float64, limits forecast.Cap) bool {
	n := nights{all: true, bytes: bytes}
	var most float64
	var s dayParts
	for i := range ChanceDays {
		l.parts(&s, n, i)
		_, sum := s.worst(1)
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

// largest finds the largest number from 0 to most that is safe, to a millionth and never above it;
// 0 where none is.
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
