package rules

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// After509 is the name of the rule.
const After509 = "after-509"

var after509 = Rule{
	Name: After509, Severity: Violation,
	Rolling: true, InVain: true,
	Counts: "recording-audio requests within 15 minutes after a 509, no reset between",
	Advice: "Stop at the first refusal for egress: further requests cannot succeed before bytes leave the window or support resets it.",
	Causes: []string{EgressNear, OverCap, EgressCap},
	Title:  "Recordings were requested on after a refusal for egress",
	Back:   true,
	Hears:  func(k *Kind) bool { return k.Role == limits.RoleEgressCap && !k.Opaque },
	New:    func(f *Facts) Judge { return &after509Judge{facts: f} },
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s started within %s after a refusal for egress",
			measure.Count(f.Count, f.Policy.Egress.Class+" request"), measure.Span(After509Wait))
	},
}

// After509Wait is how soon after a refusal for egress a request is pointless (ours).
const After509Wait = 15 * time.Minute

// after509Judge is awake for After509Wait after a refusal.
type after509Judge struct {
	facts   *Facts
	Refused bool
	At      int64 // start of the last refusal
}

func (j *after509Judge) Hear(c *Call, fire Fire) bool {
	since := c.StartedAt - j.At
	if j.Refused && c.Egress && !c.Storage && since <= After509Wait.Microseconds() &&
		!j.resetSince(c.StartedAt) {
		fire(hit(c, func() string {
			return "started " + measure.Duration(since) + " after a refusal for egress"
		}))
	}
	if c.Role == limits.RoleEgressCap {
		j.Refused, j.At = true, c.StartedAt
	}
	j.Refused = j.Refused && c.StartedAt-j.At <= After509Wait.Microseconds()
	return j.Refused
}

// resetSince says whether support reset the window after the refusal and no later than to.
func (j *after509Judge) resetSince(to int64) bool {
	for _, at := range j.facts.Tenant.Resets {
		if at >= j.At && at <= to {
			return true
		}
	}
	return false
}

func (*after509Judge) End(int64, Fire) {}
