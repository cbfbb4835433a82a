package sqlite

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

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// Snapshot is the log as it was at one moment, whatever other goroutines and processes write
// meanwhile. Its methods may be called by several goroutines. It must be closed, or the file's
// write-ahead log keeps growing.
type Snapshot struct {
	store      *Store
	seen       stamp // of a file that is read as if it could not change
	names      *names
	packedUpTo int64                  // requests up to this id are in chunks
	chunk      map[int64][]chunkMeta  // by tenant, in order of time
	tail       map[int64][]pack.Entry // requests after packedUpTo, by tenant, in order
	hash       table[uint64]          // of routes

	mu   sync.Mutex // guards conn: a connection does one thing at a time
	conn *sql.Conn
	data *sql.Stmt
}

// chunkMeta is a chunk without what it holds.
type chunkMeta struct {
	id, tenant, rows int64
	firstAt, lastAt  int64
}

// errChunk: the cache is not what was written. The disk may have lost more than that.
var errChunk = fmt.Errorf(
	"the cache of packed requests %w: check the disk, then restore a copy, or have the cache made anew "+
		"from the rows with sqlite3 FILE \"DELETE FROM cache_chunk\"",
	store.ErrDamaged,
)

// decode unpacks a chunk's data into c; hash gives the hash of a route.
func decode(c *pack.Columns, data []byte, hash func(route int64) uint64) error {
	if c.Decode(data, hash) != nil {
		return errChunk
	}
	return nil
}

func (c chunkMeta) seal(data []byte) []byte {
	return pack.Seal(data, c.tenant, c.rows, c.firstAt, c.lastAt)
}

func (c chunkMeta) unseal(sealed []byte) ([]byte, error) {
	data, ok := pack.Unseal(sealed, c.tenant, c.rows, c.firstAt, c.lastAt)
	if !ok {
		return nil, errChunk
	}
	return data, nil
}

// Snapshot opens a snapshot of the file as it is now.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	n, err := s.snapshot(ctx)
	if err != nil {
		return nil, err // a nil *Snapshot in the interface would not be nil
	}
	return n, nil
}

