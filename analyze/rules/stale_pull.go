package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
)

// StalePull is the name of the rule.
const StalePull = "stale-pull"

var stalePull = Rule{
	Name: StalePull, Severity: Warning,
	AtRisk: true,
	Counts: "stretches of more than five days without a recording-audio request",
	Advice: "Pull at least as often as the vendor recommends, so that no night carries the load of many.",
	Causes: []string{Auth},
	Title:  "No recordings were pulled for longer than the vendor recommends",
	Whole:  true, Absence: true,
	Hears: func(k *Kind) bool { return k.Idle },
	New:   func(f *Facts) Judge { return &stalePullJudge{facts: f} },
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s of more than %s without a %s request", measure.Count(f.Count, "stretch"),
			measure.Days(f.Policy.Frequency.PullEvery.Microseconds()), f.Policy.Egress.Class)
	},
}

// stalePullJudge keeps the stretches that ended: each is days long, so there are few.
type stalePullJudge struct {
	facts *Facts
	Ended []Stretch
}

// Stretch is a time without a request.
type Stretch struct{ At, ID, Until int64 }

func (j *stalePullJudge) Hear(c *Call, _ Fire) bool {
	j.Ended = append(j.Ended, Stretch{c.LastAt, c.LastID, c.StartedAt})
	return false
}

func (j *stalePullJudge) End(asOf int64, fire Fire) {
	for _, s := range j.Ended {
		fire(s.evidence(s.Until - s.At))
	}
	most := j.facts.Policy.Frequency.PullEvery.Microseconds()
	if idle := asOf - j.facts.LastPull; j.facts.Pulled && most > 0 && idle > most {
		fire(Stretch{At: j.facts.LastPull, ID: j.facts.LastPullID}.evidence(idle))
	}
}

func (s Stretch) evidence(length int64) Evidence {
	return Evidence{ID: s.ID, At: s.At, Until: s.Until, Size: length, Why: func() string {
		if s.Until == 0 {
			return "none came in the " + measure.Days(length) + " since"
		}
		return "the next one came only " + measure.Days(length) + " later"
	}}
}
