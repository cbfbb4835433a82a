package analyze

import (
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
)

// About says what an audit is about.
type About string

// What an audit is about.
const (
	// AboutNow is an audit without a range: verdicts are about what still goes on, counts are of the
	// last NowNights nights.
	AboutNow About = "now"
	// AboutRange is an audit of a range: everything in it counts, ended or not.
	AboutRange About = "range"
	// AboutNew tells the incidents that are new or have grown since an earlier audit.
	AboutNew About = "new"
)

// counted says in words which requests are counted.
func (a About) counted() string {
	switch a {
	case AboutNow:
		return fmt.Sprintf("the last %d nights", NowNights)
	case AboutRange:
		return "the range"
	}
	return "the log"
}

// NowNights is how many nights an audit that is about now counts, that of as-of among them.
const NowNights = 30

// Report is the audit of several tenants, in the order of who must act first.
type Report struct {
	About About
	// FromCache says that saved states may have been continued: Options.NoCache was not set. The
	// answer is the same.
	FromCache bool
	// AsOf is the moment taken as "now"; no later request is in the report.
	AsOf time.Time
	// Since and Until bound the requests that are counted by StartedAt, the first inclusive, the
	// second exclusive; zero means no bound. An audit that is about now counts from Since too; it
	// differs by tenant where zones do (see Result.Since), and is the earliest of them. One that is
	// about what is new looks at all requests.
	Since, Until  time.Time
	PolicyName    string
	PolicyVersion string
	Tenants       []Result
	// Later is how many stored requests start after AsOf, and are therefore left out.
	Later int64
	// Dropped is how many requests the recorders could not store, as far as the file knows.
	Dropped int64
	// Pruned is what was removed from the log before a time that is later than the beginning of what
	// the report counts; the zero Pruned means that nothing is missing there.
	Pruned Pruned
	// Days are what happened day by day, where Options.Days asked for it.
	Days *Daily
	// Examples are some requests of the first incidents of each tenant, by the incident's id, where
	// Options.Examples asked for them.
	Examples map[string][]Example
	// Usage tells of each tenant that has a request who used how much, in the order of Options.Usage.
	Usage map[string][]*UsageReport
	// Seen counts what every incident consists of, by its id, for Options.Seen of the next audit
	// that is about what is new.
	Seen map[string]int64
	// ToldAt is when incidents were last told of; the zero time where that is not known. Run leaves
	// it out, since the log does not say whom.
	ToldAt time.Time
}

// Of is the audit of a tenant, nil where the report has none of it.
func (r *Report) Of(tenant string) *Result {
	for i := range r.Tenants {
		if r.Tenants[i].Tenant == tenant {
			return &r.Tenants[i]
		}
	}
	return nil
}

// Pruned says that the requests before a time were removed, and how many of how many response bytes
// those were of the report's tenants.
type Pruned struct {
	Before          time.Time
	Requests, Bytes int64
	// Nights are the nights of the report's tenants and range of which sums stayed, by tenant and
	// night. Run leaves them out, and counts the requests of all tenants, since the rest is in the
	// seals; evidence.FillPruned completes both.
	Nights []PrunedNight
}

// PrunedNight is what is still known of a night whose requests were removed, in all or in part.
type PrunedNight struct {
	Tenant string
	Night  time.Time // its beginning
	// Requests are those that were removed, Refused those of them that the vendor had refused (401,
	// 403, 429 or 509), Bytes their response bytes.
	Requests, Refused, Bytes int64
}

// Verdict is fail with a violation that counts, else warn with a warning, else no-data without a
// request, else pass. What counts depends on Report.About.
type Verdict string

// The verdicts, worst first.
const (
	Fail   Verdict = "fail"
	Warn   Verdict = "warn"
	NoData Verdict = "no-data"
	Pass   Verdict = "pass"
)

// Result is the audit of one tenant.
type Result struct {
	Tenant   string
	Verdict  Verdict
	Since    int64 // what is counted begins here, microseconds since 1970 UTC; see Report.Since
	Requests int64
	// Audio is the response bytes of the egress class that are counted, as Requests are;
	// Egress.Total is of the whole log where an audit is about now.
	Audio int64
	// AtFault is how many different requests are in findings that weigh as warning or more.
	AtFault int64
	// Violating is how many different requests are in findings that are violations.
	Violating int64
	Spacing   Spacing
	Statuses  []StatusCount // by method, class, status
	Egress    Egress
	// Facts are what is known of the cap from outside the log: what was told, when, by whom, and
	// for how many agents.
	Facts egress.CapFacts
	// Resets are those of the egress window up to AsOf, in order.
	Resets    []Reset
	Incidents []Incident // open ones by who must act first, then the one that ended last first
	Findings  []Finding  // by severity, then in the order of the rules
	// Nights are those that are counted and had a request or a hit, in order, where Options.Nights
	// asked for them.
	Nights []NightCount
	// Opaque is how many of Requests are tunnels, whose own requests could not be seen or judged.
	Opaque int64
	// Redirected is how many answers led to a storage, Storage how many of Requests went there: their
	// bytes count as egress.
	Redirected, Storage int64
	// Foreign is how many of Requests went to hosts that the policy does not know: they are class
	// "other", and the rules for recordings say nothing about them.
	Foreign int64
	// Held is how many requests of the tenant were held back by pacing in the range, so that they kept
	// the interval.
	Held int64
	// Recent are the last five nights, by which tenants of one kind are ordered.
	Recent Recent
	// FirstRequest and LastRequest are the starts of the first and last request of the log, whatever
	// is counted, and LastPull of the last of the egress class; 0 without one.
	FirstRequest, LastRequest, LastPull int64

	seen map[string]int64 // for Report.Seen
}

