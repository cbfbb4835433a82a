package forecast

import (
	"math"
	"math/rand/v2"
	"testing"
)

// spells returns a weekly pattern whose days are busy or quiet together: the part of the noise that each day keeps of the
// last one's is persistence.
func spells(seed uint64, n int, persistence float64) Series {
	r := rand.New(rand.NewPCG(seed, 4))
	pattern := profile{10, 9, 8, 9, 10, 3, 1}
	s := Series{Start: monday}
	var noise float64
	for i := range n {
		noise = persistence*noise + .15*math.Sqrt(1-persistence*persistence)*r.NormFloat64()
		s.Bytes = append(s.Bytes, 1e9*pattern[i%week]*math.Exp(noise))
	}
	return s
}

// carried is what the model makes of a last day that had half more, or less, than the pattern: the share of the next day's
// profile that is added.
func carried(t *testing.T, s Series, last float64) float64 {
	t.Helper()
	s.Bytes[len(s.Bytes)-1] = last * s.Bytes[len(s.Bytes)-1-week]
	m, err := Fit(s, windowDays)
	if err != nil {
		t.Fatal(err)
	}
	return m.expected(m.n)/m.profile[m.day(m.n)] - 1
}

// TestCarry: where spells last, a surprise is expected to go on, and fades; where days are independent it is not.
func TestCarry(t *testing.T) {
	const days = 40 * week // ends on a Sunday, as does the pattern
	for _, c := range []struct {
		persistence, last, from, to float64
	}{
		{.8, 1.5, .1, .3}, {.8, .5, -.3, -.1}, {0, 1.5, -.05, .08}, {0, .5, -.08, .05},
	} {
		var sum float64
		for seed := range uint64(10) {
			s := spells(seed, days-2, c.persistence) // the last day is a Friday, whose volume is large
			sum += carried(t, s, c.last) / 10
		}
		if sum < c.from || sum > c.to {
			t.Errorf("persistence %v, last day at %v: %.3f more are expected, want %v to %v", c.persistence, c.last, sum, c.from, c.to)
		}
	}
	m, err := Fit(spells(1, days, .8), windowDays)
	if err != nil {
		t.Fatal(err)
	}
	for j := range MaxHorizon {
		if now, then := math.Abs(m.carry.factor(j)-1), math.Abs(m.carry.factor(j+1)-1); then > now || j == MaxHorizon-1 && then > 1e-6 {
			t.Errorf("what is carried %d days ahead grows from %v to %v", j+1, now, then)
		}
	}
}

// TestCarryBeatsNone: on a series with spells the next day's error is smaller by it.
func TestCarryBeatsNone(t *testing.T) {
	s := spells(3, 300, .8)
	m := newModel(&s, windowDays)
	var with, without float64
	for day := range s.Bytes {
		if day > 8*week {
			with += math.Abs(s.Bytes[day] - m.expected(day))
			without += math.Abs(s.Bytes[day] - m.profile[m.day(day)])
		}
		m.learn()
	}
	if with > .95*without {
		t.Errorf("errors add up to %.3g with what is carried, to %.3g without", with, without)
	}
}

// TestNothingCarried: days that are no quiet ones are not carried on: missed nights, unknown days, closures, and faults
// that somebody has labelled.
func TestNothingCarried(t *testing.T) {
	const n = 20*week + 3
	for name, change := range map[string]func(s *Series){
		"missed":  func(s *Series) { s.Bytes[n-1] = 0 },
		"unknown": func(s *Series) { s.Bytes[n-1] = math.NaN() },
		"closed":  func(s *Series) { s.Bytes[n-1] /= 4; s.Closures = map[int]string{n - 1: "closed"} },
	} {
		s := spells(5, n, .8)
		change(&s)
		m, err := Fit(s, windowDays)
		if err != nil {
			t.Fatal(err)
		}
		if f := m.carry.factor(0); f != 1 {
			t.Errorf("%s: %v of the profile is expected, not all", name, f)
		}
	}
	s := spells(5, n, .8)
	want := mustForecast(t, s, 1)[0]
	s.Bytes[n-1] *= 2
	s.Faults = []Fault{{n - 1, Redownload, s.Bytes[n-1] / 2}}
	if got := mustForecast(t, s, 1)[0]; math.Abs((got.Point-got.Known)/(want.Point-want.Known)-1) > 1e-9 {
		t.Errorf("%v are expected after a labelled fault, %v without it", got.Point-got.Known, want.Point-want.Known)
	}
}

// TestCarryIsBounded: whatever the volumes, no more than the clipped share is carried.
func TestCarryIsBounded(t *testing.T) {
	for seed := range uint64(160) {
		s := odd(seed)
		m := newModel(&s, windowDays)
		for day := range s.Bytes {
			m.learn()
			if f := m.carry.factor(0); !(math.Abs(f-1) <= carryClip) {
				t.Fatalf("seed %d day %d: %v of the profile", seed, day, f)
			}
		}
	}
}
