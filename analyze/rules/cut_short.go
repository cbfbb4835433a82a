package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// CutShort is the name of the rule.
const CutShort = "cut-short"

var cutShort = Rule{
	Name: CutShort, Severity: Notice,
	Counts: "downloads that were being served and broke off, with the bytes they cost",
	Advice: "Raise the client's time-out or resume downloads: bytes of an aborted download count against the egress cap as well.",
	Title:  "Downloads broke off",
	Hears:  func(k *Kind) bool { return k.Egress && k.Broken && k.Role == limits.RoleOK },
	New: every(func(_ *Facts, c *Call) Evidence {
		bytes := c.ResponseBytes
		return Evidence{Bytes: bytes, Why: func() string {
			return "ended after " + measure.Bytes(bytes)
		}}
	}),
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s broken off, which cost %s", measure.Count(f.Count, "download"),
			measure.Bytes(f.Bytes))
	},
}
