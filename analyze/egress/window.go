package egress

import (
	"time"

	"github.com/6dcca832/headroom/limits"
)

// Window keeps the exact rolling sum of bytes over (t − length, t], and its maximum over all
// requests. NewWindow makes one.
//
// The sum at a request takes in all requests of the same start, those after it in order too, so
// requests of one start are a group, whose sum is final when the next start arrives. A reset at R
// drops all bytes at or before R from sums at or after R. It fails only when a sum exceeds an
// int64, 9 exabytes.
type Window struct {
	Cells  []Cell // bytes in the window, oldest first
	Sum    int64
	Reset  int   // how many resets have been applied
	At     int64 // start of the group
	Begun  bool  // whether there is a group
	Open   bool  // whether the group has a request that is judged
	Judged bool  // whether any group before it had
	Peak   int64
	PeakAt int64 // the first group with that sum; of no meaning before one is judged
	Total  int64
	// Survived is the largest sum just before a request that was served, Refused the smallest just
	// before one refused for egress. Either starts anew when the other contradicts it; see learn.
	Survived, Refused int64
	// RefusedAt is the start of the last request that was refused, of meaning where HasRefused is set.
	RefusedAt  int64
	HasRefused bool
	// First is when the tenant's log begins: with the first request that Begin is told of, unless it
	// is set before.
	First    int64
	HasFirst bool

	length int64 // microseconds
	// memory is all that Cells lies in, from where it began to where it ends.
	memory []Cell
}

// Cell is what came at one time.
type Cell struct{ At, Bytes int64 }

// NewWindow is a window of a length before the first request.
func NewWindow(length time.Duration) Window { return Window{length: length.Microseconds()} }

// Begin moves the window's end to the start of the next request, which may be that of the last one.
func (w *Window) Begin(t *Tenant, at int64) {
	if at == w.At && w.Begun {
		return
	}
	if !w.HasFirst {
		w.First, w.HasFirst = at, true
	}
	w.Close()
	for w.Reset < len(t.Resets) && t.Resets[w.Reset] <= at {
		w.drop(t.Resets[w.Reset])
		w.Reset++
	}
	w.drop(at - w.length)
	w.At, w.Begun = at, true
}

// Add takes the bytes of a request that started when the window ends.
func (w *Window) Add(t *Tenant, bytes int64) {
	if w.Reset > 0 && t.Resets[w.Reset-1] == w.At {
		return // a reset drops what starts with it
	}
	w.Sum += bytes
	w.room()
	w.Cells = append(w.Cells, Cell{w.At, bytes})
}

// room moves the cells to the beginning of their memory where that is at least half empty, instead
// of letting append copy them elsewhere.
func (w *Window) room() {
	n := len(w.Cells)
	switch {
	case n < cap(w.Cells):
	case 2*n <= cap(w.memory):
		w.Cells = append(w.memory[:0], w.Cells...)
	default:
		w.Cells = append(make([]Cell, 0, max(16, 2*n)), w.Cells...)
		w.memory = w.Cells
	}
}

// drop removes all cells at or before a time.
func (w *Window) drop(upto int64) {
	n := 0
	for n < len(w.Cells) && w.Cells[n].At <= upto {
		w.Sum -= w.Cells[n].Bytes
		n++
	}
	w.Cells = w.Cells[n:]
}

// Close takes note of the sum of the group, if it is judged.
func (w *Window) Close() {
	if !w.Open {
		return
	}
	if !w.Judged || w.Sum > w.Peak {
		w.Peak, w.PeakAt = w.Sum, w.At
	}
	w.Open, w.Judged = false, true
}

// LearnFrom takes note of what the answer to a request says of the cap; its bytes are not yet in
// the sum.
func (w *Window) LearnFrom(role limits.Role) {
	if role == limits.RoleOK || role == limits.RoleEgressCap {
		w.learn(w.Sum, role == limits.RoleEgressCap)
	}
}

// learn compares a sum with those before. A refusal below a sum that was served, or a request
// served above a sum that was refused, means that the cap has changed in between: what was learned
// before is then out of date. So is a refusal that counts no longer when the next one comes.
func (w *Window) learn(sum int64, refused bool) {
	switch {
	case refused:
		if w.HasRefused && w.At < w.refusalEnds() {
			sum = min(sum, w.Refused)
		}
		w.Refused, w.RefusedAt, w.HasRefused = sum, w.At, true
		if w.Survived > sum {
			w.Survived = 0
		}
	case sum > w.Survived:
		w.Survived = sum
		w.HasRefused = w.HasRefused && sum <= w.Refused
	}
}

// Current is the sum over (asOf − length, asOf], for an asOf at or after the last request.
func (w *Window) Current(resets []int64, asOf int64) (sum int64) {
	from := asOf - w.length
	for _, r := range resets {
		if r <= asOf {
			from = max(from, r)
		}
	}
	for _, c := range w.Cells {
		if c.At > from && c.At <= asOf {
			sum += c.Bytes
		}
	}
	return sum
}
