package store

import (
	"cmp"
	"context"
	"iter"
	"slices"
)

// Alias gives a view of a snapshot in which the requests of some tenants are those of others:
// aliases has, by name, whose they are. A name is not both an alias and what another is an alias
// of. Without aliases it gives the snapshot itself.
//
// The rows keep their tenants; only this view shows others. States that were saved for a tenant
// with aliases are left out, since they may have been made without them: such a tenant is always
// analysed from its beginning.
func Alias(s Snapshot, aliases map[string]string) Snapshot {
	if len(aliases) == 0 {
		return s
	}
	a := &aliased{Snapshot: s, of: aliases, parts: map[string][]string{}}
	for alias, of := range aliases {
		if a.parts[of] == nil {
			a.parts[of] = []string{of}
		}
		a.parts[of] = append(a.parts[of], alias)
	}
	return a
}

// Unalias gives the snapshot that Alias made a view of, and those of the states that may be saved
// under it.
func Unalias(s Snapshot, states []State) (Snapshot, []State) {
	a, ok := s.(*aliased)
	if !ok {
		return s, states
	}
	return a.Snapshot, slices.DeleteFunc(slices.Clone(states),
		func(st State) bool { return a.parts[st.Tenant] != nil })
}

type aliased struct {
	Snapshot
	of    map[string]string   // by alias
	parts map[string][]string // by tenant that has aliases: it and they
}

// name is the tenant as the view shows it.
func (a *aliased) name(tenant string) string {
	if of, ok := a.of[tenant]; ok {
		return of
	}
	return tenant
}

// partsOf are the tenants as the log has them; none of an alias, which the view does not have.
func (a *aliased) partsOf(tenant string) []string {
	switch parts := a.parts[tenant]; {
	case parts != nil:
		return parts
	case a.of[tenant] != "":
		return nil
	}
	return []string{tenant}
}

func (a *aliased) Tenants() []TenantInfo {
	byName := map[string]TenantInfo{}
	for _, t := range a.Snapshot.Tenants() {
		t.Name = a.name(t.Name)
		sum, ok := byName[t.Name]
		switch {
		case !ok || sum.Requests == 0:
			sum = t
		case t.Requests > 0:
			sum.Requests += t.Requests
			sum.First, sum.Last = min(sum.First, t.First), max(sum.Last, t.Last)
		}
		byName[t.Name] = sum
	}
	tenants := make([]TenantInfo, 0, len(byName))
	for _, t := range byName {
		tenants = append(tenants, t)
	}
	slices.SortFunc(tenants, func(x, y TenantInfo) int { return cmp.Compare(x.Name, y.Name) })
	return tenants
}

func (a *aliased) Scan(ctx context.Context, tenant string, r Range) iter.Seq2[[]Call, error] {
	parts := a.partsOf(tenant)
	if len(parts) == 1 {
		return a.Snapshot.Scan(ctx, parts[0], r)
	}
	scans := make([]iter.Seq2[[]Call, error], len(parts))
	for i, part := range parts {
		scans[i] = a.Snapshot.Scan(ctx, part, r)
	}
	return mergeCalls(scans)
}

// compareCalls is the order of Scan.
func compareCalls(x, y *Call) int {
	return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
}

