package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
)

// TestNearRoundsDown: 99.7 % of a cap is not 100 %.
func TestNearRoundsDown(t *testing.T) {
	f := &Facts{Policy: &limits.Policy{Egress: limits.Egress{Window: 120 * time.Hour}}, Chance: func() float64 { return -1 }}
	f.Egress = Egress{Current: 997, Cap: egress.Cap{Bytes: 1000, Source: egress.CapTold}}
	if why := near(f); len(why) != 1 || !strings.Contains(why[0], " 99% of the cap") {
		t.Errorf("%q", why)
	}
}
