package rules

import (
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// BlindRetry is the name of the rule.
const BlindRetry = "blind-retry"

var blindRetry = Rule{
	Name: BlindRetry, Severity: Warning,
	InVain: true,
	Counts: "repeats within 10 minutes of a 400, 404, 405 or 422",
	Advice: "The same request cannot succeed: correct its parameters, or drop it, before asking again.",
	Title:  "Requests that cannot succeed were repeated",
	Back:   true,
	Hears:  func(k *Kind) bool { return k.Role == limits.RoleBadRequest && !k.Opaque && !k.Personal },
	New:    func(*Facts) Judge { return &blindRetryJudge{Bad: map[uint64]int64{}} },
	Detail: func(f *Found) string {
		return measure.Count(f.Count,
			"request") + " repeating parameters that had just been refused as wrong"
	},
}

const blindRetryWindow = 10 * time.Minute

// blindRetryJudge is awake for blindRetryWindow after the last such answer.
type blindRetryJudge struct {
	Bad map[uint64]int64 // parameters: start of the last answer that makes a repeat pointless
	At  int64            // the latest of them
}

func (j *blindRetryJudge) Hear(c *Call, fire Fire) bool {
	least := c.StartedAt - blindRetryWindow.Microseconds()
	if at, ok := j.Bad[c.ParamsHash]; ok && at >= least {
		since := c.StartedAt - at
		fire(
			hit(
				c,
				func() string {
					return "same parameters as a request refused " + measure.Duration(since) + " before"
				},
			),
		)
	}
	if c.Role == limits.RoleBadRequest && !c.Personal {
		forgetOlder(j.Bad, least)
		j.Bad[c.ParamsHash], j.At = c.StartedAt, c.StartedAt
	}
	if j.At < least {
		clear(j.Bad)
	}
	return len(j.Bad) > 0
}

func (*blindRetryJudge) End(int64, Fire) {}
