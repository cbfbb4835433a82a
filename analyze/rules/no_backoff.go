package rules

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// NoBackoff is the name of the rule.
const NoBackoff = "no-backoff"

var noBackoff = Rule{
	Name: NoBackoff, Severity: Violation,
	InVain: true,
	Counts: "requests sooner after n 429s of their class than max(Retry-After, min(60 s, interval × 2ⁿ⁻¹))",
	Advice: "After a refusal wait as long as Retry-After says, else double the wait with each refusal up to a minute.",
	Causes: []string{RateLimited},
	Title:  "Requests were sent again too soon after a refusal",
	Back:   true,
	Hears:  func(k *Kind) bool { return k.Role == limits.RoleRateLimited && !k.Opaque },
	New:    func(f *Facts) Judge { return &noBackoffJudge{facts: f, Runs: map[string]Backoff{}} },
	Detail: func(f *Found) string {
		return measure.Count(f.Count, "request") + " sent too soon after a refusal"
	},
}

// PlainInterval is the first wait of classes that have no minimum interval.
const PlainInterval = time.Second

// noBackoffJudge is awake while a class has a run of refusals.
type noBackoffJudge struct {
	facts *Facts
	Runs  map[string]Backoff // by class
}

// Backoff is a class's run of refusals for frequency.
type Backoff struct {
	Run        int   // consecutive refusals
	At         int64 // start of the last
	RetryAfter int64 // of the last, seconds
}

func (j *noBackoffJudge) Hear(c *Call, fire Fire) bool {
	b, ok := j.Runs[c.Class]
	if ok {
		if gap, wait := c.StartedAt-b.At, b.Wait(j.facts.Policy, c.Class); gap < wait {
			fire(hit(c, func() string {
				return fmt.Sprintf("started %s after refusal number %d in a row; the wait is %s",
					measure.Duration(gap), b.Run, measure.Duration(wait))
			}))
		}
	}
	if c.Role == limits.RoleRateLimited {
		j.Runs[c.Class] = Backoff{Run: b.Run + 1, At: c.StartedAt, RetryAfter: c.RetryAfter}
	} else if ok {
		delete(j.Runs, c.Class)
	}
	return len(j.Runs) > 0
}

// Wait is max(Retry-After, min(limit, interval × 2^(n−1))) after n refusals of a class, in
// microseconds.
func (b Backoff) Wait(p *limits.Policy, class string) int64 {
	interval := PlainInterval.Microseconds()
	if class == p.Frequency.Class {
		interval = p.Frequency.MinInterval.Microseconds()
	}
	wait := p.Frequency.BackoffMax.Microseconds()
	if n := b.Run - 1; n < 32 && interval<<n < wait {
		wait = interval << n
	}
	return max(wait, b.RetryAfter*1e6)
}

func (*noBackoffJudge) End(int64, Fire) {}