// mergeCalls gives the calls of several scans in the order of one.
func mergeCalls(scans []iter.Seq2[[]Call, error]) iter.Seq2[[]Call, error] {
	return func(yield func([]Call, error) bool) {
		var heads []*callHead
		for _, scan := range scans {
			next, stop := iter.Pull2(scan)
			defer stop()
			h := &callHead{next: next}
			if !h.fill() {
				if h.err != nil {
					yield(nil, h.err)
					return
				}
				continue
			}
			heads = append(heads, h)
		}
		batch := make([]Call, 0, mergedBatch)
		for len(heads) > 0 {
			first := slices.MinFunc(heads,
				func(x, y *callHead) int { return compareCalls(&x.calls[0], &y.calls[0]) })
			batch = append(batch, first.calls[0])
			first.calls = first.calls[1:]
			if !first.fill() {
				if first.err != nil {
					yield(nil, first.err)
					return
				}
				heads = slices.DeleteFunc(heads, func(h *callHead) bool { return h == first })
			}
			if len(batch) == mergedBatch {
				if !yield(batch, nil) {
					return
				}
				batch = batch[:0]
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}

const mergedBatch = 1024

// callHead is one scan of several, with the calls that are still to be given.
type callHead struct {
	next  func() ([]Call, error, bool)
	calls []Call
	err   error
}

// fill makes sure that there is a call; false says that none is left, or that there was an error.
func (h *callHead) fill() bool {
	for len(h.calls) == 0 {
		calls, err, ok := h.next()
		if h.err = err; err != nil || !ok {
			return false
		}
		h.calls = calls
	}
	return true
}

func (a *aliased) Rows(ctx context.Context, tenant string, r Range) iter.Seq2[Request, error] {
	parts, of := a.partsOf(tenant), tenant
	if len(parts) == 1 {
		of = parts[0]
	} else {
		of = "" // all, of which those of other tenants are left out
	}
	return func(yield func(Request, error) bool) {
		if tenant != "" && len(parts) == 0 {
			return
		}
		for q, err := range a.Snapshot.Rows(ctx, of, r) {
			if err == nil {
				q.Tenant = a.name(q.Tenant)
				if tenant != "" && q.Tenant != tenant {
					continue
				}
			}
			if !yield(q, err) {
				return
			}
		}
	}
}

func (a *aliased) ByID(ctx context.Context, ids []int64) ([]Request, error) {
	requests, err := a.Snapshot.ByID(ctx, ids)
	for i := range requests {
		requests[i].Tenant = a.name(requests[i].Tenant)
	}
	return requests, err
}

func (a *aliased) Events(ctx context.Context) ([]Event, error) {
	events, err := a.Snapshot.Events(ctx)
	for i := range events {
		events[i].Tenant = a.name(events[i].Tenant)
	}
	return events, err
}

func (a *aliased) Recordings(
	ctx context.Context, tenant string, from, to int64,
) ([]Recording, error) {
	var all []Recording
	seen := map[string]bool{}
	for _, part := range a.partsOf(tenant) {
		recordings, err := a.Snapshot.Recordings(ctx, part, from, to)
		if err != nil {
			return nil, err
		}
		for _, r := range recordings {
			if !seen[r.Key] { // a recording may have been listed under both names
				seen[r.Key] = true
				r.Tenant = tenant
				all = append(all, r)
			}
		}
	}
	slices.SortStableFunc(all,
		func(x, y Recording) int { return cmp.Compare(x.StartedAt, y.StartedAt) })
	return all, nil
}

func (a *aliased) Recorded(
	ctx context.Context, tenant string, from, to int64,
) (sum Recorded, err error) {
	parts := a.partsOf(tenant)
	if len(parts) == 1 {
		return a.Snapshot.Recorded(ctx, parts[0], from, to)
	}
	recordings, err := a.Recordings(ctx, tenant, from, to)
	for _, r := range recordings {
		sum.Recordings++
		if r.Duration > 0 && r.Bytes > 0 {
			sum.Hours += float64(r.Duration) / 3.6e9
			sum.Bytes += float64(r.Bytes)
		}
	}
	return sum, err
}

func (a *aliased) States(ctx context.Context, key []byte) (map[string]State, error) {
	states, err := a.Snapshot.States(ctx, key)
	for tenant := range states {
		if a.parts[tenant] != nil || a.of[tenant] != "" {
			delete(states, tenant)
		}
	}
	return states, err
}

func (a *aliased) History(ctx context.Context, tenant string) History {
	parts := a.partsOf(tenant)
	if len(parts) == 1 {
		return a.Snapshot.History(ctx, parts[0])
	}
	var all histories
	for _, part := range parts {
		all = append(all, a.Snapshot.History(ctx, part))
	}
	return all
}

type histories []History

func (h histories) Find(item uint64, until int64) ([]Call, error) {
	var all []Call
	for _, one := range h {
		calls, err := one.Find(item, until)
		if err != nil {
			return nil, err
		}
		all = append(all, calls...)
	}
	slices.SortFunc(all, func(x, y Call) int { return compareCalls(&x, &y) })
	return all, nil
}
