package rules

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// HastyRetry is the name of the rule.
const HastyRetry = "hasty-retry"

var hastyRetry = Rule{
	Name: HastyRetry, Severity: Warning,
	InVain: true,
	Counts: "repeats less than 1 s after the end of a 500 or 503",
	Advice: "Wait a moment, and longer each time, before repeating a request that failed at the server.",
	Causes: []string{PersistentError},
	Title:  "Requests that failed at the server were repeated at once",
	Back:   true,
	Hears:  func(k *Kind) bool { return failedAtServer(k) && !k.Personal },
	New:    func(*Facts) Judge { return &hastyRetryJudge{Until: map[uint64]int64{}} },
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s repeated less than %s after a failure at the server",
			measure.Count(f.Count, "request"), measure.Span(hastyRetryDelay))
	},
}

const hastyRetryDelay = time.Second

func failedAtServer(k *Kind) bool {
	return (k.Role == limits.RoleServerError || k.Role == limits.RoleUnavailable) && !k.Opaque
}

// hastyRetryJudge is awake until a repeat of the last failure would be no hasty one.
type hastyRetryJudge struct {
	Until map[uint64]int64 // parameters: end of the latest request, where it failed at the server
	Last  int64            // the latest of them
}

func (j *hastyRetryJudge) Hear(c *Call, fire Fire) bool {
	delay := hastyRetryDelay.Microseconds()
	if end, ok := j.Until[c.ParamsHash]; ok {
		if since := c.StartedAt - end; since < delay {
			fire(hit(c, func() string { return hastyWhy(since) }))
		}
		delete(j.Until, c.ParamsHash) // only the latest answer counts
	}
	if failedAtServer(c.Kind) && !c.Personal {
		forgetOlder(j.Until, c.StartedAt-delay)
		end := c.StartedAt + c.Duration
		j.Until[c.ParamsHash], j.Last = end, max(j.Last, end)
	}
	if c.StartedAt-j.Last >= delay {
		clear(j.Until)
	}
	return len(j.Until) > 0
}

func hastyWhy(since int64) string {
	if since < 0 {
		return "same parameters as a request that failed at the server, started before that had ended"
	}
	return "same parameters as a request that failed at the server, " +
		measure.Duration(since) + " after its end"
}

func (*hastyRetryJudge) End(int64, Fire) {}
