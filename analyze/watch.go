package analyze

import (
	"context"
	"sync"
)

// onlooking is what is made in the audit's own pass over the requests: days, examples and usage.
type onlooking struct {
	mu       sync.Mutex // guards the maps
	days     *Daily
	examples map[string][]Example
	usage    map[string][]*UsageReport
}

// watch is what looks on while one tenant is audited; what was not asked for is nil.
type watch struct {
	days    *dayCounter
	chooser *chooser
	usage   usageCounters
}

// watch is new for each tenant.
func (r *runner) watch(ctx context.Context, tenant string, seen *onlooking) (w watch) {
	if seen.days != nil {
		w.days = &dayCounter{edges: seen.days.Edges, out: TenantDays{Tenant: tenant}}
	}
	if r.o.Examples > 0 {
		w.chooser = newChooser(ctx, r.snap, r.o.Examples)
	}
	for _, by := range r.o.Usage {
		w.usage = append(w.usage, newUsageCounter(by, &r.o))
	}
	return w
}

// observer is nil where nothing looks on: then saved states may be continued.
func (w *watch) observer() observer {
	var all observers
	if w.days != nil {
		all = append(all, w.days)
	}
	if w.chooser != nil {
		all = append(all, w.chooser)
	}
	if w.usage != nil {
		all = append(all, w.usage)
	}
	if all == nil {
		return nil
	}
	return all
}

// into adds what was seen of the tenant with that index.
func (w *watch) into(seen *onlooking, i int, tenant string, o Options) error {
	if w.days != nil {
		seen.days.Tenants[i] = w.days.result()
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if w.usage != nil {
		if reports := w.usage.reports(o); reports[0].Total.Requests > 0 {
			seen.usage[tenant] = reports
		}
	}
	if w.chooser == nil {
		return nil
	}
	for id, examples := range w.chooser.out {
		seen.examples[id] = examples
	}
	return w.chooser.err
}
