package packed

import (
	"context"
	"slices"
	"sort"

	"github.com/6dcca832/headroom/store/pack"
)

// existing looks up requests that were in the store before an import began.
//
// A log in whole seconds can have any number of requests at one time, and looking each of them up
// among all the others would take the square of that number. So a time that proves crowded gets an
// index, a moment.
type existing struct {
	reader *Reader
	upto   int64 // rows with a higher number came later
	// A bit for each row that a request of the file was matched with.
	matched map[int64]*[matchedPage / 64]uint64
	chunks  map[int64][]pack.Entry
	order   []int64 // of unpacking, for forgetting
	moments map[momentKey]moment
	looked  int // entries looked at one by one, for tests
}

const (
	// matchedPage is how many rows share a part of existing.matched: the numbers of a stranger's file
	// may be any.
	matchedPage = 1 << 16
	// keepChunks bounds what is kept unpacked: some 100 MB when all chunks are full.
	keepChunks = 256
	// crowded is how many entries are looked at in vain before their time is indexed.
	crowded = 256
	// maxMoments bounds the indexes that are kept; what was matched is known without them.
	maxMoments = 64
	// harKind is the Kind of sources that are HAR files.
	harKind = "har"
)

type momentKey struct{ tenant, at int64 }

// moment holds, by matchKey, the rows of one time that nothing was matched with yet.
type moment map[pack.Entry][]int64

func newExisting(reader *Reader, upto int64) *existing {
	return &existing{
		reader: reader, upto: upto, matched: map[int64]*[matchedPage / 64]uint64{},
		chunks: map[int64][]pack.Entry{},
	}
}

// matchKey is what equal requests have in common.
func matchKey(tenant int64, e *pack.Entry) pack.Entry {
	return pack.Entry{
		At: e.At, ID: tenant, Bytes: e.Bytes, Item: e.Item, Params: e.Params,
		Kind: pack.Kind{Route: e.Kind.Route, Status: e.Kind.Status, Client: e.Kind.Client},
	}
}

// match finds a row like the given one that was not matched before, and matches it.
func (x *existing) match(
	ctx context.Context, tenant int64, like pack.Entry,
) (found bool, err error) {
	key := momentKey{tenant, like.At}
	if m, ok := x.moments[key]; ok {
		return x.take(m, like), nil
	}
	looked := 0
	err = x.eachAt(ctx, tenant, like.At, func(e *pack.Entry) bool {
		looked++
		if found = !x.isMarked(e.ID) && matchKey(tenant, e) == like; found {
			x.mark(e.ID)
		}
		return !found
	})
	x.looked += looked
	if err == nil && looked > crowded {
		err = x.index(ctx, key)
	}
	return found, err
}

// matchAnswered finds a row of a HAR like the given one but for its answer, and matches it.
func (x *existing) matchAnswered(
	ctx context.Context, tenant int64, like pack.Entry,
) (found bool, err error) {
	err = x.eachAt(ctx, tenant, like.At, func(e *pack.Entry) bool {
		other := matchKey(tenant, e)
		other.Bytes, other.Kind.Status = like.Bytes, like.Kind.Status
		har := x.reader.Names.isHAR(e.Kind.Source)
		if found = har && !x.isMarked(e.ID) && other == like; found {
			x.mark(e.ID)
		}
		return !found
	})
	return found, err
}

// take matches a row like the given one.
func (x *existing) take(m moment, like pack.Entry) bool {
	ids := m[like]
	if len(ids) == 0 {
		return false
	}
	x.mark(ids[0])
	m[like] = ids[1:]
	return true
}

// index makes the moment of a tenant's time.
func (x *existing) index(ctx context.Context, key momentKey) error {
	m := moment{}
	err := x.eachAt(ctx, key.tenant, key.at, func(e *pack.Entry) bool {
		if !x.isMarked(e.ID) {
			like := matchKey(key.tenant, e)
			m[like] = append(m[like], e.ID)
		}
		return true
	})
	if err != nil {
		return err
	}
	if x.moments == nil || len(x.moments) >= maxMoments {
		x.moments = map[momentKey]moment{}
	}
	x.moments[key] = m
	return nil
}

// eachAt calls f with the tenant's entries of a time that were there before, until f has enough.
func (x *existing) eachAt(
	ctx context.Context, tenant, at int64, f func(*pack.Entry) bool,
) error {
	chunks := x.reader.chunks[tenant]
	first := sort.Search(len(chunks), func(i int) bool { return chunks[i].LastAt >= at })
	for _, c := range chunks[first:] {
		if c.FirstAt > at {
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
	x.eachIn(x.reader.tail[tenant], at, f)
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

func (x *existing) isMarked(id int64) bool {
	page := x.matched[id/matchedPage]
	return page != nil && page[id%matchedPage/64]>>(id%64)&1 == 1
}

func (x *existing) mark(id int64) {
	page := x.matched[id/matchedPage]
	if page == nil {
		page = new([matchedPage / 64]uint64)
		x.matched[id/matchedPage] = page
	}
	page[id%matchedPage/64] |= 1 << (id % 64)
}

func (x *existing) unpack(ctx context.Context, c Chunk) ([]pack.Entry, error) {
	if entries, ok := x.chunks[c.ID]; ok {
		return entries, nil
	}
	entries, err := x.reader.entries(ctx, c)
	if err != nil {
		return nil, err
	}
	if len(x.order) == keepChunks {
		delete(x.chunks, x.order[0])
		x.order = slices.Delete(x.order, 0, 1)
	}
	x.chunks[c.ID] = entries
	x.order = append(x.order, c.ID)
	return entries, nil
}
