package rules

import "github.com/6dcca832/headroom/internal/measure"

// OutsideWindow is the name of the rule.
const OutsideWindow = "outside-window"

var outsideWindow = Rule{
	Name: OutsideWindow, Severity: Notice,
	Counts: "recording-audio requests outside the configured nightly window",
	Advice: "Schedule recording pulls for the night, as the vendor recommends.",
	Hears:  func(k *Kind) bool { return k.Egress && !k.Storage },
	New: func(f *Facts) Judge {
		if f.Tenant.Window == nil {
			return nil
		}
		return &outsideWindowJudge{f}
	},
	Detail: func(f *Found) string {
		return measure.Count(f.Count, f.Policy.Egress.Class+" request") + " outside the nightly window"
	},
}

type outsideWindowJudge struct{ facts *Facts }

func (j *outsideWindowJudge) Hear(c *Call, fire Fire) bool {
	if !j.facts.Tenant.Window.Contains(c.Start()) {
		fire(hit(c, func() string { return "started outside the nightly window" }))
	}
	return false
}

func (*outsideWindowJudge) End(int64, Fire) {}
