package analyze

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/store"
)

// usageTally is a UsageRow while it is counted.
type usageTally struct {
	UsageRow
	duration, firstByte []int64
	rates               []int64 // bytes per second
	busy, open          int64   // microseconds of the nightly window
}

// usageCounter counts the use of one tenant.
type usageCounter struct {
	by        UsageBy
	asOf      int64 // 0 of a range
	since     int64
	rows      map[string]*usageTally
	last      string
	lastRow   *usageTally
	busyUntil int64
	first     int64 // start of the first request that counts
	lastAt    int64 // and of the last
	// hours are the microseconds a day in the nightly window; 0 without one, and where what is counted
	// by is not the tenant, whose use of the window is told alone.
	hours int64

	hour clockHour
	time string // the name of the day or hour of all requests in hour
}

// usageCounters count the same requests by several things.
type usageCounters []*usageCounter

func (all usageCounters) begin(a *Auditor) {
	for _, u := range all {
		u.begin(a)
	}
}

func (all usageCounters) heard(a *Auditor) {
	for _, u := range all {
		u.heard(a)
	}
}

func (usageCounters) end(*Auditor, *Result, []incident) {}

// newUsageCounter counts the last NowNights nights up to as-of, or the range of an audit about one.
func newUsageCounter(by UsageBy, o *Options) *usageCounter {
	u := &usageCounter{by: by, since: math.MinInt64, rows: map[string]*usageTally{}}
	if o.about() != AboutRange {
		u.asOf = o.AsOf.UnixMicro()
	}
	return u
}

func (u *usageCounter) begin(a *Auditor) {
	if u.asOf != 0 {
		u.since = a.calend.start(a.calend.night(u.asOf) - NowNights + 1)
	}
	if a.tenant.Window == nil || u.by != ByTenant {
		return
	}
	for minute := range int64(24 * 60) {
		at := time.Unix(minute*60, 0).UTC()
		if a.tenant.Window.Contains(at) {
			u.hours += 60e6
		}
	}
}

func (u *usageCounter) heard(a *Auditor) {
	c := a.call.Call
	if c.StartedAt < u.since {
		return
	}
	name := u.name(a)
	row := u.lastRow
	if row == nil || name != u.last {
		if row = u.rows[name]; row == nil {
			row = &usageTally{UsageRow: UsageRow{Name: name, BusyShare: -1, id: c.ID}}
			u.rows[name] = row
		}
		u.last, u.lastRow = name, row
	}
	row.count(a)
	if u.hours > 0 && a.tenant.Window.Contains(c.Start()) {
		u.occupy(row, c)
	}
	if u.first == 0 {
		u.first = c.StartedAt
	}
	u.lastAt = c.StartedAt
}

// occupy adds the time in which a request ran and none before it did.
func (u *usageCounter) occupy(row *usageTally, c *store.Call) {
	from, to := max(c.StartedAt, u.busyUntil), c.StartedAt+c.Duration
	if to > from {
		row.busy += to - from
		u.busyUntil = to
	}
}

func (t *usageTally) count(a *Auditor) {
	c, k := a.call.Call, a.kind
	t.Requests++
	t.RequestBytes += c.RequestBytes
	t.ResponseBytes += c.ResponseBytes
	if c.Status == 0 || c.Status >= 400 {
		t.Errors++
	}
	if c.Duration > 0 {
		t.duration = append(t.duration, c.Duration)
	}
	if c.FirstByte > 0 {
		t.firstByte = append(t.firstByte, c.FirstByte)
	}
	if took := c.Duration - c.FirstByte; k.Egress && c.ResponseBytes > 0 && took > 0 &&
		c.Duration > 0 {
		t.rates = append(t.rates, int64(float64(c.ResponseBytes)/float64(took)*1e6))
	}
	if k.refused || k.Again || a.mask&inVain != 0 {
		t.WastedRequests++
	}
	if k.Again || k.Egress && k.Broken && k.Code >= 200 && k.Code < 300 {
		t.WastedBytes += c.ResponseBytes
	}
}

// inVain are the rules about requests that could not succeed.
var inVain = func() (mask uint64) {
	for i, r := range rules.All {
		if r.InVain {
			mask |= 1 << i
		}
	}
	return mask
}()

func (u *usageCounter) name(a *Auditor) string {
	c := a.call.Call
	switch u.by {
	case ByTenant:
		return a.tenant.Name
	case ByClass:
		return a.kind.Class
	case ByClient:
		return c.Client
	case ByStatus:
		return strconv.Itoa(c.Status)
	case ByRecording:
		if !a.kind.Egress {
			return ""
		}
		return strconv.FormatUint(egress.Item(c), 16)
	}
	return u.timeName(c.StartedAt, a.calend.zone)
}

