package forecast

import "math"

// gaps knows the rhythm of a tenant that pulls on no fixed weekdays: every second or fifth day,
// fortnightly, monthly.
//
// Then a profile of weekdays says a little of every day, where there will be all or nothing.
// Instead, the past is played again: each of the last gaps between two pulls that is longer than
// the present one begins a path of coming days, that goes on with the gaps and sizes that followed
// it, in the proportion of what the tenant pulls in a day now to what it pulled then. The bands are
// the mixture of these paths.
type gaps struct {
	day   int
	last  int       // day of the last pull; −1 before the first
	sizes []float64 // of the last pulls, the latest at the end
	days  []int     // days[i] is the gap before sizes[i]
	when  []int     // the day of sizes[i]
	rates []float64 // rates[i] is the rate before sizes[i]
	// active counts days with a pull by weekday, among the last gapDays days.
	had []bool
}

const (
	// gapDays are the last days that tell whether weekdays matter.
	gapDays = 8 * week
	// mostGaps are as many pulls as are played again.
	mostGaps = 48
	// mostPaths are as many ways to play them. From sameStarts on, only those count that begin on the
	// right weekday.
	mostPaths, sameStarts = 16, 3
	// irregular is the share of pulls on weekdays that have one only now and then, from which weekdays
	// do not tell.
	irregular = .5
	// equalGaps of two days or more, one after the other, are a rhythm at once.
	equalGaps = 2
	// A played size is unsure by this share of the sizes' mean deviation, and by these of their
	// median: certain, and the other over how many there were.
	kernel, certain, fewUnsure = .25, .01, .2
	// The rate is that of the last pulls: at least so many, and of at least so many days, which hold
	// every weekday, and every fifth day, as often. What it has changed by is believed to its power of
	// ratePower. Without, a weekly pull's Brier skill is .07 lower, that of every second and fifth day
	// and of fortnights .03 to .06; with 1 or with eight pulls a weekly one's is .04 lower.
	ratePulls, rateDays, ratePower = 5, 5 * week, .5
	mostScaled                     = 2.
)

func (g *gaps) learn(bytes float64) {
	t := g.day
	if g.day++; t == 0 {
		g.last = -1
	}
	g.had = append(g.had, bytes > 0)
	if len(g.had) > gapDays {
		g.had = g.had[1:]
	}
	if !(bytes > 0) {
		return
	}
	if g.last >= 0 {
		g.rates = append(g.rates, g.rate())
		g.days = append(g.days, t-g.last)
		g.sizes = append(g.sizes, bytes)
		g.when = append(g.when, t)
		if len(g.days) > mostGaps {
			g.days, g.sizes, g.when, g.rates = g.days[1:], g.sizes[1:], g.when[1:], g.rates[1:]
		}
	}
	g.last = t
}

// sparse says whether the gaps tell more than weekdays do.
func (g *gaps) sparse() bool {
	n := len(g.days)
	if n < equalGaps {
		return false
	}
	equal := 1
	for equal < n && g.days[n-1-equal] == g.days[n-1] {
		equal++
	}
	if g.days[n-1] > 1 && equal >= equalGaps && g.day-g.last <= g.days[n-1]+1 {
		return true
	}
	return len(g.had) >= 4*week && g.offWeekdays() > irregular
}

// offWeekdays is the share of pulls that the weekday does not explain: on weekdays with pulls more
// often than not, the days without one, on the others those with one, over all pulls. Days of
// silence count as if they were not.
func (g *gaps) offWeekdays() float64 {
	longest := 3 * g.typical()
	var with, without [week]float64
	quiet := 0
	for i, had := range g.had {
		if quiet++; had {
			quiet = 0
		}
		if d := (g.day - len(g.had) + i) % week; had {
			with[d]++
		} else if quiet <= max(longest, 3) {
			without[d]++
		}
	}
	var off, all float64
	for d := range with {
		off += math.Min(with[d], without[d])
		all += with[d]
	}
	if all == 0 {
		return 0
	}
	return off / all
}

// typical is the median gap.
func (g *gaps) typical() int {
	x := make([]float64, len(g.days))
	for i, d := range g.days {
		x[i] = float64(d)
	}
	return int(median(x))
}

// futures are those of a tenant without fixed weekdays; nil for others.
func (g *gaps) futures() []future {
	if !g.sparse() {
		return nil
	}
	since := g.day - 1 - g.last
	starts, overdue := g.starts(since)
	out := make([]future, len(starts))
	off, least := g.unsure()
	for k, i := range starts {
		f := &out[k]
		f.weight, f.days, f.unsure = 1/float64(len(starts)), g.path(i, since,
			overdue), make([]float64, mostAhead+1)
		f.least, f.played = least, true
		for j, bytes := range f.days {
			if bytes > 0 {
				f.unsure[j] = off
			}
		}
	}
	return out
}

// starts are the gaps to play from: the latest that were longer than the present one, where there
// are some those that ended on the weekday on which this one would. When none was so long, the next
// pull is overdue, and any may follow.
func (g *gaps) starts(since int) (found []int, overdue bool) {
	var same []int
	for i, d := range g.days {
		if d <= since {
			continue
		}
		found = append(found, i)
		if (g.last+d-g.when[i])%week == 0 {
			same = append(same, i)
		}
	}
	if len(found) == 0 {
		overdue = true
		for i := range g.days {
			found = append(found, i)
		}
	}
	if len(same) >= sameStarts {
		found = same
	}
	return found[max(0, len(found)-mostPaths):], overdue
}

// unsure is the mean |error| of a played pull, and of no pull.
func (g *gaps) unsure() (pull, none float64) {
	var buf [mostGaps]float64
	sizes := append(buf[:0], g.sizes...)
	middle := median(sizes)
	var off float64
	for _, bytes := range sizes {
		off += math.Abs(bytes-middle) / float64(len(sizes))
	}
	return kernel*off + middle*(certain+fewUnsure/float64(len(sizes))), certain * middle
}

// path plays the gaps and sizes from the i-th on, over and over.
func (g *gaps) path(i, since int, overdue bool) []float64 {
	out := make([]float64, mostAhead+1)
	now := g.rate()
	at := g.days[i] - since - 1
	if overdue {
		at = 0
	}
	for at < len(out) {
		out[at] += g.sizes[i] * g.scaled(i, now)
		i = (i + 1) % len(g.days)
		at += g.days[i]
	}
	return out
}

// rate is how many bytes a day the last pulls brought; 0 before the second.
func (g *gaps) rate() float64 {
	var bytes float64
	days := 0
	for i := len(g.days) - 1; i >= 0 && (days < rateDays || len(g.days)-1-i < ratePulls); i-- {
		bytes += g.sizes[i]
		days += g.days[i]
	}
	if days == 0 {
		return 0
	}
	return bytes / float64(days)
}

// scaled is by what the i-th size is multiplied: by how much the rate has changed since, as far as
// that is believed. mostScaled bounds the change, which may come of a fault.
func (g *gaps) scaled(i int, now float64) float64 {
	if g.rates[i] == 0 || now == 0 {
		return 1
	}
	change := math.Max(1/mostScaled, math.Min(mostScaled, now/g.rates[i]))
	return math.Pow(change, ratePower)
}
