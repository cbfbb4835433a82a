package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
)

// DuplicateDownload is the name of the rule.
const DuplicateDownload = "duplicate-download"

// The audit itself remembers which recordings are complete: millions of them, and the forecast asks
// the same.
var duplicateDownload = Rule{
	Name: DuplicateDownload, Severity: Warning,
	Counts: "complete downloads of a recording beyond its first, with the bytes wasted",
	Advice: "Remember which recordings are complete and do not download them again: repeated bytes count against the egress cap.",
	Causes: []string{CutShort},
	Title:  "Recordings were downloaded again",
	Hears:  func(k *Kind) bool { return k.Again },
	New: every(func(_ *Facts, c *Call) Evidence {
		bytes := c.ResponseBytes
		return Evidence{Bytes: bytes, Why: func() string {
			return "this recording was downloaded completely before; " + measure.Bytes(bytes) + " again"
		}}
	}),
	Detail: func(f *Found) string {
		return fmt.Sprintf(
			"%s of recordings that were complete already wasted %s, %s of all audio bytes of %s",
			measure.Count(f.Count, "download"), measure.Bytes(f.Bytes),
			measure.PercentOf(f.Bytes, f.Audio), f.Of)
	},
}
