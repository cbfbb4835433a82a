package forecast

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// windowDays is the window of most tests: five days, as the series of calls have it.
const windowDays = 5

var monday = time.Date(2026, 1, 5, 15, 0, 0, 0, time.FixedZone("", -8*3600))

// weekly returns n days of a weekly pattern with noise.
func weekly(seed uint64, n int) Series {
	r := rand.New(rand.NewPCG(seed, 1))
	pattern := profile{10, 9, 8, 9, 10, 3, 1}
	s := Series{Start: monday, Closures: map[int]string{}}
	for i := range n {
		s.Bytes = append(s.Bytes, 1e9*pattern[i%week]*math.Exp(.2*r.NormFloat64()))
	}
	return s
}

// odd returns a series of a kind that is known to break forecasts.
func odd(seed uint64) Series {
	r := rand.New(rand.NewPCG(seed, 2))
	s := weekly(seed, 3+r.IntN(200))
	for i := range s.Bytes {
		switch seed % 8 {
		case 0: // closed but for one day a week
			if i%week != 2 {
				s.Bytes[i] = 0
			}
		case 1:
			s.Bytes[i] = 0
		case 2: // near 2^63
			s.Bytes[i] = float64(math.MaxInt64) * (1 - r.Float64()/100)
		case 3: // rare spikes
			s.Bytes[i] *= math.Floor(r.ExpFloat64() / 4)
		case 4: // falls to nothing
			s.Bytes[i] *= math.Exp(-float64(i) / 5)
		case 5: // gaps
			if r.IntN(3) == 0 {
				s.Bytes[i] = math.NaN()
			}
		case 6: // starts late
			if i < len(s.Bytes)/2 {
				s.Bytes[i] = 0
			}
		case 7: // constant
			s.Bytes[i] = 5
		}
	}
	for range r.IntN(20) {
		s.Closures[r.IntN(len(s.Bytes)+30)] = "closed"
		day := r.IntN(len(s.Bytes))
		if v := s.Bytes[day]; v > 0 {
			s.Faults = append(s.Faults, Fault{day, []Kind{Backfill, MissedNight}[r.IntN(2)], v * r.Float64()})
		}
	}
	if r.IntN(2) == 0 {
		s.Backlog = make([]float64, len(s.Bytes))
		s.Backlog[len(s.Bytes)-1] = 1e9
	}
	return s
}

// tooShort says whether err is what a series has to give that has bytes on too few days, or on none.
func tooShort(s Series, err error) bool {
	var short *ShortHistoryError
	return s.known() < MinHistory && errors.As(err, &short)
}

func TestBandsAreOrdered(t *testing.T) {
	for seed := range uint64(160) {
		s := odd(seed)
		origins, err := Origins(s, windowDays, MaxHorizon)
		if tooShort(s, err) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		for day, fan := range origins {
			for h, b := range fan {
				checkBand(t, b, fmt.Sprintf("seed %d day %d ahead %d", seed, day, h+1))
			}
		}
	}
}

func checkBand(t *testing.T, b Band, where string) {
	t.Helper()
	if !slices.IsSorted(b.Quantiles[:]) {
		t.Fatalf("%s: quantiles cross: %v", where, b.Quantiles)
	}
	if b.Quantiles[0] < b.Known || b.Point < b.Known {
		t.Fatalf("%s: %v and point %v are below the known %v", where, b.Quantiles[0], b.Point, b.Known)
	}
	for _, v := range []float64{b.Known, b.Point, b.Scale, b.Quantiles[20], b.Exceed(1e10)} {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			t.Fatalf("%s: %+v is not finite", where, b)
		}
	}
}

func TestScaleEquivariance(t *testing.T) {
	for seed := range uint64(40) {
		s := odd(seed)
		if s.known() < MinHistory {
			continue
		}
		for _, factor := range []float64{1e-7, 1.0 / 3, 1e4} {
			compareScaled(t, s, scaled(s, factor), factor)
		}
	}
}

func scaled(s Series, factor float64) Series {
	out := s
	out.Bytes, out.Backlog, out.Faults = slices.Clone(s.Bytes), slices.Clone(s.Backlog), slices.Clone(s.Faults)
	for i := range out.Bytes {
		out.Bytes[i] *= factor
	}
	for i := range out.Backlog {
		out.Backlog[i] *= factor
	}
	for i := range out.Faults {
		out.Faults[i].Bytes *= factor
	}
	return out
}