// NightCount is what a tenant did in a night.
type NightCount struct {
	Date       time.Time // the day on which it begins, at noon in the tenant's zone
	Requests   int64
	Recordings int64 // complete downloads
	Bytes      int64 // of recording audio
	Refused    int64
	Least      int64   // shortest gap, microseconds; -1 without one
	Findings   []Tally // of rules, in the order of Rules
}

// Recent is what the nights of RecentNights hold.
type Recent struct {
	Refused int64 // requests answered 429, 509, 401 or 403, by their roles
	AtFault int64 // as Result.AtFault
}

// RecentNights is how many nights decide between tenants that must act equally.
const RecentNights = 5

// Reset is when support reset the egress window, microseconds since 1970 UTC, and what was noted.
type Reset struct {
	At   int64
	Note string
}

// Incident is what happened: a cause, its effects, and whether it is over. It joins episodes of
// rules; an episode is a longest run of nights in which a rule fired.
type Incident struct {
	// ID is tenant, the date on which the first night begins, and cause. It stays while the log
	// grows, unless earlier requests arrive.
	ID string
	// Cause is the rule of the earliest episode that has no cause in the incident: a likely one.
	Cause string
	Open  bool
	// First and Last are the first and the last hit, microseconds since 1970 UTC. The moment of the
	// audit is neither, but where the incident is of nothing else, see Momentary.
	First, Last int64
	// Nights is how many nights had a hit.
	Nights int
	// CleanNights is how many nights with requests of its classes came since, without a hit; -1
	// while it is open.
	CleanNights int
	// ResetAt is the last reset after First, up to the policy's window after the last night, of an
	// incident about the egress window; 0 without one.
	ResetAt int64
	// Hits counts everything that made its rules fire; Requests are different ones.
	Hits, Requests int64
	// Refused are those of Requests that were refused; WastedBytes came again or were broken off.
	Refused, WastedBytes int64
	Severity             rules.Severity
	Title                string   // a sentence or two
	Detail               string   // what the hits of its cause come to, in a sentence without its end
	Rules                []string // the cause first, then in the order in which they began
	Counts               []int64  // how often each of Rules fired

	recentlyRefused bool // whether one of Requests was refused in the last nights
	refusalLikely   bool // whether the forecast expects the cap to be reached
}

// Momentary says that all of the incident is about the moment of the audit: a forecast, or a
// comparison of weeks. No request made it begin, and First and Last are that moment.
func (i *Incident) Momentary() bool {
	return !slices.ContainsFunc(i.Rules, func(name string) bool {
		r := rules.Of(name)
		return r == nil || !r.Now
	})
}

// Lacking says that what the incident is about is still absent: it lasts to the moment of the
// audit, and Last is only the last thing that is missing.
func (i *Incident) Lacking() bool {
	r := rules.Of(i.Cause)
	return i.Open && r != nil && r.Absence
}

// Spacing is about the gaps between the starts of one class's requests. Gaps are in microseconds,
// and -1 where there are none.
type Spacing struct {
	Class         string
	Requests      int64
	MinInterval   time.Duration
	Violations    int64
	Indeterminate int64
	// Slips are gaps that are too short by no more than the policy tolerates.
	Slips         int64
	Min, P50, P95 int64
}

// StatusCount is how many requests of a method and class got a status. Status 0 means no answer,
// which is never Expected.
type StatusCount struct {
	Method, Class string
	Status        int
	Requests      int64
	Expected      bool
}

// Egress is about the rolling sum of response bytes.
type Egress struct {
	Window  time.Duration
	Current int64 // bytes in the window that ends at AsOf
	Peak    int64 // largest sum of a window that ends at a request
	// The first request at which it was reached, microseconds since 1970 UTC; 0 without requests.
	PeakAt int64
	Total  int64 // bytes of all requests
	Cap    egress.Cap
}

// Utilization is Current as a share of the cap; ok is false where the cap is unknown.
func (e Egress) Utilization() (share float64, ok bool) {
	if e.Cap.Bytes <= 0 {
		return 0, false
	}
	return float64(e.Current) / float64(e.Cap.Bytes), true
}

// Severity is how much a finding weighs; see package rules.
type Severity = rules.Severity

// The severities, heaviest first.
const (
	Violation = rules.Violation
	Warning   = rules.Warning
	Notice    = rules.Notice
)

// Finding is a rule that fired.
type Finding struct {
	Rule     string
	Severity rules.Severity
	// Count is what the rule counts; the README has the table of rules.
	Count int64
	// First and Last are when it fired, microseconds since 1970 UTC.
	First, Last int64
	Detail      string
	Advice      string
	// Section and Page are where the vendor's guide has what is behind the rule, "" where it says
	// nothing of it; Basis is how the rule follows from it.
	Section, Page string
	Basis         limits.Basis
	// Requests are the first MaxIDs rows that made it fire.
	Requests []int64
	// Incident is the id of the latest incident that it belongs to; "" without one.
	Incident string
}
