package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// morning is one day on which somebody asked for the chance of reaching a cap within seven days.
type morning struct {
	said   float64
	came   bool
	fallen bool // the last week brought less than 70 % of the three before
}

const morningDays = 7

// morningsOf asks every day of a series that has five weeks before it, for caps of so many times the largest sum of the
// four weeks before.
func morningsOf(t testing.TB, s Series, factors ...float64) (all []morning) {
	m := newModel(&s, windowDays)
	origins, err := Origins(s, windowDays, morningDays)
	if err != nil {
		t.Fatal(err)
	}
	for i, fan := range origins {
		if i < 4*week+windowDays || i+morningDays >= len(s.Bytes) {
			continue
		}
		var most, last, before float64
		for d := i - 4*week + 1; d <= i; d++ {
			most = math.Max(most, m.sum(d))
			if d > i-week {
				last += m.bytes(d)
			} else {
				before += m.bytes(d) / 3
			}
		}
		for _, f := range factors {
			limit := f * most
			if limit <= 0 || m.sum(i) >= limit {
				continue
			}
			a := morning{said: fan.Cross(Cap{limit}, morningDays), fallen: last < .7*before}
			for h := 1; h <= morningDays; h++ {
				a.came = a.came || m.sum(i+h) >= limit
			}
			all = append(all, a)
		}
	}
	return all
}

// bins are mornings by what was said, in tenths.
type bins [10]struct{ n, said, came float64 }

func (b *bins) add(a morning) {
	x := &b[min(int(10*a.said), 9)]
	x.n++
	x.said += a.said
	if a.came {
		x.came++
	}
}

func (b *bins) String() (s string) {
	for _, x := range b {
		if x.n > 0 {
			s += fmt.Sprintf("  %.2f→%.2f (%.0f)", x.said/x.n, x.came/x.n, x.n)
		}
	}
	return s
}

// worst is the largest distance between said and came of a bin with 100 or more.
func (b *bins) worst() (d float64) {
	for _, x := range b {
		if x.n >= 100 {
			d = math.Max(d, math.Abs(x.said-x.came)/x.n)
		}
	}
	return d
}

func brierSkill(all []morning) float64 {
	var came, loss float64
	for _, a := range all {
		hit := 0.
		if a.came {
			hit = 1
		}
		came += hit
		loss += (a.said - hit) * (a.said - hit)
	}
	p := came / float64(len(all))
	return 1 - loss/(float64(len(all))*p*(1-p))
}

func reportMornings(t testing.TB, name string, all []morning) {
	if len(all) == 0 {
		return
	}
	var b, fallen bins
	for _, a := range all {
		b.add(a)
		if a.fallen {
			fallen.add(a)
		}
	}
	t.Logf("%-10s n %6d skill %.3f worst %.3f %s", name, len(all), brierSkill(all), b.worst(), b.String())
	t.Logf("%-10s fallen        worst %.3f %s", name, fallen.worst(), fallen.String())
}

func TestMorningsHarness(t *testing.T) {
	for _, closures := range []bool{true} {
		series := publicSeries(t, closures, false)
		for _, f := range []float64{1, 1.1, 1.2, 1.3} {
			var all []morning
			for _, s := range series {
				all = append(all, morningsOf(t, s.Series, f)...)
			}
			reportMornings(t, fmt.Sprintf("public %.1f", f), all)
		}
	}
	for _, kind := range strings.Fields(os.Getenv("KIND")) {
		var all []morning
		var w, c []tally
		var over, after float64
		for seed := range uint64(12) {
			s := made(kind, seed, 200)
			all = append(all, morningsOf(t, s, 1, 1.1, 1.2, 1.5)...)
			wa, ca := scoreSeries(t, s, 14)
			w, c = append(w, wa), append(c, ca)
			o, a := afterMissed(t, s)
			over, after = over+o, after+a
		}
		reportMornings(t, kind, all)
		mw, mc := average(w), average(c)
		t.Logf("%-10s warm %+.3v cold %+.3v; after missed above q97.5: %.3f of %.0f", kind, mw, mc, over/after, after)
	}
	for _, labels := range []bool{false, true} {
		var over, after float64
		for _, s := range publicSeries(t, true, labels) {
			labelled := s.Series
			truth := publicSeries(t, true, true)
			for _, x := range truth {
				if x.ID == s.ID {
					labelled.Faults = x.Series.Faults
				}
			}
			use := s.Series
			use.Backlog = nil
			o, a := afterMissedLabelled(t, use, labelled.Faults)
			over, after = over+o, after+a
		}
		t.Logf("public labels %v: after missed above q97.5: %.3f of %.0f", labels, over/after, after)
	}
}

