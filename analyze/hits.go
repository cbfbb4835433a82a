package analyze

import (
	"time"

	"github.com/6dcca832/headroom/store"
)

// hits counts what made a rule fire.
type hits struct {
	Count       int64
	First, Last int64   // microseconds since 1970 UTC
	IDs         []int64 // at most MaxIDs
}

func (h *hits) add(r *store.Call) { h.note(r.StartedAt, r.ID) }

// note counts one more; times need not come in order.
func (h *hits) note(at, id int64) {
	if h.Count == 0 || at < h.First {
		h.First = at
	}
	if h.Count == 0 || at > h.Last {
		h.Last = at
	}
	h.Count++
	if len(h.IDs) < MaxIDs {
		h.IDs = append(h.IDs, id)
	}
}

func (h *hits) merge(o hits) {
	if o.Count == 0 {
		return
	}
	if h.Count == 0 || o.First < h.First {
		h.First = o.First
	}
	if h.Count == 0 || o.Last > h.Last {
		h.Last = o.Last
	}
	h.Count += o.Count
	for _, id := range o.IDs {
		if len(h.IDs) < MaxIDs {
			h.IDs = append(h.IDs, id)
		}
	}
}

func micros(d time.Duration) int64 { return d.Microseconds() }
