package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
)

// Snapshot is the log as it was at one moment, whatever other goroutines and processes write meanwhile. Its methods may
// be called by several goroutines. It must be closed, or the file's write-ahead log keeps growing.
type Snapshot struct {
	store *Store
	names *names
	mark  int64                 // requests up to this id are in chunks
	chunk map[int64][]chunkMeta // by tenant, in order of time
	tail  map[int64][]entry     // requests after mark, by tenant, in order
	hash  map[int64]uint64      // of routes

	mu   sync.Mutex // guards conn: a connection does one thing at a time
	conn *sql.Conn
	data *sql.Stmt
}

// chunkMeta is a chunk without what it holds.
type chunkMeta struct {
	id, tenant, rows int64
	firstAt, lastAt  int64
}

func (c chunkMeta) seal(data []byte) []byte { return seal(data, c.tenant, c.rows, c.firstAt, c.lastAt) }

func (c chunkMeta) unseal(sealed []byte) ([]byte, error) {
	data, ok := unseal(sealed, c.tenant, c.rows, c.firstAt, c.lastAt)
	if !ok {
		return nil, errChunk
	}
	return data, nil
}

// Snapshot opens a snapshot of the file as it is now.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("read database %q: %w", s.path, explain(err))
	}
	n := &Snapshot{store: s, conn: conn, chunk: map[int64][]chunkMeta{}, tail: map[int64][]entry{}, hash: map[int64]uint64{}}
	if err := n.load(ctx); err != nil {
		n.Close()
		return nil, fmt.Errorf("read database %q: %w", s.path, explain(err))
	}
	return n, nil
}

func (n *Snapshot) load(ctx context.Context) (err error) {
	if _, err := n.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if n.mark, err = mark(ctx, n.conn); err != nil {
		return err
	}
	if n.names, err = loadNames(ctx, n.conn); err != nil {
		return err
	}
	for id, r := range n.names.routes {
		n.hash[id] = r.hash()
	}
	if err := n.loadChunks(ctx); err != nil {
		return err
	}
	if err := n.loadTail(ctx); err != nil {
		return err
	}
	n.data, err = n.conn.PrepareContext(ctx, "SELECT data FROM cache_chunk WHERE id = ?")
	return err
}

func (n *Snapshot) loadChunks(ctx context.Context) error {
	if n.mark == 0 {
		return nil
	}
	return each(ctx, n.conn, "SELECT tenant_id, id, rows, first_at, last_at FROM cache_chunk INDEXED BY cache_chunk_tenant ORDER BY tenant_id, first_at, first_id",
		func(scan func(...any) error) error {
			var c chunkMeta
			if err := scan(&c.tenant, &c.id, &c.rows, &c.firstAt, &c.lastAt); err != nil {
				return err
			}
			before := n.chunk[c.tenant]
			if len(before) > 0 && before[len(before)-1].lastAt > c.firstAt || c.lastAt < c.firstAt {
				return errChunk
			}
			n.chunk[c.tenant] = append(before, c)
			return nil
		})
}

func (n *Snapshot) loadTail(ctx context.Context) error {
	err := readRows(ctx, n.conn, rowsAfter, func(r *storedRow) error {
		q := r.request(n.names)
		n.tail[r.tenant] = append(n.tail[r.tenant], pack(&q, ref{r.tenant, r.route, r.source, r.client.Int64}))
		return nil
	}, n.mark, math.MaxInt64)
	for _, entries := range n.tail {
		slices.SortFunc(entries, compareEntries)
	}
	return err
}

// Close ends the snapshot.
func (n *Snapshot) Close() error {
	if n.data != nil {
		n.data.Close()
	}
	_, _ = n.conn.ExecContext(context.Background(), "ROLLBACK") // nothing was written; a failure shows in Close
	return n.conn.Close()
}

// TenantInfo is what the log holds of a tenant.
type TenantInfo struct {
	Name string
	// Requests is how many requests are stored; 0 for a tenant that only an event names.
	Requests int64
	// First and Last are the first and last StartedAt; 0 without requests.
	First, Last int64
}

