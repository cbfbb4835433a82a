package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// EgressCap is the name of the rule.
const EgressCap = "egress-cap"

var egressCap = Rule{
	Name: EgressCap, Severity: Violation,
	Rolling: true,
	Counts:  "509 answers",
	Advice:  "Stop pulling recordings of this tenant and contact the vendor's support: ask for a review of the usage, and for a reset if a bug caused it.",
	Causes:  []string{DuplicateDownload, StalePull},
	Title:   "The rolling egress cap was reached",
	Hears:   func(k *Kind) bool { return k.Role == limits.RoleEgressCap && !k.Opaque },
	New: every(func(_ *Facts, c *Call) Evidence {
		status, sum := c.Status, c.Sum
		return Evidence{Why: func() string {
			return fmt.Sprintf("refused (%d) with %s in the window", status, measure.ExactBytes(sum))
		}}
	}),
	Detail: func(f *Found) string {
		s := measure.Count(f.Count, "request") + " refused because the rolling egress cap was reached"
		if served := f.Egress.Survived; served > 0 {
			s += fmt.Sprintf("; with %s in the window a request was still served",
				measure.ExactBytes(served))
		}
		return s
	},
}