func compareScaled(t *testing.T, a, b Series, factor float64) {
	t.Helper()
	fa, fb := mustForecast(t, a, 14), mustForecast(t, b, 14)
	for h := range fa {
		for i, q := range fa[h].Quantiles {
			want, got := q*factor, fb[h].Quantiles[i]
			if math.Abs(want-got) > 1e-9*math.Max(want, fa[h].Scale*factor) {
				t.Fatalf("ahead %d level %v: %v, scaled by %v: %v", h+1, Levels[i], want, factor, got)
			}
		}
	}
}

func mustForecast(t testing.TB, s Series, horizon int) Fan {
	t.Helper()
	m, err := Fit(s, windowDays)
	if err != nil {
		t.Fatal(err)
	}
	fan, err := m.Forecast(m.Calendar(horizon))
	if err != nil {
		t.Fatal(err)
	}
	return fan
}

// TestOriginsSeeNoFuture compares every origin with a fit of the days up to it alone; it also shows that both ways
// give the same bits each time.
func TestOriginsSeeNoFuture(t *testing.T) {
	s := odd(3)
	s.Closures[30], s.Closures[len(s.Bytes)+3] = "closed", "closed"
	origins, err := Origins(s, windowDays, 20)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for day, fan := range origins {
		part := s
		part.Bytes = s.Bytes[:day+1]
		if s.Backlog != nil {
			part.Backlog = s.Backlog[:day+1]
		}
		part.Faults = slices.DeleteFunc(slices.Clone(s.Faults), func(f Fault) bool { return f.Day > day })
		if !reflect.DeepEqual(fan, mustForecast(t, part, 20)) {
			t.Fatalf("day %d: backtest and forecast differ", day)
		}
		seen++
	}
	if want := len(s.Bytes) - s.idle() - MinHistory + 1; seen != want {
		t.Fatalf("%d origins, want %d", seen, want)
	}
}

func TestShortHistory(t *testing.T) {
	for n, want := range []string{
		"only 0 days of history; 3 are needed", "only 1 day of history; 3 are needed", "only 2 days of history; 3 are needed",
	} {
		_, err := Fit(weekly(1, n), windowDays)
		var short *ShortHistoryError
		if !errors.As(err, &short) || err.Error() != want {
			t.Errorf("%d days: %v, want %q", n, err, want)
		}
	}
	gaps := weekly(1, 50)
	for d := 1; d < 49; d++ {
		gaps.Bytes[d] = math.NaN()
	}
	if _, err := Fit(gaps, windowDays); err == nil || err.Error() != "only 2 days of history; 3 are needed" {
		t.Errorf("two days seven weeks apart: %v", err)
	}
	if fan := mustForecast(t, weekly(1, 3), 14); fan[4].Point < 1e10 {
		t.Errorf("three days of about 9e9 give %v for five", fan[4].Point)
	}
	if _, err := Evaluate(weekly(1, 41), windowDays, 14, 0); err == nil || err.Error() != "only 41 days of history; 42 are needed" {
		t.Errorf("evaluate 41 days: %v", err)
	}
}

func TestBadInput(t *testing.T) {
	for want, change := range map[string]func(s *Series){
		"read day 3: -1 bytes is no day's volume":      func(s *Series) { s.Bytes[3] = -1 },
		"read day 4: +Inf bytes is no day's volume":    func(s *Series) { s.Bytes[4] = math.Inf(1) },
		"read day 5: 1e+300 bytes is no day's volume":  func(s *Series) { s.Bytes[5] = 1e300 },
		"read backlog: 1 days, but the volume has 40":  func(s *Series) { s.Backlog = []float64{1} },
		"read backlog of day 0: -2 bytes is no volume": func(s *Series) { s.Backlog = make([]float64, 40); s.Backlog[0] = -2 },
		`read fault of day 7: unknown kind "storm"`:    func(s *Series) { s.Faults = []Fault{{7, "storm", 1}} },
		"read fault of day 7: NaN bytes is no volume":  func(s *Series) { s.Faults = []Fault{{7, CatchUp, math.NaN()}} },
	} {
		s := weekly(1, 40)
		change(&s)
		if _, err := Fit(s, windowDays); err == nil || err.Error() != want {
			t.Errorf("fit: %v, want %q", err, want)
		}
		if _, err := Origins(s, windowDays, 14); err == nil || err.Error() != want {
			t.Errorf("origins: %v, want %q", err, want)
		}
	}
	m, err := Fit(weekly(1, 40), windowDays)
	if err != nil {
		t.Fatal(err)
	}
	for want, windows := range map[string][]Window{
		"forecast 0 days ahead: 1 to 37 are possible":                   nil,
		"forecast day 1: share 1.5 of a day is not between 0 and 1":     {{Days: []float64{1.5}}},
		"forecast day 1: known part of -1 bytes is no volume":           {{Known: -1}},
		"forecast day 1: window reaches 40 days ahead; 38 are possible": {{Days: make([]float64, 40)}},
	} {
		if _, err := m.Forecast(windows); err == nil || err.Error() != want {
			t.Errorf("forecast: %v, want %q", err, want)
		}
	}
}

