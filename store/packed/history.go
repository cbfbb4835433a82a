package packed

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// history answers whether a tenant's recordings were asked for before, without unpacking everything
// that came before.
type history struct {
	ctx     context.Context
	reader  *Reader
	id      int64
	filters map[int64][]byte // by chunk; nil before the first question
}

// History looks up a tenant's recordings. It is for one goroutine.
func (n *Reader) History(ctx context.Context, tenant string) store.History {
	return &history{ctx: ctx, reader: n, id: n.Names.ByName[tenant]}
}

// Find implements store.History.
func (h *history) Find(item uint64, until int64) ([]store.Call, error) {
	if err := h.load(); err != nil {
		return nil, fmt.Errorf("look up recording: %w", err)
	}
	var found []store.Call
	for _, c := range h.reader.chunks[h.id] {
		if c.FirstAt > until {
			break
		}
		if f, ok := h.filters[c.ID]; ok && !pack.MayHold(f, item) {
			continue
		}
		entries, err := h.reader.entries(h.ctx, c)
		if err != nil {
			return nil, fmt.Errorf("look up recording: %w", err)
		}
		found = h.pick(found, entries, item, until)
	}
	found = h.pick(found, h.reader.tail[h.id], item, until)
	// The tail may begin before the last chunk ends.
	slices.SortFunc(found, func(x, y store.Call) int {
		return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	return found, nil
}

func (h *history) pick(
	found []store.Call, entries []pack.Entry, item uint64, until int64,
) []store.Call {
	for i := range entries {
		if entries[i].Item == item && entries[i].At <= until {
			found = append(found, h.reader.unpack(&entries[i]))
		}
	}
	return found
}

func (h *history) load() error {
	if h.filters != nil {
		return nil
	}
	filters := map[int64][]byte{}
	err := h.reader.data.ReadFilters(h.ctx, h.id, func(chunk int64, sealed []byte) {
		if f, ok := pack.Unseal(sealed, chunk); ok { // a chunk without a filter may hold any
			filters[chunk] = f
		}
	})
	if err == nil {
		h.filters = filters
	}
	return err
}
