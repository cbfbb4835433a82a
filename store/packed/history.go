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
	// The chunks that were unpacked last, the newest first. The chunk in which an audit goes on holds
	// the very requests that it asks about, and questions about a repeated pull meet one older chunk
	// after the other.
	recent [2]unpackedChunk
}

type unpackedChunk struct {
	id   int64 // 0: none yet
	cols *pack.Columns
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
		cols, err := h.unpack(c)
		if err != nil {
			return nil, fmt.Errorf("look up recording: %w", err)
		}
		for i, other := range cols.Item {
			if other == item && cols.At[i] <= until {
				e := cols.Entry(i)
				found = append(found, h.reader.unpack(&e))
			}
		}
	}
	for i := range h.reader.tail[h.id] {
		if e := &h.reader.tail[h.id][i]; e.Item == item && e.At <= until {
			found = append(found, h.reader.unpack(e))
		}
	}
	// The tail may begin before the last chunk ends.
	slices.SortFunc(found, func(x, y store.Call) int {
		return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	return found, nil
}

// unpack gives what a chunk holds, until the second call after this one.
func (h *history) unpack(c Chunk) (*pack.Columns, error) {
	if h.recent[0].id == c.ID {
		return h.recent[0].cols, nil
	}
	h.recent[0], h.recent[1] = h.recent[1], h.recent[0]
	if u := &h.recent[0]; u.id != c.ID {
		if u.cols == nil {
			u.cols = new(pack.Columns)
		}
		u.id = 0
		if _, err := h.reader.decode(h.ctx, c, nil, u.cols); err != nil {
			return nil, err
		}
		u.id = c.ID
	}
	return h.recent[0].cols, nil
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
