package outlook

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/store"
)

var projectAsOf = time.Date(2026, 11, 10, 9, 0, 0, 0, time.UTC)

// pulled is a recording of so many bytes: its number, when it began, when it was fetched, and the answer.
type pulled struct {
	item     int
	recorded time.Time
	at       time.Time
	bytes    int64
	status   int
}

// collected feeds downloads to a collector as of a time.
func collected(t testing.TB, tenant egress.Tenant, asOf time.Time, all []pulled) *collector {
	t.Helper()
	return collectedFrom(t, nil, tenant, asOf, all)
}

func collectedFrom(t testing.TB, source *store.Source, tenant egress.Tenant, asOf time.Time, all []pulled) *collector {
	t.Helper()
	tenant.Name = "acme"
	if tenant.Zone == nil {
		tenant.Zone = time.UTC
	}
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}"}
	slices.SortStableFunc(all, func(a, b pulled) int { return a.at.Compare(b.at) })
	var seen egress.Items
	c := newCollector(mustPolicy(t), tenant, asOf.UnixMicro(), &seen)
	for i, p := range all {
		r := store.Call{ID: int64(i + 1), StartedAt: p.at.UnixMicro(), Status: p.status, ResponseBytes: p.bytes, Route: route, Source: source,
			ItemHash: uint64(p.item) + 1}
		if !p.recorded.IsZero() {
			r.ItemAt = p.recorded.Unix() * 1e6
		}
		if r.Status == 0 {
			r.Status = 200
		}
		c.add(&r)
	}
	c.finish()
	return c
}

// nightly pulls one recording an hour of each day's ten working hours, at two o'clock in the night after it.
func nightly(days int, bytes func(day int) int64, zone *time.Location) (all []pulled) {
	last := projectAsOf.In(zone)
	for d := range days {
		night := time.Date(last.Year(), last.Month(), last.Day()-days+1+d, 2, 0, 0, 0, zone)
		for i := range 10 {
			all = append(all, pulled{
				item: len(all), recorded: night.Add(time.Duration(i-17) * time.Hour), at: night.Add(time.Duration(i) * 10 * time.Minute), bytes: bytes(d) / 10,
			})
		}
	}
	return all
}

func weekly(d int) int64 { return []int64{9000, 10000, 11000, 10000, 9000, 2000, 1000}[d%7] }

// rolled is the sum over (end − 120 h, end] by definition.
func rolled(all []pulled, end time.Time, reset time.Time) (sum float64) {
	for _, p := range all {
		if p.at.After(end.Add(-120*time.Hour)) && !p.at.After(end) && p.at.After(reset) {
			sum += float64(p.bytes)
		}
	}
	return sum
}

// TestWindowsAgainstBruteForce lays out coming nights as the average profile has them, and sums 120 hours at each slot.
func TestWindowsAgainstBruteForce(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		var all []pulled
		for d := range 40 {
			for range r.IntN(30) {
				at := projectAsOf.Add(-time.Duration(d)*24*time.Hour - time.Duration(r.Int64N(int64(6*time.Hour))))
				all = append(all, pulled{item: len(all), at: at.Truncate(time.Microsecond), bytes: r.Int64N(1e6)})
			}
		}
		reset := time.Time{}
		tenant := egress.Tenant{}
		if seed%2 == 1 {
			reset = projectAsOf.Add(-time.Duration(r.Int64N(int64(100 * time.Hour)))).Truncate(time.Microsecond)
			tenant.Resets = []int64{reset.UnixMicro()}
		}
		c := collected(t, tenant, projectAsOf, all)
		h := c.habits()
		l := newOutlook(c, h, nil, Options{Horizon: 9})
		night := nights{all: true, bytes: 1e6}
		coming := slices.Clone(all)
		for i := range 9 {
			for j := range slots { // a slot's bytes come at its end
				at := projectAsOf.Add(time.Duration(i)*24*time.Hour + time.Duration(j+1)*15*time.Minute)
				coming = append(coming, pulled{at: at, bytes: int64(math.Round(1e6*h.share[j+1])) - int64(math.Round(1e6*h.share[j]))})
			}
		}
		for i := range 9 {
			var parts dayParts
			l.parts(&parts, night, i)
			for j, known := range parts.known {
				end := projectAsOf.Add(time.Duration(i)*24*time.Hour + time.Duration(j+1)*15*time.Minute)
				if want := rolled(coming, end, reset); math.Abs(known-want) > 20 {
					t.Fatalf("seed %d day %d slot %d: %f, by definition %f", seed, i, j, known, want)
				}
			}
		}
	}
}

