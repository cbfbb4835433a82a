package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// PersistentError is the name of the rule.
const PersistentError = "persistent-error"

var persistentError = Rule{
	Name: PersistentError, Severity: Warning,
	Counts: "different requests answered 500 three times or more",
	Advice: "Report these requests to the vendor's support: repeating them does not help.",
	Title:  "The same requests failed at the server again and again",
	Late:   true, Distinct: true,
	Hears: func(k *Kind) bool { return k.Role == limits.RoleServerError && !k.Opaque && !k.Personal },
	New:   func(*Facts) Judge { return &persistentErrorJudge{Failed: map[uint64]*Failures{}} },
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s that failed at the server %d times or more",
			measure.Count(int64(len(f.Keys)), "different request"), PersistentErrors)
	},
}

// PersistentErrors is how many failures of one kind make it persistent.
const PersistentErrors = 3

// persistentErrorJudge never forgets a failure: it may come again after months.
type persistentErrorJudge struct {
	Failed map[uint64]*Failures // by parameters
}

// Failures are the answers of a server error that the same parameters got.
type Failures struct {
	Count int64
	Early []Failure // those before the one that makes them persistent
}

// Failure is one of them.
type Failure struct {
	At, ID  int64
	Classes uint32
}

func (j *persistentErrorJudge) Hear(c *Call, fire Fire) bool {
	f := j.Failed[c.ParamsHash]
	if f == nil {
		f = &Failures{}
		j.Failed[c.ParamsHash] = f
	}
	f.Count++
	now := Failure{c.StartedAt, c.ID, c.ClassBit}
	if f.Count < PersistentErrors {
		f.Early = append(f.Early, now)
		return false
	}
	for i, e := range f.Early {
		fire(e.evidence(c.ParamsHash, int64(i+1)))
	}
	f.Early = nil
	fire(now.evidence(c.ParamsHash, f.Count))
	return false
}

func (f Failure) evidence(params uint64, n int64) Evidence {
	return Evidence{ID: f.ID, At: f.At, Classes: f.Classes, Key: params, Why: func() string {
		return fmt.Sprintf("failure number %d with the same parameters", n)
	}}
}

func (*persistentErrorJudge) End(int64, Fire) {}
