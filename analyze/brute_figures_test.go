package analyze_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze"
)

func (b *brute) spacing() {
	s := &b.result.Spacing
	s.Class, s.MinInterval, s.Min, s.P50, s.P95 = audio, 3*time.Second, -1, -1, -1
	var gaps []int64
	var bad, mixed []int
	last := -1
	for i := range b.rows {
		c := &b.rows[i]
		if c.class != audio {
			continue
		}
		s.Requests++
		if last >= 0 {
			before := &b.rows[last]
			g, r := c.StartedAt-before.StartedAt, max(c.Source.Resolution, before.Source.Resolution)
			gaps = append(gaps, g)
			switch {
			case r == 0 && g < 3*second, r > 0 && g+r <= 3*second:
				bad = append(bad, i)
				if c.Client != "" && before.Client != "" && c.Client != before.Client {
					mixed = append(mixed, i)
				}
			case r > 0 && g-r < 3*second && 3*second < g+r:
				s.Indeterminate++
			}
		}
		last = i
	}
	s.Violations = int64(len(bad))
	if len(gaps) > 0 {
		s.Min, s.P50, s.P95 = slices.Min(gaps), nearestRank(gaps, 50), nearestRank(gaps, 95)
	}
	b.fire(analyze.RuleSpacing, analyze.Violation, bad)
	b.fire(analyze.RuleInterleaved, analyze.Warning, mixed)
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
		_, expected := b.policy.Status(c.Status, c.Route.Method)
		want := analyze.StatusCount{Method: c.Route.Method, Class: c.class, Status: c.Status, Expected: expected}
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

func (b *brute) egress(got analyze.Cap) {
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
	b.fire(analyze.RuleOverCap, analyze.Violation, over)
	b.cap(got)
}

// cap gives the cap by its best source. When a cap is learned the promises do not say; it needs a refusal, or more than
// the estimate must have been downloaded.
func (b *brute) cap(got analyze.Cap) {
	known, c := b.about.Cap, &b.result.Egress.Cap
	guess := b.policy.Egress.Cap(known.Agents, known.BytesPerHour)
	learnable := func() bool {
		return anyOf(b.seen, func(c *call) bool { return c.Status == 509 || guess > 0 && b.rolling(c.StartedAt) > guess })
	}
	switch {
	case known.Told > 0:
		*c = analyze.Cap{Bytes: known.Told, Source: analyze.CapTold}
	case got.Source == analyze.CapLearned && learnable():
		*c = analyze.Cap{Bytes: got.Bytes, Source: analyze.CapLearned}
	case known.Agents > 0 && known.BytesPerHour > 0:
		*c = analyze.Cap{Bytes: guess, Source: analyze.CapMeasured}
	case known.Agents > 0:
		*c = analyze.Cap{Bytes: guess, Source: analyze.CapAssumed}
	default:
		*c = analyze.Cap{Source: analyze.CapUnknown}
	}
}
