package rules

import (
	"fmt"
	"slices"

	"github.com/6dcca832/headroom/internal/measure"
)

// Growing is the name of the rule.
const Growing = "growing"

var growing = Rule{
	Name: Growing, Severity: Warning,
	Counts: "once, when the median night of the last 7 is 1.5 times that of three weeks before, with 20 recordings in either week",
	Advice: "Find out why the volume grows before it meets the cap; a cap follows the number of licensed agents, so tell support when that grows.",
	Title:  "The nightly volume is growing fast",
	Whole:  true, Now: true,
	New: finally(func(f *Facts, asOf int64, fire Fire) {
		now, enough := medianNight(f, 0)
		before, enoughBefore := medianNight(f, growthWeeks*7)
		if enough && enoughBefore && before > 0 && float64(now) >= growthFactor*float64(before) {
			fire(Evidence{At: asOf, Word: fmt.Sprintf(
				"the median of the last 7 nights is %s, %.1f times that of three weeks before",
				measure.Bytes(now), float64(now)/float64(before))})
		}
	}),
	Detail: onlyWord,
}

const (
	growthFactor     = 1.5
	growthWeeks      = 3  // between the two weeks that are compared
	growthRecordings = 20 // in either week, or it says nothing
)

// medianNight is the median of the bytes of 7 nights, the latest of which was so many nights ago,
// and whether they had enough recordings.
func medianNight(f *Facts, ago int) (median int64, enough bool) {
	var nights []int64
	var recordings int64
	for i := range 7 {
		bytes, n := f.Night(ago + i)
		nights = append(nights, bytes)
		recordings += n
	}
	slices.Sort(nights)
	return nights[3], recordings >= growthRecordings
}
