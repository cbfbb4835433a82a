package egress

import (
	"testing"
	"time"

	"github.com/6dcca832/headroom/limits"
)

// feedWindow adds requests of (start, bytes) to a window of length 100.
func feedWindow(t *Tenant, requests ...[2]int64) *Window {
	w := NewWindow(100 * time.Microsecond)
	for _, r := range requests {
		w.Begin(t, r[0])
		w.Add(t, r[1])
		w.Open = true
	}
	w.Close()
	return &w
}

func TestWindow(t *testing.T) {
	tests := map[string]struct {
		resets        []int64
		requests      [][2]int64
		peak, at      int64
		asOf, current int64
	}{
		"the far edge is outside":     {nil, [][2]int64{{1000, 5}, {1100, 7}}, 7, 1100, 1100, 7},
		"next to it is inside":        {nil, [][2]int64{{1001, 5}, {1100, 7}}, 12, 1100, 1100, 12},
		"one start is one sum":        {nil, [][2]int64{{1000, 5}, {1000, 7}}, 12, 1000, 1000, 12},
		"the first peak counts":       {nil, [][2]int64{{1000, 5}, {1200, 5}}, 5, 1000, 1400, 0},
		"a reset drops its own start": {[]int64{1000}, [][2]int64{{1000, 5}, {1001, 2}}, 2, 1001, 1001, 2},
		"and not what comes after":    {[]int64{999}, [][2]int64{{998, 1}, {1000, 5}}, 5, 1000, 1000, 5},
		"a reset after the last":      {[]int64{1050}, [][2]int64{{1000, 5}}, 5, 1000, 1060, 0},
		"a reset still to come":       {[]int64{1070}, [][2]int64{{1000, 5}}, 5, 1000, 1060, 5},
		"a peak at the epoch":         {nil, [][2]int64{{0, 5}, {90, 0}, {200, 5}}, 5, 0, 200, 5},
		"zero bytes have a peak":      {nil, [][2]int64{{1000, 0}, {1001, 0}}, 0, 1000, 1001, 0},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			tenant := &Tenant{Resets: c.resets}
			w := feedWindow(tenant, c.requests...)
			if w.Peak != c.peak || w.PeakAt != c.at {
				t.Errorf("peak %d at %d, want %d at %d", w.Peak, w.PeakAt, c.peak, c.at)
			}
			if got := w.Current(c.resets, c.asOf); got != c.current {
				t.Errorf("current %d, want %d", got, c.current)
			}
		})
	}
}

func TestWindowLearns(t *testing.T) {
	type answer struct {
		sum     int64
		refused bool
	}
	tests := map[string]struct {
		answers           []answer
		survived, refused int64
	}{
		"nothing":                             {nil, 0, -1},
		"the largest served":                  {[]answer{{5, false}, {9, false}, {7, false}}, 9, -1},
		"the smallest refused":                {[]answer{{5, false}, {20, true}, {15, true}, {18, true}}, 5, 15},
		"served at what was refused":          {[]answer{{15, true}, {15, false}}, 15, 15},
		"the cap was raised":                  {[]answer{{5, false}, {15, true}, {20, false}}, 20, -1},
		"raised and met again":                {[]answer{{15, true}, {20, false}, {30, true}}, 20, 30},
		"the cap was lowered":                 {[]answer{{20, false}, {15, true}}, 0, 15},
		"lowered and served since":            {[]answer{{20, false}, {15, true}, {12, false}}, 12, 15},
		"lowered, then raised to less":        {[]answer{{20, false}, {10, true}, {15, false}}, 15, -1},
		"lowered, raised to less, met again":  {[]answer{{20, false}, {10, true}, {15, false}, {18, true}}, 15, 18},
		"a refusal without bytes in the log":  {[]answer{{0, true}}, 0, 0},
		"and what was served after it counts": {[]answer{{0, true}, {5, false}}, 5, -1},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			w := NewWindow(time.Hour)
			for _, a := range c.answers {
				w.learn(a.sum, a.refused)
			}
			refused := w.Refused
			if !w.HasRefused {
				refused = -1
			}
			if w.Survived != c.survived || refused != c.refused {
				t.Errorf("survived %d, refused %d, want %d and %d", w.Survived, refused, c.survived, c.refused)
			}
		})
	}
}

