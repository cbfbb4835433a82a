package rules

// NeverPulled is the name of the rule.
const NeverPulled = "never-pulled"

var neverPulled = Rule{
	Name: NeverPulled, Severity: Warning,
	AtRisk: true,
	Counts: "a configured tenant without a recording-audio request",
	Advice: "See whether this tenant's pull runs at all, and under this name; remove the tenant from the configuration if nobody pulls it.",
	Title:  "No recording of this tenant was ever pulled",
	Whole:  true, Absence: true, Now: true,
	New: finally(func(f *Facts, asOf int64, fire Fire) {
		if !f.Configured || f.Pulled {
			return
		}
		at := asOf
		if f.FirstAt != 0 {
			at = f.FirstAt
		}
		fire(Evidence{At: at, Why: func() string {
			return "configured, and no recording was ever requested"
		}})
	}),
	Detail: func(f *Found) string {
		return "the configuration names this tenant, and the log has no " + f.Policy.Egress.Class + " request of it"
	},
}