// timeName is the day or the hour of the week.
func (u *usageCounter) timeName(at int64, zone *time.Location) string {
	if !u.hour.turn(at, zone) {
		return u.time
	}
	if u.time = u.hour.local.Format("Mon 15"); u.by == ByDay {
		u.time = u.hour.local.Format(time.DateOnly)
	}
	return u.time
}

// usageSum adds up the counters of all tenants.
type usageSum struct {
	mu    sync.Mutex
	rows  map[string]*usageTally
	since int64
}

// report is what was added up.
func (s *usageSum) report(by UsageBy, o Options) *UsageReport {
	out := &UsageReport{By: by, AsOf: o.AsOf.UTC(), Since: o.Since, Until: o.Until}
	if o.about() == AboutNow {
		out.Since = time.UnixMicro(s.since).UTC()
	}
	out.Rows, out.Total = s.result(by)
	return out
}

// add takes what a counter counted, which must not be used after that.
func (s *usageSum) add(u *usageCounter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == 0 || u.since < s.since {
		s.since = u.since
	}
	for name, t := range u.rows {
		if u.hours > 0 {
			t.open = u.hours * ((u.lastAt-u.first)/dayMicros + 1)
		}
		if all := s.rows[name]; all != nil {
			all.merge(t)
		} else {
			s.rows[name] = t
		}
	}
}

func (t *usageTally) merge(o *usageTally) {
	t.Requests += o.Requests
	t.RequestBytes += o.RequestBytes
	t.ResponseBytes += o.ResponseBytes
	t.Errors += o.Errors
	t.WastedRequests += o.WastedRequests
	t.WastedBytes += o.WastedBytes
	t.busy, t.open = t.busy+o.busy, t.open+o.open
	t.duration = append(t.duration, o.duration...)
	t.firstByte = append(t.firstByte, o.firstByte...)
	t.rates = append(t.rates, o.rates...)
}

// reserve makes room for the durations of rows that are merged one after the other.
func (t *usageTally) reserve(rows map[string]*usageTally) {
	var durations, firsts, rates int
	for _, r := range rows {
		durations, firsts, rates = durations+len(r.duration), firsts+len(r.firstByte), rates+len(r.rates)
	}
	t.duration = slices.Grow(t.duration, durations)
	t.firstByte = slices.Grow(t.firstByte, firsts)
	t.rates = slices.Grow(t.rates, rates)
}

// row finishes the counting.
func (t *usageTally) row() UsageRow {
	t.Duration, t.FirstByte = percentiles(t.duration), percentiles(t.firstByte)
	if len(t.rates) > 0 {
		t.BytesPerSecond = float64(nearest(t.rates, 0.5))
	}
	if t.open > 0 && len(t.duration) > 0 {
		t.BusyShare = math.Min(1, float64(t.busy)/float64(t.open))
	}
	return t.UsageRow
}

func percentiles(values []int64) Percentiles {
	p := Percentiles{N: int64(len(values))}
	if p.N > 0 {
		p.P50, p.P95, p.P99 = nearest(values, 0.50), nearest(values, 0.95), nearest(values, 0.99)
	}
	return p
}

func (s *usageSum) result(by UsageBy) (rows []UsageRow, total UsageRow) {
	all := &usageTally{UsageRow: UsageRow{BusyShare: -1}}
	all.reserve(s.rows)
	tallies := make([]*usageTally, 0, len(s.rows))
	for _, t := range s.rows {
		all.merge(t)
		tallies = append(tallies, t)
	}
	slices.SortFunc(tallies, func(a, b *usageTally) int {
		if by == ByDay || by == ByHour {
			return cmp.Or(cmp.Compare(order(a.Name), order(b.Name)), cmp.Compare(a.Name, b.Name))
		}
		return cmp.Or(cmp.Compare(b.ResponseBytes, a.ResponseBytes), cmp.Compare(b.Requests, a.Requests),
			cmp.Compare(a.Name, b.Name))
	})
	if len(tallies) > maxUsageRows && by == ByRecording {
		others := &usageTally{UsageRow: UsageRow{Name: "others", BusyShare: -1}}
		for _, t := range tallies[maxUsageRows:] {
			others.merge(t)
		}
		tallies = append(tallies[:maxUsageRows:maxUsageRows], others)
	}
	for _, t := range tallies {
		rows = append(rows, t.row())
	}
	return rows, all.row()
}

// order puts Monday first; days come in the order of their dates.
func order(name string) int {
	return slices.Index([]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"},
		name[:min(3, len(name))])
}
