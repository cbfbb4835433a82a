package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/internal/measure"
)

// Interleaved is the name of the rule.
const Interleaved = "interleaved"

var interleaved = Rule{
	Name: Interleaved, Severity: Warning,
	Counts: "gaps under the minimum between two different clients",
	Advice: "Two programs pull the same tenant and break the interval together: let one of them pull, or pace both through one place.",
	Title:  "Two programs pulled the same tenant at once",
	Hears:  func(k *Kind) bool { return k.TooSoon },
	New:    func(*Facts) Judge { return new(interleavedJudge) },
	Detail: func(f *Found) string {
		pairs := slices.Sorted(maps.Keys(f.Words))
		return "the two requests came from different clients: " +
			strings.Join(pairs[:min(len(pairs), maxPairs)], "; ")
	},
}

// maxPairs bounds how many pairs of clients are named.
const maxPairs = 8

type interleavedJudge struct{}

func (interleavedJudge) Hear(c *Call, fire Fire) bool {
	before := c.Before
	if c.Client == "" || before.Client == "" || c.Client == before.Client {
		return false
	}
	client, gap := c.Client, c.Gap
	e := hit(c, func() string {
		return fmt.Sprintf("sent by %s, %s after request %d of %s", client, measure.Duration(gap),
			before.ID, before.Client)
	})
	e.Word = fmt.Sprintf("%q and %q", min(client, before.Client), max(client, before.Client))
	fire(e)
	return false
}

func (interleavedJudge) End(int64, Fire) {}
