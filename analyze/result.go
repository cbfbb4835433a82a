package analyze

import (
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
)

// Report is the audit of several tenants, worst first.
type Report struct {
	// AsOf is the moment taken as "now"; no later request is in the report.
	AsOf time.Time
	// Since and Until bound the requests by StartedAt, the first inclusive, the second exclusive; zero means no bound.
	Since, Until  time.Time
	PolicyName    string
	PolicyVersion string
	Tenants       []Result
	// Later is how many stored requests start after AsOf, and are therefore left out.
	Later int64
	// Dropped is how many requests the recorders could not store, as far as the file knows.
	Dropped int64
}

// Verdict is fail with a violation, else warn with a warning, else pass.
type Verdict string

// The verdicts, worst first.
const (
	Fail Verdict = "fail"
	Warn Verdict = "warn"
	Pass Verdict = "pass"
)

// Result is the audit of one tenant.
type Result struct {
	Tenant   string
	Verdict  Verdict
	Requests int64
	Spacing  Spacing
	Statuses []StatusCount // by method, class, status
	Egress   Egress
	Findings []Finding // by severity, then in the order of the rules
	// Opaque is how many of Requests are tunnels, whose own requests could not be seen or judged.
	Opaque int64
	// Foreign is how many of Requests went to hosts that the policy does not know: they are class "other", and the rules
	// for recordings say nothing about them.
	Foreign int64
	// Held is how many requests of the tenant were held back by pacing in the range, so that they kept the interval.
	Held int64
	// LastPull is the start of the last request of the egress class; 0 without one.
	LastPull int64
}

// Spacing is about the gaps between the starts of one class's requests. Gaps are in microseconds, and -1 where there are
// none.
type Spacing struct {
	Class         string
	Requests      int64
	MinInterval   time.Duration
	Violations    int64
	Indeterminate int64
	Min, P50, P95 int64
}

// StatusCount is how many requests of a method and class got a status. Status 0 means no answer, which is never
// Expected.
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
	PeakAt  int64 // the first request at which it was reached, microseconds since 1970 UTC; 0 without requests
	Total   int64 // bytes of all requests
	Cap     egress.Cap
}

// Utilization is Current as a share of the cap; ok is false where the cap is unknown.
func (e Egress) Utilization() (share float64, ok bool) {
	if e.Cap.Bytes <= 0 {
		return 0, false
	}
	return float64(e.Current) / float64(e.Cap.Bytes), true
}

// Finding is a rule that fired.
type Finding struct {
	Rule     string
	Severity Severity
	// Count is what the rule counts; the README has the table of rules.
	Count int64
	// First and Last are when it fired, microseconds since 1970 UTC.
	First, Last int64
	Detail      string
	Advice      string
	// Section is the heading of the vendor's page behind the rule; "" where the vendor says nothing of it.
	Section string
	// Requests are the first MaxIDs rows that made it fire.
	Requests []int64
}
