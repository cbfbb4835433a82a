package analyze

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/internal/pool"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Options say what to audit.
type Options struct {
	// Policy is what requests are judged by. It must be set.
	Policy *limits.Policy
	// AsOf is the moment taken as "now"; later requests are left out. It must be set.
	AsOf time.Time
	// Since (inclusive) and Until (exclusive) select requests by StartedAt; the zero time means no
	// bound. With one of them the audit is about the range, else about now. Rolling sums and rules
	// about reactions look back past Since.
	Since, Until time.Time
	// Tenants are the tenants to audit; none means all.
	Tenants []string
	// Known are tenants that are audited even if the log has nothing of them: those of the
	// configuration.
	Known []string
	// About gives what is known of a tenant beside its requests; nil means nothing. Name and Resets
	// are filled in.
	About func(name string) egress.Tenant
	// Seen makes the audit tell what is new: incidents whose ids are not in it, or that consist of
	// more than it says. It is Report.Seen of the audit before; nil means that all is told.
	Seen map[string]int64
	// Days asks for Report.Days, which needs every request.
	Days bool
	// Examples asks for Report.Examples of so many incidents of each tenant, Usage for Report.Usage by
	// these things. Both need every request, and cost little beside Days.
	Examples int
	Usage    []UsageBy
	// Nights asks for Result.Nights.
	Nights bool
	// NoCache leaves saved states alone. The snapshot should be one without a cache as well.
	NoCache bool
	// Forecast also asks whether a tenant that is not far from its cap will reach it, for egress-near;
	// a Chance that About gives goes before. By default, egress-near looks at what is there.
	Forecast bool
	// Projected is a forecast that was made already, of the same snapshot, policy, AsOf and About:
	// Forecast then costs nothing where that tells the chance. nil means none.
	Projected *outlook.Report
}

func (o *Options) about() About {
	switch {
	case !o.Since.IsZero() || !o.Until.IsZero():
		return AboutRange
	case o.Seen != nil:
		return AboutNew
	}
	return AboutNow
}

// needed refuses options without what has no default: without a policy nothing can be judged, and
// year 1 is no "now".
func (o *Options) needed() error {
	switch {
	case o.Policy == nil:
		return errors.New("no Policy is given; limits.Builtin has one")
	case o.AsOf.IsZero():
		return errors.New("no AsOf is given; time.Now() is the usual one")
	}
	for _, by := range o.Usage {
		if !slices.Contains(UsageBys, by) {
			return fmt.Errorf("count usage by %q: it can be counted by %v", by, UsageBys)
		}
	}
	return nil
}

// Run audits the tenants of a snapshot. The states it returns may be saved with SaveStates under
// the key, to make the next run cost only what was added.
func Run(ctx context.Context, snap store.Snapshot, o Options) (*Report, Saved, error) {
	r := &runner{snap: snap, o: o, asOf: o.AsOf.UnixMicro()}
	if err := r.prepare(ctx); err != nil {
		return nil, Saved{}, err
	}
	seen := &onlooking{examples: map[string][]Example{}, usage: map[string][]*UsageReport{}}
	results, err := r.all(ctx, seen)
	if err != nil {
		return nil, Saved{}, err
	}
	report := &Report{
		About: o.about(), FromCache: !o.NoCache, AsOf: o.AsOf.UTC(), Since: o.Since, Until: o.Until,
		PolicyName: o.Policy.Name, PolicyVersion: o.Policy.Version,
		Tenants: results, Later: r.later, Dropped: r.events.Dropped, Seen: map[string]int64{},
		Days: seen.days,
	}
	if o.Examples > 0 {
		report.Examples = seen.examples
	}
	if o.Usage != nil {
		report.Usage = seen.usage
	}
	for i := range results {
		// Of an audit of what is new, everything may count: then there is no time to name.
		at := time.UnixMicro(results[i].Since).UTC()
		if report.About != AboutRange && results[i].Since != math.MinInt64 &&
			(report.Since.IsZero() || at.Before(report.Since)) {
			report.Since = at
		}
		for id, n := range results[i].seen {
			report.Seen[id] = n
		}
	}
	slices.SortFunc(results, compareResults)
	if gone := r.events.Pruned; gone.Count > 0 && report.Since.UnixMicro() < gone.At {
		report.Pruned = Pruned{
			Before: time.UnixMicro(gone.At).UTC(), Requests: gone.Count, Bytes: gone.Bytes,
		}
	}
	return report, Saved{Key: r.key, States: r.saved}, nil
}

