package rules

import (
	"net/http"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// BlindRetry is the name of the rule.
const BlindRetry = "blind-retry"

var blindRetry = Rule{
	Name: BlindRetry, Severity: Warning,
	InVain: true,
	Counts: "repeats answered with an error, where the answer before, within 10 minutes, was a 400, " +
		"404, 405 or 422",
	Advice: "Correct the request's path or parameters, or drop it, before asking again.",
	Title:  "Requests that had been refused as wrong were repeated as they were",
	Back:   true,
	Hears:  func(k *Kind) bool { return k.Role == limits.RoleBadRequest && !k.Opaque && !k.Personal },
	New:    func(*Facts) Judge { return &blindRetryJudge{Bad: map[uint64]int64{}} },
	Detail: func(f *Found) string {
		return measure.Count(f.Count, "request") +
			" repeating parameters that had just been refused as wrong"
	},
}

const blindRetryWindow = 10 * time.Minute

// blindRetryJudge is awake for blindRetryWindow after the last such answer. Only the latest answer
// to the same parameters counts, so that a success clears; a request without an answer says nothing
// of whether it was wrong, and is passed over.
type blindRetryJudge struct {
	Bad map[uint64]int64 // parameters: start of the latest answered request, where it was refused
	At  int64            // the latest of them
}

func (j *blindRetryJudge) Hear(c *Call, fire Fire) bool {
	least := c.StartedAt - blindRetryWindow.Microseconds()
	if c.Code != 0 && !c.Opaque {
		j.answered(c, least, fire)
	}
	if j.At < least {
		clear(j.Bad)
	}
	return len(j.Bad) > 0
}

func (j *blindRetryJudge) answered(c *Call, least int64, fire Fire) {
	if at, ok := j.Bad[c.ParamsHash]; ok {
		if since := c.StartedAt - at; at >= least && c.Code >= http.StatusBadRequest {
			fire(hit(c, func() string {
				return "same parameters as a request refused " + measure.Duration(since) + " before"
			}))
		}
		delete(j.Bad, c.ParamsHash)
	}
	if c.Role == limits.RoleBadRequest && !c.Personal {
		forgetOlder(j.Bad, least)
		j.Bad[c.ParamsHash], j.At = c.StartedAt, c.StartedAt
	}
}

func (*blindRetryJudge) End(int64, Fire) {}
