package analyze

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// dayCounter fills TenantDays from what an Auditor makes of each request. What a rule is, only the auditor knows.
type dayCounter struct {
	a      *Auditor
	edges  []int64
	days   map[int]*dayTally
	today  *dayTally // of the request being added
	kinds  map[*tally]int
	out    TenantDays
	items  map[uint64]*seenItem
	origin map[originKey]*int64
	lastN  *int64 // the count of lastOrigin
	last   originKey

	persistent int // hits of that rule while one request was added
	again      bool
	mixed      bool
}

// dayTally is a Day while it is counted.
type dayTally struct {
	Day
	answers  []int64
	gaps     []int64
	hours    [7 * 24]int64
	findings []int64
	again    map[int]*Again
}

type seenItem struct {
	Repeat
	lastDay int
}

type originKey struct {
	source *store.Source
	client string
}

func newDayCounter(p *limits.Policy, t egress.Tenant, s *scratch, edges []int64) *dayCounter {
	if t.Zone == nil {
		t.Zone = time.UTC
	}
	c := &dayCounter{
		a: newAuditor(p, t, s), edges: edges, days: map[int]*dayTally{}, kinds: map[*tally]int{}, items: map[uint64]*seenItem{},
		origin: map[originKey]*int64{}, out: TenantDays{Tenant: t.Name},
	}
	c.a.Explain(c.hit)
	return c
}

// count reads the tenant's requests as an audit would.
func (c *dayCounter) count(ctx context.Context, r *runner) (TenantDays, error) {
	rg, since := r.reach()
	c.a.From(since)
	for batch, err := range r.snap.Scan(ctx, c.out.Tenant, rg) {
		if err != nil {
			return TenantDays{}, err
		}
		for i := range batch {
			if err := c.add(&batch[i], since); err != nil {
				return TenantDays{}, err
			}
		}
	}
	c.peak()
	c.a.fired(r.asOf) // tells of what only the end of the log decides
	c.a.scratch.gaps = c.a.Spacing.Gaps.All
	return c.result(), nil
}

// reach is the range that must be read, and the start of the requests that count.
func (r *runner) reach() (rg store.Range, since int64) {
	rg, since = store.Range{From: math.MinInt64, To: r.asOf + 1}, math.MinInt64
	if !r.o.Until.IsZero() {
		rg.To = min(rg.To, r.o.Until.UnixMicro())
	}
	if !r.o.Since.IsZero() {
		since = r.o.Since.UnixMicro()
		rg.From = min(since, r.asOf) - micros(r.o.Policy.Egress.Window)
	}
	return rg, since
}

func (c *dayCounter) add(r *store.Call, since int64) error {
	if r.StartedAt != c.a.Egress.At {
		c.peak()
	}
	if r.StartedAt < since {
		return c.a.Add(r)
	}
	before := c.a.Spacing
	c.today, c.persistent, c.again, c.mixed = c.day(r.StartedAt), 0, false, false
	if err := c.a.Add(r); err != nil {
		return err
	}
	rt := c.a.route(r.Route)
	d := c.today
	d.Requests++
	d.AuthRun = max(d.AuthRun, c.a.React.AuthRun)
	if c.persistent >= persistentErrors {
		d.findings[ruleIndex[RulePersistentError]]++
	}
	c.answer(rt.tally, r.Status, rt)
	if rt.paced {
		c.gap(&before, r.StartedAt)
	}
	if rt.egress {
		c.download(r, rt)
	}
	c.from(r)
	if c.out.First == 0 {
		c.out.First = r.StartedAt
	}
	c.out.Last = r.StartedAt
	return nil
}

// peak notes the rolling sum of the last start, once all of its requests are in.
func (c *dayCounter) peak() {
	w := &c.a.Egress
	if !w.Open {
		return
	}
	if d := c.day(w.At); d.PeakAt == 0 || w.Sum > d.Peak {
		d.Peak, d.PeakAt = w.Sum, w.At
	}
}

func dayOf(at int64) int { return int(floorDiv(at, egress.DayMicros)) }

func floorDiv(a, b int64) int64 {
	if q := a / b; a%b < 0 {
		return q - 1
	} else {
		return q
	}
}

func (c *dayCounter) day(at int64) *dayTally {
	n := dayOf(at)
	if c.today != nil && c.today.Day.Day == n {
		return c.today
	}
	d := c.days[n]
	if d == nil {
		d = &dayTally{
			Day: Day{Day: n, Into: -1, Least: -1}, gaps: make([]int64, len(c.edges)+1), findings: make([]int64, len(rules)), again: map[int]*Again{},
		}
		c.days[n] = d
	}
	return d
}

var ruleIndex = func() map[string]int {
	index := map[string]int{}
	for i, r := range rules {
		index[r.name] = i
	}
	return index
}()

// hit counts a hit on its day. Of a persistent error the parameters count, with the request that makes them persistent.
func (c *dayCounter) hit(h Hit) {
	switch h.Rule {
	case RulePersistentError:
		c.persistent++
		return
	case RuleDuplicateDownload:
		c.again = true
	case RuleInterleaved:
		c.mixed = true
	}
	c.day(h.At).findings[ruleIndex[h.Rule]]++
}

