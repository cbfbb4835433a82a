package analyze

import (
	"fmt"

	"github.com/6dcca832/headroom/store"
)

// spacing judges the gaps between the starts of the frequency rule's class.
//
// A gap g is from one start to the next. With r the larger of the two clocks' resolutions (times are floored, so the
// true gap lies in (g−r, g+r)), it is a violation when g < min for r = 0 or g+r ≤ min for r > 0, and indeterminate when
// r > 0 and g−r < min < g+r.
type spacing struct {
	Requests      int64
	Last          previous
	Kept          bool // whether Last surely kept the minimum
	Gaps          Gaps
	Violations    hits
	Shortest      int64 // the shortest violation
	Indeterminate int64
	Interleaved   hits
	Pairs         map[string]int64 // clients of interleaved violations
}

// previous is the request before.
type previous struct {
	At, ID, Resolution int64
	Client             string
}

// maxPairs bounds how many pairs of clients are told apart.
const maxPairs = 8

func (a *Auditor) pace(r *store.Call) {
	s := &a.Spacing
	now := previous{At: r.StartedAt, ID: r.ID, Client: r.Client}
	if r.Source != nil {
		now.Resolution = r.Source.Resolution
	}
	before := s.Last
	s.Last, s.Kept = now, false
	s.Requests++
	if s.Requests == 1 {
		return
	}
	gap := now.At - before.At
	s.Gaps.Add(gap)
	least, res := micros(a.policy.Frequency.MinInterval), max(now.Resolution, before.Resolution)
	switch {
	case res == 0 && gap < least, res > 0 && gap+res <= least:
		a.tooSoon(r, gap, least, before)
	case res > 0 && gap-res < least && least < gap+res:
		s.Indeterminate++
	default:
		s.Kept = true
	}
}

func (a *Auditor) tooSoon(r *store.Call, gap, least int64, before previous) {
	s := &a.Spacing
	if s.Violations.Count == 0 || gap < s.Shortest {
		s.Shortest = gap
	}
	a.hit(&s.Violations, RuleSpacing, r, func() string {
		return fmt.Sprintf("started %s after request %d; the minimum is %s", seconds(gap), before.ID, seconds(least))
	})
	if r.Client == "" || before.Client == "" || r.Client == before.Client {
		return
	}
	a.hit(&s.Interleaved, RuleInterleaved, r, func() string {
		return fmt.Sprintf("sent by %s, %s after request %d of %s", r.Client, seconds(gap), before.ID, before.Client)
	})
	pair := fmt.Sprintf("%q and %q", min(r.Client, before.Client), max(r.Client, before.Client))
	if s.Pairs == nil {
		s.Pairs = map[string]int64{}
	}
	if _, ok := s.Pairs[pair]; ok || len(s.Pairs) < maxPairs {
		s.Pairs[pair]++
	}
}

// seconds writes microseconds as seconds, exactly.
func seconds(us int64) string {
	s := fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
	for len(s) > 1 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s + " s"
}
