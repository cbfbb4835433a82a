package outlook

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

const (
	dayMicros  = egress.DayMicros
	hourMicros = 60 * 60 * 1e6
	// slots are the parts of a day in which pulls are told apart: quarters of an hour, since a pull
	// lasts a few hours and what one is uncertain by is its bytes of one slot.
	slots      = 96
	slotMicros = dayMicros / slots
	// shareDays are the last days that tell when a pull happens.
	shareDays = 28
	// keptDays bounds the days that are kept: three years, as much as past forecasts are scored on at
	// most.
	keptDays = 3*365 + 1
	// mostBytes bounds what one request is taken to have carried, 1 PB: a log that says more is wrong,
	// and sums of what it says would leave an int64.
	mostBytes = 1 << 50
)

// collector sums up one tenant's requests for a forecast. Days are the 24 hours that end with asOf
// and those before, not calendar days: so the last one is never cut.
type collector struct {
	policy *limits.Policy
	tenant egress.Tenant
	asOf   int64
	window egress.Window
	seen   *egress.Items
	routes map[*store.Route]route

	// lastAt is when the last request of any class began, lastPull the last that counts towards the
	// egress; 0 before them.
	lastAt, lastPull int64
	live             bool       // the last request was recorded as it ended
	days             []dayPulls // the last one ends at asOf
	slots            [shareDays][slots]float64
	open             int               // the day that items belongs to
	items            map[int64]float64 // bytes of first downloads by the hour of the recording
	// complete and completeBytes are of complete downloads, for their mean size.
	complete      int64
	completeBytes float64
	peak          float64 // largest rolling sum of the last 30 days
	listed        []listed
	// recent has the requests from recentFrom on alone, where this one has older ones, too: what is
	// learned from must not depend on how much was read.
	recent     *collector
	recentFrom int64
}

// route is what the policy says of a stored route.
type route struct {
	method, class string
	egress        bool // its bytes count
}

// dayPulls is what was pulled on one day.
type dayPulls struct {
	bytes    float64
	again    float64 // of complete downloads of what had been downloaded before
	requests int64
	refused  bool // for egress
	items    []recorded
}

// recorded are bytes first downloaded of recordings that began in one hour.
type recorded struct {
	hour  int64 // since 1970 UTC
	bytes float64
}

// collect reads a tenant's requests from a time (microseconds since 1970 UTC) up to asOf.
func collect(
	ctx context.Context, snap store.Snapshot, p *limits.Policy, t egress.Tenant, asOf, from int64,
	seen *egress.Items,
) (*collector, error) {
	seen.Reserve(0)
	c := newCollector(p, t, asOf, seen)
	if learn := asOf - learnDays*dayMicros; from < learn {
		c.recent, c.recentFrom = newCollector(p, t, asOf, &egress.Items{}), learn
	}
	for batch, err := range snap.Scan(ctx, t.Name, store.Range{From: from, To: asOf + 1}) {
		if err != nil {
			return nil, err
		}
		for i := range batch {
			c.add(&batch[i])
			if c.recent != nil && batch[i].StartedAt >= c.recentFrom {
				c.recent.add(&batch[i])
			}
		}
	}
	c.finish()
	if c.recent == nil {
		return c, c.list(ctx, snap)
	}
	c.recent.finish()
	err := c.recent.list(ctx, snap)
	c.listed = c.recent.listed
	return c, err
}

// latest has what is learned from.
func (c *collector) latest() *collector {
	if c.recent == nil {
		return c
	}
	return c.recent
}

func newCollector(p *limits.Policy, t egress.Tenant, asOf int64, seen *egress.Items) *collector {
	c := &collector{
		policy: p,
		tenant: t,
		asOf:   asOf,
		seen:   seen,
		routes: map[*store.Route]route{},
		items:  map[int64]float64{},
	}
	c.window = egress.NewWindow(p.Egress.Window)
	return c
}

