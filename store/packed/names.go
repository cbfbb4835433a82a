package packed

import (
	"slices"

	"github.com/6dcca832/headroom/store"
)

// maxNames bounds what of the names is shared in memory: a hostile log may have any number.
const maxNames = 1 << 16

// Names are what requests share, in memory, by row number.
type Names struct {
	Tenants map[int64]string
	ByName  map[string]int64
	Clients Table[string]
	Sources map[int64]*store.Source

	routes Table[*store.Route]
	hashes Table[uint64] // of routes
}

// NewNames holds nothing yet.
func NewNames() *Names {
	return &Names{
		Tenants: map[int64]string{}, ByName: map[string]int64{}, Sources: map[int64]*store.Source{},
	}
}

// AddTenant adds a tenant that is not there yet.
func (n *Names) AddTenant(id int64, name string) { n.Tenants[id], n.ByName[name] = name, id }

// AddRoute adds a route that is not there yet. Routes come in order of their numbers.
func (n *Names) AddRoute(r *store.Route) {
	n.routes.Set(r.ID, r)
	n.hashes.Set(r.ID, r.Hash())
}

// Route is nil where there is none of that number.
func (n *Names) Route(id int64) *store.Route { return n.routes.Get(id) }

// routeHash is 0 where there is none of that number.
func (n *Names) routeHash(id int64) uint64 { return n.hashes.Get(id) }

// Routes gives all routes by number.
func (n *Names) Routes() []*store.Route {
	routes := make([]*store.Route, 0, n.routes.n)
	for r := range n.routes.Values() {
		if r != nil {
			routes = append(routes, r)
		}
	}
	slices.SortFunc(routes, func(a, b *store.Route) int { return int(a.ID - b.ID) })
	return routes
}

// sources gives all sources by number.
func (n *Names) sources() []*store.Source {
	sources := make([]*store.Source, 0, len(n.Sources))
	for _, s := range n.Sources {
		sources = append(sources, s)
	}
	slices.SortFunc(sources, func(a, b *store.Source) int { return int(a.ID - b.ID) })
	return sources
}

// isHAR says of a source's number that it is a HAR file.
func (n *Names) isHAR(source uint32) bool {
	s := n.Sources[int64(source)]
	return s != nil && s.Kind == harKind
}
