package analyze

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/store"
)

// dayCounter fills TenantDays from what an Auditor makes of each request. What a rule is, only the
// auditor knows.
type dayCounter struct {
	a      *Auditor
	edges  []int64
	days   map[int]*dayTally
	today  *dayTally   // of the request just heard
	kinds  map[int]int // rows of the auditor's table
	out    TenantDays
	items  map[uint64]int // of seen
	seen   []seenItem
	hour   clockHour
	origin map[originKey]*int64
	lastN  *int64 // the count of lastOrigin
	last   originKey

	pending []hitOf // hits of the request being judged
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

// hitOf is a hit of a rule.
type hitOf struct {
	rule int
	at   int64
}

func (c *dayCounter) begin(a *Auditor) {
	c.a = a
	c.days, c.kinds, c.items = map[int]*dayTally{}, map[int]int{}, map[uint64]int{}
	c.origin = map[originKey]*int64{}
	a.onHit = func(rule int, e *rules.Evidence) { c.pending = append(c.pending, hitOf{rule, e.At}) }
}

func (c *dayCounter) heard(a *Auditor) {
	r, k := a.call.Call, a.kind
	d := c.day(r.StartedAt)
	c.today = d
	c.peak(d)
	mixed := c.count(d)
	d.Requests++
	c.answer(k)
	if k.Paced {
		c.gap(mixed)
	}
	if k.Egress {
		c.download(r, k)
	}
	c.from(r)
	if d.Requests == 1 && c.out.First == 0 {
		c.out.First = r.StartedAt
	}
	c.out.Last = r.StartedAt
}

// end takes what only the end decides.
func (c *dayCounter) end(*Auditor, *Result, []incident) { c.count(nil) }

// count counts the hits since the request before, and says whether one of them was interleaved. Of
// a persistent error the parameters count, with the request that makes them persistent; of a run of
// refused tokens its length.
func (c *dayCounter) count(d *dayTally) (mixed bool) {
	persistent := 0
	for _, h := range c.pending {
		switch rule := rules.All[h.rule]; {
		case rule.Distinct:
			persistent++
			continue
		case rule.Now:
			continue
		case rule.Name == rules.Interleaved:
			mixed = true
		}
		c.day(h.at).findings[h.rule]++
	}
	c.pending = c.pending[:0]
	if d != nil {
		if persistent >= rules.PersistentErrors {
			d.findings[rules.Index(rules.PersistentError)]++
		}
		d.AuthRun = max(d.AuthRun, c.a.authRun())
	}
	return mixed
}

// peak notes the rolling sum of the request at hand; those of one start reach the largest together.
func (c *dayCounter) peak(d *dayTally) {
	if sum := c.a.Window.Sum; d.PeakAt == 0 || sum > d.Peak {
		d.Peak, d.PeakAt = sum, c.a.Window.At
	}
}

func dayOf(at int64) int { return int(floorDiv(at, dayMicros)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (c *dayCounter) day(at int64) *dayTally {
	n := dayOf(at)
	if c.today != nil && c.today.Day.Day == n {
		return c.today
	}
	d := c.days[n]
	if d == nil {
		d = &dayTally{
			Day: Day{Day: n, Into: -1, Least: -1}, gaps: make([]int64, len(c.edges)+1),
			findings: make([]int64, len(rules.All)), again: map[int]*Again{},
		}
		c.days[n] = d
	}
	return d
}

func (c *dayCounter) answer(k *kind) {
	i, ok := c.kinds[k.row]
	if !ok {
		i = len(c.out.Kinds)
		c.kinds[k.row] = i
		s := c.a.table.rows[k.row]
		c.out.Kinds = append(c.out.Kinds, StatusCount{
			Method: s.Method, Class: s.Class, Status: s.Status, Expected: s.Expected,
		})
	}
	c.out.Kinds[i].Requests++
	for len(c.today.answers) <= i {
		c.today.answers = append(c.today.answers, 0)
	}
	c.today.answers[i]++
}

// gap notes the gap before a paced request.
func (c *dayCounter) gap(mixed bool) {
	d, k := c.today, c.a.kind
	d.Paced++
	if c.a.PacedN == 1 {
		return
	}
	gap := c.a.call.Gap
	if k.TooSoon {
		d.Violations++
	}
	if k.unclear {
		d.Indeterminate++
	}
	d.gaps[c.bucket(gap)]++
	switch {
	case d.Paced == 1:
		d.Into, d.IntoViolates, d.IntoUnclear, d.IntoMixed = gap, k.TooSoon, k.unclear, mixed
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

func (c *dayCounter) download(r *store.Call, k *kind) {
	d := c.today
	d.Bytes += r.ResponseBytes
	if !k.Storage {
		c.hour.turn(r.StartedAt, c.a.calend.zone)
		d.hours[(int(c.hour.local.Weekday())+6)%7*24+c.hour.local.Hour()]++
	}
	c.large(Download{ID: r.ID, At: r.StartedAt, Bytes: r.ResponseBytes, Status: r.Status})
	if !k.Complete || k.Storage && r.ItemHash == 0 {
		return
	}
	item := egress.Item(r)
	i, again := c.items[item]
	if !again {
		c.items[item] = len(c.seen)
		c.seen = append(c.seen, seenItem{
			Repeat{FirstID: r.ID, FirstAt: r.StartedAt, LastID: r.ID, LastAt: r.StartedAt, Downloads: 1},
			d.Day.Day,
		})
		return
	}
	s := &c.seen[i]
	if k.Again {
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
	if len(l) == rules.MaxIDs && d.Bytes <= l[rules.MaxIDs-1].Bytes {
		return
	}
	i, _ := slices.BinarySearchFunc(l, d,
		func(a, b Download) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.ID, b.ID)) })
	l = slices.Insert(l, i, d)
	c.out.Largest = l[:min(len(l), rules.MaxIDs)]
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
		d.Answers, d.Gaps = tallies(d.answers), tallies(d.gaps)
		d.Hours, d.Findings = tallies(d.hours[:]), tallies(d.findings)
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
	for i := range c.seen {
		if c.seen[i].Downloads > 1 {
			all = append(all, c.seen[i].Repeat)
		}
	}
	slices.SortFunc(all, func(a, b Repeat) int {
		return cmp.Or(cmp.Compare(b.Wasted, a.Wasted), cmp.Compare(b.Downloads, a.Downloads),
			cmp.Compare(a.FirstID, b.FirstID))
	})
	return slices.Clip(all[:min(len(all), rules.MaxIDs)])
}

func (c *dayCounter) origins() (all []Origin) {
	for k, n := range c.origin {
		o := Origin{Client: k.client, Requests: *n}
		if k.source != nil {
			o.Kind, o.Source = k.source.Kind, k.source.Name
			o.Resolution = time.Duration(k.source.Resolution) * time.Microsecond
		}
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Source, b.Source), cmp.Compare(a.Client, b.Client))
	})
	return all
}

// nameRecordings fills in the keys of the largest and of the repeated recordings.
func (t *TenantDays) nameRecordings(ctx context.Context, snap store.Snapshot) error {
	of := map[int64][]*string{}
	for i := range t.Largest {
		of[t.Largest[i].ID] = append(of[t.Largest[i].ID], &t.Largest[i].Key)
	}
	for i := range t.Repeated {
		of[t.Repeated[i].LastID] = append(of[t.Repeated[i].LastID], &t.Repeated[i].Key)
	}
	found, err := snap.ByID(ctx, slices.Sorted(maps.Keys(of)))
	if err != nil {
		return err
	}
	for i := range found {
		for _, key := range of[found[i].ID] {
			*key = found[i].Key
		}
	}
	return nil
}
