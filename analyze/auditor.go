package analyze

import (
	"math"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// History tells whether a recording was downloaded before the requests that an Auditor was given;
// store.History is one.
type History interface {
	// Find gives the requests for that ItemHash that started at or before the time (microseconds
	// since 1970 UTC).
	Find(item uint64, until int64) ([]store.Call, error)
}

// Auditor judges one tenant's requests. Add them in order of (StartedAt, ID). It is for one
// goroutine.
//
// It computes once what several rules need: gaps, the rolling sum, which recordings are complete.
// Then the rules that want to hear the request judge it, and what they fire is counted by night.
type Auditor struct {
	policy  *limits.Policy
	tenant  *egress.Tenant
	history History
	// from (inclusive) and until (exclusive) are the range that is judged; requests around it are
	// heard by rules that look back.
	from, until int64
	// gapsFrom is the first night whose gaps are kept.
	gapsFrom int32
	// tellNights asks for Result.Nights.
	tellNights bool
	onHit      func(rule int, e *rules.Evidence) // nil unless somebody asks for hits

	table   table
	call    rules.Call
	kind    *kind  // of the request just heard
	mask    uint64 // of the rules that the request just heard made fire
	hearing bool   // the rules judge call; before and after, its memory may be another's
	scratch *scratch
	calend  calendar
	current *night // of the last request
	// ending takes what only the end fires, while the rules are asked for that; else it is nil.
	ending *ledger
	// accounted are the missing recordings that a pull's ledger accounts for, by item.
	accounted map[uint64]bool
	facts     rules.Facts
	judges    []rules.Judge
	fires     []rules.Fire
	group     rules.GroupJudge // that of over-cap, where a cap was told
	groupOf   int              // its rule

	state
}

// state is everything that requests have changed, and that a later run can continue from. What the
// judges keep is saved beside it.
type state struct {
	Any         bool  // whether there was a request that is judged
	First, Upto int64 // starts of the first and of the last of them
	// Pulled says whether there was an egress request, LastPull and LastID which was the last.
	Pulled           bool
	LastPull, LastID int64
	PacedN           int64       // requests of the frequency rule's class
	Before           rules.Paced // the last of them
	Window           egress.Window
	Awake            uint64           // the judges that are, as bits
	Group            []member         // requests with the last start, for over-cap
	Masks            map[int64]uint64 // of requests that a later hit may be about, by id
	Kinds            []statusKind     // table.rows, in a saved state
	// Keyless says that a download had no recording key: what it was cannot be looked up later.
	Keyless bool
	// Ahead are the recordings whose key told a time that was still to come, Uncertain that there
	// were more of them than are remembered.
	Ahead     map[uint64]bool
	Uncertain bool
	Listed    listing
	// Resumed is up to where the state was continued from; 0 for a state that saw all requests
	// itself.
	Resumed int64

	ledger ledger // written beside it, as the cells of Window are; see ledger_saved.go
}

// scratch is what one auditor after another can use again. Its set holds the recordings downloaded
// completely since the auditor's state began.
type scratch struct {
	seen   egress.Items
	gaps   []int64 // of the night at hand
	ranged []int64 // gaps of all nights of a range: nobody asks for those of one
	states stateReader
	writer stateWriter
	// Memory for the cells and nights of one auditor that continues a saved state.
	cells  []egress.Cell
	nights []night
}

// NewAuditor starts the audit of a tenant under a policy.
func NewAuditor(p *limits.Policy, t egress.Tenant) *Auditor { return newAuditor(p, t, &scratch{}) }

func newAuditor(p *limits.Policy, t egress.Tenant, s *scratch) *Auditor {
	a := &Auditor{
		policy: p, tenant: &t, scratch: s, from: math.MinInt64, until: math.MaxInt64,
		gapsFrom: math.MinInt32, calend: newCalendar(t.Zone), groupOf: -1,
	}
	a.facts = rules.Facts{Policy: p, Tenant: a.tenant, Chance: func() float64 { return t.Chance }}
	a.Window = egress.NewWindow(p.Egress.Window)
	a.Masks, a.Ahead = map[int64]uint64{}, map[uint64]bool{}
	a.judges, a.fires = make([]rules.Judge, len(rules.All)), make([]rules.Fire, len(rules.All))
	a.call.Before = rules.Paced{}
	s.gaps, s.ranged = s.gaps[:0], s.ranged[:0]
	for i, r := range rules.All {
		j := r.New(&a.facts)
		if g, ok := j.(rules.GroupJudge); ok && t.Cap.ToldBytes() > 0 {
			a.group, a.groupOf = g, i
		}
		a.judges[i], a.fires[i] = j, func(e rules.Evidence) { a.fire(i, &e) }
	}
	a.table = newTable(p, a.judges)
	return a
}

// release lets the next auditor use the judges' memory. No result can be asked for any more.
func (a *Auditor) release() {
	for _, j := range a.judges {
		if r, ok := j.(rules.Releaser); ok {
			r.Release()
		}
	}
}

// Explain makes the auditor call f for each hit of each rule. It must come before the first Add.
func (a *Auditor) Explain(f func(Hit)) {
	a.onHit = func(rule int, e *rules.Evidence) {
		f(newHit(rule, e))
	}
}

// Range makes requests outside of it count for nothing: rules that look back hear them. Those
// before it also fill the rolling window. Both are microseconds since 1970 UTC, until is exclusive.
func (a *Auditor) Range(from, until int64) { a.from, a.until = from, until }

func (a *Auditor) ranged() bool { return a.from != math.MinInt64 || a.until != math.MaxInt64 }

// Add judges the next request. Its error is one of History's.
func (a *Auditor) Add(r *store.Call) error {
	rt := a.table.route(r.Route)
	w := &a.Window
	if r.StartedAt != w.At || !w.Begun {
		if len(a.Group) > 0 {
			a.closeGroup()
			a.Group = a.Group[:0]
		}
		if r.StartedAt < a.until {
			w.Begin(a.tenant, r.StartedAt)
		}
	}
	c := &a.call
	c.Call = r
	b := rt.base(&a.table, r.Status, r.CutShort)
	if r.StartedAt < a.from || r.StartedAt >= a.until {
		a.beyond(rt, b)
		return nil
	}
	if !a.Any {
		a.Any, a.First = true, r.StartedAt
	}
	a.Upto = r.StartedAt
	if a.current == nil || !a.current.holds(r.StartedAt) {
		a.turn(r.StartedAt)
	}
	var found uint8
	if rt.paced {
		found = a.pace(c, b)
	}
	if rt.egress {
		if b.Complete && (!rt.storage || r.ItemHash != 0) {
			again, err := a.downloaded(r)
			if err != nil {
				return err
			}
			if again {
				found |= foundAgain
			}
		}
		if !rt.storage {
			found |= a.pulled(c)
		}
		w.LearnFrom(b.Role)
		w.Add(a.tenant, r.ResponseBytes)
		w.Total += r.ResponseBytes
	}
	w.Open = true
	c.Sum = w.Sum
	k := b.with(&a.table, found)
	k.n++
	k.bytes += r.ResponseBytes
	c.Kind, a.kind = &k.Kind, k
	a.hear(k)
	return nil
}

// pulled notes a request for a recording, and finds whether the one before is too long ago.
func (a *Auditor) pulled(c *rules.Call) (found uint8) {
	every := a.policy.Frequency.PullEvery.Microseconds()
	if a.Pulled && every > 0 && c.StartedAt-a.LastPull > every {
		found = foundIdle
	}
	c.LastAt, c.LastID = a.LastPull, a.LastID
	a.Pulled, a.LastPull, a.LastID = true, c.StartedAt, c.ID
	return found
}

// hear lets the rules judge the request at hand.
func (a *Auditor) hear(k *kind) {
	a.hearing = true
	defer func() { a.hearing = false }()
	a.mask = 0
	for _, i := range k.hears {
		a.ask(i)
	}
	if a.Awake != 0 && !k.Elsewhere() {
		a.askAwake(k.heard)
	}
	c := &a.call
	if a.group != nil && !k.Opaque {
		a.Group = append(a.Group, member{c.ID, k.ClassBit, a.mask, k.refused})
	}
	if a.mask == 0 {
		return
	}
	if k.refused {
		a.mask |= refusedBit
	}
	a.current.countMask(a.mask, 1)
	if k.late&^a.mask != 0 {
		a.Masks[c.ID] = a.mask
	}
}

func (a *Auditor) ask(i int) {
	if a.judges[i].Hear(&a.call, a.fires[i]) {
		a.Awake |= 1 << i
	} else {
		a.Awake &^= 1 << i
	}
}

func (a *Auditor) askAwake(heard uint64) {
	for i := range a.judges {
		if bit := uint64(1) << i; a.Awake&bit != 0 && heard&bit == 0 {
			a.ask(i)
		}
	}
}

// beyond takes a request around the range that is judged.
func (a *Auditor) beyond(rt *route, b *base) {
	c := &a.call
	if rt.egress && c.StartedAt < min(a.from, a.until) {
		a.Window.Add(a.tenant, c.ResponseBytes)
	}
	k := b.with(&a.table, 0)
	c.Kind, c.Kept, c.Sum = &k.Kind, false, a.Window.Sum
	for _, i := range k.hears {
		if rules.All[i].Back {
			a.ask(i)
		}
	}
	if a.Awake != 0 && !k.Elsewhere() {
		a.askAwake(k.heard)
	}
}

// pace compares the gap before a paced request with the minimum.
//
// A gap is from one recorded time to the next; judgeGap says what that tells of the starts.
func (a *Auditor) pace(c *rules.Call, b *base) (found uint8) {
	now := rules.Paced{
		At: c.StartedAt, ID: c.ID, Resolution: c.Source.Resolution, Is: c.Source.TimeIs, Client: c.Client,
	}
	c.Before, c.Kept = a.Before, false
	a.Before = now
	a.PacedN++
	if a.PacedN == 1 {
		return 0
	}
	gap := now.At - c.Before.At
	c.Gap = gap
	n := a.current
	if n.N >= a.gapsFrom {
		a.scratch.gaps = append(a.scratch.gaps, gap)
	}
	if n.Least < 0 || gap < n.Least {
		n.Least = gap
	}
	least, res := a.table.least, max(now.Resolution, c.Before.Resolution)
	switch judgeGap(gap, res, least, c.Before.Is, now.Is) {
	case gapTooShort:
		if least-gap <= a.table.tolerance && !b.refused {
			n.Slips++
			return 0
		}
		return foundTooSoon
	case gapUnclear:
		n.Indeterminate++
		return foundUnclear
	}
	c.Kept = true
	return 0
}

// authRun is how many requests in a row were refused for their token.
func (a *Auditor) authRun() int64 {
	if a.mask&(1<<authRule) == 0 {
		return 0
	}
	return a.judges[authRule].(interface{ Length() int64 }).Length()
}

var authRule = rules.Index(rules.Auth)
