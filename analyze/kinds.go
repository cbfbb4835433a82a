package analyze

import (
	"slices"
	"strings"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// What the audit finds out about a request of a kind.
const (
	foundTooSoon = 1 << iota
	foundAgain
	foundIdle
	foundUnclear
	foundAll
)

// kind is a rules.Kind with who wants to hear it and how many there were since the last flush.
type kind struct {
	rules.Kind
	hears    []int
	heard    uint64 // the same as bits
	late     uint64 // rules among them that may be about it later
	refused  bool
	unclear  bool
	foreign  bool
	row      int // of table.rows
	n, bytes int64
}

// base is what all requests with a route, a status and a broken body or not have in common.
type base struct {
	kind
	variants [foundAll]*kind
}

func (b *base) with(t *table, found uint8) *kind {
	if k := b.variants[found]; k != nil {
		return k
	}
	k := b.kind
	k.TooSoon, k.Again, k.Idle = found&foundTooSoon != 0, found&foundAgain != 0, found&foundIdle != 0
	k.unclear = found&foundUnclear != 0
	for i, r := range rules.All {
		if r.Hears != nil && t.judges[i] != nil && r.Hears(&k.Kind) {
			k.hears = append(k.hears, i)
			k.heard |= 1 << i
			if r.Late {
				k.late |= 1 << i
			}
		}
	}
	b.variants[found] = &k
	t.kinds = append(t.kinds, &k)
	return &k
}

// route is what the policy says of a stored route.
type route struct {
	class, method string
	classBit      uint32
	paced, egress bool
	storage       bool
	foreign       bool // to a host that the policy does not know
	bases         []*base
	last          *base
	lastOf        int // status
	lastShort     bool
}

// table is what the policy says of the routes and answers of a tenant.
type table struct {
	policy           *limits.Policy
	judges           []rules.Judge
	classes          []string
	least, tolerance int64
	routes           map[*store.Route]*route
	lastRoute        *store.Route
	last             *route
	kinds            []*kind
	rows             []statusKind
}

// statusKind is a row of Result.Statuses.
type statusKind struct {
	Method, Class string
	Status        int
	Expected      bool
}

func newTable(p *limits.Policy, judges []rules.Judge) table {
	return table{
		policy: p, judges: judges, classes: append(p.Classes(), store.OpaqueClass, store.StorageClass),
		routes: map[*store.Route]*route{},
		least:  p.Frequency.MinInterval.Microseconds(), tolerance: p.Frequency.Tolerance.Microseconds(),
	}
}

// route asks the policy once about each stored route.
func (t *table) route(r *store.Route) *route {
	if r == t.lastRoute && t.last != nil {
		return t.last
	}
	rt, ok := t.routes[r]
	if !ok {
		rt = &route{class: egress.Class(t.policy, r), method: r.Method}
		_, host, _ := strings.Cut(r.Origin, "://")
		rt.storage = rt.class == store.StorageClass
		rt.foreign = t.policy.Tenant(host) == "" && rt.class != store.OpaqueClass && !rt.storage
		rt.classBit = t.bit(rt.class)
		rt.paced = rt.class == t.policy.Frequency.Class
		rt.egress = egress.Counts(t.policy, rt.class)
		t.routes[r] = rt
	}
	t.lastRoute, t.last = r, rt
	return rt
}

// bit stands for a class; classes beyond the 31st share one.
func (t *table) bit(class string) uint32 {
	return 1 << min(max(slices.Index(t.classes, class), 0), 31)
}

func (rt *route) base(t *table, status int, short bool) *base {
	if rt.last != nil && rt.lastOf == status && rt.lastShort == short {
		return rt.last
	}
	i := slices.IndexFunc(rt.bases,
		func(b *base) bool { return b.Code == status && b.Broken == short })
	if i < 0 {
		i = len(rt.bases)
		rt.bases = append(rt.bases, t.newBase(rt, status, short))
	}
	rt.last, rt.lastOf, rt.lastShort = rt.bases[i], status, short
	return rt.last
}

func (t *table) newBase(rt *route, status int, short bool) *base {
	k := rules.Kind{
		Class: rt.class, Method: rt.method, Code: status, ClassBit: rt.classBit, Paced: rt.paced,
		Egress: rt.egress, Storage: rt.storage,
		Opaque: rt.class == store.OpaqueClass, Broken: short, Personal: t.policy.IsPersonal(rt.class),
	}
	k.Role = egress.Role(t.policy, status, rt.class)
	k.Expected = true // a tunnel's or a storage's status is not the vendor's
	if !k.Opaque && !k.Storage {
		k.Expected = t.policy.Expects(status, rt.method, rt.class)
	}
	k.Complete = k.Egress && !short && k.Role == limits.RoleOK && k.Expected &&
		rt.method != "CONNECT"
	b := &base{kind: kind{Kind: k, foreign: rt.foreign}}
	b.refused = b.Refused()
	b.row = t.row(statusKind{rt.method, rt.class, status, k.Expected})
	return b
}

func (t *table) row(s statusKind) int {
	i := slices.Index(t.rows, s)
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, s)
	}
	return i
}