// TestSixPullsInOneWindow: the last five pulls were late, so that the coming early one meets all of them.
func TestSixPullsInOneWindow(t *testing.T) {
	all := nightly(40, func(int) int64 { return 1000 }, time.UTC)
	for i := range all {
		if all[i].at.After(projectAsOf.Add(-5 * 24 * time.Hour)) {
			all[i].at = all[i].at.Add(5 * time.Hour)
		}
	}
	c := collected(t, egress.Tenant{}, projectAsOf, all)
	p := project(c, Options{Policy: c.policy, AsOf: projectAsOf, Horizon: 3})
	if first := p.Days[0].Point; first < 5700 || first > 6300 {
		t.Errorf("the coming night is expected to end at %.0f bytes, want about six pulls of 1000", first)
	}
}

func TestResetFreesTheWindow(t *testing.T) {
	all := nightly(40, weekly, time.UTC)
	reset := projectAsOf.Add(-time.Hour)
	c := collected(t, egress.Tenant{Resets: []int64{reset.UnixMicro()}}, projectAsOf, all)
	p := project(c, Options{Policy: c.policy, AsOf: projectAsOf, Horizon: 5})
	if p.Current != 0 || p.Days[0].Point > 12000 {
		t.Errorf("after a reset: %d bytes now, %.0f after the next night", p.Current, p.Days[0].Point)
	}
}

func faultsOf(s forecast.Series, kind forecast.Kind) map[int]float64 {
	found := map[int]float64{}
	for _, f := range s.Faults {
		if f.Kind == kind {
			found[f.Day] += f.Bytes
		}
	}
	return found
}

func TestLabels(t *testing.T) {
	const missed = 30
	all := nightly(40, weekly, time.UTC)
	night := func(d int) time.Time {
		return projectAsOf.Truncate(24*time.Hour).AddDate(0, 0, d-39).Add(2 * time.Hour)
	}
	for i := range all {
		if i/10 == missed { // comes with the next night
			all[i].at = all[i].at.AddDate(0, 0, 1)
		}
	}
	for i := range 3 { // the night of day 35 repeats three recordings and fetches two that are three weeks old
		all = append(all, pulled{item: 340 + i, recorded: night(34), at: night(35).Add(3 * time.Hour), bytes: 70})
	}
	for i := range 2 {
		all = append(all, pulled{item: 9000 + i, recorded: night(10), at: night(35).Add(4 * time.Hour), bytes: 500})
	}
	s := collected(t, egress.Tenant{}, projectAsOf, all).habits().series(0)
	for kind, want := range map[forecast.Kind]map[int]float64{
		forecast.Redownload:  {35: 210},
		forecast.Backfill:    {35: 1000},
		forecast.CatchUp:     {missed + 1: float64(weekly(missed))},
		forecast.MissedNight: {missed: float64(weekly(missed))},
	} {
		got := faultsOf(s, kind)
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
		for d, bytes := range want {
			if got[d] != bytes {
				t.Errorf("%s: %v, want %v", kind, got, want)
			}
		}
	}
}

// TestHabitOfComingLate: a program that always pulls everything a week late has no backfills.
func TestHabitOfComingLate(t *testing.T) {
	all := nightly(60, weekly, time.UTC)
	for i := range all {
		if i%10 < 4 {
			all[i].recorded = all[i].recorded.AddDate(0, 0, -7)
		}
	}
	if got := faultsOf(collected(t, egress.Tenant{}, projectAsOf, all).habits().series(0), forecast.Backfill); len(got) > 0 {
		t.Errorf("labelled as backfill: %v", got)
	}
}

