package rules

import (
	"fmt"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// Auth is the name of the rule.
const Auth = "auth"

var auth = Rule{
	Name: Auth, Severity: Warning,
	Counts: "401 and 403 answers",
	Advice: "Check that the token is current (refreshing one invalidates the old at once) and that its Service User has the role; stop after the first refusal.",
	Title:  "The token was refused",
	Back:   true,
	Hears:  func(k *Kind) bool { return k.Role == limits.RoleAuth && !k.Opaque },
	New:    func(*Facts) Judge { return new(authJudge) },
	Grave:  func(h *Hits) bool { return h.Most >= AuthBurst },
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s refused for the token or its rights, up to %d in a row",
			measure.Count(f.Count, "request"), f.Most)
	},
}

// AuthBurst is how many consecutive refusals of the token, of any requests of the tenant, make the
// finding a violation.
const AuthBurst = 5

// authJudge is awake while requests are refused.
type authJudge struct{ Run int64 }

func (j *authJudge) Hear(c *Call, fire Fire) bool {
	if c.Role != limits.RoleAuth {
		j.Run = 0
		return false
	}
	j.Run++
	status, run := c.Status, j.Run
	e := hit(c, func() string { return fmt.Sprintf("answered %d, number %d in a row", status, run) })
	e.Size = run
	fire(e)
	return true
}

func (*authJudge) End(int64, Fire) {}

// Length is that of the run at hand.
func (j *authJudge) Length() int64 { return j.Run }
