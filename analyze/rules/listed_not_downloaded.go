package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
)

// ListedNotDownloaded is the name of the rule.
const ListedNotDownloaded = "listed-not-downloaded"

var listedNotDownloaded = Rule{
	Name: ListedNotDownloaded, Severity: Warning,
	AtRisk: true,
	Counts: "recordings listed more than 5 days ago and never downloaded, where 90% of those of the 28 days before were",
	Advice: "Pull these recordings, or find out why they were left out: the vendor does not keep them for ever.",
	Title:  "Recordings that were listed have not been downloaded",
	Whole:  true, Absence: true,
	New: finally(func(f *Facts, _ int64, fire Fire) {
		for _, m := range f.Missing() {
			fire(Evidence{At: m.ListedAt, Size: m.Bytes, Item: m.Item, Why: func() string {
				if m.Bytes == 0 {
					return "listed, and not downloaded since"
				}
				return fmt.Sprintf("listed with %s bytes, and not downloaded since", measure.Grouped(m.Bytes))
			}})
		}
	}),
	Detail: func(f *Found) string {
		return measure.Count(f.Count, "recording") +
			" listed more than 5 days ago and not downloaded, though nearly all others were"
	},
}