// TestRefusedNightIsMissed: a night that ended in a refusal for egress says nothing of the volume.
func TestRefusedNightIsMissed(t *testing.T) {
	all := nightly(40, weekly, time.UTC)
	for i := range all {
		if i/10 == 39 && i%10 > 2 {
			all[i].status, all[i].bytes = 509, 0
		}
	}
	got := faultsOf(collected(t, egress.Tenant{}, projectAsOf, all).habits().series(0), forecast.MissedNight)
	if want := .7 * float64(weekly(39)); len(got) != 1 || math.Abs(got[39]-want) > 1 {
		t.Errorf("missed bytes %v, want %.0f of day 39", got, want)
	}
}

// TestRunningBug: two nights of repeated downloads are taken to go on, and said.
func TestRunningBug(t *testing.T) {
	all := nightly(40, weekly, time.UTC)
	quiet := project(collected(t, egress.Tenant{}, projectAsOf, slices.Clone(all)), Options{Policy: mustPolicy(t), Horizon: 5, AsOf: projectAsOf})
	for _, d := range []int{38, 39} {
		for i := range 10 {
			again := all[d*10+i]
			again.at = again.at.Add(3 * time.Hour)
			all = append(all, again)
		}
	}
	p := project(collected(t, egress.Tenant{}, projectAsOf, all), Options{Policy: mustPolicy(t), Horizon: 5, AsOf: projectAsOf})
	more := float64(weekly(38)+weekly(39)) / 2
	if got := p.Days[4].Point - quiet.Days[4].Point; got < 4.9*more || got > 5.1*more+float64(weekly(39)) {
		t.Errorf("five nights ahead the bug adds %.0f bytes, want about five times %.0f", got, more)
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "taken to go on") }) {
		t.Errorf("no note on the bug in %q", p.Notes)
	}
}

// TestBugOfOneNight: a last night that was mostly repeats leaves the bands, and counts as a chance where the cap would be
// reached if it went on.
func TestBugOfOneNight(t *testing.T) {
	all := nightly(40, weekly, time.UTC)
	o := Options{Policy: mustPolicy(t), Horizon: 7, AsOf: projectAsOf}
	quiet := project(collected(t, egress.Tenant{}, projectAsOf, slices.Clone(all)), o)
	for i := range 20 {
		again := all[39*10+i%10]
		again.at = again.at.Add(time.Duration(2+i/10) * time.Hour)
		all = append(all, again)
	}
	bug := 2 * float64(weekly(39))
	usual := quiet.Days[6].Point
	for _, c := range []struct{ limit, low, high float64 }{{usual + 2.6*bug, .1, .15}, {usual + 9*bug, 0, .01}} {
		p := project(collected(t, egress.Tenant{Cap: egress.CapFacts{Told: int64(c.limit)}}, projectAsOf, slices.Clone(all)), o)
		if p.Chance < c.low || p.Chance > c.high {
			t.Errorf("cap %.0f: the chance is %.3f, want %.2f to %.2f", c.limit, p.Chance, c.low, c.high)
		}
		if got := p.Days[6].Point; math.Abs(got-usual) > .01*usual {
			t.Errorf("the point a week ahead is %.0f, without the bug %.0f", got, usual)
		}
		if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "one in seven") }) {
			t.Errorf("no note on the bug in %q", p.Notes)
		}
	}
}

// TestClockChange: pulls at half past midnight, New York, on both sides of the clock change keep their weekdays, and a
// closure is that of the calls, the day before the pull.
func TestClockChange(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	tenant := egress.Tenant{Zone: zone, Closed: func(at time.Time) bool { return at.Weekday() == time.Sunday }}
	c := collected(t, tenant, projectAsOf, nightly(60, weekly, zone))
	h := c.habits()
	s := h.series(7)
	for d := range s.Bytes {
		want := projectAsOf.In(zone).AddDate(0, 0, d-60) // the night of today has the calls of yesterday
		if got := h.date(d); got.Format(time.DateOnly) != want.Format(time.DateOnly) || s.Bytes[d] != float64(weekly(d)) {
			t.Fatalf("day %d is %v with %.0f bytes, want %v with %d", d, got, s.Bytes[d], want, weekly(d))
		}
		if _, closed := s.Closures[d]; closed != (want.Weekday() == time.Sunday) {
			t.Errorf("day %d, %v: closed %v", d, want.Weekday(), closed)
		}
	}
}