// add takes in the next request, in order of (StartedAt, ID).
func (c *collector) add(r *store.Call) {
	c.lastAt, c.live = r.StartedAt, r.Source.Live()
	c.window.Begin(&c.tenant, r.StartedAt)
	rt, ok := c.routes[r.Route]
	if !ok {
		rt = route{method: r.Route.Method, class: egress.Class(c.policy, r.Route)}
		rt.egress = egress.Counts(c.policy, rt.class)
		c.routes[r.Route] = rt
	}
	if !rt.egress {
		return
	}
	q := *r
	q.ResponseBytes = min(max(q.ResponseBytes, 0), mostBytes)
	role := egress.Role(c.policy, q.Status, rt.class)
	c.window.LearnFrom(role)
	c.window.Add(&c.tenant, q.ResponseBytes)
	if c.asOf-q.StartedAt < 30*dayMicros {
		c.peak = math.Max(c.peak, float64(c.window.Sum))
	}
	c.addDay(&q, &rt, role)
}

func (c *collector) addDay(q *store.Call, rt *route, role limits.Role) {
	age := (c.asOf - q.StartedAt) / dayMicros
	if age >= keptDays {
		c.again(q, rt, role)
		return
	}
	c.lastPull = q.StartedAt
	d := c.day(int(age))
	bytes := float64(q.ResponseBytes)
	d.bytes += bytes
	if rt.class != store.StorageClass {
		d.requests++
	}
	d.refused = d.refused || role == limits.RoleEgressCap
	if age < shareDays {
		phase := dayMicros - (c.asOf-q.StartedAt)%dayMicros
		c.slots[age][(phase-1)/slotMicros] += bytes
	}
	switch first, again := c.again(q, rt, role); {
	case again:
		d.again += bytes
	case first && c.keysTellTime() && q.ItemAt > 0 && q.ItemAt <= q.StartedAt:
		c.items[q.ItemAt/hourMicros] += bytes
	}
}

// day is the day that ended so many days before asOf.
func (c *collector) day(age int) *dayPulls {
	if c.days == nil {
		c.days = make([]dayPulls, age+1)
	}
	i := len(c.days) - 1 - age
	if i != c.open {
		c.closeDay()
		c.open = i
	}
	return &c.days[i]
}

// again says whether q is the first complete download of its recording, or a further one.
func (c *collector) again(q *store.Call, rt *route, role limits.Role) (first, again bool) {
	if role != limits.RoleOK || q.CutShort {
		return false, false
	}
	if _, expected := c.policy.Status(q.Status, rt.method); !expected {
		return false, false
	}
	c.complete++
	c.completeBytes += float64(q.ResponseBytes)
	if rt.class == store.StorageClass && q.ItemHash == 0 {
		return true, false // nobody knows of which recording
	}
	first = c.seen.Add(egress.Item(q))
	return first, !first
}

// closeDay hands the open day its items.
func (c *collector) closeDay() {
	if len(c.items) == 0 {
		return
	}
	items := make([]recorded, 0, len(c.items))
	for hour, bytes := range c.items {
		items = append(items, recorded{hour, bytes})
	}
	slices.SortFunc(items, func(a, b recorded) int { return int(a.hour - b.hour) })
	c.days[c.open].items = items
	clear(c.items)
}

// finish moves the window's end to asOf.
func (c *collector) finish() {
	c.closeDay()
	c.window.Begin(&c.tenant, c.asOf)
}

// current is the sum of the window that ends at asOf.
func (c *collector) current() (sum float64) {
	for _, cell := range c.window.Cells {
		sum += float64(cell.Bytes)
	}
	return sum
}

// room is what leaves the window in each hour from now on.
func (c *collector) room() []RoomHour {
	length := c.policy.Egress.Window.Microseconds()
	hours := make([]RoomHour, (length+hourMicros-1)/hourMicros)
	for i := range hours {
		hours[i].At = time.UnixMicro(c.asOf).UTC().Add(time.Duration(i+1) * time.Hour)
	}
	for _, cell := range c.window.Cells {
		hours[min((max(cell.At+length-c.asOf, 1)-1)/hourMicros, int64(len(hours)-1))].Bytes += cell.Bytes
	}
	return hours
}

// cap is what is known of the cap.
func (c *collector) cap() egress.Cap {
	return c.window.Resolve(c.tenant.Cap, c.policy.Egress.Cap, c.asOf)
}

// meanSize is that of a complete download; 0 without one.
func (c *collector) meanSize() float64 {
	if c.complete == 0 {
		return 0
	}
	return c.completeBytes / float64(c.complete)
}

// keysTellTime says that the policy lets a key tell when its recording began.
func (c *collector) keysTellTime() bool { return c.policy.Listing.KeyTime == limits.KeyTimeUnixMS }
