package page

import (
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/report"
)

// Split gives the picture of each tenant alone, with a name for its file. Each holds nothing of
// another tenant, so that it can be given to that customer.
func Split(p *report.Picture) iter.Seq2[string, *report.Picture] {
	return func(yield func(string, *report.Picture) bool) {
		for i := range p.Audit.Tenants {
			name := p.Audit.Tenants[i].Tenant
			if !yield(FileName(name), only(p, i)) {
				return
			}
		}
	}
}

// only is the picture of one tenant.
func only(p *report.Picture, i int) *report.Picture {
	own, audit := *p, *p.Audit
	audit.Tenants = audit.Tenants[i : i+1]
	// Requests that were left out or dropped are counted over all tenants.
	audit.Later, audit.Dropped, audit.Seen = 0, 0, nil
	audit.Pruned.Requests, audit.Pruned.Bytes = 0, 0
	audit.Pruned.Nights = slices.DeleteFunc(slices.Clone(audit.Pruned.Nights),
		func(n analyze.PrunedNight) bool { return n.Tenant != audit.Tenants[0].Tenant })
	own.Audit = &audit
	if p.Database != nil { // how many rows there are of all tenants is of no concern to one
		own.Database = &report.Database{ID: p.Database.ID}
	}
	name := audit.Tenants[0].Tenant
	if p.Days != nil {
		own.Days = &analyze.Daily{Edges: p.Days.Edges}
		if d := daysOf(p, name); d != nil {
			own.Days.Tenants = []analyze.TenantDays{*d}
		}
	}
	if p.Forecast != nil {
		forecast := *p.Forecast
		forecast.Tenants = nil
		if f := forecastOf(p, name); f != nil {
			forecast.Tenants = []outlook.Projection{*f}
		}
		own.Forecast = &forecast
	}
	return &own
}

// longestName is how many bytes of a tenant's name a file is called by.
const longestName = 80

// FileName is the name of a tenant's page: the tenant's own where every file system takes it, else
// what is left of it and a hash, so that two tenants never share a file.
func FileName(tenant string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, strings.ToLower(tenant))
	safe = strings.TrimLeft(safe[:min(len(safe), longestName)], ".-")
	if safe != tenant || safe == "" {
		h := fnv.New64a()
		h.Write([]byte(tenant))
		safe += fmt.Sprintf("-%016x", h.Sum64())
	}
	return safe + ".html"
}
