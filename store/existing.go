package store

import (
	"context"
	"slices"
	"sort"
	"sync"
)

// existing looks up requests that were in the store before an import began.
type existing struct {
	snap    *Snapshot
	upto    int64    // rows with a higher id came later
	matched []uint64 // a bit for each row that a request of the file was matched with
	chunks  map[int64][]entry
	order   []int64 // of unpacking, for forgetting
}

// keepChunks bounds what is kept unpacked: some 100 MB when all chunks are full.
const keepChunks = 256

func newExisting(snap *Snapshot, upto int64) *existing {
	return &existing{snap: snap, upto: upto, matched: make([]uint64, upto/64+1), chunks: map[int64][]entry{}}
}

// match finds a row like the given one that was not matched before, and matches it.
func (x *existing) match(ctx context.Context, tenant int64, like entry) (bool, error) {
	metas := x.snap.chunk[tenant]
	first := sort.Search(len(metas), func(i int) bool { return metas[i].lastAt >= like.at })
	for _, c := range metas[first:] {
		if c.firstAt > like.at {
			break
		}
		entries, err := x.unpack(ctx, c.id)
		if err != nil {
			return false, err
		}
		if x.matchIn(tenant, entries, like) {
			return true, nil
		}
	}
	return x.matchIn(tenant, x.snap.tail[tenant], like), nil
}

func (x *existing) matchIn(tenant int64, entries []entry, like entry) bool {
	i := sort.Search(len(entries), func(i int) bool { return entries[i].at >= like.at })
	for ; i < len(entries) && entries[i].at == like.at; i++ {
		e := &entries[i]
		if e.id > x.upto || likeness(tenant, e) != like {
			continue
		}
		if word, bit := &x.matched[e.id/64], uint64(1)<<(e.id%64); *word&bit == 0 {
			*word |= bit
			return true
		}
	}
	return false
}

func (x *existing) unpack(ctx context.Context, chunk int64) ([]entry, error) {
	if entries, ok := x.chunks[chunk]; ok {
		return entries, nil
	}
	entries, err := x.snap.entries(ctx, chunk)
	if err != nil {
		return nil, err
	}
	if len(x.order) == keepChunks {
		delete(x.chunks, x.order[0])
		x.order = slices.Delete(x.order, 0, 1)
	}
	x.chunks[chunk] = entries
	x.order = append(x.order, chunk)
	return entries, nil
}

// unpacker is what entries uses again: half a megabyte.
type unpacker struct {
	raw     []byte
	columns columns
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// entries unpacks a chunk.
func (n *Snapshot) entries(ctx context.Context, chunk int64) ([]entry, error) {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	if err := n.read(ctx, chunk, &u.raw); err != nil {
		return nil, err
	}
	if err := u.columns.decode(u.raw, func(id int64) uint64 { return n.hash[id] }); err != nil {
		return nil, err
	}
	entries := make([]entry, u.columns.n)
	for i := range entries {
		entries[i] = u.columns.entry(i)
	}
	return entries, nil
}
