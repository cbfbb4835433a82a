package rules

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// LostReport is the name of the rule.
const LostReport = "lost-report"

var lostReport = Rule{
	Name: LostReport, Severity: Violation,
	AtRisk: true,
	Counts: "202 answers not asked for again with the same parameters within 24 hours",
	Advice: "Send the same request with the same parameters again some minutes later: the vendor has kept the finished report.",
	Title:  "Reports were deferred and never fetched",
	Back:   true, Late: true,
	Hears: func(k *Kind) bool { return k.Role == limits.RoleDeferred && !k.Opaque && !k.Personal },
	New:   func(*Facts) Judge { return &lostReportJudge{Waiting: map[uint64]int{}} },
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s deferred and not asked for again within %s",
			measure.Count(f.Count, "report"), measure.Hours(reportWait))
	},
}

// reportWait is how long a deferred report may wait to be fetched.
const reportWait = 24 * time.Hour

// lostReportJudge is awake while a report is deferred.
type lostReportJudge struct {
	Deferred []Deferral
	Waiting  map[uint64]int // parameters: how many of Deferred wait for a repeat
}

// Deferral is a report that the vendor will keep for a repeat.
type Deferral struct {
	At, ID  int64
	Params  uint64
	Classes uint32
	Fetched bool
}

func (d *Deferral) lost() Evidence {
	return Evidence{ID: d.ID, At: d.At, Classes: d.Classes, Why: func() string {
		return "deferred, and not asked for again with the same parameters within " + measure.Hours(reportWait)
	}}
}

func (j *lostReportJudge) Hear(c *Call, fire Fire) bool {
	for len(j.Deferred) > 0 && c.StartedAt-j.Deferred[0].At > reportWait.Microseconds() {
		d := j.Deferred[0]
		j.Deferred = j.Deferred[1:]
		if !d.Fetched {
			j.stopWaiting(d.Params)
			fire(d.lost())
		}
	}
	if j.Waiting[c.ParamsHash] > 0 {
		for i := range j.Deferred {
			if d := &j.Deferred[i]; d.Params == c.ParamsHash {
				d.Fetched = true
			}
		}
		delete(j.Waiting, c.ParamsHash)
	}
	if c.Role == limits.RoleDeferred && !c.Personal {
		j.Deferred = append(j.Deferred,
			Deferral{At: c.StartedAt, ID: c.ID, Params: c.ParamsHash, Classes: c.ClassBit})
		j.Waiting[c.ParamsHash]++
	}
	return len(j.Deferred) > 0
}

func (j *lostReportJudge) stopWaiting(params uint64) {
	if j.Waiting[params]--; j.Waiting[params] <= 0 {
		delete(j.Waiting, params)
	}
}

// End fires for those whose time has passed; the others may still be fetched.
func (j *lostReportJudge) End(asOf int64, fire Fire) {
	for i := range j.Deferred {
		d := &j.Deferred[i]
		if d.Fetched {
			continue
		}
		e := d.lost()
		e.Undecided = asOf-d.At <= reportWait.Microseconds()
		fire(e)
	}
}
