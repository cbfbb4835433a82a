package rules

import (
	"cmp"

	"github.com/6dcca832/headroom/internal/measure"
)

// NoAnswer is the name of the rule.
const NoAnswer = "no-answer"

var noAnswer = Rule{
	Name: NoAnswer, Severity: Notice,
	Counts: "requests without an answer, tunnels included",
	Advice: "Look at the network between the client and the vendor; a request without an answer may still have been carried out.",
	Hears:  func(k *Kind) bool { return k.Code == 0 },
	New: every(func(_ *Facts, c *Call) Evidence {
		word := cmp.Or(c.Error, "cause unknown")
		return Evidence{Word: word, Why: func() string { return "no answer came: " + word }}
	}),
	Detail: func(f *Found) string {
		return measure.Count(f.Count, "request") + " without an answer: " + byCount(f.Words)
	},
}