// After a reset the sum begins anew. What was learned from the refusal before holds until the vendor
// serves more than that: then the refusal had bytes in it that the log does not know.
func TestWindowLearnsAfterAReset(t *testing.T) {
	tn := &Tenant{Resets: []int64{50}}
	w := NewWindow(1000 * time.Microsecond)
	answer := func(at, bytes int64, role limits.Role) int64 {
		w.Begin(tn, at)
		w.LearnFrom(role)
		w.Add(tn, bytes)
		return w.Resolve(tn.Cap, func(int, float64) int64 { return 0 }, at).Bytes
	}
	answer(10, 300, limits.RoleOK)
	if got := answer(20, 0, limits.RoleEgressCap); got != 300 {
		t.Fatalf("after the refusal the cap is %d", got)
	}
	for i, want := range []int64{300, 300, 300, 0} { // sums of 0, 200, 300 (begun below) and 400
		bytes := []int64{200, 100, 100, 100}[i]
		if got := answer(60+int64(i), bytes, limits.RoleOK); got != want {
			t.Errorf("answer %d after the reset: the cap is %d, not %d", i+1, got, want)
		}
	}
	if w.Survived != 400 {
		t.Errorf("the vendor served at a sum of %d", w.Survived)
	}
}

// A refusal counts for 28 days, or for a window where the log begins less than a window before it; one that counts no longer
// when the next comes does not bound that one.
func TestRefusalEnds(t *testing.T) {
	const window, day = 5 * 24 * time.Hour, 24 * time.Hour
	micros := func(d time.Duration) int64 { return d.Microseconds() }
	type answer struct {
		at      time.Duration
		bytes   int64
		refused bool
	}
	for name, c := range map[string]struct {
		answers []answer
		asOf    time.Duration
		want    int64 // the cap, 0 without one
		refusal int64
		short   bool
	}{
		"holds":                   {[]answer{{0, 7, false}, {6 * day, 10, false}, {7 * day, 0, true}}, 35*day - 1000, 10, 10, false},
		"ends":                    {[]answer{{0, 7, false}, {6 * day, 10, false}, {7 * day, 0, true}}, 35 * day, 0, 10, false},
		"is told no more":         {[]answer{{0, 7, false}, {6 * day, 10, false}, {7 * day, 0, true}}, 63 * day, 0, 0, false},
		"begins a window before":  {[]answer{{day, 10, false}, {6 * day, 0, true}}, 34*day - 1000, 0, 0, false}, // no bytes in it
		"short holds":             {[]answer{{day, 10, false}, {5 * day, 0, true}}, 10*day - 1000, 10, 10, true},
		"short ends":              {[]answer{{day, 10, false}, {5 * day, 0, true}}, 10 * day, 0, 10, true},
		"the last counts":         {[]answer{{0, 7, false}, {6 * day, 10, false}, {7 * day, 0, true}, {8 * day, 0, true}}, 36*day - 1000, 10, 10, false},
		"the smallest of two":     {[]answer{{0, 1, false}, {20 * day, 10, false}, {21 * day, 0, true}, {30 * day, 9, false}, {31 * day, 0, true}}, 32 * day, 9, 9, false},
		"the first has ended":     {[]answer{{0, 1, false}, {6 * day, 9, false}, {7 * day, 0, true}, {40 * day, 9, false}, {41 * day, 6, false}, {42 * day, 0, true}}, 43 * day, 15, 15, false},
		"the first has not ended": {[]answer{{0, 1, false}, {6 * day, 9, false}, {7 * day, 0, true}, {20 * day, 9, false}, {21 * day, 6, false}, {22 * day, 0, true}}, 23 * day, 9, 9, false},
	} {
		w := NewWindow(window)
		for _, a := range c.answers {
			w.Begin(&Tenant{}, micros(a.at))
			w.LearnFrom(map[bool]limits.Role{false: limits.RoleOK, true: limits.RoleEgressCap}[a.refused])
			w.Add(&Tenant{}, a.bytes)
		}
		got := w.Resolve(CapFacts{}, func(int, float64) int64 { return 0 }, micros(c.asOf))
		if got.Bytes != c.want || got.High != c.want || got.Refusal.Bytes != c.refusal || got.Refusal.Short > 0 != c.short {
			t.Errorf("%s: %+v", name, got)
		}
		if (got.Known() != "") != (c.want > 0) || (got.Ended() != "") != (c.want == 0 && c.refusal > 0) {
			t.Errorf("%s: known %q, ended %q", name, got.Known(), got.Ended())
		}
		if told := w.Resolve(CapFacts{Told: 5}, nil, micros(c.asOf)); told.Bytes != 5 || told.Note() != "" {
			t.Errorf("%s, but told: %+v", name, told)
		}
	}
}
