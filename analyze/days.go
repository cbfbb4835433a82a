package analyze

import (
	"math"
	"time"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
)

// What happened day by day, so that a reader can put any range of days together again without the
// requests.
//
// Everything of a Day adds up over days, with two exceptions that a reader must mend at the
// beginning of a range, where an audit of that range has not seen what came before:
//
//   - the gap that leads into the range's first paced request does not count (Day.Into says what it
//     was);
//   - a repeated download counts only when the earlier one lies in the range (Day.Again says of
//     which day it was).
//
// So spacing, answers, bytes, rolling peaks and repeated downloads of whole UTC days equal those of
// an audit with Since and Until at the same midnights, exactly. Other findings are counted on the
// day of the request that made them fire, judged by all that came before it; where the cause lies
// before the range, an audit of the range alone does not see it.

// Daily is a log by tenant and UTC day.
type Daily struct {
	// Edges are the upper ends (exclusive) of the histogram's buckets, in microseconds; one more
	// bucket has no upper end.
	Edges   []int64
	Tenants []TenantDays // by name
}

// TenantDays are the days of one tenant.
type TenantDays struct {
	Tenant string
	// First and Last are the starts of the first and last request, microseconds since 1970 UTC.
	First, Last int64
	// Kinds are the kinds of answers, in the order in which Day.Answers counts them; Requests are
	// those of all days.
	Kinds []StatusCount
	// Days are those with a request or a finding, in order.
	Days []Day
	// Largest are the largest answers of the egress class, Repeated the recordings that cost most by
	// being downloaded again, each at most MaxIDs and the heaviest first.
	Largest  []Download
	Repeated []Repeat
	Origins  []Origin
}

// Day is what a tenant did on one UTC day.
type Day struct {
	Day      int // days since 1970
	Requests int64
	Bytes    int64 // of answers of the egress class
	// Peak is the largest rolling sum at one of the day's requests, PeakAt the first of them, in
	// microseconds since 1970.
	Peak, PeakAt int64
	// Paced is how many requests of the frequency rule's class there were, Violations and
	// Indeterminate how many gaps before them were so, the one in Into among them.
	Paced, Violations, Indeterminate int64
	// Into is the gap before the day's first paced request, Least the shortest of the others; -1 where
	// there is none.
	Into, Least int64
	// IntoViolates, IntoUnclear and IntoMixed say that the gap in Into counts as a violation, as
	// indeterminate, and as interleaved.
	IntoViolates, IntoUnclear, IntoMixed bool

	Answers []Tally // of Kinds
	Gaps    []Tally // of buckets, the one in Into among them
	// Egress requests by hour of the week in the tenant's zone, 0 being Monday's first.
	Hours    []Tally
	Findings []Tally // of rules, in the order of Rules
	Again    []Again
	// AuthRun is the longest run of refused tokens that reached into the day.
	AuthRun int64
}

// Tally counts one of several things.
type Tally struct {
	Of int
	N  int64
}

// Again are downloads repeated on a day, by the day of the download before.
type Again struct {
	Since int // days since 1970
	N     int64
	Bytes int64
}

// Download is one request of the egress class.
type Download struct {
	ID, At, Bytes int64
	Status        int
	Key           string // the recording's; "" where it has none
}

// Repeat is a recording that was downloaded completely more than once.
type Repeat struct {
	FirstID, FirstAt int64
	LastID, LastAt   int64
	Downloads        int64
	Wasted           int64  // bytes of all but the first
	Key              string // the recording's; "" where it has none
}

// Origin is where requests were recorded from.
type Origin struct {
	Kind, Source string
	Resolution   time.Duration
	Client       string
	Requests     int64
}

// gapShares are the histogram's edges as shares of the minimum interval.
var gapShares = []float64{.1, .25, .5, .75, .9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 60, 1200}

func gapEdges(p *limits.Policy) []int64 {
	least := float64(p.Frequency.MinInterval.Microseconds())
	if least <= 0 {
		least = float64(rules.PlainInterval.Microseconds())
	}
	edges := make([]int64, len(gapShares))
	for i, s := range gapShares {
		edges[i] = int64(math.Round(least * s))
	}
	return edges
}
