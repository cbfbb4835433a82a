package packed

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// Chunk is a chunk without what it holds: a tenant's requests from one time to another, in
// microseconds since 1970 UTC, both inclusive.
type Chunk struct {
	ID, Tenant, Rows int64
	FirstAt, LastAt  int64
}

// Seal appends the checksum to what pack.Encode gave.
func (c Chunk) Seal(data []byte) []byte {
	return pack.Seal(data, c.Tenant, c.Rows, c.FirstAt, c.LastAt)
}

// Unseal gives what was sealed; it is not ok where that is not what the chunk says.
func (c Chunk) Unseal(sealed []byte) (data []byte, ok bool) {
	return pack.Unseal(sealed, c.Tenant, c.Rows, c.FirstAt, c.LastAt)
}

// Data reads what chunks hold, as it was when the snapshot was opened. It is safe for use by
// several goroutines, and its errors say what to do.
type Data interface {
	// ReadChunk gives a chunk's sealed bytes, none where the chunk is gone. It may put them into the
	// memory of buf.
	ReadChunk(ctx context.Context, c Chunk, buf []byte) ([]byte, error)
	// ReadFilters calls f with the sealed filter of each of a tenant's chunks.
	ReadFilters(ctx context.Context, tenant int64, f func(chunk int64, sealed []byte)) error
}

// Reader reads the requests of a log as they were at one moment. Its methods may be called by
// several goroutines.
type Reader struct {
	// Names are those of all rows.
	Names *Names
	// Mark is the number up to which all requests are in chunks; 0 means that none are.
	Mark int64

	data    Data
	damaged error
	chunks  map[int64][]Chunk      // by tenant, in order of time
	tail    map[int64][]pack.Entry // requests after Mark, by tenant, in order
}

// NewReader reads nothing yet: AddChunk and AddRow say what there is. The error damaged is given
// where the cache is not what was written.
func NewReader(names *Names, mark int64, data Data, damaged error) *Reader {
	return &Reader{
		Names: names, Mark: mark, data: data, damaged: damaged,
		chunks: map[int64][]Chunk{}, tail: map[int64][]pack.Entry{},
	}
}

// AddChunk adds a chunk; those of a tenant come in order of time.
func (n *Reader) AddChunk(c Chunk) error {
	before := n.chunks[c.Tenant]
	overlaps := len(before) > 0 && before[len(before)-1].LastAt > c.FirstAt
	if c.Rows < 1 || c.Rows > pack.MaxRows || c.LastAt < c.FirstAt || overlaps {
		return n.damaged
	}
	n.chunks[c.Tenant] = append(before, c)
	return nil
}

// AddRow adds a request after the mark, in any order; Sort comes after the last.
func (n *Reader) AddRow(tenant int64, e pack.Entry) { n.tail[tenant] = append(n.tail[tenant], e) }

// Sort puts what AddRow got in order.
func (n *Reader) Sort() {
	for _, entries := range n.tail {
		slices.SortFunc(entries, pack.Compare)
	}
}

// TailFrom says whether the tenant has a request after the mark that began at a time or before.
func (n *Reader) TailFrom(tenant, at int64) bool {
	tail := n.tail[tenant]
	return len(tail) > 0 && tail[0].At <= at
}

// Tenants gives all tenants by name.
func (n *Reader) Tenants() []store.TenantInfo {
	var infos []store.TenantInfo
	for id, name := range n.Names.Tenants {
		t := store.TenantInfo{Name: name, First: math.MaxInt64}
		for _, c := range n.chunks[id] {
			t.Requests += c.Rows
			t.First, t.Last = min(t.First, c.FirstAt), max(t.Last, c.LastAt)
		}
		if tail := n.tail[id]; len(tail) > 0 {
			t.Requests += int64(len(tail))
			t.First, t.Last = min(t.First, tail[0].At), max(t.Last, tail[len(tail)-1].At)
		}
		if t.Requests == 0 {
			t.First = 0
		}
		infos = append(infos, t)
	}
	slices.SortFunc(infos, func(a, b store.TenantInfo) int { return cmp.Compare(a.Name, b.Name) })
	return infos
}

// Routes gives all routes that requests have, by ID.
func (n *Reader) Routes() []*store.Route { return n.Names.Routes() }

// Sources gives all sources that requests have, by ID.
func (n *Reader) Sources() []*store.Source { return n.Names.sources() }

// Scan gives a tenant's calls in order of (StartedAt, ID), in batches that are valid until the next
// one. An unknown tenant has no calls.
func (n *Reader) Scan(
	ctx context.Context, tenant string, r store.Range,
) iter.Seq2[[]store.Call, error] {
	id := n.Names.ByName[tenant]
	return func(yield func([]store.Call, error) bool) {
		s := scans.Get().(*scan)
		defer s.release()
		s.reader, s.tail, s.r = n, n.tail[id], r
		for _, c := range n.chunks[id] {
			if c.LastAt < r.From {
				continue
			}
			if c.FirstAt >= r.End() {
				break
			}
			if err := s.unpack(ctx, c); err != nil {
				yield(nil, fmt.Errorf("scan requests of %q: %w", tenant, err))
				return
			}
			for from := 0; from < s.cols.N; from += scanRows {
				batch := s.part(from, min(from+scanRows, s.cols.N))
				if len(batch) > 0 && !yield(batch, nil) {
					return
				}
			}
		}
		for len(s.tail) > 0 {
			if batch := s.rest(); len(batch) > 0 && !yield(batch, nil) {
				return
			}
		}
	}
}

