package outlook

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// A history is what a tenant's program pulls, night by night, from the simulator: its cap decides, not ours.
//
// Three causes bring a tenant to its cap. All of them can be seen two nights before: a volume that grows from night to
// night, a backfill and a bug that repeats downloads which both need three nights or more to fill the window. A cause that
// fills it in one or two nights cannot be warned of two nights ahead, by anybody.
//
// Two causes do not: nothing at all, and a bug that repeats the downloads of a night once.
type history struct {
	tb     testing.TB
	vendor *sim.Vendor
	clock  *sim.Clock
	token  string
	rng    *rand.Rand
	cause  string
	start  int     // the night of the cause's beginning
	share  float64 // of the recordings that the program pulls
	speed  float64 // of the cause: a factor a night, or bytes a night
	behind time.Time
	log    []store.Call
	route  *store.Route
}

const (
	alarmChance  = .1 // that of the rule egress-near
	replayTenant = "acme"
	replayNights = 110
	quietNights  = 60
	causeNight   = 42
)

var replayFirst = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func newHistory(tb testing.TB, seed uint64, cause string) *history {
	tb.Helper()
	rng := rand.New(rand.NewPCG(seed, 99))
	clock := sim.NewClock(replayFirst)
	h := &history{
		tb: tb, clock: clock, rng: rng, cause: cause, start: causeNight + rng.IntN(7), share: 1, behind: replayFirst.AddDate(0, 0, -30),
		route: &store.Route{Method: "GET", Origin: "https://" + replayTenant + sim.Domain, Template: "/rest/api/v2/recordings/{+recording_key}/audio"},
	}
	config := sim.Config{
		Name: replayTenant, Agents: 4, MeanCall: 25 * time.Minute, BytesPerSecond: 1, Weekend: .5 * float64(seed%3), Seed: seed, Now: clock.Now,
	}
	most := fiveDays(tb, config)
	room := 2 * most // as the vendor has it: double the expected volume
	switch cause {
	case "growth":
		h.share, h.speed = .35, 1.03+.05*rng.Float64()
		room *= h.share
	case "quiet":
		room = (1.15 + .65*rng.Float64()) * most
	case "once":
		h.speed = most / 5
		room = (1.4 + .6*rng.Float64()) * most
	default:
		h.speed = most / (2.1 + 1.8*rng.Float64()) // from half full to the cap in three or four nights, never in two
	}
	config.CapBytes = int64(room)
	vendor, err := sim.NewVendor(config)
	if err != nil {
		tb.Fatal(err)
	}
	h.vendor, h.token = vendor, vendor.AddUser(replayTenant, "Recording Export")
	return h
}

// fiveDays is the largest volume of five days of the tenant's recordings.
func fiveDays(tb testing.TB, config sim.Config) (most float64) {
	tb.Helper()
	v, err := sim.NewVendor(config)
	if err != nil {
		tb.Fatal(err)
	}
	for d := range quietNights + ChanceDays {
		var sum float64
		for _, r := range v.Recordings(replayTenant, replayFirst.AddDate(0, 0, d-5), replayFirst.AddDate(0, 0, d)) {
			sum += float64(r.Size)
		}
		most = math.Max(most, sum)
	}
	return most
}

// night pulls the recordings of the day before and whatever the cause adds, and says whether the cap was hit.
func (h *history) night(n int) (hit bool) {
	midnight := replayFirst.AddDate(0, 0, n)
	h.clock.Set(midnight.Add(2*time.Hour + time.Duration(h.rng.IntN(1800))*time.Second))
	for _, r := range h.vendor.Recordings(replayTenant, midnight.AddDate(0, 0, -1), midnight) {
		if keyShare(r.RecordingKey) < h.wanted(n) {
			hit = h.pull(r) || hit
		}
	}
	switch {
	case n < h.start || h.cause == "once" && n > h.start:
	case h.cause != "growth" && h.cause != "quiet":
		hit = h.more(midnight, h.speed) || hit
	}
	return hit
}

// wanted is the share of the recordings that the program pulls: under growth, more from night to night.
func (h *history) wanted(n int) float64 {
	if h.cause != "growth" {
		return 1
	}
	return math.Min(1, h.share*math.Pow(h.speed, float64(max(0, n-h.start+1))))
}

// more pulls so many bytes of older recordings: of new ones ever further back, or the latest ones again.
func (h *history) more(midnight time.Time, bytes float64) (hit bool) {
	until := midnight.AddDate(0, 0, -1)
	if h.cause == "backfill" {
		until = h.behind
	}
	for bytes > 0 {
		from := until.AddDate(0, 0, -1)
		for _, r := range h.vendor.Recordings(replayTenant, from, until) {
			if bytes -= float64(r.Size); bytes > 0 {
				hit = h.pull(r) || hit
			}
		}
		until = from
	}
	h.behind = until
	return hit
}

// pull asks the simulator for a recording and keeps what came of it.
func (h *history) pull(r sim.Recording) (hit bool) {
	h.clock.Advance(4 * time.Second)
	req := httptest.NewRequest(http.MethodGet, h.route.Origin+"/rest/api/v2/recordings/"+r.RecordingKey+"/audio", nil)
	req.Header.Set("Authorization", "Bearer "+h.token)
	w := httptest.NewRecorder()
	h.vendor.ServeHTTP(w, req)
	q := store.Request{
		ID: int64(len(h.log) + 1), Tenant: replayTenant, StartedAt: h.clock.Now().UnixMicro(), Status: w.Code, ResponseBytes: int64(w.Body.Len()),
		Route: h.route, Key: r.RecordingKey,
	}
	h.log = append(h.log, q.Call())
	if w.Code != http.StatusOK && w.Code != 509 {
		h.tb.Fatalf("the simulator answered %d to %s", w.Code, req.URL)
	}
	return w.Code == 509
}

