package pull

import (
	"testing"
	"time"

	"github.com/6dcca832/headroom/limits"
)

// A backlog that fills the egress window waits until bytes leave it, and what is new meanwhile
// waits with it. Only what more than fills one window after the other never ends.
func TestPlanOfABacklog(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	started := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		backlog, fresh int // recordings of 100 bytes, under a cap of 1,000 in five days
		fits, nights   int
	}{
		"fits":                  {10, 1, 10, 1},
		"nothing new":           {25, 0, 10, 11},
		"some new, one window":  {15, 1, 10, 6},
		"some new, two windows": {20, 1, 10, 11},
		"as much as a window":   {15, 2, 10, 0},
		"more than a window":    {15, 3, 10, 0},
	} {
		r := &runner{o: Options{Policy: policy, Cutoff: Cautious}, t: Tenant{Cap: 1000}, started: started}
		for range c.fresh {
			r.fresh = append(r.fresh, 100)
		}
		items := make([]recording, c.backlog)
		for i := range items {
			items[i].Size = 100
		}
		p := r.plan(items, newBudget(r.t, policy.Egress.Window, 0), started)
		var done time.Time
		if c.nights > 0 {
			done = started.Add(time.Duration(c.nights-1) * 24 * time.Hour)
		}
		if p.Fits != c.fits || p.Nights != c.nights || !p.DoneOn.Equal(done) {
			t.Errorf("%s: %d fit, done in %d nights on %v", name, p.Fits, p.Nights, p.DoneOn)
		}
	}
}

// A request at the end of the wait after a refusal is within it, as the audit counts.
func TestBudgetWaitsAfterARefusal(t *testing.T) {
	refused := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	b := newBudget(Tenant{Refused: refused}, 120*time.Hour, 0)
	at := refused.Add(RefusedWait)
	if b.fits(at, 1, Cautious) {
		t.Error("a recording may be begun within the wait")
	}
	if from, ok := b.roomAt(at, 1, Cautious); !ok || !b.fits(from, 1, Cautious) {
		t.Errorf("none may be begun at %v, which is said to be the first moment", from)
	}
}