// scanRows is how many requests a Scan gives at once: 100 kB of them, to stay in a core's cache
// while they are judged.
const scanRows = 512

// scan is the state of one Scan.
type scan struct {
	reader    *Reader
	r         store.Range
	tail      []pack.Entry // not given yet
	cols      pack.Columns
	raw       []byte
	batch     []store.Call
	templates []store.Call
}

// scans are used again: their buffers hold a megabyte.
var scans = sync.Pool{New: func() any { return new(scan) }}

func (s *scan) release() {
	s.reader, s.tail = nil, nil
	scans.Put(s)
}

// unpack reads a chunk.
func (s *scan) unpack(ctx context.Context, c Chunk) (err error) {
	if s.raw, err = s.reader.decode(ctx, c, s.raw, &s.cols); err != nil {
		return err
	}
	s.templates = slices.Grow(s.templates[:0], len(s.cols.Kinds))[:len(s.cols.Kinds)]
	for i, k := range s.cols.Kinds {
		s.templates[i] = s.reader.template(k)
	}
	return nil
}

// part gives the unpacked requests from one index to another, and those of the tail that come
// before the last of them.
func (s *scan) part(from, to int) []store.Call {
	s.batch = s.batch[:0]
	for i := from; i < to; i++ {
		at, id := s.cols.At[i], s.cols.ID[i]
		for len(s.tail) > 0 && (s.tail[0].At < at || s.tail[0].At == at && s.tail[0].ID < id) {
			s.fromTail()
		}
		if at < s.r.From || at >= s.r.End() {
			continue
		}
		s.batch = append(s.batch, s.templates[s.cols.Which[i]])
		q := &s.batch[len(s.batch)-1]
		q.StartedAt, q.ID, q.ResponseBytes = at, id, s.cols.Bytes[i]
		q.ItemHash, q.ParamsHash = s.cols.Item[i], s.cols.Params[i]
		q.Duration, q.FirstByte = s.cols.Duration[i], s.cols.FirstByte[i]
		q.RequestBytes = s.cols.RequestBytes[i]
		q.RetryAfter, q.ItemAt = s.cols.RetryAfter[i], s.cols.ItemAt[i]
	}
	return s.batch
}

// rest gives the next requests of the tail alone.
func (s *scan) rest() []store.Call {
	s.batch = s.batch[:0]
	for len(s.tail) > 0 && len(s.batch) < scanRows {
		s.fromTail()
	}
	return s.batch
}

func (s *scan) fromTail() {
	e := &s.tail[0]
	s.tail = s.tail[1:]
	if e.At < s.r.From || e.At >= s.r.End() {
		return
	}
	s.batch = append(s.batch, s.reader.unpack(e))
}

// template is a call of that kind without what differs from row to row.
func (n *Reader) template(k pack.Kind) store.Call {
	return store.Call{
		Status: int(k.Status), CutShort: k.CutShort(), Error: k.Error(),
		Route:  n.Names.Route(int64(k.Route)),
		Client: n.Names.Clients.Get(int64(k.Client)), Source: n.Names.Sources[int64(k.Source)],
	}
}

func (n *Reader) unpack(e *pack.Entry) store.Call {
	q := n.template(e.Kind)
	q.StartedAt, q.ID, q.ResponseBytes = e.At, e.ID, e.Bytes
	q.ItemHash, q.ParamsHash = e.Item, e.Params
	q.Duration, q.FirstByte, q.RequestBytes = e.Duration, e.FirstByte, e.RequestBytes
	q.RetryAfter, q.ItemAt = e.RetryAfter, e.ItemAt
	return q
}

// decode unpacks a chunk into cols; raw, and what it gives back, is memory to use again.
func (n *Reader) decode(
	ctx context.Context, c Chunk, raw []byte, cols *pack.Columns,
) ([]byte, error) {
	raw, err := n.data.ReadChunk(ctx, c, raw)
	if err != nil {
		return raw, err
	}
	data, ok := c.Unseal(raw)
	if !ok || cols.Decode(data, n.Names.routeHash) != nil {
		return raw, n.damaged
	}
	return raw, nil
}

// unpacker is what entries uses again: half a megabyte.
type unpacker struct {
	raw     []byte
	columns pack.Columns
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// entries unpacks a chunk.
func (n *Reader) entries(ctx context.Context, c Chunk) (entries []pack.Entry, err error) {
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	if u.raw, err = n.decode(ctx, c, u.raw, &u.columns); err != nil {
		return nil, err
	}
	entries = make([]pack.Entry, u.columns.N)
	for i := range entries {
		entries[i] = u.columns.Entry(i)
	}
	return entries, nil
}