// keyShare spreads keys over [0, 1).
func keyShare(key string) float64 {
	var v uint32
	fmt.Sscanf(key[:6], "%x", &v)
	return float64(v) / (1 << 24)
}

// chanceAfter is the chance told in the morning after the n-th night.
func (h *history) chanceAfter(p *limits.Policy, n int) float64 {
	asOf := replayFirst.AddDate(0, 0, n).Add(9 * time.Hour)
	var s egress.Items
	c := newCollector(p, egress.Tenant{Name: replayTenant, Zone: time.UTC, Cap: egress.CapFacts{Told: h.vendor.Cap(replayTenant)}}, asOf.UnixMicro(), &s)
	for i := range h.log {
		c.add(&h.log[i])
	}
	c.finish()
	return project(c, Options{Policy: p, AsOf: asOf, Horizon: ChanceDays, NoBudget: true}).Chance
}

// TestWarnsTwoNightsAhead replays 100 histories that end at the simulator's cap: in each, the chance was 10 % or more
// from some morning at least two nights before, and in both mornings before the hit. Alarms before the cause began
// are false ones.
func TestWarnsTwoNightsAhead(t *testing.T) {
	if testing.Short() {
		t.Skip("replays 100 histories through the simulator")
	}
	t.Parallel()
	p := mustPolicy(t)
	lead := map[int]int{}
	var early, mornings int
	for seed := range uint64(replayed) {
		h := newHistory(t, seed, []string{"growth", "backfill", "redownload"}[seed%3])
		warned, hit := -1, -1
		var last [2]bool // alarms of the last mornings
		for n := 0; n < replayNights && hit < 0; n++ {
			if h.night(n) {
				hit = n
				break
			}
			if n < 30 {
				continue
			}
			alarm := h.chanceAfter(p, n) >= alarmChance
			last = [2]bool{last[1], alarm}
			switch {
			case n < h.start:
				mornings++
				if alarm {
					early++
				}
			case alarm && warned < 0:
				warned = n
			}
		}
		if hit < 0 {
			t.Fatalf("seed %d (%s): the cap was never hit", seed, h.cause)
		}
		if warned < 0 || hit-warned < 2 || last != [2]bool{true, true} {
			t.Errorf("seed %d (%s %.2f from night %d): hit in night %d, first warned after night %d, alarms in the last mornings %v",
				seed, h.cause, h.speed, h.start, hit, warned, last)
			continue
		}
		lead[hit-warned]++
	}
	t.Logf("nights between warning and hit: %v; alarms before the cause began: %d of %d mornings", lead, early, mornings)
	if early*100 > mornings {
		t.Errorf("%d false alarms in %d mornings: more than 1 %%", early, mornings)
	}
}

// TestQuietHistories counts alarms where nothing happens and the cap is 1.15 to 1.8 times the largest sum of five days, and
// where one night repeats the downloads of another: after that one, a warning for a morning is asked for. An alarm is false
// when the next seven nights stay under 80 % of the cap; from there on egress-near warns by itself.
func TestQuietHistories(t *testing.T) {
	if testing.Short() {
		t.Skip("replays 200 histories through the simulator")
	}
	t.Parallel()
	p := mustPolicy(t)
	for cause, share := range map[string]float64{"quiet": .01, "once": .04} {
		var alarms, wrong, mornings int
		for seed := range uint64(replayed) {
			h := newHistory(t, 1000+seed, cause)
			var alarmed []int
			for n := range quietNights + ChanceDays {
				if h.night(n) {
					t.Fatalf("seed %d: a history without a lasting cause (%s) hit its cap", seed, cause)
				}
				if h.judged(n) {
					mornings++
					if h.chanceAfter(p, n) >= alarmChance {
						alarmed = append(alarmed, n)
					}
				}
			}
			alarms += len(alarmed)
			for _, n := range alarmed {
				if h.most(n+1, n+ChanceDays) < .8*float64(h.vendor.Cap(replayTenant)) {
					wrong++
				}
			}
		}
		t.Logf("%s: %d alarms in %d mornings, %d of them false", cause, alarms, mornings, wrong)
		if float64(wrong) > share*float64(mornings) {
			t.Errorf("%s: %d false alarms in %d mornings: more than %v", cause, wrong, mornings, share)
		}
	}
}

// judged are every third morning of a quiet history, and those of the week that begins with the repeats.
func (h *history) judged(night int) bool {
	if h.cause == "once" {
		return night >= h.start && night < h.start+7
	}
	return night >= 30 && night < quietNights && night%3 == 0
}

// most is the largest rolling sum at a request of the nights from first to last.
func (h *history) most(first, last int) (most float64) {
	from, to := replayFirst.AddDate(0, 0, first).UnixMicro(), replayFirst.AddDate(0, 0, last+1).UnixMicro()
	var sum float64
	begin := 0
	for i := range h.log {
		sum += float64(h.log[i].ResponseBytes)
		for ; h.log[begin].StartedAt <= h.log[i].StartedAt-5*dayMicros; begin++ {
			sum -= float64(h.log[begin].ResponseBytes)
		}
		if at := h.log[i].StartedAt; at >= from && at < to {
			most = math.Max(most, sum)
		}
	}
	return most
}

func mustPolicy(tb testing.TB) *limits.Policy {
	tb.Helper()
	p, err := limits.Builtin("xima")
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