// TestBudgetIsTheLargest: every night as much keeps the chance under 5 %, tonight adds at most 2.5 points, and a hundredth of
// the cap more does not.
func TestBudgetIsTheLargest(t *testing.T) {
	for _, told := range []int64{48_000, 60_000, 90_000, 200_000} {
		c := collected(t, egress.Tenant{Cap: egress.CapFacts{Told: told}}, projectAsOf, nightly(40, weekly, time.UTC))
		o := Options{Policy: c.policy, AsOf: projectAsOf, Horizon: 7}
		p := project(c, o)
		m, err := forecast.Fit(p.Series, p.Window)
		if err != nil {
			t.Fatal(err)
		}
		l := newOutlook(c, c.habits(), m, o)
		limits := spread(p.Cap)
		b := l.budget(limits)
		if b.Daily > 0 && !l.safe(float64(b.Daily), limits) || l.safe(float64(b.Daily)+float64(told)/100, limits) {
			t.Errorf("cap %d: %+v is not the most that may be pulled every night", told, b)
		}
		checkTonight(t, float64(b.Tonight), float64(told)/100, limits, func(bytes float64, lean bool) []forecast.Fan {
			return l.fans(nights{first: true, bytes: bytes}, ChanceDays, lean)
		})
		if b.Tonight < 0 || b.Daily < 0 || b.Daily > told/5 {
			t.Errorf("cap %d: budget %+v", told, b)
		}
	}
}

// TestBudgetWithLargeNightAhead: one planned night that reaches the cap by itself, five nights ahead, leaves tonight its room.
func TestBudgetWithLargeNightAhead(t *testing.T) {
	c := collected(t, egress.Tenant{Cap: egress.CapFacts{Told: 90_000}}, projectAsOf, nightly(40, weekly, time.UTC))
	o := Options{Policy: c.policy, AsOf: projectAsOf, Horizon: 10}
	usual := project(c, o).Budget.Tonight
	o.WhatIf.Backfills = []Backfill{{Bytes: 200_000, Date: projectAsOf.AddDate(0, 0, 7)}}
	if p := project(c, o); p.Budget.Tonight < usual/2 || p.Chance < .99 {
		t.Errorf("a planned night leaves %d of %d bytes tonight, and a chance of %.2f", p.Budget.Tonight, usual, p.Chance)
	}
}

// TestDataNotYetThere: a running bug goes on, and the last night is not missed, when its log has not been imported yet.
func TestDataNotYetThere(t *testing.T) {
	all := nightly(40, weekly, time.UTC)
	for _, d := range []int{37, 38} {
		for i := range 10 {
			again := all[d*10+i]
			again.at = again.at.Add(3 * time.Hour)
			all = append(all, again)
		}
	}
	o := Options{Policy: mustPolicy(t), Horizon: 7, AsOf: projectAsOf}
	late := slices.DeleteFunc(slices.Clone(all), func(p pulled) bool { return p.at.After(projectAsOf.Add(-24 * time.Hour)) })
	tenant := egress.Tenant{Cap: egress.CapFacts{Told: 80_000}}
	p := project(collected(t, tenant, projectAsOf, late), o)
	if want := projectAsOf.AddDate(0, 0, -1).Add(-2*time.Hour - 30*time.Minute); !p.DataUntil.Equal(want) {
		t.Errorf("data until %v, want %v", p.DataUntil, want)
	}
	if f := faultsOf(p.Series, forecast.MissedNight); len(f) > 0 {
		t.Errorf("a night whose data has not come is missed: %v", f)
	}
	for _, want := range []string{"taken to go on", "The data ends at"} {
		if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no note that says %q in %q", want, p.Notes)
		}
	}
	// The bug ended with a clean last night, of which nothing is known: the alarm stays until it is.
	if clean := project(collected(t, tenant, projectAsOf, all), o); p.Chance < .9 || clean.Chance > p.Chance {
		t.Errorf("the chance is %.2f without the last night's data and %.2f with it", p.Chance, clean.Chance)
	}
}

