package analyze

import (
	"time"

	"github.com/6dcca832/headroom/store"
)

// window keeps the exact rolling sum of bytes over (t − length, t], and its maximum over all requests.
//
// The sum at a request takes in all requests of the same start, those after it in order too, so requests of one start
// are a group that is judged when the next start arrives. A reset at R drops all bytes at or before R from sums at or
// after R. It fails only when a sum exceeds an int64, 9 exabytes.
type window struct {
	Cells  []cell // bytes in the window, oldest first
	Sum    int64
	Reset  int   // how many resets have been applied
	At     int64 // start of the group
	Group  hits  // the group's requests, when they count
	Peak   int64
	PeakAt int64 // 0 before the first group
	Total  int64
	Over   hits // requests at or over the told cap
	// Survived is the largest sum just before a request that was served, Refused the smallest just before one refused for
	// egress, -1 without one. Either starts anew when the other contradicts it; see learn.
	Survived, Refused int64
}

type cell struct{ At, Bytes int64 }

// begin moves the window's end to the start of the next request.
func (w *window) begin(t *Tenant, length, at int64) {
	if at == w.At {
		return
	}
	w.close(t.Cap.told())
	for w.Reset < len(t.Resets) && t.Resets[w.Reset] <= at {
		w.drop(t.Resets[w.Reset])
		w.Reset++
	}
	w.drop(at - length)
	w.At = at
}

// add takes a request's bytes. Requests in a look-back, before the range that is judged, only fill the window.
func (w *window) add(t *Tenant, r *store.Request, egress, judged bool) {
	dropped := w.Reset > 0 && t.Resets[w.Reset-1] == r.StartedAt // a reset drops what starts with it
	if egress && !dropped {
		w.Sum += r.ResponseBytes
		w.Cells = append(w.Cells, cell{r.StartedAt, r.ResponseBytes})
	}
	if judged {
		w.Group.add(r)
	}
	if judged && egress {
		w.Total += r.ResponseBytes
	}
}

// drop removes all cells at or before a time.
func (w *window) drop(upto int64) {
	n := 0
	for n < len(w.Cells) && w.Cells[n].At <= upto {
		w.Sum -= w.Cells[n].Bytes
		n++
	}
	w.Cells = w.Cells[n:]
}

// close judges the group at w.At.
func (w *window) close(told int64) {
	if w.Group.Count == 0 {
		return
	}
	if w.PeakAt == 0 || w.Sum > w.Peak {
		w.Peak, w.PeakAt = w.Sum, w.At
	}
	if told > 0 && w.Sum >= told {
		w.Over.merge(w.Group)
	}
	w.Group = hits{IDs: w.Group.IDs[:0]}
}

// learn takes note of what the answer to a request says about the cap; sum is the one before the request. A refusal below
// a sum that was served, or a request served above a sum that was refused, means that the cap has changed in between:
// what was learned before is then out of date.
func (w *window) learn(sum int64, refused bool) {
	switch {
	case refused && (w.Refused < 0 || sum < w.Refused):
		w.Refused = sum
		if w.Survived > sum {
			w.Survived = 0
		}
	case !refused && sum > w.Survived:
		w.Survived = sum
		if w.Refused < sum {
			w.Refused = -1
		}
	}
}

// current is the sum over (asOf − length, asOf], for an asOf at or after the last request.
func (w *window) current(resets []int64, asOf, length int64) (sum int64) {
	from := asOf - length
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

// CapFacts is what is known of a tenant's cap from outside the requests. Zero values mean not known.
type CapFacts struct {
	Told         int64   // bytes, by support
	Agents       int     // licensed recorded agents
	BytesPerHour float64 // of recorded audio, the tenant's own; where 0, Run and Project measure it from the store's recording list
}

func (c CapFacts) told() int64 { return max(c.Told, 0) }

// resolve ranks what is known of the cap: told, else learned, else measured, else assumed.
//
// A refusal for egress bounds the cap from above by the rolling sum just before it, a request that was served bounds it
// from below. An estimate below a sum that was served is disproved, and that sum takes its place.
func (w *window) resolve(c CapFacts, estimate func(agents int, bytesPerHour float64) int64) Cap {
	low, high := w.Survived, max(w.Refused, 0)
	switch guess := estimate(c.Agents, c.BytesPerHour); {
	case c.told() > 0:
		return Cap{Bytes: c.Told, Low: c.Told, High: c.Told, Source: CapTold}
	case high > 0:
		return Cap{Bytes: high, Low: low, High: high, Source: CapLearned}
	case guess > 0 && guess < low:
		return Cap{Bytes: low, Low: low, Source: CapLearned}
	case guess > 0 && c.BytesPerHour > 0:
		return Cap{Bytes: guess, Low: low, Source: CapMeasured}
	case guess > 0:
		return Cap{Bytes: guess, Low: low, Source: CapAssumed}
	}
	return Cap{Low: low, Source: CapUnknown}
}

func micros(d time.Duration) int64 { return d.Microseconds() }
