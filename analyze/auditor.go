package analyze

import (
	"fmt"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// History tells whether a recording was downloaded before the requests that an Auditor was given; store.History is one.
type History interface {
	// Find gives the requests for that ItemHash that started at or before the time (microseconds since 1970 UTC).
	Find(item uint64, until int64) ([]store.Call, error)
}

// Hit is one request, or one stretch of time, that made a rule fire.
type Hit struct {
	Rule string
	ID   int64 // the request
	At   int64 // its start
	Why  string
}

// Auditor judges one tenant's requests. Add them in order of (StartedAt, ID). It is for one goroutine.
type Auditor struct {
	policy  *limits.Policy
	tenant  egress.Tenant
	explain func(Hit)
	history History
	from    int64 // requests before it only fill the rolling window

	routes    map[*store.Route]*route
	lastRoute *store.Route
	last      *route
	scratch   *scratch
	group     []Hit // the requests of the last start, for over-cap, when hits are explained

	state
}

// state is everything that requests have changed, and that a later run can continue from.
type state struct {
	Upto     int64 // the last request's start
	Requests int64
	LastPull int64
	Foreign  int64 // requests to hosts that the policy does not know
	Counts   map[statusKey]*tally
	Spacing  spacing
	Egress   egress.Window
	Group    hits // the requests of the last start
	Over     hits // requests at or over the told cap
	React    reactions
	Load     downloads
	// Resumed is up to where the state was continued from; 0 for a state that saw all requests itself.
	Resumed int64
}

// scratch is what one auditor after another can use again. Its set holds the recordings downloaded completely since the
// auditor's state began.
type scratch struct {
	seen   egress.Items
	gaps   []int64
	states stateReader
}

type statusKey struct {
	Method, Class string
	Status        int
}

// tally counts answers of one kind.
type tally struct {
	N        int64
	Role     limits.Role
	Expected bool
}

// route is what the policy says of a stored route.
type route struct {
	class, method string
	paced, egress bool // of the frequency rule's class, of the egress rule's
	foreign       bool // to a host that the policy does not know
	interval      int64
	backoff       *backoff
	status        int // of the last tally
	tally         *tally
}

// NewAuditor starts the audit of a tenant under a policy.
func NewAuditor(p *limits.Policy, t egress.Tenant) *Auditor {
	return newAuditor(p, t, &scratch{})
}

func newAuditor(p *limits.Policy, t egress.Tenant, s *scratch) *Auditor {
	a := &Auditor{policy: p, tenant: t, routes: map[*store.Route]*route{}, scratch: s}
	a.Spacing.Gaps.All = s.gaps[:0]
	a.Counts = map[statusKey]*tally{}
	a.Egress = egress.NewWindow()
	a.React.init()
	return a
}

// Explain makes the auditor call f for each hit of each rule. It must come before the first Add.
func (a *Auditor) Explain(f func(Hit)) { a.explain = f }

// From makes requests before a time (microseconds since 1970 UTC) fill the rolling window only.
func (a *Auditor) From(at int64) { a.from = at }

// Add judges the next request. Its error is one of History's.
func (a *Auditor) Add(r *store.Call) error {
	rt := a.route(r.Route)
	if r.StartedAt != a.Egress.At {
		a.explainOver()
		a.closeGroup()
	}
	a.Egress.Begin(&a.tenant, micros(a.policy.Egress.Window), r.StartedAt)
	if r.StartedAt < a.from {
		if rt.egress {
			a.Egress.Add(&a.tenant, r.ResponseBytes)
		}
		return nil
	}
	t := a.tally(rt, r.Status)
	t.N++
	a.Requests++
	if rt.foreign {
		a.Foreign++
	}
	a.Upto = r.StartedAt
	if rt.paced {
		a.pace(r)
	}
	if rt.egress {
		a.LastPull = r.StartedAt
		a.Egress.LearnFrom(t.Role)
		a.Egress.Add(&a.tenant, r.ResponseBytes)
		a.Egress.Total += r.ResponseBytes
	}
	a.Egress.Open = true
	a.Group.add(r)
	if a.explain != nil {
		a.group = append(a.group, Hit{Rule: RuleOverCap, ID: r.ID, At: r.StartedAt})
	}
	a.react(r, rt, t)
	if rt.egress {
		return a.download(r, t)
	}
	return nil
}

// closeGroup judges the requests of one start by the cap that was told, once all of them are in the
// sum.
func (a *Auditor) closeGroup() {
	if told := a.tenant.Cap.ToldBytes(); told > 0 && a.Egress.Sum >= told {
		a.Over.merge(a.Group)
	}
	a.Group = hits{IDs: a.Group.IDs[:0]}
}

// explainOver explains over-cap for the requests of one start, once all of them are in the sum.
func (a *Auditor) explainOver() {
	if told := a.tenant.Cap.ToldBytes(); told > 0 && a.Egress.Sum >= told {
		for _, h := range a.group {
			h.Why = fmt.Sprintf("%d bytes in the window, of a cap of %d", a.Egress.Sum, told)
			a.explain(h)
		}
	}
	a.group = a.group[:0]
}

// route asks the policy once about each stored route.
func (a *Auditor) route(r *store.Route) *route {
	if r == a.lastRoute && a.last != nil {
		return a.last
	}
	rt, ok := a.routes[r]
	if !ok {
		rt = &route{class: egress.Class(a.policy, r), method: r.Method}
		if m, err := a.policy.Match(r.Method, r.Origin+"/"); err == nil && m.Tenant == "" {
			rt.foreign = rt.class != store.OpaqueClass
		}
		rt.paced = rt.class == a.policy.Frequency.Class
		rt.egress = rt.class == a.policy.Egress.Class
		rt.interval = micros(plainInterval)
		if rt.paced {
			rt.interval = micros(a.policy.Frequency.MinInterval)
		}
		if a.React.Backoff[rt.class] == nil {
			a.React.Backoff[rt.class] = &backoff{}
		}
		rt.backoff = a.React.Backoff[rt.class]
		a.routes[r] = rt
	}
	a.lastRoute, a.last = r, rt
	return rt
}

func (a *Auditor) tally(rt *route, status int) *tally {
	if rt.tally != nil && rt.status == status {
		return rt.tally
	}
	key := statusKey{rt.method, rt.class, status}
	t := a.Counts[key]
	if t == nil {
		_, expected := a.policy.Status(status, rt.method)
		expected = expected || rt.class == store.OpaqueClass // the status is the tunnel's, not the vendor's
		t = &tally{Role: a.policy.Role(status), Expected: expected}
		a.Counts[key] = t
	}
	rt.status, rt.tally = status, t
	return t
}

// hit counts a request for a rule, and explains it when asked to.
func (a *Auditor) hit(h *hits, rule string, r *store.Call, why func() string) {
	h.add(r)
	if a.explain != nil {
		a.explain(Hit{Rule: rule, ID: r.ID, At: r.StartedAt, Why: why()})
	}
}
