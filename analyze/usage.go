package analyze

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/internal/pool"
	"github.com/6dcca832/headroom/store"
)

// UsageBy is what usage is counted by.
type UsageBy string

// What usage can be counted by.
const (
	ByTenant    UsageBy = "tenant"
	ByClass     UsageBy = "class"
	ByClient    UsageBy = "client"
	ByStatus    UsageBy = "status"
	ByDay       UsageBy = "day"
	ByHour      UsageBy = "hour" // of the week, in the tenant's zone
	ByRecording UsageBy = "recording"
)

// UsageReport tells who used how much of the API.
type UsageReport struct {
	By UsageBy
	// Since is inclusive, Until exclusive; without a range, Since is that of the last NowNights
	// nights, and a zero Until means up to AsOf.
	AsOf, Since, Until time.Time
	Rows               []UsageRow // most bytes first; days and hours in order
	Total              UsageRow   // of all rows, its Name is ""
}

// UsageRow is the use of one tenant, class, client, status, day, hour or recording.
type UsageRow struct {
	Name                                  string
	Requests, RequestBytes, ResponseBytes int64
	Errors                                int64 // answers from 400 on, and no answers
	Duration, FirstByte                   Percentiles
	// Median of downloads while they ran; 0 means not known.
	BytesPerSecond              float64
	WastedRequests, WastedBytes int64 // refused, repeated, or retried in vain
	// BusyShare is the share of the nightly window in which requests ran; -1 where no window or no
	// duration is known.
	BusyShare float64

	id int64 // of one of the requests; 0 of rows that are added up
}

// Percentiles are by nearest rank, in microseconds; N is how many values are known, and 0 means
// that there are none.
type Percentiles struct{ N, P50, P95, P99 int64 }

// maxUsageRows bounds the rows of UsageBy recording; the others are added up in one.
const maxUsageRows = 1000

// Usage counts the use of the API by tenant, class or what else, of the last NowNights nights or of
// the range that the options select. It reads what an audit reads, so that its sums agree with one.
func Usage(ctx context.Context, snap store.Snapshot, o Options, by UsageBy) (*UsageReport, error) {
	all := usageSum{rows: map[string]*usageTally{}}
	if !slices.Contains(UsageBys, by) {
		return nil, fmt.Errorf("count usage by %q: it can be counted by %v", by, UsageBys)
	}
	if err := countUsage(ctx, snap, o, by, &all); err != nil {
		return nil, err
	}
	out := all.report(by, o)
	if by == ByRecording {
		return out, nameRecordings(ctx, snap, out.Rows)
	}
	return out, nil
}

// cheapUsage is up to how many requests Options.Usage is not felt: it keeps the durations of those
// that count.
const cheapUsage = 1_000_000

// CheapUsage says whether Options.Usage of a log takes little memory.
func CheapUsage(snap store.Snapshot) bool {
	var n int64
	for _, t := range snap.Tenants() {
		n += t.Requests
	}
	return n <= cheapUsage
}

// reports are what one tenant's counters counted, each by itself.
func (all usageCounters) reports(o Options) (reports []*UsageReport) {
	for _, u := range all {
		one := usageSum{rows: map[string]*usageTally{}}
		one.add(u)
		reports = append(reports, one.report(u.by, o))
	}
	return reports
}

// countUsage counts each tenant's requests and adds them to what there is.
func countUsage(
	ctx context.Context, snap store.Snapshot, o Options, by UsageBy, all *usageSum,
) error {
	o.Seen = nil // usage is never about what is new
	r := &runner{snap: snap, o: o, asOf: o.AsOf.UnixMicro()}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	return pool.Each(ctx, len(r.tenants), func(i int, scr *scratch) error {
		counters := usageCounters{newUsageCounter(by, &o)}
		t, err := r.about(ctx, r.tenants[i].Name)
		if err == nil {
			err = r.use(ctx, t, scr, counters)
		}
		if err != nil {
			return pool.Wrap(err, "count usage of tenant %q", r.tenants[i].Name)
		}
		all.add(counters[0])
		return nil
	})
}

// UsageBys are all that usage can be counted by.
var UsageBys = []UsageBy{ByTenant, ByClass, ByClient, ByStatus, ByDay, ByHour, ByRecording}

// use audits what counts of one tenant with the counters looking on.
func (r *runner) use(ctx context.Context, t egress.Tenant, scr *scratch, all usageCounters) error {
	if r.o.about() == AboutRange {
		_, err := r.ranged(ctx, t, scr, all)
		return err
	}
	scr.seen.Reserve(int(r.info(t.Name).Requests))
	a := r.auditor(t, scr)
	all.begin(a)
	return r.feed(ctx, a, store.Range{From: math.MinInt64, To: r.asOf + 1}, all)
}

// nameRecordings puts keys in the place of hashes. What has no key that was kept keeps the hash.
func nameRecordings(ctx context.Context, snap store.Snapshot, rows []UsageRow) error {
	var ids []int64
	for i := range rows {
		if rows[i].id != 0 && rows[i].Name != "" {
			ids = append(ids, rows[i].id)
		}
	}
	found, err := snap.ByID(ctx, ids)
	if err != nil {
		return err
	}
	keys := make(map[int64]string, len(found))
	for i := range found {
		keys[found[i].ID] = found[i].Key
	}
	for i := range rows {
		if key := keys[rows[i].id]; key != "" && rows[i].Name != "" {
			rows[i].Name = key
		}
	}
	return nil
}
