package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
)

// OverCap is the name of the rule.
const OverCap = "over-cap"

// The sum at a request takes in all requests of the same start, so the rule judges them together.
var overCap = Rule{
	Name: OverCap, Severity: Violation,
	Rolling: true,
	Counts:  "requests at which the rolling sum was at or over a cap that support told",
	Advice:  "Pull less until enough bytes have left the rolling window, or ask support whether the cap still fits the number of licensed agents.",
	Causes:  []string{DuplicateDownload, StalePull},
	Title:   "More was pulled than the cap that support told",
	New:     func(f *Facts) Judge { return &overCapJudge{f} },
	Detail: func(f *Found) string {
		return fmt.Sprintf(
			"at %s the last %s held at least the cap of %s that support told; the peak was %s",
			measure.Count(f.Count, "request"), measure.Hours(f.Policy.Egress.Window),
			measure.ExactBytes(f.Egress.Cap.Bytes), measure.ExactBytes(f.Egress.Peak))
	},
}

type overCapJudge struct{ facts *Facts }

func (*overCapJudge) Hear(*Call, Fire) bool { return false }

func (*overCapJudge) End(int64, Fire) {}

func (j *overCapJudge) Reached(sum int64) (why func() string, hit bool) {
	told := j.facts.Tenant.Cap.ToldBytes()
	return func() string {
		return measure.ExactBytes(sum) + " in the window, of a cap of " + measure.ExactBytes(told)
	}, told > 0 && sum >= told
}