// TestMissedLiveNight: a night without a request is missed where requests are recorded as they end, once the pull is three
// hours late; until then, and where a log may still be imported, it is not known.
func TestMissedLiveNight(t *testing.T) {
	all := slices.DeleteFunc(nightly(40, weekly, time.UTC), func(p pulled) bool { return p.at.After(projectAsOf.Add(-24 * time.Hour)) })
	due := projectAsOf.Truncate(24 * time.Hour).Add(2 * time.Hour) // the pull's hour
	for _, c := range []struct {
		kind   string
		asOf   time.Time
		missed bool
	}{
		{"transport", projectAsOf, true}, {"proxy", projectAsOf, true}, {"jsonl", projectAsOf, false},
		{"transport", due.Add(2 * time.Hour), false},
	} {
		col := collectedFrom(t, &store.Source{Kind: c.kind}, egress.Tenant{Cap: egress.CapFacts{Told: 80_000}}, c.asOf, all)
		p := project(col, Options{Policy: col.policy, Horizon: 7, AsOf: c.asOf})
		missed := faultsOf(p.Series, forecast.MissedNight)
		unknown := slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "The data ends at") })
		if (len(missed) > 0) != c.missed || unknown == c.missed {
			t.Errorf("%s as of %v: missed %v, notes %q", c.kind, c.asOf, missed, p.Notes)
		}
	}
}

// TestSilence: after three weeks without a pull nobody waits for a catch-up of three weeks, tonight has its room, and a note
// asks.
func TestSilence(t *testing.T) {
	all := slices.DeleteFunc(nightly(80, weekly, time.UTC), func(p pulled) bool { return p.at.After(projectAsOf.AddDate(0, 0, -21)) })
	c := collected(t, egress.Tenant{Cap: egress.CapFacts{Told: 80_000}}, projectAsOf, all)
	p := project(c, Options{Policy: c.policy, Horizon: 7, AsOf: projectAsOf})
	if p.Chance > .02 || p.Budget.Tonight < 30_000 {
		t.Errorf("after 21 nights of nothing the chance is %.3f, and tonight %d", p.Chance, p.Budget.Tonight)
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "Nothing was pulled since 2026-10-20") }) {
		t.Errorf("no note on the silence in %q", p.Notes)
	}
}

// TestRhythms: a tenant that pulls every fifth day, or once a week, is not told that its pulls add up; see points of its log.
func TestRhythms(t *testing.T) {
	for every, cap := range map[int]int64{5: 80_000, 7: 80_000} {
		var all []pulled
		for d := 0; d < 100; d += every {
			night := projectAsOf.Truncate(24*time.Hour).AddDate(0, 0, -d).Add(2 * time.Hour)
			for k := range 10 * every { // each of the days since the last pull
				recorded := night.Add(-time.Duration(k/10)*24*time.Hour - time.Duration(8+k%10)*time.Hour)
				all = append(all, pulled{item: 1000*d + k, recorded: recorded, at: night.Add(time.Duration(k) * time.Minute), bytes: int64(50_000/10/every) + int64(d%3)*50/int64(every)})
			}
		}
		c := collected(t, egress.Tenant{Cap: egress.CapFacts{Told: cap}}, projectAsOf, all)
		p := project(c, Options{Policy: c.policy, Horizon: 14, AsOf: projectAsOf})
		if p.Chance > .05 {
			t.Errorf("every %d days 50 GB, never more, and a cap of 80: the chance is %.2f", every, p.Chance)
		}
		var most float64
		for i := range p.Days {
			most = math.Max(most, p.Days[i].Point)
		}
		if math.Abs(most/50_000-1) > .1 {
			t.Errorf("every %d days 50 GB: the largest point is %.0f; faults %v", every, most, faultsOf(p.Series, forecast.Backfill))
		}
	}
}

// TestBudgetBoundByTime: small recordings take more time than room.
func TestBudgetBoundByTime(t *testing.T) {
	c := collected(t, egress.Tenant{Cap: egress.CapFacts{Told: 1e12}}, projectAsOf, nightly(40, weekly, time.UTC))
	p := project(c, Options{Policy: c.policy, AsOf: projectAsOf, Horizon: 7})
	want := int64(math.Floor(28_800 * c.meanSize()))
	if p.Budget.Binds != BindsTime || p.Budget.Tonight != want || p.Budget.Daily != want {
		t.Errorf("budget %+v, want %d bytes bound by time", p.Budget, want)
	}
}

