package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// History answers whether a tenant's recordings were asked for before, without unpacking everything
// that came before.
type History struct {
	ctx     context.Context
	snap    *Snapshot
	id      int64
	filters map[int64][]byte // by chunk; nil before the first question
}

// History is for one goroutine.
func (n *Snapshot) History(ctx context.Context, tenant string) store.History {
	return &History{ctx: ctx, snap: n, id: n.names.byName[tenant]}
}

// Find gives the tenant's requests with that ItemHash that started at or before the given time
// (microseconds since 1970 UTC), in order, as Scan would.
func (h *History) Find(item uint64, until int64) ([]store.Call, error) {
	if err := h.load(); err != nil {
		return nil, fmt.Errorf("look up recording: %w", explain(err))
	}
	var found []store.Call
	for _, c := range h.snap.chunk[h.id] {
		if c.firstAt > until {
			break
		}
		if f, ok := h.filters[c.id]; ok && !pack.MayHold(f, item) {
			continue
		}
		entries, err := h.snap.entries(h.ctx, c)
		if err != nil {
			return nil, fmt.Errorf("look up recording: %w", explain(err))
		}
		found = h.pick(found, entries, item, until)
	}
	found = h.pick(found, h.snap.tail[h.id], item, until)
	// The tail may begin before the last chunk ends.
	slices.SortFunc(found, func(x, y store.Call) int {
		return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	return found, nil
}

func (h *History) pick(
	found []store.Call, entries []pack.Entry, item uint64, until int64,
) []store.Call {
	for i := range entries {
		if entries[i].Item == item && entries[i].At <= until {
			found = append(found, h.snap.unpack(&entries[i]))
		}
	}
	return found
}

func (h *History) load() error {
	if h.filters != nil {
		return nil
	}
	filters := map[int64][]byte{}
	h.snap.mu.Lock()
	defer h.snap.mu.Unlock()
	err := each(
		h.ctx,
		h.snap.conn,
		`SELECT f.chunk_id, f.bits FROM cache_chunk c INDEXED BY cache_chunk_tenant
		JOIN cache_filter f ON f.chunk_id = c.id WHERE c.tenant_id = ?`,
		func(scan func(...any) error) error {
			var id int64
			var bits []byte
			err := scan(&id, &bits)
			if f, ok := pack.Unseal(bits, id); ok { // a chunk without a filter may hold any
				filters[id] = f
			}
			return err
		},
		h.id,
	)
	if err == nil {
		h.filters = filters
	}
	return err
}
