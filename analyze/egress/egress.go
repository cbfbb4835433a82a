// Package egress keeps what the audit and the outlook share: the rolling sum of bytes, what is
// known of a tenant and of its cap, and the events of a log.
//
// It is a leaf: it judges nothing and forecasts nothing.
package egress

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// DayMicros is the length of a day in microseconds.
const DayMicros = 24 * 60 * 60 * 1e6

// Hours says whether a moment lies within a tenant's nightly window. Written with %v, hours that
// differ, be it in the zone alone, must read differently: a saved state counts for the hours that
// it was made with.
type Hours interface{ Contains(time.Time) bool }

// Tenant is what is known of a tenant beside its requests.
type Tenant struct {
	Name string
	Cap  CapFacts
	// Resets are when support reset the egress window, microseconds since 1970 UTC, in order.
	Resets []int64
	// Window is when recordings should be pulled; nil means any time.
	Window Hours
	// Chance is the forecast chance of reaching the cap within seven days; 0 and negative values
	// mean that none is known.
	Chance float64
	// Zone is where the calls are made, which decides what night a request and what weekday a
	// recording is of; nil means UTC.
	Zone *time.Location

	// What follows is for forecasts only.

	// Closed says whether the day of a time is one without calls; nil means that there is none.
	Closed func(time.Time) bool
	// Pending are bytes that are known to come with the next pull on top of its own, beside those
	// of recordings that the store's list has and that are overdue.
	Pending int64
}

// Class is the class of a stored route under the policy. What a tunnel carried stays unknown under
// any, and a storage is none of the vendor's hosts.
func Class(p *limits.Policy, r *store.Route) string {
	if r.Class == store.OpaqueClass || r.Class == store.StorageClass {
		return r.Class
	}
	return p.Reclassify(r.Method, r.Origin, r.Template)
}

// Counts says whether the bytes of a class count as egress: those of the policy's class, and of the
// storage that its redirects lead to.
func Counts(p *limits.Policy, class string) bool {
	return class == p.Egress.Class || class == store.StorageClass && p.Egress.Class != ""
}

// Role is what a status means in an answer of a class. Of a storage's answers only success is
// known.
func Role(p *limits.Policy, code int, class string) limits.Role {
	role := p.Role(code)
	if class == store.OpaqueClass || class == store.StorageClass && role != limits.RoleOK {
		return ""
	}
	return role
}

// Events are what a log's events say.
type Events struct {
	Resets  map[string][]int64       // by tenant, in order
	Notes   map[string][]store.Event // the same as events
	Paced   []store.Event
	Dropped int64 // requests
	// Pruned sums up what was removed from the log: At is the latest time before which requests are
	// gone, 0 where none was removed.
	Pruned store.Event
}

// ReadEvents reads the events up to a moment, microseconds since 1970 UTC.
func ReadEvents(ctx context.Context, snap store.Snapshot, asOf int64) (Events, error) {
	events, err := snap.Events(ctx)
	f := Events{Resets: map[string][]int64{}, Notes: map[string][]store.Event{}}
	for _, e := range events {
		switch {
		case e.At > asOf:
		case e.Kind == store.EventReset:
			f.Resets[e.Tenant] = append(f.Resets[e.Tenant], e.At)
			f.Notes[e.Tenant] = append(f.Notes[e.Tenant], e)
		case e.Kind == store.EventPaced:
			f.Paced = append(f.Paced, e)
		case e.Kind == store.EventDropped:
			f.Dropped += e.Count
		case e.Kind == store.EventPrune:
			f.Pruned.At = max(f.Pruned.At, e.At)
			f.Pruned.Count += e.Count
			f.Pruned.Bytes += e.Bytes
		}
	}
	for tenant := range f.Resets {
		slices.Sort(f.Resets[tenant])
		slices.SortStableFunc(f.Notes[tenant],
			func(a, b store.Event) int { return cmp.Compare(a.At, b.At) })
	}
	return f, err
}

// listedDays are the last days whose listed recordings measure an hour: four weeks hold every
// weekday four times.
const listedDays = 28

// Measure fills in the bytes of a recorded hour from the tenant's own recording list, where nobody
// has said them. It does nothing where no list is known, and where the cap does not depend on it.
func (t *Tenant) Measure(ctx context.Context, snap store.Snapshot, asOf int64) error {
	if t.Cap.BytesPerHour > 0 || t.Cap.Agents <= 0 || t.Cap.ToldBytes() > 0 {
		return nil
	}
	r, err := snap.Recorded(ctx, t.Name, asOf-listedDays*DayMicros, asOf+1)
	if err == nil && r.Hours > 0 {
		t.Cap.BytesPerHour = r.Bytes / r.Hours
	}
	return err
}

// Accounted are the items (see store.Recording.ItemHash) of recordings that began in [from, to) and
// that a pull's ledger accounted for by asOf: stored, gone at the vendor, or excluded by the user.
// Nobody has to download them any more, whatever the requests say. What the gate refused is not
// among them. Times are microseconds since 1970 UTC.
func Accounted(
	ctx context.Context, snap store.Snapshot, tenant string, from, to, asOf int64,
) (map[uint64]bool, error) {
	entries, err := snap.Ledger(ctx, tenant, from, to)
	items := map[uint64]bool{}
	stored := map[uint64]bool{}
	for i := range entries { // stored counts for good, of the others the last
		e := &entries[i]
		if e.At > asOf {
			continue
		}
		r := store.Recording{Key: e.Key}
		item := r.ItemHash()
		stored[item] = stored[item] || e.State == store.LedgerStored
		items[item] = stored[item] || e.State != store.LedgerRefused
	}
	return items, err
}