// Saved are states for SaveStates.
type Saved struct {
	Key    []byte
	States []store.State
}

// runner is one Run.
type runner struct {
	snap    store.Snapshot
	o       Options
	asOf    int64
	tenants []store.TenantInfo
	events  egress.Events
	key     []byte
	states  map[string]store.State

	mu    sync.Mutex // guards what the workers add to
	saved []store.State
	later int64
}

func (r *runner) prepare(ctx context.Context) (err error) {
	if err := r.o.needed(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if r.events, err = egress.ReadEvents(ctx, r.snap, r.asOf); err != nil {
		return err
	}
	for _, t := range r.snap.Tenants() {
		if r.wanted(t.Name) {
			r.tenants = append(r.tenants, t)
		}
	}
	for _, name := range r.o.Known {
		if r.wanted(name) &&
			!slices.ContainsFunc(r.tenants, func(t store.TenantInfo) bool { return t.Name == name }) {
			r.tenants = append(r.tenants, store.TenantInfo{Name: name})
		}
	}
	if r.key, err = stateKey(r.o.Policy); err != nil || r.o.NoCache {
		return err
	}
	r.states, err = r.snap.States(ctx, r.key)
	return err
}

func (r *runner) wanted(tenant string) bool {
	return len(r.o.Tenants) == 0 || slices.Contains(r.o.Tenants, tenant)
}

// info is what the log says of a tenant as a whole; only the name where it has nothing of it.
func (r *runner) info(tenant string) store.TenantInfo {
	i := slices.IndexFunc(r.tenants, func(t store.TenantInfo) bool { return t.Name == tenant })
	if i < 0 {
		return store.TenantInfo{Name: tenant}
	}
	return r.tenants[i]
}

// held is how many of a tenant's requests were held back in the range. Such an event tells of a run
// that ended then.
func (r *runner) held(tenant string, since int64) (n int64) {
	for _, e := range r.events.Paced {
		if e.Tenant == tenant && e.At >= since && (r.o.Until.IsZero() || e.At < r.o.Until.UnixMicro()) {
			n += e.Count
		}
	}
	return n
}

func (r *runner) about(ctx context.Context, name string) (egress.Tenant, error) {
	t := egress.Tenant{Chance: -1}
	if r.o.About != nil {
		t = r.o.About(name)
	}
	t.Name, t.Resets = name, r.events.Resets[name]
	return t, t.Measure(ctx, r.snap, r.asOf)
}

// all audits every tenant.
func (r *runner) all(ctx context.Context, seen *onlooking) ([]Result, error) {
	results := make([]Result, len(r.tenants))
	if r.o.Days {
		seen.days = &Daily{Edges: gapEdges(r.o.Policy), Tenants: make([]TenantDays, len(r.tenants))}
	}
	err := pool.Each(ctx, len(r.tenants), func(i int, s *scratch) (err error) {
		name := r.tenants[i].Name
		w := r.watch(ctx, name, seen)
		if results[i], err = r.tenant(ctx, r.tenants[i], s, w.observer()); err != nil {
			return fmt.Errorf("audit tenant %q: %w", name, err)
		}
		results[i].Held = r.held(name, results[i].Since)
		if err := w.into(seen, i, name, r.o); err != nil || seen.days == nil {
			return err
		}
		return seen.days.Tenants[i].nameRecordings(ctx, r.snap)
	})
	if err != nil {
		return nil, err
	}
	if seen.days != nil {
		seen.days.Tenants = slices.DeleteFunc(seen.days.Tenants,
			func(t TenantDays) bool { return len(t.Days) == 0 })
	}
	return results, nil
}
