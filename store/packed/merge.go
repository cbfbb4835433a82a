package packed

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/6dcca832/headroom/store/pack"
)

// Builder collects requests that are not in chunks yet. It holds all rows with a number in (From,
// Upto], so that after a Flush the mark may move to Upto.
type Builder struct {
	From, Upto int64
	// Count is how many there are.
	Count   int
	pending map[int64]*pending // by tenant
	free    [][]pack.Entry     // empty blocks of blockRows
	scratch []pack.Entry
}

// pending are a tenant's requests in blocks. A slice that grows to a quarter of a million entries
// would copy each some five times on its way.
type pending struct {
	blocks [][]pack.Entry
	rows   int
}

const (
	// blockRows is the size of a block, firstRows of a tenant's first one: of many tenants most have
	// few requests.
	blockRows = 256
	firstRows = 16
)

// NewBuilder begins after the given row.
func NewBuilder(from int64) *Builder {
	return &Builder{From: from, Upto: from, pending: map[int64]*pending{}}
}

// Add takes a stored request; numbers must come in order.
func (b *Builder) Add(tenant int64, e pack.Entry) {
	p := b.pending[tenant]
	if p == nil {
		p = &pending{blocks: [][]pack.Entry{make([]pack.Entry, 0, firstRows)}}
		b.pending[tenant] = p
	}
	last := len(p.blocks) - 1
	if len(p.blocks[last]) == cap(p.blocks[last]) {
		p.blocks, last = append(p.blocks, b.block()), last+1
	}
	p.blocks[last] = append(p.blocks[last], e)
	p.rows++
	b.Upto = e.ID
	b.Count++
}

func (b *Builder) block() []pack.Entry {
	if n := len(b.free); n > 0 {
		block := b.free[n-1]
		b.free = b.free[:n-1]
		return block
	}
	return make([]pack.Entry, 0, blockRows)
}

// entries gives a tenant's requests above a number. The slice is valid until the next call.
func (b *Builder) entries(p *pending, above int64) []pack.Entry {
	b.scratch = slices.Grow(b.scratch[:0], p.rows)
	for _, block := range p.blocks {
		b.scratch = append(b.scratch, block...)
	}
	n, _ := slices.BinarySearchFunc(b.scratch, above+1,
		func(e pack.Entry, id int64) int { return cmp.Compare(e.ID, id) })
	return b.scratch[n:]
}

// maxTenants bounds the tenants whose memory a Builder uses again.
const maxTenants = 4096

// Reset empties the builder: it goes on after Upto.
func (b *Builder) Reset() {
	b.From, b.Count = b.Upto, 0
	for _, p := range b.pending {
		for _, block := range p.blocks[1:] {
			b.free = append(b.free, block[:0])
		}
		p.blocks, p.rows = append(p.blocks[:0], p.blocks[0][:0]), 0
	}
	if len(b.pending) > maxTenants {
		clear(b.pending)
	}
}

// Cache is what Flush writes to, inside one transaction.
type Cache interface {
	// Mark gives the number up to which all requests are in chunks, and how many those are. It is 0
	// where chunks are missing.
	Mark(ctx context.Context) (upto, rows int64, err error)
	SetMark(ctx context.Context, upto, rows int64) error
	// DropState removes a tenant's analysis state where it reaches to a time or beyond.
	DropState(ctx context.Context, tenant, at int64) error
	// Latest calls f with the tenant's chunks, latest first, until f has enough.
	Latest(ctx context.Context, tenant int64, f func(Chunk) (more bool)) error
	// Take removes a chunk and its filter, and gives its sealed bytes.
	Take(ctx context.Context, c Chunk) (sealed []byte, err error)
	// Put adds a chunk and its filter; both are for Seal yet. firstID and lastID are the numbers of
	// its first and last request.
	Put(ctx context.Context, c Chunk, firstID, lastID int64, data, filter []byte) error
	// Damaged is the error for a cache that is not what was written.
	Damaged() error
}

// Flush packs what b holds and empties it, inside the caller's transaction. Where another process
// has packed some of the rows meanwhile, those are left out.
func Flush(ctx context.Context, cache Cache, b *Builder) error {
	packed, before, err := cache.Mark(ctx)
	if err != nil {
		return err
	}
	if packed < b.From || packed >= b.Upto {
		// The cache was emptied, or all is packed: what b holds is of no use. The next refresh reads the
		// rows.
		b.Reset()
		return nil
	}
	m := merger{cache: cache}
	rows := 0
	for tenant, p := range b.pending {
		entries := b.entries(p, packed)
		rows += len(entries)
		if len(entries) > 0 {
			if err := m.tenant(ctx, tenant, entries); err != nil {
				return fmt.Errorf("pack requests: %w", err)
			}
		}
	}
	err = cache.SetMark(ctx, b.Upto, before+int64(rows))
	b.Reset()
	return err
}