// afterMissed counts how often the sum of the days after a missed night lay above its 97.5 % quantile.
func afterMissed(t testing.TB, s Series) (over, all float64) {
	return afterMissedLabelled(t, Series{Start: s.Start, Bytes: s.Bytes, Closures: s.Closures}, s.Faults)
}

func afterMissedLabelled(t testing.TB, s Series, faults []Fault) (over, all float64) {
	m := newModel(&s, windowDays)
	missed := map[int]bool{}
	for _, f := range faults {
		if f.Kind == MissedNight && f.Bytes > 0 {
			missed[f.Day] = true
		}
	}
	origins, err := Origins(s, windowDays, week)
	if err != nil {
		t.Fatal(err)
	}
	for i, fan := range origins {
		if !missed[i] || i < 4*week || i+week >= len(s.Bytes) {
			continue
		}
		for h := 1; h <= week; h++ {
			all++
			if m.sum(i+h) > fan[h-1].Quantiles[20] {
				over++
			}
		}
	}
	return over, all
}

var madeKinds = []string{"plain", "missed", "fall", "step", "growth", "idle", "weekly", "five", "two", "fortnight", "monthly"}

// made is a series of a kind that a tenant can have. Missed nights are in its Faults.
func made(kind string, seed uint64, n int) Series {
	r := rand.New(rand.NewPCG(seed, 77))
	pattern := []profile{{10, 9, 8, 9, 10, 3, 1}, {8, 8, 8, 8, 8, 7, 7}, {9, 10, 9, 10, 9, 0, 0}}[seed%3]
	s := Series{Start: monday, Closures: map[int]string{}}
	level, noise := 0., .1+.15*r.Float64()
	own := make([]float64, n)
	for i := range own {
		level += .01 * r.NormFloat64()
		own[i] = 1e9 * pattern[i%week] * math.Exp(level+noise*r.NormFloat64())
	}
	s.Bytes = own
	gather := func(due func(i int) bool) {
		var pending float64
		for i, v := range own {
			pending += v
			if own[i] = 0; due(i) {
				own[i], pending = pending, 0
			}
		}
	}
	switch kind {
	case "missed":
		catches, pending := r.Float64() < .7, 0.
		left := 0
		for i, v := range own {
			if left == 0 && r.Float64() < .03 {
				left = []int{1, 1, 1, 2, 4}[r.IntN(5)]
			}
			if left > 0 {
				left--
				s.Faults = append(s.Faults, Fault{i, MissedNight, v})
				pending += v
				own[i] = 0
				continue
			}
			if catches && pending > 0 {
				own[i] += pending
				s.Faults = append(s.Faults, Fault{i, CatchUp, pending})
			}
			pending = 0
		}
	case "fall", "step":
		by := map[string]float64{"fall": .4, "step": 3}[kind]
		at := 60 + r.IntN(80)
		for i := at; i < n; i++ {
			own[i] *= by
		}
	case "growth":
		for i := range own {
			own[i] *= math.Pow(1.01, float64(i))
		}
	case "idle":
		at, days := 50+r.IntN(40), 10+r.IntN(30)
		for i := at; i < at+days; i++ {
			own[i] = 0
		}
	case "weekly":
		gather(func(i int) bool { return i%week == 3 })
	case "five":
		gather(func(i int) bool { return i%5 == 3 })
	case "two":
		gather(func(i int) bool { return i%2 == 1 })
	case "fortnight":
		gather(func(i int) bool { return i%14 == 3 })
	case "monthly":
		gather(func(i int) bool { return s.Start.AddDate(0, 0, i).Day() == 2 })
	}
	return s
}