func TestSpread(t *testing.T) {
	tests := map[string]struct {
		cap       egress.Cap
		low, high float64
	}{
		"told":                 {egress.Cap{Bytes: 100, Low: 100, High: 100, Source: egress.CapTold}, 100, 100},
		"learned":              {egress.Cap{Bytes: 100, Low: 80, High: 100, Source: egress.CapLearned}, 80, 100},
		"learned, no refusal":  {egress.Cap{Bytes: 100, Low: 100, Source: egress.CapLearned}, 100, 125},
		"measured":             {egress.Cap{Bytes: 100, Low: 20, Source: egress.CapMeasured}, 90, 110},
		"assumed":              {egress.Cap{Bytes: 100, Source: egress.CapAssumed}, 75, 125},
		"assumed and survived": {egress.Cap{Bytes: 100, Low: 98, Source: egress.CapAssumed}, 98, 125},
	}
	for name, c := range tests {
		got := spread(c.cap)
		step := 0.
		if len(got) > 1 {
			step = (c.high - c.low) / float64(len(got)) / 2
		}
		if math.Abs(got[0]-step-c.low) > 1e-9 || math.Abs(got[len(got)-1]+step-c.high) > 1e-9 {
			t.Errorf("%s: from %v to %v, want %v to %v", name, got[0], got[len(got)-1], c.low, c.high)
		}
	}
	for _, unknown := range []egress.Cap{{}, {Source: egress.CapTold}, {Low: 5, Source: egress.CapUnknown}} {
		if got := spread(unknown); got != nil {
			t.Errorf("%+v gives %v", unknown, got)
		}
	}
}

// TestHostileVolumes: sizes near 2^63, none at all, one night, gaps: never a panic, a NaN or quantiles that cross.
func TestHostileVolumes(t *testing.T) {
	some := nightly(50, weekly, time.UTC)
	huge := slices.Clone(some)
	for i := range huge {
		huge[i].bytes = math.MaxInt64 - int64(i)
	}
	empty := slices.Clone(some)
	for i := range empty {
		empty[i].bytes = 0
	}
	for name, all := range map[string][]pulled{
		"huge": huge, "empty": empty, "none": nil, "one": some[:1], "one night": some[490:], "a gap": slices.Concat(some[:20], some[480:]), "long ago": some[:60],
		"1970": append([]pulled{{at: time.Unix(5, 0), bytes: 7}}, some...),
	} {
		for _, told := range []int64{0, 1, 50_000, math.MaxInt64} {
			c := collected(t, egress.Tenant{Cap: egress.CapFacts{Told: told}, Pending: 100}, projectAsOf, slices.Clone(all))
			p := project(c, Options{Policy: c.policy, AsOf: projectAsOf, Horizon: forecast.MaxHorizon})
			p.score()
			checkProjection(t, name, told, &p)
		}
	}
}

func checkProjection(t *testing.T, name string, told int64, p *Projection) {
	t.Helper()
	if (p.Reason == "") != (len(p.Days) == forecast.MaxHorizon) || p.Current < 0 {
		t.Errorf("%s, cap %d: %d days, reason %q, %d bytes now", name, told, len(p.Days), p.Reason, p.Current)
	}
	for i, d := range p.Days {
		if math.IsNaN(d.Point) || d.Quantiles[0] < 0 || !slices.IsSorted(d.Quantiles[:]) {
			t.Fatalf("%s, cap %d: day %d is %+v", name, told, i+1, d)
		}
	}
	if math.IsNaN(p.Chance) || p.Chance > 1 || (p.Chance >= 0) != (told > 0 && p.Reason == "") {
		t.Errorf("%s, cap %d: chance %v", name, told, p.Chance)
	}
	if (p.Budget != nil) != (told > 0) || p.Budget != nil && (p.Budget.Tonight < 0 || p.Budget.Daily < 0) {
		t.Errorf("%s, cap %d: budget %+v", name, told, p.Budget)
	}
}

