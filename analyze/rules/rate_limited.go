package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// RateLimited is the name of the rule.
const RateLimited = "rate-limited"

var rateLimited = Rule{
	Name: RateLimited, Severity: Violation,
	Counts: "429 answers",
	Advice: "Slow down: keep the minimum interval between starts, and after a refusal wait before asking again.",
	Causes: []string{Spacing},
	Title:  "Requests were refused as too frequent",
	Hears:  func(k *Kind) bool { return k.Role == limits.RoleRateLimited && !k.Opaque },
	New: every(func(f *Facts, c *Call) Evidence {
		status, class, kept := c.Status, c.Class, c.Paced && c.Kept
		e := Evidence{Why: func() string {
			why := fmt.Sprintf("refused (%d) for class %s", status, class)
			if kept {
				why += ", though the minimum interval was kept"
			}
			return why
		}}
		if kept {
			e.Word = keptInterval
		}
		return e
	}),
	Detail: func(f *Found) string {
		s := measure.Count(f.Count, "request") + " refused as too frequent"
		if kept := f.Words[keptInterval]; kept > 0 {
			s += fmt.Sprintf(
				"; %s of them started %s or more after the one before: either they arrived closer together, so leave a margin, or a program pulls that is not recorded here",
				measure.Grouped(kept), measure.Span(f.Policy.Frequency.MinInterval))
		}
		return s
	},
}

// keptInterval marks refusals of requests that kept the minimum interval.
const keptInterval = "kept"
