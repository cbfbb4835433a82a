package rules

import (
	"fmt"
	"strings"

	"github.com/6dcca832/headroom/internal/measure"
)

// EgressNear is the name of the rule.
const EgressNear = "egress-near"

var egressNear = Rule{
	Name: EgressNear, Severity: Warning,
	Rolling: true,
	Counts:  "once, from 80% of the cap on, or from a forecast chance of 10% to reach it within 7 days",
	Advice:  "Plan the next nights: postpone backfills, stop repeated downloads, and tell support before a large export.",
	Causes:  []string{DuplicateDownload, StalePull},
	Title:   "The rolling egress is close to its cap",
	Now:     true,
	New: finally(func(f *Facts, asOf int64, fire Fire) {
		if why := near(f); len(why) > 0 {
			fire(Evidence{At: asOf, Word: strings.Join(why, "; ")})
		}
	}),
	Detail: onlyWord,
}

// NearCap is the share of the cap, and NearChance the forecast chance of reaching it, from which on
// the cap is near.
const (
	NearCap    = 0.8
	NearChance = 0.1
)

// near says why the cap is close, now or by forecast; nothing where it is not.
func near(f *Facts) (why []string) {
	e := f.Egress
	if share := float64(e.Current) / float64(e.Cap.Bytes); e.Cap.Bytes > 0 && share >= NearCap {
		why = append(why, fmt.Sprintf("%s in the last %s are %s of the cap of %s (%s)",
			measure.Bytes(e.Current), measure.Hours(f.Policy.Egress.Window), measure.Percent(share),
			measure.Bytes(e.Cap.Bytes), e.Cap.Source))
	}
	if chance := f.Chance(); chance >= NearChance {
		why = append(why,
			fmt.Sprintf("the forecast gives %s for reaching the cap within 7 days", measure.Chance(chance)))
	}
	return why
}