// TestWeeklyPullIsNoBackfill: once a week all of it is pulled; what is older than two days more than the median is a habit, also
// where it is less than a fifth of the bytes.
func TestWeeklyPullIsNoBackfill(t *testing.T) {
	var all []pulled
	for w := range 20 {
		night := projectAsOf.Truncate(24*time.Hour).AddDate(0, 0, -1-7*w).Add(2 * time.Hour)
		for k := range 70 {
			bytes := int64(1000)
			if k/10 >= 5 {
				bytes = 400 // the oldest two days were a weekend
			}
			recorded := night.Add(-time.Duration(k/10)*24*time.Hour - time.Duration(8+k%10)*time.Hour)
			all = append(all, pulled{item: 100*w + k, recorded: recorded, at: night.Add(time.Duration(k) * time.Minute), bytes: bytes})
		}
	}
	s := collected(t, egress.Tenant{}, projectAsOf, all).habits().series(0)
	if f := faultsOf(s, forecast.Backfill); len(f) > 0 {
		t.Errorf("a weekly pull has backfills: %v", f)
	}
}

func TestWhatIf(t *testing.T) {
	run := func(w WhatIf, facts egress.CapFacts) Projection {
		c := collected(t, egress.Tenant{Cap: facts}, projectAsOf, nightly(40, weekly, time.UTC))
		return project(c, Options{Policy: c.policy, AsOf: projectAsOf, Horizon: 10, WhatIf: w})
	}
	told := egress.CapFacts{Told: 80_000}
	base := run(WhatIf{}, told)
	if grown := run(WhatIf{Growth: .2}, told); math.Abs(grown.Days[9].Point/base.Days[9].Point-1.2) > 1e-6 {
		t.Errorf("a fifth more makes %.0f of %.0f", grown.Days[9].Point, base.Days[9].Point)
	}
	back := run(WhatIf{Backfills: []Backfill{{Bytes: 1e5, Date: projectAsOf.AddDate(0, 0, 3)}}}, told)
	for i := range back.Days {
		want := 0.
		if i >= 2 && i <= 7 { // pulled in the third night; for some hours of the eighth day it is still there
			want = 1e5
		}
		if got := back.Days[i].Point - base.Days[i].Point; math.Abs(got-want) > 13_000 {
			t.Errorf("day %d: the backfill adds %.0f, want %.0f", i+1, got, want)
		}
	}
	if limit := run(WhatIf{Cap: 5}, told).Cap; limit.Bytes != 5 {
		t.Errorf("another cap is not taken: %+v", limit)
	}
	if p := run(WhatIf{Agents: 7}, told); p.Cap.Bytes != 80_000 || len(p.Notes) == 0 {
		t.Errorf("a cap that was told: %+v, notes %q", p.Cap, p.Notes)
	}
	one, two := run(WhatIf{Agents: 1}, egress.CapFacts{Agents: 9}).Cap, run(WhatIf{Agents: 2}, egress.CapFacts{Agents: 9}).Cap
	if one.Bytes <= 0 || two.Bytes != 2*one.Bytes || two.Source != egress.CapAssumed {
		t.Errorf("caps of one and two agents: %+v and %+v", one, two)
	}
}

// TestIncompleteNights: nights that had a pull and lack recordings are no silence.
func TestIncompleteNights(t *testing.T) {
	s := forecast.State{Missed: 4, Lost: 3_260_000}
	for lastPull, want := range map[time.Time]string{
		projectAsOf.Add(-10 * time.Hour):   "4 nights were missed, cut off by the cap, or lack recordings: 3.26 MB",
		projectAsOf.Add(-80 * time.Hour):   "Nothing was pulled since",
		projectAsOf.AddDate(0, 0, -4):      "Nothing was pulled since",
		projectAsOf.Add(-72 * time.Hour):   "4 nights were missed",
		projectAsOf.Add(-72*time.Hour - 1): "Nothing was pulled since",
	} {
		if notes := stateNotes(s, lastPull, projectAsOf); !strings.HasPrefix(strings.Join(notes, " "), want) {
			t.Errorf("after a pull at %v: %q", lastPull, notes)
		}
	}
}