// Tenants gives all tenants by name.
func (n *Snapshot) Tenants() []TenantInfo {
	var infos []TenantInfo
	for id, name := range n.names.tenants {
		t := TenantInfo{Name: name, First: math.MaxInt64}
		for _, c := range n.chunk[id] {
			t.Requests += c.rows
			t.First, t.Last = min(t.First, c.firstAt), max(t.Last, c.lastAt)
		}
		if tail := n.tail[id]; len(tail) > 0 {
			t.Requests += int64(len(tail))
			t.First, t.Last = min(t.First, tail[0].at), max(t.Last, tail[len(tail)-1].at)
		}
		if t.Requests == 0 {
			t.First = 0
		}
		infos = append(infos, t)
	}
	slices.SortFunc(infos, func(a, b TenantInfo) int { return cmp.Compare(a.Name, b.Name) })
	return infos
}

// Routes gives all routes that requests have, by ID.
func (n *Snapshot) Routes() []*Route {
	routes := make([]*Route, 0, len(n.names.routes))
	for _, r := range n.names.routes {
		routes = append(routes, r)
	}
	slices.SortFunc(routes, func(a, b *Route) int { return int(a.ID - b.ID) })
	return routes
}

// Sources gives all sources that requests have, by ID.
func (n *Snapshot) Sources() []*Source {
	sources := make([]*Source, 0, len(n.names.sources))
	for _, s := range n.names.sources {
		sources = append(sources, s)
	}
	slices.SortFunc(sources, func(a, b *Source) int { return int(a.ID - b.ID) })
	return sources
}

// Range selects requests by StartedAt: From inclusive, To exclusive, in microseconds since 1970 UTC. A To of 0 means no
// end, so the zero Range selects all.
type Range struct{ From, To int64 }

func (r Range) end() int64 {
	if r.To == 0 {
		return math.MaxInt64
	}
	return r.To
}