// merger packs requests into the chunks of a cache.
type merger struct {
	cache   Cache
	columns pack.Columns // scratch
}

// tenant packs entries together with the chunks that they meet, and leaves all others as they are:
// a late request makes one chunk anew, wherever else the tenant has new ones.
func (m *merger) tenant(ctx context.Context, tenant int64, entries []pack.Entry) error {
	slices.SortFunc(entries, pack.Compare)
	if err := m.cache.DropState(ctx, tenant, entries[0].At); err != nil {
		return err
	}
	chunks, err := m.chunksFrom(ctx, tenant, entries[0].At)
	if err != nil {
		return err
	}
	for after := int64(math.MinInt64); len(entries) > 0; {
		n := groupEnd(chunks, entries)
		if err := m.group(ctx, tenant, entries[:n], chunks, after); err != nil {
			return err
		}
		after, entries = entries[n-1].At, entries[n:]
	}
	return nil
}

// chunksFrom gives the tenant's chunks, latest first, as far back as packing requests from a time
// on may need them.
func (m *merger) chunksFrom(ctx context.Context, tenant, from int64) (chunks []Chunk, err error) {
	err = m.cache.Latest(ctx, tenant, func(c Chunk) bool {
		if c.LastAt < from && c.Rows >= pack.MaxRows {
			return false
		}
		chunks = append(chunks, c)
		return true
	})
	return chunks, err
}

// groupEnd says how many of the first entries have no whole chunk between them.
func groupEnd(chunks []Chunk, entries []pack.Entry) int {
	oldest := len(chunks) - 1
	for i := 1; i < len(entries); i++ {
		for oldest >= 0 && chunks[oldest].FirstAt <= entries[i-1].At {
			oldest--
		}
		if oldest < 0 {
			break
		}
		if chunks[oldest].LastAt < entries[i].At {
			return i
		}
	}
	return len(entries)
}

// group merges entries with the chunks that they overlap, and with smaller ones just before, where
// those begin later than the group before. So a request is packed again at most log2(pack.MaxRows)
// times however small the flushes are, and a tenant has few small chunks. At the end of the log
// chunks are filled; amid others they are halved, for the next late one.
func (m *merger) group(
	ctx context.Context, tenant int64, entries []pack.Entry, chunks []Chunk, after int64,
) error {
	met, amid := touched(chunks, entries, after)
	if len(met) > 0 {
		old, err := m.take(ctx, met)
		if err != nil {
			return err
		}
		entries = append(old, entries...)
		slices.SortFunc(entries, pack.Compare) // two sorted runs: close to linear
	}
	size := pack.MaxRows
	if amid {
		parts := (len(entries) + pack.MaxRows - 1) / pack.MaxRows
		size = (len(entries) + parts - 1) / parts
	}
	for part := range slices.Chunk(entries, size) {
		first, last := part[0], part[len(part)-1]
		c := Chunk{Tenant: tenant, Rows: int64(len(part)), FirstAt: first.At, LastAt: last.At}
		err := m.cache.Put(ctx, c, first.ID, last.ID, pack.Encode(part), pack.MakeFilter(part))
		if err != nil {
			return err
		}
	}
	return nil
}

// touched gives the chunks to pack again with entries, and says whether others lie after them.
func touched(chunks []Chunk, entries []pack.Entry, after int64) (met []Chunk, amid bool) {
	first, last, n := entries[0].At, entries[len(entries)-1].At, int64(len(entries))
	for _, c := range chunks {
		switch {
		case c.FirstAt > last:
			amid = true
		case c.LastAt >= first, c.FirstAt > after && c.Rows < pack.MaxRows && c.Rows <= n:
			met, n = append(met, c), n+c.Rows
		default:
			return met, amid // chunks are disjoint: all others lie further back
		}
	}
	return met, amid
}

// take removes chunks and gives what was in them.
func (m *merger) take(ctx context.Context, chunks []Chunk) ([]pack.Entry, error) {
	var entries []pack.Entry
	for _, c := range chunks {
		sealed, err := m.cache.Take(ctx, c)
		if err != nil {
			return nil, err
		}
		data, ok := c.Unseal(sealed)
		if !ok || m.columns.Decode(data, func(int64) uint64 { return 0 }) != nil {
			return nil, m.cache.Damaged()
		}
		for i := range m.columns.N {
			entries = append(entries, m.columns.Entry(i))
		}
	}
	return entries, nil
}