// TestWindows: what the caller knows is believed, a part of a day brings its part, and a whole known window is certain.
func TestWindows(t *testing.T) {
	m, err := Fit(weekly(2, 100), windowDays)
	if err != nil {
		t.Fatal(err)
	}
	fan, err := m.Forecast([]Window{{Known: 7e9}, {Known: 1e9, Days: []float64{1, .5}}, {Known: 0, Days: []float64{1, 1, 1, 1, 1, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if b := fan[0]; b.Quantiles[0] != 7e9 || b.Quantiles[20] != 7e9 || b.Exceed(7e9) != 1 || b.Exceed(7.1e9) != 0 {
		t.Errorf("known window: %+v", b)
	}
	if want := 1e9 + m.expected(100) + .5*m.expected(101); math.Abs(fan[1].Point-want) > 1 {
		t.Errorf("one and a half days: %v, want %v", fan[1].Point, want)
	}
	if calendar := m.recent.wider(3) * m.scale(3, 3); math.Abs(fan[2].Scale-2*calendar) > 1 {
		t.Errorf("six days where the calendar has three: scale %v, want twice %v", fan[2].Scale, calendar)
	}
	if got := fan[1].Unknown(.5); math.Abs(got-(fan[1].Point-1e9)) > 1 {
		t.Errorf("unknown part %v", got)
	}
}

func TestExceedAgreesWithQuantile(t *testing.T) {
	b := Band{Known: 1e9, parts: []part{{weight: 1, point: 6e9, scale: 6e8}}}
	b.fill()
	for i, p := range Levels {
		q := b.Quantile(p)
		if math.Abs(q-b.Quantiles[i]) > 1e-3 {
			t.Errorf("quantile %v: %v and %v", p, q, b.Quantiles[i])
		}
		if q > b.Known && math.Abs(b.Exceed(q)-(1-p)) > 1e-9 {
			t.Errorf("P(S ≥ q%v) = %v", p, b.Exceed(q))
		}
	}
	if b.Exceed(0) != 1 || b.Exceed(1e9) != 1 || b.Exceed(1e30) > 1e-9 {
		t.Errorf("exceed 0: %v, known: %v, the moon: %v", b.Exceed(0), b.Exceed(1e9), b.Exceed(1e30))
	}
}

// TestLabels: labelled faults leave the point exactly where it is without them.
func TestLabels(t *testing.T) {
	s := weekly(4, 60)
	want := mustForecast(t, s, 14)
	for _, f := range []Fault{{45, Redownload, 3e9}, {46, Backfill, 9e11}, {50, MissedNight, s.Bytes[50]}, {51, CatchUp, s.Bytes[50]}} {
		sign := 1.
		if f.Kind == MissedNight {
			sign = -1
		}
		s.Bytes[f.Day] += sign * f.Bytes
		s.Faults = append(s.Faults, f)
	}
	got := mustForecast(t, s, 14)
	if off := got[13].Point/want[13].Point - 1; math.Abs(off) > 1e-9 {
		t.Errorf("point is off by %v after labelled faults", off)
	}
	s.Backlog = make([]float64, 60)
	s.Backlog[59] = 4e9
	late := mustForecast(t, s, 14)
	if d := late[0].Known - got[0].Known; d != 4e9 || late[4].Known != 4e9 || late[5].Known != 0 {
		t.Errorf("backlog adds %v on day 1, known %v on day 5 and %v on day 6", d, late[4].Known, late[5].Known)
	}
}

// TestClosures: the ratio is learned, past closure days do not pull the level down, and future ones are lower.
func TestClosures(t *testing.T) {
	s := weekly(5, 98)
	open := mustForecast(t, s, 7)
	for _, d := range []int{30, 46, 60, 74, 88, 99} {
		s.Closures[d] = "closed"
		if d < len(s.Bytes) {
			s.Bytes[d] *= .1
		}
	}
	m, err := Fit(s, windowDays)
	if err != nil {
		t.Fatal(err)
	}
	ratio := m.expected(99) / m.profile[m.day(99)]
	delete(s.Closures, 99)
	without := mustForecast(t, s, 7)
	if off := without[6].Point/open[6].Point - 1; math.Abs(off) > .03 {
		t.Errorf("past closures move the point by %.3f", off)
	}
	if ratio < .1 || ratio > .25 {
		t.Errorf("ratio %.3f, want little above .1", ratio)
	}
}

func TestYearsOfHistory(t *testing.T) {
	s := weekly(6, 20*365)
	s.Closures[len(s.Bytes)+1] = "closed"
	short := s.last(maxHistory)
	if short.Start.Weekday() != s.Start.AddDate(0, 0, len(s.Bytes)-maxHistory).Weekday() || short.Closures[maxHistory+1] != "closed" {
		t.Errorf("cut series starts on %v with %v", short.Start, short.Closures)
	}
	if !reflect.DeepEqual(mustForecast(t, s, 14), mustForecast(t, short, 14)) {
		t.Error("the last three years do not say what all do")
	}
}

// TestEvaluate: on a series with a weekly pattern, noise and a moving level this method beats those in common use, and
// its bands hold.
func TestEvaluate(t *testing.T) {
	s := weekly(7, 400)
	r, level := rand.New(rand.NewPCG(7, 3)), 0.
	for i := range s.Bytes {
		level += .015 * r.NormFloat64()
		s.Bytes[i] *= math.Exp(level)
	}
	scores, err := Evaluate(s, windowDays, 14, 120)
	if err != nil {
		t.Fatal(err)
	}
	if len(scores) != 4 || scores[0].Origins != 120 {
		t.Fatalf("%+v", scores)
	}
	own := scores[0]
	for _, rival := range scores[1:] {
		if own.Pinball >= rival.Pinball || own.MASE >= rival.MASE {
			t.Errorf("%+v is no better than %+v", own, rival)
		}
	}
	if own.Cover80 < .7 || own.Cover80 > .9 || own.Cover95 < .9 {
		t.Errorf("bands do not hold: %+v", own)
	}
	flat := Series{Start: monday, Bytes: make([]float64, 60)}
	if _, err := Evaluate(flat, windowDays, 14, 0); err == nil || !strings.Contains(err.Error(), "the same every week") {
		t.Errorf("evaluate zeros: %v", err)
	}
}

// TestOneDayAWeek: a tenant that pulls on one weekday only is forecast to go on so.
func TestOneDayAWeek(t *testing.T) {
	s := weekly(8, 200)
	for i := range s.Bytes {
		if i%week != 2 {
			s.Bytes[i] = 0
		}
	}
	m, err := Fit(s, windowDays)
	if err != nil {
		t.Fatal(err)
	}
	for d, v := range m.profile {
		if d == 2 && math.Abs(v/8e9-1) > .25 || d != 2 && v > 1e7 {
			t.Errorf("weekday %d: %v", d, v)
		}
	}
}

func BenchmarkForecast(b *testing.B) {
	s := weekly(1, 400)
	for b.Loop() {
		mustForecast(b, s, 14)
	}
}

func BenchmarkForecastYears(b *testing.B) {
	s := weekly(1, 10*365)
	for b.Loop() {
		mustForecast(b, s, MaxHorizon)
	}
}

// BenchmarkBacktest500 forecasts every day of 500 tenants' 400 days, on one core.
func BenchmarkBacktest500(b *testing.B) {
	var all []Series
	for seed := range uint64(500) {
		all = append(all, weekly(seed, 400))
	}
	for b.Loop() {
		for _, s := range all {
			origins, err := Origins(s, windowDays, 14)
			if err != nil {
				b.Fatal(err)
			}
			for range origins {
			}
			if _, err := Evaluate(s, windowDays, 14, 120); err != nil {
				b.Fatal(err)
			}
		}
	}
}
