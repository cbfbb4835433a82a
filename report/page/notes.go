package page

import (
	"fmt"
	"strings"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

// pageRule is one of the vendor's rules, for the notes.
type pageRule struct{ Name, Text string }

// vendorRules are the policy's rules in words.
func vendorRules(p *limits.Policy) (all []pageRule) {
	if p == nil {
		return nil
	}
	add := func(name, words string, values ...any) {
		all = append(all, pageRule{text.Clean(name), text.Clean(fmt.Sprintf(words, values...))})
	}
	if f := p.Frequency; f.MinInterval > 0 {
		add(f.Section, "Requests of class %s start at least %s apart, per tenant. %s",
			f.Class, measure.Span(f.MinInterval), f.BestPractice)
	}
	if e := p.Egress; e.Window > 0 {
		add(e.Section, "The answers of class %s are capped in bytes, summed over any %s, per tenant.",
			e.Class, measure.Span(e.Window))
	}
	for _, s := range p.Statuses {
		add(strings.TrimSpace(fmt.Sprintf("%d %s", s.Code, s.Name)), "Expected as an answer to %s.",
			strings.Join(s.Methods, ", "))
	}
	return all
}

func pageNotes(p *report.Picture) []string {
	return append(report.Notes(p.Audit),
		"Days are UTC days. A range counts the requests that start in it; rolling sums look back past its beginning, as the vendor's do.",
		"The gap before the first request of a range, and a download repeated from before it, do not count in the range. Other findings count on the day of the request that made them fire, with what was known at the moment of the report.",
		"How full the window is, what the forecast expects and how long nothing was pulled is said of the moment of the report only; the verdict of a range leaves them out.",
		"Sizes are decimal: 1 GB is 1,000,000,000 bytes, as sent on the wire.")
}
