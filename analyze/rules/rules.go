// Package rules has every rule of the audit as a value in a file of its own: its name, what it
// counts, its severity, its known causes, which requests it hears, how it judges them and what it
// keeps for that, and its sentence. all.go lists them.
//
// CONTRIBUTING lists what to touch to add one. What the vendor's page says of a rule, and where, is
// in the policy (limits.RuleNote); the numbers that are headroom's own stand in the files.
//
// # How a rule is asked
//
// The audit computes once what several rules need (how long after the request before one started,
// whether a recording had been downloaded, which sum was reached) and writes it into Kind and Call.
// A rule is asked once for each kind of request whether it hears it. A judge that has heard one and
// returns true is awake: it hears every next request too, until it returns false. So a rule about
// what follows a refusal costs nothing while there is none.
//
// # What it does not do
//
// A rule does not count: it fires, and the audit counts what fired by night. It reads no clock, and
// knows no path, number or term of the vendor: those are in the policy.
package rules

import (
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Severity is how much a finding weighs.
type Severity string

// The severities. A violation breaks a rule of the vendor's or lost something, a warning asks for a
// change, a notice is good to know.
const (
	Violation Severity = "violation"
	Warning   Severity = "warning"
	Notice    Severity = "notice"
)

// AtLeast says whether s weighs as much as t or more.
func (s Severity) AtLeast(t Severity) bool { return s.weight() >= t.weight() }

// Compare is negative where s weighs less than t, positive where it weighs more.
func (s Severity) Compare(t Severity) int { return s.weight() - t.weight() }

func (s Severity) weight() int {
	switch s {
	case Violation:
		return 3
	case Warning:
		return 2
	case Notice:
		return 1
	}
	return 0
}

// Rule is one rule.
type Rule struct {
	Name string
	// Counts says when the rule fires and what is counted, in the words of the README's table.
	Counts   string
	Severity Severity
	// Advice says what to do; the policy may have better words (limits.RuleNote).
	Advice string
	// Causes are the rules that this one is a known effect of: incidents are built from them.
	Causes []string
	// Title says in one sentence what an incident with this cause is.
	Title string

	// Hears is asked once about each kind of request; nil means that the rule hears none.
	Hears func(*Kind) bool
	// New makes the judge of one tenant; nil means that the rule has nothing to judge there.
	New func(*Facts) Judge
	// Detail says in one sentence what was found.
	Detail func(*Found) string

	// Back says that the judge looks back: where a range is selected it hears what comes up to the
	// policy's window before and a day after as well. Only what fires in the range counts.
	Back bool
	// Whole says that the rule is judged over the whole log as of the end, whatever range is
	// selected.
	Whole bool
	// Absence says that a hit is no request but a stretch of time in which something is missing.
	Absence bool
	// Now says that a hit is about the night of as-of and no request.
	Now bool
	// Late says that a hit may be about an earlier request that the rule heard.
	Late bool
	// Distinct says that different Evidence.Key are counted, not hits.
	Distinct bool
	// AtRisk says that what it finds may be lost for good: such incidents come before others.
	AtRisk bool
	// Rolling says that it is about the rolling window, which a reset by support empties.
	Rolling bool
	// InVain says that a hit is a request that could not succeed.
	InVain bool
	// Grave says whether hits weigh as a violation; nil means never more than Severity.
	Grave func(*Hits) bool
}

// Weight is the severity of hits.
func (r *Rule) Weight(h *Hits) Severity {
	if r.Grave != nil && r.Grave(h) {
		return Violation
	}
	return r.Severity
}

// Judge judges the requests of one tenant for one rule. Its exported fields are its saved state.
type Judge interface {
	// Hear judges a request. It returns whether the judge is awake: hears every next request too.
	Hear(c *Call, fire Fire) (awake bool)
	// End fires what only the end decides. It changes nothing: requests may follow.
	End(asOf int64, fire Fire)
}

// Settler is a judge that keeps requests which no saved state holds.
type Settler interface {
	// Settle fires for good what End would: no earlier request will follow.
	Settle(fire Fire)
}

// Releaser is a judge whose memory that of the next tenant can use again.
type Releaser interface {
	// Release gives the memory up; the judge is not asked any more.
	Release()
}

// GroupJudge is a judge of all requests with one start, once they are in the rolling sum.
type GroupJudge interface {
	// Reached says whether that sum makes each of them a hit, and why.
	Reached(sum int64) (why func() string, hit bool)
}

// Fire takes a hit.
type Fire func(Evidence)

// Evidence is a hit: a request, a stretch of time, or a recording. Times are microseconds since
// 1970 UTC.
type Evidence struct {
	ID, At int64 // the request and its start; ID 0 means that there is none
	// Until is when what was missing came; 0 means not yet. For rules with Absence.
	Until int64
	// Undecided says that this is no hit yet: the night of At may still become one of the rule's.
	Undecided bool
	Bytes     int64  // what it cost
	Size      int64  // a measure whose least and most are kept
	Word      string // what kinds of hits are told apart by
	Key       uint64 // for rules with Distinct
	Item      uint64 // the listed recording that a hit without a request is about; 0 means none
	// Classes is Kind.ClassBit of a request that is not the one just heard.
	Classes uint32
	// Why says why it counts; it is called only when somebody asks.
	Why func() string
}

// Reason is Why, "" where nobody said.
func (e *Evidence) Reason() string {
	if e.Why == nil {
		return e.Word
	}
	return e.Why()
}

// Kind is what the policy says of a request, and what the audit found out about it before the rules
// hear it.
type Kind struct {
	Class, Method string
	Code          int // the status; 0 means no answer
	Role          limits.Role
	ClassBit      uint32
	Expected      bool // the policy lists the answer; that of a tunnel is not the vendor's
	Paced         bool // of the class of the frequency rule
	Egress        bool // its bytes count: it is of the class of the egress rule, or Storage
	Storage       bool // a storage answered, which a redirect of the vendor's led to
	Opaque        bool // a tunnel
	Broken        bool // the body broke off
	// Personal says that nothing of the parameters is kept, so that nobody knows whether two are the
	// same.
	Personal bool
	// TooSoon says that the gap to the paced request before was surely under the minimum.
	TooSoon bool
	// Complete says that a recording was downloaded to its end, Again that it had been before.
	Complete, Again bool
	// Idle says that the egress request before is longer ago than the vendor recommends.
	Idle bool
}

// Elsewhere says that the answer is not the vendor's: rules about what follows what do not hear it.
func (k *Kind) Elsewhere() bool { return k.Opaque || k.Storage }

// Refused says that the vendor refused the request: for frequency, egress, or its token.
func (k *Kind) Refused() bool {
	switch k.Role {
	case limits.RoleRateLimited, limits.RoleEgressCap, limits.RoleAuth:
		return true
	}
	return false
}

// Call is a request as the rules hear it.
type Call struct {
	*store.Call
	*Kind
	// Gap is the time from the start of the paced request before, which is Before; of no meaning
	// for the first and for requests that are not paced.
	Gap    int64
	Before Paced
	// Kept says that the gap surely kept the minimum.
	Kept bool
	// LastAt and LastID are the egress request before; of no meaning for the first.
	LastAt, LastID int64
	// Sum is the rolling sum with this request in it.
	Sum int64
}

// Paced is a request of the frequency rule's class.
type Paced struct {
	At, ID, Resolution int64
	Is                 store.TimeMeaning // what At means
	Client             string
}

// Facts are what judges know of a tenant beside its requests, and what the audit has counted.
type Facts struct {
	Policy *limits.Policy
	Tenant *egress.Tenant
	// Configured says that the configuration names the tenant.
	Configured bool
	// FirstAt and LastPull are the starts of the first request and of the last egress request.
	FirstAt, LastPull int64
	LastPullID        int64
	Pulled            bool // whether there was one of the latter
	// Egress is the rolling sum as of the end.
	Egress Egress
	// Chance gives the forecast chance of reaching the cap; negative means that none is known.
	Chance func() float64
	// Night gives bytes and complete downloads of the night that ended so many nights before that
	// of as-of, which is 0.
	Night func(ago int) (bytes, recordings int64)
	// Missing gives the recordings that were listed long ago and never downloaded; none where so many
	// were not that a selection is pulled.
	Missing func() []Missing
}

// Missing is a recording that was listed and not downloaded.
type Missing struct {
	ListedAt, Bytes int64
	Item            uint64 // as store.Recording.ItemHash gives it
}

// Egress is the rolling sum as of a moment.
type Egress struct {
	Current, Peak int64
	// Survived is the largest sum just before a request that was served.
	Survived int64
	Cap      egress.Cap
}

// Found is what a rule's sentence is made of.
type Found struct {
	*Hits
	Policy *limits.Policy
	Egress Egress
	// Paced is how many requests of the frequency rule's class are counted, Indeterminate how many
	// gaps cannot be decided, Slips how many are within the policy's tolerance.
	Paced, Indeterminate, Slips int64
	// Audio is the response bytes of the egress class that are counted, Of what they are of, such as
	// "the last 30 nights": those of a finding are not those of an incident.
	Audio int64
	Of    string
}
