package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
)

// Spacing is the name of the rule.
const Spacing = "spacing"

// The audit itself compares gaps with the minimum: every tenant's are counted, whether they break
// the rule or not.
var spacing = Rule{
	Name: Spacing, Severity: Violation,
	Counts: "gaps from one recording-audio start to the next under the minimum",
	Advice: "Start recording downloads one after the other, with the minimum interval between two starts; one program per tenant.",
	Causes: []string{Interleaved},
	Title:  "Recordings were requested faster than the minimum interval allows",
	Hears:  func(k *Kind) bool { return k.TooSoon },
	New: every(func(f *Facts, c *Call) Evidence {
		gap, before := c.Gap, c.Before.ID
		return Evidence{Size: gap, Why: func() string {
			return fmt.Sprintf("started %s after request %d; the minimum is %s",
				measure.Duration(gap), before, measure.Span(f.Policy.Frequency.MinInterval))
		}}
	}),
	Detail: func(f *Found) string {
		s := fmt.Sprintf("%s under %s, of %s between %s requests; the shortest was %s",
			measure.Count(f.Count, "gap"), measure.Span(f.Policy.Frequency.MinInterval),
			measure.Grouped(f.Paced-1), f.Policy.Frequency.Class, measure.Duration(f.Least))
		if f.Indeterminate > 0 {
			s += fmt.Sprintf("; %s more cannot be decided at the log's resolution",
				measure.Grouped(f.Indeterminate))
		}
		if f.Slips > 0 {
			s += fmt.Sprintf("; %s more are within the tolerance of %s", measure.Grouped(f.Slips),
				measure.Span(f.Policy.Frequency.Tolerance))
		}
		return s
	},
}
