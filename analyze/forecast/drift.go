package forecast

import "math"

// drift is a growth, or decline, that goes on for weeks: the experts follow a volume that grows by
// 1 % a day 15 % behind.
//
//	e(t) = (volume − said)/said of the week up to day t,
//	       said by the profile of the day before that week
//	drift = mean e · max(0, 1 − (2.5/T)²),  T = mean e/(σ/√w) over the last w = 4 to 8 weeks
//
// The mean of a steady volume is noise: its T is mostly below 2.5, and there is no drift.
type drift struct {
	off  [driftDays]float64 // e of the last days, in no order
	said [week]float64      // by day % week
	n    int
}

const (
	leastDrift, driftDays = 4 * week, 8 * week
	// driftSure is the T from which a drift is believed; 2 and 3 score .001 worse and better on public
	// series, and follow a growing one 2 % more and 6 % less.
	driftSure = 2.5
	mostDrift = .5
)

// learn takes in the model's last day; it comes before the profile changes.
func (d *drift) learn(m *Model) {
	t := m.n - 1
	if said := d.said[t%week]; t >= warmFull && said > 0 {
		var sum float64
		for i := t - week + 1; i <= t; i++ {
			sum += m.volume[i]
		}
		d.off[d.n%driftDays] = math.Max(-1, math.Min(1, (sum-said)/said))
		d.n++
	}
}

// say notes what the profile says of the coming week.
func (d *drift) say(m *Model) {
	d.said[(m.n-1)%week] = week * m.mean
}

// factor is what the profile must be multiplied by; 1 is no drift.
func (d *drift) factor() float64 {
	if d.n < leastDrift {
		return 1
	}
	var mean, square float64
	days := float64(min(d.n, driftDays))
	for _, e := range d.off {
		mean += e / days
		square += e * e / days
	}
	deviation := math.Sqrt(math.Max(0, square-mean*mean))
	if t := math.Abs(mean) * math.Sqrt(days/week) / math.Max(deviation, 1e-6); t > driftSure {
		return 1 + math.Max(-mostDrift, math.Min(mostDrift, mean*(1-driftSure*driftSure/(t*t))))
	}
	return 1
}
