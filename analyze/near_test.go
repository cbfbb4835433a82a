package analyze

import (
	"strings"
	"testing"

	"github.com/6dcca832/headroom/analyze/egress"
)

// TestNearRoundsDown: 99.7 % of a cap is not 100 %.
func TestNearRoundsDown(t *testing.T) {
	a := &Auditor{tenant: egress.Tenant{Chance: -1}}
	f, ok := a.near(0, Egress{Current: 997, Cap: egress.Cap{Bytes: 1000, Source: egress.CapTold}})
	if !ok || !strings.Contains(f.Detail, " 99 % of the cap") {
		t.Errorf("%v: %q", ok, f.Detail)
	}
}
