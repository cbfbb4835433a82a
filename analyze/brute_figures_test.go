package analyze_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
)

func (b *brute) spacing() {
	s := &b.result.Spacing
	s.Class, s.MinInterval, s.Min, s.P50, s.P95 = audio, 3*time.Second, -1, -1, -1
	var gaps []int64
	var bad, mixed []int
	pairs := map[string]bool{}
	last := -1
	for i := range b.rows {
		c := &b.rows[i]
		if c.class != audio {
			continue
		}
		counts := c.StartedAt >= b.count
		if counts {
			s.Requests++
		}
		if last >= 0 {
			before := &b.rows[last]
			g, r := c.StartedAt-before.StartedAt, max(c.Source.Resolution, before.Source.Resolution)
			if counts {
				gaps = append(gaps, g)
			}
			switch {
			case r == 0 && g < 3*second, r > 0 && g+r <= 3*second:
				bad = append(bad, i)
				if c.Client != "" && before.Client != "" && c.Client != before.Client {
					mixed = append(mixed, i)
					if counts {
						pairs[fmt.Sprintf("%q %q", min(c.Client, before.Client), max(c.Client, before.Client))] = true
					}
				}
			case r > 0 && g-r < 3*second && 3*second < g+r:
				if counts {
					s.Indeterminate++
				}
			}
		}
		last = i
	}
	for _, i := range bad {
		if b.rows[i].StartedAt >= b.count {
			s.Violations++
		}
	}
	if len(gaps) > 0 {
		s.Min, s.P50, s.P95 = slices.Min(gaps), nearestRank(gaps, 50), nearestRank(gaps, 95)
	}
	b.fire(rules.Spacing, analyze.Violation, bad)
	b.fire(rules.Interleaved, analyze.Warning, mixed)
	b.tell(rules.Interleaved, strings.Join(slices.Sorted(maps.Keys(pairs)), " "))
}

// nearestRank is the smallest of the values that at least percent of them do not exceed.
func nearestRank(values []int64, percent int) int64 {
	sorted := slices.Sorted(slices.Values(values))
	for k, v := range sorted {
		if (k+1)*100 >= percent*len(sorted) {
			return v
		}
	}
	panic("no values")
}

func (b *brute) statuses() {
	for _, c := range b.rows {
		if c.StartedAt < b.count {
			continue
		}
		want := analyze.StatusCount{
			Method: c.Route.Method, Class: c.class, Status: c.Status, Expected: expected(c.Status, c.Route.Method, c.class),
		}
		i := slices.IndexFunc(b.result.Statuses, func(s analyze.StatusCount) bool {
			s.Requests = 0
			return s == want
		})
		if i < 0 {
			i = len(b.result.Statuses)
			b.result.Statuses = append(b.result.Statuses, want)
		}
		b.result.Statuses[i].Requests++
	}
	slices.SortFunc(b.result.Statuses, func(x, y analyze.StatusCount) int {
		return cmp.Or(cmp.Compare(x.Method, y.Method), cmp.Compare(x.Class, y.Class), cmp.Compare(x.Status, y.Status))
	})
}

// rolling is the sum over (t − 120 h, t], without what a reset up to t dropped.
func (b *brute) rolling(t int64) (sum int64) {
	from := t - 120*hour
	for _, r := range b.resets {
		if r <= t {
			from = max(from, r)
		}
	}
	for i := range b.seen {
		if c := &b.seen[i]; c.class == audio && c.StartedAt > from && c.StartedAt <= t {
			sum += c.ResponseBytes
		}
	}
	return sum
}

func (b *brute) egress() {
	e := &b.result.Egress
	e.Window, e.Current = 120*time.Hour, b.rolling(b.asOf)
	var over []int
	for i, c := range b.rows {
		sum := b.rolling(c.StartedAt)
		if i == 0 || sum > e.Peak {
			e.Peak, e.PeakAt = sum, c.StartedAt
		}
		if c.class == audio {
			e.Total += c.ResponseBytes
		}
		if told := b.about.Cap.Told; told > 0 && sum >= told {
			over = append(over, i)
		}
	}
	b.fire(rules.OverCap, analyze.Violation, over)
	e.Cap = b.cap()
}

// cap gives the cap by its best source.
func (b *brute) cap() egress.Cap {
	known := b.about.Cap
	guess, source := int64(known.Agents)*8*5*9_097_200*2, egress.CapAssumed
	if known.BytesPerHour > 0 {
		guess, source = int64(float64(known.Agents*8*5)*known.BytesPerHour*2), egress.CapMeasured
	}
	low, high := b.bounds(b.asOf)
	switch {
	case known.Told > 0:
		return egress.Cap{Bytes: known.Told, Low: known.Told, High: known.Told, Source: egress.CapTold}
	case high > 0:
		return egress.Cap{Bytes: high, Low: low, High: high, Source: egress.CapLearned}
	case known.Agents > 0 && guess < low:
		return egress.Cap{Bytes: low, Low: low, Source: egress.CapLearned}
	case known.Agents > 0:
		return egress.Cap{Bytes: guess, Low: low, Source: source}
	}
	return egress.Cap{Low: low, Source: egress.CapUnknown}
}

// bounds are what the answers say of the cap: it was above the sums that were just before a served request, and not above
// those just before a refused one. An answer that cannot be true of the same cap as earlier ones puts those out of date,
// and so does time those of a refusal.
func (b *brute) bounds(asOf int64) (low, high int64) {
	var served, refused []int64
	var last int64
	over := func(now int64) bool {
		counts := 28 * 24 * hour
		if b.all[0].StartedAt > last-120*hour {
			counts = 120 * hour
		}
		return now-last >= counts
	}
	for i := range b.rows {
		c := &b.rows[i]
		if c.class != audio {
			continue
		}
		sum := b.sumBefore(c)
		switch c.Status {
		case 509:
			if len(served) > 0 && sum < slices.Max(served) {
				served = nil
			}
			if len(refused) > 0 && over(c.StartedAt) {
				refused = nil
			}
			refused, last = append(refused, sum), c.StartedAt
		case 200, 204:
			if len(refused) > 0 && sum > slices.Min(refused) {
				refused = nil
			}
			served = append(served, sum)
		}
	}
	if len(served) > 0 {
		low = slices.Max(served)
	}
	if len(refused) > 0 && !over(asOf) {
		high = slices.Min(refused)
	}
	return low, high
}

// sumBefore is the rolling sum at a request without its own bytes and those of later ones of the same start.
func (b *brute) sumBefore(c *call) int64 {
	sum := b.rolling(c.StartedAt)
	for i := range b.seen {
		same := &b.seen[i]
		if same.class == audio && same.StartedAt == c.StartedAt && same.ID >= c.ID && !slices.Contains(b.resets, c.StartedAt) {
			sum -= same.ResponseBytes
		}
	}
	return sum
}