func (c *dayCounter) answer(t *tally, status int, rt *route) {
	i, ok := c.kinds[t]
	if !ok {
		i = len(c.out.Kinds)
		c.kinds[t] = i
		c.out.Kinds = append(c.out.Kinds, StatusCount{Method: rt.method, Class: rt.class, Status: status, Expected: t.Expected})
	}
	c.out.Kinds[i].Requests++
	for len(c.today.answers) <= i {
		c.today.answers = append(c.today.answers, 0)
	}
	c.today.answers[i]++
}

// gap notes the gap before a paced request.
func (c *dayCounter) gap(before *spacing, at int64) {
	d, now := c.today, &c.a.Spacing
	d.Paced++
	if before.Requests == 0 {
		return
	}
	gap := at - before.Last.At
	violates, unclear := now.Violations.Count > before.Violations.Count, now.Indeterminate > before.Indeterminate
	if violates {
		d.Violations++
	}
	if unclear {
		d.Indeterminate++
	}
	d.gaps[c.bucket(gap)]++
	switch {
	case d.Paced == 1:
		d.Into, d.IntoViolates, d.IntoUnclear, d.IntoMixed = gap, violates, unclear, c.mixed
	case d.Least < 0 || gap < d.Least:
		d.Least = gap
	}
}

func (c *dayCounter) bucket(gap int64) int {
	i, found := slices.BinarySearch(c.edges, gap)
	if found {
		i++ // an edge belongs to the bucket that it begins
	}
	return i
}

func (c *dayCounter) download(r *store.Call, rt *route) {
	d := c.today
	d.Bytes += r.ResponseBytes
	local := r.Start().In(c.a.tenant.Zone)
	d.hours[(int(local.Weekday())+6)%7*24+local.Hour()]++
	c.large(Download{ID: r.ID, At: r.StartedAt, Bytes: r.ResponseBytes, Status: r.Status})
	if r.CutShort || rt.tally.Role != limits.RoleOK || !rt.tally.Expected {
		return
	}
	s := c.items[egress.Item(r)]
	if s == nil {
		c.items[egress.Item(r)] = &seenItem{Repeat{FirstID: r.ID, FirstAt: r.StartedAt, LastID: r.ID, LastAt: r.StartedAt, Downloads: 1}, d.Day.Day}
		return
	}
	if c.again {
		a := d.again[s.lastDay]
		if a == nil {
			a = &Again{Since: s.lastDay}
			d.again[s.lastDay] = a
		}
		a.N++
		a.Bytes += r.ResponseBytes
	}
	s.Downloads++
	s.Wasted += r.ResponseBytes
	s.LastID, s.LastAt, s.lastDay = r.ID, r.StartedAt, d.Day.Day
}

// large keeps the largest, the earlier of two equals first.
func (c *dayCounter) large(d Download) {
	l := c.out.Largest
	if len(l) == MaxIDs && d.Bytes <= l[MaxIDs-1].Bytes {
		return
	}
	i, _ := slices.BinarySearchFunc(l, d, func(a, b Download) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.ID, b.ID)) })
	l = slices.Insert(l, i, d)
	c.out.Largest = l[:min(len(l), MaxIDs)]
}

func (c *dayCounter) from(r *store.Call) {
	key := originKey{r.Source, r.Client}
	if c.lastN == nil || key != c.last {
		n := c.origin[key]
		if n == nil {
			n = new(int64)
			c.origin[key] = n
		}
		c.last, c.lastN = key, n
	}
	*c.lastN++
}

func (c *dayCounter) result() TenantDays {
	for _, n := range slices.Sorted(maps.Keys(c.days)) {
		d := c.days[n]
		d.Answers, d.Gaps, d.Hours, d.Findings = tallies(d.answers), tallies(d.gaps), tallies(d.hours[:]), tallies(d.findings)
		for _, since := range slices.Sorted(maps.Keys(d.again)) {
			d.Again = append(d.Again, *d.again[since])
		}
		c.out.Days = append(c.out.Days, d.Day)
	}
	c.out.Repeated = c.repeated()
	c.out.Origins = c.origins()
	return c.out
}

// tallies leaves out what is 0.
func tallies(counts []int64) (all []Tally) {
	for i, n := range counts {
		if n != 0 {
			all = append(all, Tally{i, n})
		}
	}
	return all
}

func (c *dayCounter) repeated() (all []Repeat) {
	for _, s := range c.items {
		if s.Downloads > 1 {
			all = append(all, s.Repeat)
		}
	}
	slices.SortFunc(all, func(a, b Repeat) int {
		return cmp.Or(cmp.Compare(b.Wasted, a.Wasted), cmp.Compare(b.Downloads, a.Downloads), cmp.Compare(a.FirstID, b.FirstID))
	})
	return slices.Clip(all[:min(len(all), MaxIDs)])
}

func (c *dayCounter) origins() (all []Origin) {
	for k, n := range c.origin {
		o := Origin{Client: k.client, Requests: *n}
		if k.source != nil {
			o.Kind, o.Source, o.Resolution = k.source.Kind, k.source.Name, time.Duration(k.source.Resolution)*time.Microsecond
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Client, b.Client))
	})
	return all
}
