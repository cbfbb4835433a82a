package forecast

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// publicDir holds the public series. They are not part of the project: the terms of some allow use in tests only.
const publicDir = "../../../shared/data/forecast"

func openPublic(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join(publicDir, name))
	if err != nil {
		if os.Getenv("HEADROOM_CI") == "1" {
			t.Fatalf("open public series: %v", err)
		}
		t.Skipf("public series are not here: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func publicSeries(t testing.TB, closures, labels bool) []Named {
	t.Helper()
	series, err := ReadDaily(openPublic(t, "public.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if closures {
		if err := ReadClosures(openPublic(t, "public_holidays.csv"), series); err != nil {
			t.Fatal(err)
		}
	}
	if labels {
		addLabels(t, series)
	}
	return series
}

func addLabels(t testing.TB, series []Named) {
	each := func(name string, use func(s *Series, day int, row []string)) {
		rows, err := csv.NewReader(openPublic(t, name)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			i := slices.IndexFunc(series, func(s Named) bool { return s.ID == row[0] })
			d, err := time.Parse(time.DateOnly, row[1])
			if err != nil {
				t.Fatal(err)
			}
			use(&series[i].Series, dayNumber(d)-dayNumber(series[i].Series.Start), row)
		}
	}
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	each("public_events.csv", func(s *Series, day int, row []string) {
		s.Faults = append(s.Faults, Fault{Day: day, Kind: Kind(row[2]), Bytes: number(row[3])})
	})
	each("public_backlog.csv", func(s *Series, day int, row []string) {
		if s.Backlog == nil {
			s.Backlog = make([]float64, len(s.Bytes))
		}
		s.Backlog[day], s.Labelled = number(row[2]), true
	})
}

// tally sums the measures of one series and phase, as the public scorer does.
type tally struct {
	mase, pinball, cover80, cover95, bands float64
	brier, crossed, events                 float64
}

func (a *tally) add(b Band, sum float64) {
	var m method
	m.add(&b, sum)
	a.bands++
	a.mase += m.score.MASE
	a.pinball += m.score.Pinball
	a.cover80 += m.score.Cover80
	a.cover95 += m.score.Cover95
}

// mean are the measures of a method: means over series.
type mean struct{ mase, pinball, cover80, cover95, skill float64 }

// scorePublic scores every origin of every series: warm ones with 28 days or more, cold ones with 3 to 27.
func scorePublic(t testing.TB, series []Named, horizon int) (warm, cold mean) {
	var warms, colds []tally
	for _, s := range series {
		w, c := scoreSeries(t, s.Series, horizon)
		warms, colds = append(warms, w), append(colds, c)
	}
	return average(warms), average(colds)
}

func scoreSeries(t testing.TB, s Series, horizon int) (warm, cold tally) {
	n := len(s.Bytes)
	m := newModel(&s, windowDays)
	unit := m.weeklyChange(n)
	limit := percentile90(m, n)
	origins, err := Origins(s, windowDays, horizon)
	if err != nil {
		t.Fatal(err)
	}
	for i, fan := range origins {
		if i > n-horizon-1 {
			break
		}
		a := &warm
		if i < warmFull-1 {
			a = &cold
		}
		for h := 1; h <= horizon; h++ {
			if i+h >= windowDays-1 {
				a.add(fan[h-1], m.sum(i+h))
			}
		}
		if i >= windowDays-1 && m.sum(i) < limit {
			a.event(fan.Cross(Cap{limit}, 7), m, i, 7, limit)
		}
	}
	for _, a := range []*tally{&warm, &cold} {
		a.mase /= unit
		a.pinball /= unit
	}
	return warm, cold
}

func (a *tally) event(p float64, m *Model, origin, days int, limit float64) {
	var hit float64
	for h := 1; h <= days; h++ {
		if m.sum(origin+h) >= limit {
			hit = 1
		}
	}
	a.brier += (p - hit) * (p - hit)
	a.crossed += hit
	a.events++
}

func percentile90(m *Model, n int) float64 {
	var sums []float64
	for i := windowDays - 1; i < n; i++ {
		sums = append(sums, m.sum(i))
	}
	slices.Sort(sums)
	at := .9 * float64(len(sums)-1)
	lo := sums[int(at)]
	return lo + (at-math.Floor(at))*(sums[int(at)+1]-lo)
}

func average(all []tally) (out mean) {
	var brier, reference float64
	for _, a := range all {
		n := a.bands * float64(len(all))
		out.mase += a.mase / n
		out.pinball += a.pinball / n
		out.cover80 += a.cover80 / n
		out.cover95 += a.cover95 / n
		if a.events > 0 {
			brier += a.brier / a.events
			base := a.crossed / a.events
			reference += base * (1 - base)
		}
	}
	out.skill = 1 - brier/reference
	return out
}

// TestPublicScores holds the method to the bar, and to what it reached when it was written (a little below that). The
// Brier skill of the bar (.27) is for unseen series, whose sums cross more predictably; here the reference method has
// .19 without and .22 with closure days.
func TestPublicScores(t *testing.T) {
	for _, c := range []struct {
		name             string
		closures, labels bool
		warm, cold       mean // upper bounds; skill is a lower one
	}{
		{"plain", false, false, mean{mase: .72, pinball: .575, skill: .205}, mean{mase: .88, pinball: .69}},
		{"closures", true, false, mean{mase: .68, pinball: .54, skill: .23}, mean{mase: .82, pinball: .66}},
		{"closures and labels", true, true, mean{mase: .675, pinball: .537, skill: .24}, mean{mase: .81, pinball: .66}},
	} {
		t.Run(c.name, func(t *testing.T) {
			warm, cold := scorePublic(t, publicSeries(t, c.closures, c.labels), 14)
			t.Logf("warm %.4f cold %.4f (MASE, pinball, 80 %%, 95 %%, Brier skill)", warm, cold)
			if warm.mase > c.warm.mase || warm.pinball > c.warm.pinball || warm.skill < c.warm.skill {
				t.Errorf("warm %.4f is worse than %.4f", warm, c.warm)
			}
			if cold.mase > c.cold.mase || cold.pinball > c.cold.pinball || cold.cover95 < .93 {
				t.Errorf("cold %.4f is worse than %.4f, or 95 %% covers less than .93", cold, c.cold)
			}
			if math.Abs(warm.cover80-.805) > .02 || math.Abs(warm.cover95-.95) > .015 {
				t.Errorf("80 %% covers %.3f, 95 %% covers %.3f", warm.cover80, warm.cover95)
			}
		})
	}
}

// TestPublicRivals asks for a better pinball loss than the weekday median's on 16 of 19 series or more, and than the
// straight line's on all.
func TestPublicRivals(t *testing.T) {
	series := publicSeries(t, false, false)
	better := 0
	for _, s := range series {
		scores, err := Evaluate(s.Series, windowDays, 14, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-24s %+v", s.ID, scores)
		if scores[0].Pinball < scores[1].Pinball {
			better++
		}
		if scores[0].Pinball >= scores[3].Pinball {
			t.Errorf("%s: pinball %.3f, a straight line has %.3f", s.ID, scores[0].Pinball, scores[3].Pinball)
		}
	}
	if better*19 < len(series)*16 {
		t.Errorf("better than the weekday median on %d of %d series", better, len(series))
	}
}

// TestPublicChances says how likely the sum is to reach some factor times the largest one of the four weeks before, which
// is all that a vendor could have set a cap by, and compares the mean to how often it did.
func TestPublicChances(t *testing.T) {
	series := publicSeries(t, true, false)
	for _, c := range []struct {
		days        int
		factor      float64
		skill, most float64 // at least this Brier skill, and at most so far off
	}{{7, 1, .30, .06}, {7, 1.1, .19, .10}, {7, 1.2, .08, .2}, {14, 1, .21, .15}, {14, 1.1, .10, .15}, {14, 1.2, .05, .25}} {
		var all []tally
		var said, was float64
		for _, s := range series {
			a, sum := scoreChances(t, s.Series, c.days, c.factor)
			all = append(all, a)
			said, was = said+sum, was+a.crossed
		}
		skill := average(all).skill
		t.Logf("%d days, cap %.1f: skill %.3f, mean chance %.3f of what was", c.days, c.factor, skill, said/was)
		if skill < c.skill || math.Abs(said/was-1) > c.most {
			t.Errorf("%d days, cap %.1f: skill %.3f, mean chance %.3f of what was", c.days, c.factor, skill, said/was)
		}
	}
}

func scoreChances(t testing.TB, s Series, days int, factor float64) (a tally, said float64) {
	m := newModel(&s, windowDays)
	origins, err := Origins(s, windowDays, days)
	if err != nil {
		t.Fatal(err)
	}
	for i, fan := range origins {
		if i < 4*week+windowDays || i+days >= len(s.Bytes) {
			continue
		}
		var limit float64
		for d := i - 4*week + 1; d <= i; d++ {
			limit = math.Max(limit, factor*m.sum(d))
		}
		p := fan.Cross(Cap{limit}, days)
		a.event(p, m, i, days, limit)
		said += p
	}
	a.bands = 1
	return a, said
}
