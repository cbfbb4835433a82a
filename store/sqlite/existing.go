package sqlite

import (
	"context"
	"slices"
	"sort"
	"sync"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// existing looks up requests that were in the store before an import began.
type existing struct {
	snap *Snapshot
	upto int64 // rows with a higher id came later
	// A bit for each row that a request of the file was matched with.
	matched     map[int64]*[matchedPage / 64]uint64
	chunks      map[int64][]pack.Entry
	order       []int64 // of unpacking, for forgetting
	timeIndexes map[timeKey]timeIndex
	looked      int // entries looked at one by one, for tests
}

// matchedPage is how many rows share a part of existing.matched: the ids of a stranger's file may
// be any.
const matchedPage = 1 << 16

// keepChunks bounds what is kept unpacked: some 100 MB when all chunks are full.
const keepChunks = 256

func newExisting(snap *Snapshot, upto int64) *existing {
	return &existing{
		snap:    snap,
		upto:    upto,
		matched: map[int64]*[matchedPage / 64]uint64{},
		chunks:  map[int64][]pack.Entry{},
	}
}

// match finds a row that equals like and was not matched before, and marks it as matched.
func (x *existing) match(
	ctx context.Context, tenant int64, like pack.Entry,
) (found bool, err error) {
	key := timeKey{tenant, like.At}
	if m, ok := x.timeIndexes[key]; ok {
		return x.takeFrom(m, like), nil
	}
	looked := 0
	err = x.eachAt(ctx, tenant, like.At, func(e *pack.Entry) bool {
		looked++
		if found = !x.isMatched(e.ID) && matchKey(tenant, e) == like; found {
			x.setMatched(e.ID)
		}
		return !found
	})
	x.looked += looked
	if err == nil && looked > crowded {
		err = x.indexTime(ctx, key)
	}
	return found, err
}

// matchAnswered finds a row of a HAR that equals like in all but status and size, was not matched
// before, and marks it as matched.
func (x *existing) matchAnswered(
	ctx context.Context, tenant int64, like pack.Entry,
) (found bool, err error) {
	err = x.eachAt(ctx, tenant, like.At, func(e *pack.Entry) bool {
		other := matchKey(tenant, e)
		other.Bytes, other.Kind.Status = like.Bytes, like.Kind.Status
		if found = !x.isMatched(e.ID) && other == like && x.isHAR(e.Kind.Source); found {
			x.setMatched(e.ID)
		}
		return !found
	})
	return found, err
}

func (x *existing) isHAR(source uint32) bool {
	return slices.ContainsFunc(x.snap.Sources(),
		func(s *store.Source) bool { return s.ID == int64(source) && s.Kind == harKind })
}

// eachAt calls f with the tenant's entries of a time that were there before, until f has enough.
func (x *existing) eachAt(ctx context.Context, tenant, at int64, f func(*pack.Entry) bool) error {
	metas := x.snap.chunk[tenant]
	first := sort.Search(len(metas), func(i int) bool { return metas[i].lastAt >= at })
	for _, c := range metas[first:] {
		if c.firstAt > at {
			break
		}
		entries, err := x.unpack(ctx, c)
		if err != nil {
			return err
		}
		if !x.eachIn(entries, at, f) {
			return nil
		}
	}
	x.eachIn(x.snap.tail[tenant], at, f)
	return nil
}

func (x *existing) eachIn(entries []pack.Entry, at int64, f func(*pack.Entry) bool) (more bool) {
	i := sort.Search(len(entries), func(i int) bool { return entries[i].At >= at })
	for ; i < len(entries) && entries[i].At == at; i++ {
		if entries[i].ID > 0 && entries[i].ID <= x.upto && !f(&entries[i]) {
			return false
		}
	}
	return true
}

func (x *existing) isMatched(id int64) bool {
	page := x.matched[id/matchedPage]
	return page != nil && page[id%matchedPage/64]>>(id%64)&1 == 1
}

func (x *existing) setMatched(id int64) {
	page := x.matched[id/matchedPage]
	if page == nil {
		page = new([matchedPage / 64]uint64)
		x.matched[id/matchedPage] = page
	}
	page[id%matchedPage/64] |= 1 << (id % 64)
}

func (x *existing) unpack(ctx context.Context, chunk chunkMeta) ([]pack.Entry, error) {
	if entries, ok := x.chunks[chunk.id]; ok {
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
	x.chunks[chunk.id] = entries
	x.order = append(x.order, chunk.id)
	return entries, nil
}

// unpacker is what entries uses again: half a megabyte.
type unpacker struct {
	raw     []byte
	columns pack.Columns
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// entries unpacks a chunk.
func (n *Snapshot) entries(ctx context.Context, chunk chunkMeta) ([]pack.Entry, error) {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	data, err := n.read(ctx, chunk, &u.raw)
	if err != nil {
		return nil, err
	}
	if err := decode(&u.columns, data, n.hash.get); err != nil {
		return nil, err
	}
	entries := make([]pack.Entry, u.columns.N)
	for i := range entries {
		entries[i] = u.columns.Entry(i)
	}
	return entries, nil
}