// Scan gives a tenant's requests in order of (StartedAt, ID), in batches that are valid until the next one. It reads the
// packed columns: Key, Query, Params, FirstByte and RequestBytes are not filled (ItemHash, ItemAt and ParamsHash are), Duration
// and RetryAfter only for answers from 400 on and for no answer. An unknown tenant has no requests.
func (n *Snapshot) Scan(ctx context.Context, tenant string, r Range) iter.Seq2[[]Request, error] {
	id := n.names.byName[tenant]
	return func(yield func([]Request, error) bool) {
		s := scans.Get().(*scan)
		defer s.release()
		s.snap, s.tenant, s.tail, s.r = n, tenant, n.tail[id], r
		for _, c := range n.chunk[id] {
			if c.lastAt < r.From {
				continue
			}
			if c.firstAt >= r.end() {
				break
			}
			if err := s.unpack(ctx, c); err != nil {
				yield(nil, fmt.Errorf("scan requests of %q: %w", tenant, explain(err)))
				return
			}
			for from := 0; from < s.cols.n; from += scanRows {
				batch := s.part(from, min(from+scanRows, s.cols.n))
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

// scanRows is how many requests a Scan gives at once: 100 kB of them, to stay in a core's cache while they are judged.
const scanRows = 512

// scan is the state of one Scan.
type scan struct {
	snap      *Snapshot
	tenant    string
	r         Range
	tail      []entry // not given yet
	cols      columns
	raw       []byte
	batch     []Request
	templates []Request
}

// scans are used again: their buffers hold a megabyte.
var scans = sync.Pool{New: func() any { return new(scan) }}

func (s *scan) release() {
	s.snap, s.tail = nil, nil
	scans.Put(s)
}

// unpack reads a chunk.
func (s *scan) unpack(ctx context.Context, c chunkMeta) error {
	data, err := s.snap.read(ctx, c, &s.raw)
	if err != nil {
		return err
	}
	if err := s.cols.decode(data, func(id int64) uint64 { return s.snap.hash[id] }); err != nil {
		return err
	}
	s.templates = resize(s.templates, len(s.cols.kinds))
	for i, k := range s.cols.kinds {
		s.templates[i] = s.snap.template(s.tenant, k)
	}
	return nil
}

// part gives the unpacked requests from one index to another, and those of the tail that come before the last of them.
func (s *scan) part(from, to int) []Request {
	s.batch = s.batch[:0]
	for i := from; i < to; i++ {
		at, id := s.cols.at[i], s.cols.id[i]
		for len(s.tail) > 0 && (s.tail[0].at < at || s.tail[0].at == at && s.tail[0].id < id) {
			s.fromTail()
		}
		if at < s.r.From || at >= s.r.end() {
			continue
		}
		s.batch = append(s.batch, s.templates[s.cols.which[i]])
		q := &s.batch[len(s.batch)-1]
		q.StartedAt, q.ID, q.ResponseBytes = at, id, s.cols.bytes[i]
		q.ItemHash, q.ParamsHash = s.cols.item[i], s.cols.params[i]
		q.Duration, q.RetryAfter, q.ItemAt = s.cols.duration[i], s.cols.retryAfter[i], s.cols.itemAt[i]
	}
	return s.batch
}

// rest gives the next requests of the tail alone.
func (s *scan) rest() []Request {
	s.batch = s.batch[:0]
	for len(s.tail) > 0 && len(s.batch) < scanRows {
		s.fromTail()
	}
	return s.batch
}

func (s *scan) fromTail() {
	e := &s.tail[0]
	s.tail = s.tail[1:]
	if e.at < s.r.From || e.at >= s.r.end() {
		return
	}
	s.batch = append(s.batch, s.snap.unpack(s.tenant, e))
}

// template is a request of that kind without what differs from row to row.
func (n *Snapshot) template(tenant string, k kind) Request {
	class := min(int(k.flags>>errorShift), len(errorClasses)-1)
	return Request{
		Tenant: tenant, Status: int(k.status), CutShort: k.flags&flagCutShort != 0, Error: errorClasses[class],
		Route: n.names.routes[int64(k.route)], Client: n.names.clients[int64(k.client)], Source: n.names.sources[int64(k.source)],
	}
}

func (n *Snapshot) unpack(tenant string, e *entry) Request {
	q := n.template(tenant, e.kind)
	q.StartedAt, q.ID, q.ResponseBytes, q.ItemHash, q.ParamsHash = e.at, e.id, e.bytes, e.item, e.params
	q.Duration, q.RetryAfter, q.ItemAt = e.duration, e.retryAfter, e.itemAt
	return q
}

// read gives a chunk's data, which buf holds.
func (n *Snapshot) read(ctx context.Context, chunk chunkMeta, buf *[]byte) ([]byte, error) {
	*buf = (*buf)[:0]
	if err := n.readSealed(ctx, chunk.id, buf); err != nil {
		return nil, err
	}
	return chunk.unseal(*buf)
}

func (n *Snapshot) readSealed(ctx context.Context, chunk int64, buf *[]byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	rows, err := n.data.QueryContext(ctx, chunk)
	if err != nil {
		return err
	}
	defer rows.Close()
	var raw sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		*buf = append(*buf, raw...)
	}
	return rows.Err()
}

// errStopped ends a reading whose caller wants no more.
var errStopped = errors.New("stopped")

// Rows gives whole requests in order of arrival (ID), of one tenant, or of all where tenant is "". It reads every row of
// the file. Until it ends, it keeps the snapshot to itself: the loop must call none of the methods that take a context.
func (n *Snapshot) Rows(ctx context.Context, tenant string, r Range) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) {
		err := n.rows(ctx, rowColumns+"WHERE started_at >= ? AND started_at < ? AND (? = '' OR tenant_id = ?) ORDER BY id", func(q Request) error {
			if !yield(q, nil) {
				return errStopped
			}
			return nil
		}, r.From, r.end(), tenant, n.names.byName[tenant])
		if err != nil && err != errStopped {
			yield(Request{}, fmt.Errorf("read requests: %w", explain(err)))
		}
	}
}

// ByID gives whole requests in the order of ids; ids that are not there are left out.
func (n *Snapshot) ByID(ctx context.Context, ids []int64) ([]Request, error) {
	var found []Request
	for _, id := range ids {
		err := n.rows(ctx, rowByID, func(q Request) error { found = append(found, q); return nil }, id)
		if err != nil {
			return nil, fmt.Errorf("read request %d: %w", id, explain(err))
		}
	}
	return found, nil
}

// rows reads the snapshot's one connection, so f must not call the snapshot's other methods.
func (n *Snapshot) rows(ctx context.Context, query string, f func(Request) error, args ...any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return readRows(ctx, n.conn, query, func(r *storedRow) error { return f(r.request(n.names)) }, args...)
}
