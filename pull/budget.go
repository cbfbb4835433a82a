package pull

import (
	"slices"
	"time"
)

// budget is the rolling window of one tenant: what was spent in it, and what may still be.
type budget struct {
	limit  int64 // bytes that may be in the window; 0 means no limit
	window time.Duration
	spent  []Spend // in order of time
	sum    int64
	// notBefore is until when a refusal holds, the zero time without one.
	notBefore time.Time
}

func newBudget(t Tenant, window time.Duration, reserve float64) *budget {
	b := &budget{window: window, spent: slices.Clone(t.Spent)}
	if t.Cap > 0 {
		b.limit = max(1, int64(float64(t.Cap)*(1-reserve)))
	}
	for _, s := range b.spent {
		b.sum += s.Bytes
	}
	if !t.Refused.IsZero() {
		b.notBefore = t.Refused.Add(RefusedWait + time.Microsecond) // its last moment is within it
	}
	return b
}

// clone is a copy for a plan, which spends nothing for real.
func (b *budget) clone() *budget {
	c := *b
	c.spent = slices.Clone(b.spent)
	return &c
}

// at is the sum of the window that ends at a time, which must not go back.
func (b *budget) at(now time.Time) int64 {
	i := 0
	for i < len(b.spent) && !b.spent[i].At.After(now.Add(-b.window)) {
		b.sum -= b.spent[i].Bytes
		i++
	}
	b.spent = b.spent[i:]
	return b.sum
}

func (b *budget) spend(now time.Time, bytes int64) {
	if bytes > 0 {
		b.spent = append(b.spent, Spend{now, bytes})
		b.sum += bytes
	}
}

// fits says whether a recording of a size may be begun now.
func (b *budget) fits(now time.Time, size int64, mode Cutoff) bool {
	sum := b.at(now)
	if now.Before(b.notBefore) {
		return false
	}
	if b.limit == 0 {
		return true
	}
	if mode == Soft {
		return sum < b.limit
	}
	return sum+size <= b.limit
}

// roomAt is when a recording of a size may be begun: now, or when enough has left the window. ok
// is false for one that is larger than the limit.
func (b *budget) roomAt(now time.Time, size int64, mode Cutoff) (at time.Time, ok bool) {
	if b.fits(now, size, mode) {
		return now, true
	}
	if mode == Soft {
		size = 1
	}
	sum := b.sum
	if b.limit == 0 || sum+size <= b.limit {
		return b.notBefore, true
	}
	for _, s := range b.spent {
		if sum -= s.Bytes; sum+size <= b.limit {
			at := s.At.Add(b.window)
			if at.Before(b.notBefore) {
				at = b.notBefore
			}
			return at, true
		}
	}
	return time.Time{}, false
}