// SnapshotOfRows opens a snapshot that reads every row and nothing of the cache.
func (s *Store) SnapshotOfRows(ctx context.Context) (store.Snapshot, error) {
	n, err := s.snapshotFrom(ctx, func(context.Context, queryer) (int64, error) { return 0, nil })
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (s *Store) snapshot(ctx context.Context) (*Snapshot, error) {
	return s.snapshotFrom(ctx, packedUpTo)
}

// snapshotFrom opens a snapshot; packed gives the last request that it reads from the cache.
func (s *Store) snapshotFrom(
	ctx context.Context, packed func(context.Context, queryer) (int64, error),
) (*Snapshot, error) {
	db, seen, err := s.current()
	if err != nil {
		return nil, fmt.Errorf("read database %q: %w", s.path, explain(err))
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("read database %q: %w", s.path, explain(err))
	}
	n := &Snapshot{
		store: s,
		conn:  conn,
		seen:  seen,
		chunk: map[int64][]chunkMeta{},
		tail:  map[int64][]pack.Entry{},
	}
	if err := n.load(ctx, packed); err != nil {
		n.Close()
		return nil, fmt.Errorf("read database %q: %w", s.path, explain(err))
	}
	return n, nil
}

func (n *Snapshot) load(
	ctx context.Context, packed func(context.Context, queryer) (int64, error),
) (err error) {
	if _, err := n.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if n.packedUpTo, err = packed(ctx, n.conn); err != nil {
		return err
	}
	if n.names, err = loadNames(ctx, n.conn); err != nil {
		return err
	}
	for r := range n.names.routes.values() {
		if r != nil {
			n.hash.set(r.ID, r.Hash())
		}
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
	if n.packedUpTo == 0 {
		return nil
	}
	return each(
		ctx,
		n.conn,
		"SELECT tenant_id, id, rows, first_at, last_at FROM cache_chunk INDEXED BY cache_chunk_tenant ORDER BY tenant_id, first_at, first_id",
		func(scan func(...any) error) error {
			var c chunkMeta
			if err := scan(&c.tenant, &c.id, &c.rows, &c.firstAt, &c.lastAt); err != nil {
				return err
			}
			if c.rows < 1 || c.rows > pack.MaxRows {
				return errChunk
			}
			before := n.chunk[c.tenant]
			if len(before) > 0 && before[len(before)-1].lastAt > c.firstAt || c.lastAt < c.firstAt {
				return errChunk
			}
			n.chunk[c.tenant] = append(before, c)
			return nil
		},
	)
}

func (n *Snapshot) loadTail(ctx context.Context) error {
	err := readRows(ctx, n.conn, rowsAfter, func(r *storedRow) error {
		q := r.request(n.names)
		n.tail[r.tenant] = append(n.tail[r.tenant],
			newEntry(&q, ref{r.tenant, r.route, r.source, r.client.Int64}))
		return nil
	}, n.packedUpTo, math.MaxInt64)
	for _, entries := range n.tail {
		slices.SortFunc(entries, pack.Compare)
	}
	return err
}

// Close ends the snapshot.
func (n *Snapshot) Close() error {
	if n.data != nil {
		n.data.Close()
	}
	// Nothing was written; a failure shows in Close.
	_, _ = n.conn.ExecContext(context.Background(), "ROLLBACK")
	return errors.Join(n.conn.Close(), n.store.unchanged(n.seen))
}

// Tenants gives all tenants by name.
func (n *Snapshot) Tenants() []store.TenantInfo {
	var infos []store.TenantInfo
	for id, name := range n.names.tenants {
		t := store.TenantInfo{Name: name, First: math.MaxInt64}
		for _, c := range n.chunk[id] {
			t.Requests += c.rows
			t.First, t.Last = min(t.First, c.firstAt), max(t.Last, c.lastAt)
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
func (n *Snapshot) Routes() []*store.Route {
	routes := make([]*store.Route, 0, n.names.routes.n)
	for r := range n.names.routes.values() {
		if r != nil {
			routes = append(routes, r)
		}
	}
	slices.SortFunc(routes, func(a, b *store.Route) int { return int(a.ID - b.ID) })
	return routes
}

// Sources gives all sources that requests have, by ID.
func (n *Snapshot) Sources() []*store.Source {
	sources := make([]*store.Source, 0, len(n.names.sources))
	for _, s := range n.names.sources {
		sources = append(sources, s)
	}
	slices.SortFunc(sources, func(a, b *store.Source) int { return int(a.ID - b.ID) })
	return sources
}

// Scan gives a tenant's calls in order of (StartedAt, ID), in batches that are valid until the next
// one. It reads the packed columns. An unknown tenant has no calls.
func (n *Snapshot) Scan(
	ctx context.Context, tenant string, r store.Range,
) iter.Seq2[[]store.Call, error] {
	id := n.names.byName[tenant]
	return func(yield func([]store.Call, error) bool) {
		s := scans.Get().(*scan)
		defer s.release()
		s.snap, s.tail, s.r = n, n.tail[id], r
		for _, c := range n.chunk[id] {
			if c.lastAt < r.From {
				continue
			}
			if c.firstAt >= r.End() {
				break
			}
			if err := s.unpack(ctx, c); err != nil {
				yield(nil, fmt.Errorf("scan requests of %q: %w", tenant, explain(err)))
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
	snap      *Snapshot
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
	s.snap, s.tail = nil, nil
	scans.Put(s)
}

// unpack reads a chunk.
func (s *scan) unpack(ctx context.Context, c chunkMeta) error {
	data, err := s.snap.read(ctx, c, &s.raw)
	if err != nil {
		return err
	}
	if err := decode(&s.cols, data, s.snap.hash.get); err != nil {
		return err
	}
	s.templates = slices.Grow(s.templates[:0], len(s.cols.Kinds))[:len(s.cols.Kinds)]
	for i, k := range s.cols.Kinds {
		s.templates[i] = s.snap.template(k)
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
		q.Duration = s.cols.Duration[i]
		q.FirstByte, q.RequestBytes = s.cols.FirstByte[i], s.cols.RequestBytes[i]
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
	s.batch = append(s.batch, s.snap.unpack(e))
}

// template is a call of that kind without what differs from row to row.
func (n *Snapshot) template(k pack.Kind) store.Call {
	return store.Call{
		Status: int(k.Status), CutShort: k.CutShort(), Error: k.Error(),
		Route:  n.names.routes.get(int64(k.Route)),
		Client: n.names.clients.get(int64(k.Client)), Source: n.names.sources[int64(k.Source)],
	}
}

func (n *Snapshot) unpack(e *pack.Entry) store.Call {
	q := n.template(e.Kind)
	q.StartedAt, q.ID = e.At, e.ID
	q.ResponseBytes, q.ItemHash, q.ParamsHash = e.Bytes, e.Item, e.Params
	q.Duration, q.FirstByte, q.RequestBytes = e.Duration, e.FirstByte, e.RequestBytes
	q.RetryAfter, q.ItemAt = e.RetryAfter, e.ItemAt
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

// Rows gives whole requests in order of arrival (ID), of one tenant, or of all where tenant is "".
// It reads every row of the file. Until it ends, it keeps the snapshot to itself: the loop must
// call none of the methods that take a context.
func (n *Snapshot) Rows(
	ctx context.Context, tenant string, r store.Range,
) iter.Seq2[store.Request, error] {
	return func(yield func(store.Request, error) bool) {
		err := n.rows(
			ctx,
			rowColumns+"WHERE started_at >= ? AND started_at < ? AND (? = '' OR tenant_id = ?) ORDER BY id",
			func(q store.Request) error {
				if !yield(q, nil) {
					return errStopped
				}
				return nil
			},
			r.From,
			r.End(),
			tenant,
			n.names.byName[tenant],
		)
		if err != nil && err != errStopped {
			yield(store.Request{}, fmt.Errorf("read requests: %w", explain(err)))
		}
	}
}

// ByID gives whole requests in the order of ids; ids that are not there are left out.
func (n *Snapshot) ByID(ctx context.Context, ids []int64) ([]store.Request, error) {
	var found []store.Request
	for _, id := range ids {
		err := n.rows(ctx, rowByID, func(q store.Request) error { found = append(found, q); return nil },
			id)
		if err != nil {
			return nil, fmt.Errorf("read request %d: %w", id, explain(err))
		}
	}
	return found, nil
}

// rows reads the snapshot's one connection, so f must not call the snapshot's other methods.
func (n *Snapshot) rows(
	ctx context.Context, query string, f func(store.Request) error, args ...any,
) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return readRows(
		ctx,
		n.conn,
		query,
		func(r *storedRow) error { return f(r.request(n.names)) },
		args...)
}
