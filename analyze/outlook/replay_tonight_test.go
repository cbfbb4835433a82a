package outlook

import (
	"math"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
)

// TestTonightAgainstTheSimulator replays histories in which nothing happens, with caps of 1.15 to 1.8 times the largest
// sum of five days, and asks every fifth morning what may be pulled tonight. Safe means that the cap is not reached while
// tonight's bytes are in the window, the other nights being as they were, or would have been without them, too.
func TestTonightAgainstTheSimulator(t *testing.T) {
	if testing.Short() {
		t.Skip("replays histories through the simulator")
	}
	t.Parallel()
	const seeds = 10 // 60 have .992 of 360 mornings
	p := mustPolicy(t)
	var open, usualSafe, said, safe float64
	for seed := range uint64(seeds) {
		h := newHistory(t, 2000+seed, "quiet")
		limit := h.vendor.Cap(replayTenant)
		budgets := map[int]int64{}
		for n := range quietNights + ChanceDays {
			if h.night(n) {
				t.Fatalf("seed %d: a history without a cause hit its cap", seed)
			}
			if n >= 30 && n < quietNights && n%5 == 0 {
				asOf := replayFirst.AddDate(0, 0, n).Add(9 * time.Hour)
				var s egress.Items
				tenant := egress.Tenant{Name: replayTenant, Zone: time.UTC, Cap: egress.CapFacts{Told: limit}}
				c := newCollector(p, tenant, asOf.UnixMicro(), &s)
				for i := range h.log {
					c.add(&h.log[i])
				}
				c.finish()
				budgets[n] = project(c, Options{Policy: p, AsOf: asOf, Horizon: ChanceDays}).Budget.Tonight
			}
		}
		for n, bytes := range budgets {
			if usual := h.bytes(n + 1); h.mostWith(n+1, usual) < float64(limit) {
				usualSafe++
				if bytes > 0 {
					open++
				}
			}
			if bytes > 0 {
				said++
				if h.mostWith(n+1, float64(bytes)) < float64(limit) || h.mostWith(n+1, 0) >= float64(limit) {
					safe++
				}
			}
		}
	}
	t.Logf("of %.0f mornings on which a usual night was safe tonight is not 0 on %.3f; of %.0f not 0 %.3f were safe",
		usualSafe, open/usualSafe, said, safe/said)
	if open < .8*usualSafe || safe < .95*said {
		t.Errorf("tonight is not 0 on %.3f of the mornings, and safe on %.3f", open/usualSafe, safe/said)
	}
}

// bytes are those of a night.
func (h *history) bytes(night int) (sum float64) {
	from, to := replayFirst.AddDate(0, 0, night).UnixMicro(), replayFirst.AddDate(0, 0, night+1).UnixMicro()
	for i := range h.log {
		if at := h.log[i].StartedAt; at >= from && at < to {
			sum += float64(h.log[i].ResponseBytes)
		}
	}
	return sum
}

// mostWith is the largest rolling sum while a night's bytes are in the window, had it brought so many.
func (h *history) mostWith(night int, bytes float64) (most float64) {
	from, to := replayFirst.AddDate(0, 0, night).UnixMicro(), replayFirst.AddDate(0, 0, night+1).UnixMicro()
	factor := 0.
	if had := h.bytes(night); had > 0 {
		factor = bytes / had
	}
	size := func(i int) float64 {
		if at := h.log[i].StartedAt; at >= from && at < to {
			return factor * float64(h.log[i].ResponseBytes)
		}
		return float64(h.log[i].ResponseBytes)
	}
	var sum float64
	begin := 0
	for i := range h.log {
		sum += size(i)
		for ; h.log[begin].StartedAt <= h.log[i].StartedAt-5*dayMicros; begin++ {
			sum -= size(begin)
		}
		if at := h.log[i].StartedAt; at >= from && at < to+4*dayMicros {
			most = math.Max(most, sum)
		}
	}
	return most
}
