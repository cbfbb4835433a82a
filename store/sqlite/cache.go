package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/store/pack"
)

// builder collects requests that are not in chunks yet, and writes them there. It holds all rows
// with an id in (from, upto], so that after a flush cache_mark may move to upto.
type builder struct {
	from, upto int64
	pending    map[int64][]pack.Entry // by tenant
	count      int
}

// maxPending bounds a builder's memory: some 20 MB. It is a variable for tests only.
var maxPending = 256 * 1024

func newBuilder(from int64) *builder {
	return &builder{from: from, upto: from, pending: map[int64][]pack.Entry{}}
}

// add takes a stored request; ids must come in order.
func (b *builder) add(tenant int64, e pack.Entry) {
	b.pending[tenant] = append(b.pending[tenant], e)
	b.upto = e.ID
	b.count++
}

// Refresh brings the cache up to date with the rows, at the cost of what was added since the last
// time. Reading works without it, only slower. It does nothing to a store that cannot be written.
func (s *Store) Refresh(ctx context.Context) error { return s.refresh(ctx, cachePatience) }

func (s *Store) refresh(ctx context.Context, patience time.Duration) error {
	for more := !s.readOnly; more; {
		err := s.writeWithin(ctx, patience, func(w *writer) (err error) {
			more, err = w.refreshSome(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("refresh cache: %w", err)
		}
	}
	return nil
}

// refreshSome packs at most maxPending rows, so that no transaction lasts long, and says whether
// there are more.
func (w *writer) refreshSome(ctx context.Context) (more bool, err error) {
	from, err := packedUpTo(ctx, w.conn)
	if err == nil && from == 0 {
		err = w.clearCache(ctx)
	}
	if err != nil {
		return false, err
	}
	names, err := loadNames(ctx, w.conn)
	if err != nil {
		return false, err
	}
	b := newBuilder(from)
	err = readRows(ctx, w.conn, rowsAfter, func(row *storedRow) error {
		b.add(row.tenant, row.entry(names))
		return nil
	}, from, maxPending)
	if err != nil || b.count == 0 {
		return false, err
	}
	more = b.count == maxPending // before flush empties b
	return more, w.flush(ctx, b)
}

// packedUpTo gives the id up to which all requests are in chunks. It is 0 where chunks are missing,
// because somebody emptied either table by hand or the file is damaged.
func packedUpTo(ctx context.Context, q queryer) (upto int64, err error) {
	var rows, packed, last int64
	var checksum []byte
	err = q.QueryRowContext(ctx, `SELECT upto, rows, checksum, 
		(SELECT coalesce(max(id), 0) FROM request),
		(SELECT coalesce(sum(rows), 0) FROM cache_chunk INDEXED BY cache_chunk_tenant)
		FROM cache_mark`).Scan(&upto, &rows, &checksum, &last, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if _, ok := pack.Unseal(checksum, upto, rows); !ok || rows != packed || upto > last {
		upto = 0
	}
	return upto, err
}

// setPackedUpTo says that all requests up to an id are in chunks, and how many those are.
func (w *writer) setPackedUpTo(ctx context.Context, upto, rows int64) error {
	_, err := w.conn.ExecContext(ctx, "REPLACE INTO cache_mark VALUES (1, ?, ?, ?)", upto, rows,
		pack.Seal(nil, upto, rows))
	return err
}

// flush packs what b holds and empties it, inside the caller's transaction. Where another process
// has packed some of the rows meanwhile, those are left out.
func (w *writer) flush(ctx context.Context, b *builder) error {
	packed, err := packedUpTo(ctx, w.conn)
	if err != nil {
		return err
	}
	if packed < b.from || packed >= b.upto {
		// The cache was emptied, or all is packed: what b holds is of no use. The next refresh reads the
		// rows.
		b.reset()
		return nil
	}
	rows := 0
	for tenant, entries := range b.pending {
		entries = slices.DeleteFunc(entries, func(e pack.Entry) bool { return e.ID <= packed })
		rows += len(entries)
		if len(entries) > 0 {
			if err := w.flushTenant(ctx, tenant, entries); err != nil {
				return fmt.Errorf("pack requests: %w", err)
			}
		}
	}
	var before int64
	err = w.conn.QueryRowContext(ctx, "SELECT coalesce(sum(rows), 0) FROM cache_mark").Scan(&before)
	if err == nil {
		err = w.setPackedUpTo(ctx, b.upto, before+int64(rows))
	}
	b.reset()
	return err
}

// maxTenants bounds the tenants whose memory a builder uses again.
const maxTenants = 4096

func (b *builder) reset() {
	b.from, b.count = b.upto, 0
	if len(b.pending) > maxTenants {
		clear(b.pending)
	}
	for tenant, entries := range b.pending {
		b.pending[tenant] = entries[:0]
	}
}

// flushTenant packs entries together with the chunks that they meet, and leaves all others as they
// are: a late request makes one chunk anew, wherever else the tenant has new ones.
func (w *writer) flushTenant(ctx context.Context, tenant int64, entries []pack.Entry) error {
	slices.SortFunc(entries, pack.Compare)
	if _, err := w.conn.ExecContext(ctx, "DELETE FROM cache_state WHERE tenant_id = ? AND upto_at >= ?", tenant, entries[0].At); err != nil {
		return err
	}
	chunks, err := w.chunksFrom(ctx, tenant, entries[0].At)
	if err != nil {
		return err
	}
	for after := int64(math.MinInt64); len(entries) > 0; {
		n := groupEnd(chunks, entries)
		if err := w.flushGroup(ctx, tenant, entries[:n], chunks, after); err != nil {
			return err
		}
		after, entries = entries[n-1].At, entries[n:]
	}
	return nil
}

// chunksFrom gives the tenant's chunks, latest first, as far back as packing requests from a time
// on may need them.
func (w *writer) chunksFrom(
	ctx context.Context, tenant, from int64,
) (chunks []chunkMeta, err error) {
	err = each(
		ctx,
		w.conn,
		`SELECT id, rows, first_at, last_at FROM cache_chunk INDEXED BY cache_chunk_tenant
		WHERE tenant_id = ? ORDER BY first_at DESC, first_id DESC`,
		func(scan func(...any) error) error {
			var c chunkMeta
			if err := scan(&c.id, &c.rows, &c.firstAt, &c.lastAt); err != nil {
				return err
			}
			c.tenant = tenant
			if c.lastAt < from && c.rows >= pack.MaxRows {
				return errStopped
			}
			chunks = append(chunks, c)
			return nil
		},
		tenant,
	)
	if errors.Is(err, errStopped) {
		err = nil
	}
	return chunks, err
}

// groupEnd says how many of the first entries have no whole chunk between them.
func groupEnd(chunks []chunkMeta, entries []pack.Entry) int {
	oldest := len(chunks) - 1
	for i := 1; i < len(entries); i++ {
		for oldest >= 0 && chunks[oldest].firstAt <= entries[i-1].At {
			oldest--
		}
		if oldest < 0 {
			break
		}
		if chunks[oldest].lastAt < entries[i].At {
			return i
		}
	}
	return len(entries)
}

// flushGroup merges entries with the chunks that they overlap, and with smaller ones just before,
// where those begin later than the group before. So a request is packed again at most
// log2(chunkRows) times however small the flushes are, and a tenant has few small chunks. At the
// end of the log chunks are filled; amid others they are halved, for the next late one.
func (w *writer) flushGroup(
	ctx context.Context, tenant int64, entries []pack.Entry, chunks []chunkMeta, after int64,
) error {
	met, amid := touched(chunks, entries, after)
	if len(met) > 0 {
		old, err := w.takeChunks(ctx, met)
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
		if err := w.putChunk(ctx, tenant, part); err != nil {
			return err
		}
	}
	return nil
}

// touched gives the chunks to pack again with entries, and says whether others lie after them.
func touched(chunks []chunkMeta, entries []pack.Entry, after int64) (met []chunkMeta, amid bool) {
	first, last, n := entries[0].At, entries[len(entries)-1].At, int64(len(entries))
	for _, c := range chunks {
		switch {
		case c.firstAt > last:
			amid = true
		case c.lastAt >= first, c.firstAt > after && c.rows < pack.MaxRows && c.rows <= n:
			met, n = append(met, c), n+c.rows
		default:
			return met, amid // chunks are disjoint: all others lie further back
		}
	}
	return met, amid
}

// takeChunks removes chunks and gives what was in them.
func (w *writer) takeChunks(ctx context.Context, chunks []chunkMeta) ([]pack.Entry, error) {
	var entries []pack.Entry
	c := &w.columns
	for _, meta := range chunks {
		var data []byte
		err := w.conn.QueryRowContext(ctx, "DELETE FROM cache_chunk WHERE id = ? RETURNING data", meta.id).
			Scan(&data)
		if err == nil {
			_, err = w.conn.ExecContext(ctx, "DELETE FROM cache_filter WHERE chunk_id = ?", meta.id)
		}
		if err == nil {
			data, err = meta.unseal(data)
		}
		if err == nil {
			err = decode(c, data, func(int64) uint64 { return 0 })
		}
		if err != nil {
			return nil, err
		}
		for i := range c.N {
			entries = append(entries, c.Entry(i))
		}
	}
	return entries, nil
}

func (w *writer) putChunk(ctx context.Context, tenant int64, part []pack.Entry) error {
	first, last := part[0], part[len(part)-1]
	meta := chunkMeta{tenant: tenant, rows: int64(len(part)), firstAt: first.At, lastAt: last.At}
	var id int64
	err := w.conn.QueryRowContext(ctx, `INSERT INTO cache_chunk
		(tenant_id, rows, first_at, first_id, last_at, last_id, data)
		VALUES (?,?,?,?,?,?,?) RETURNING id`, tenant, len(part), first.At, first.ID, last.At, last.ID,
		meta.seal(pack.Encode(part))).Scan(&id)
	if err != nil {
		return err
	}
	// REPLACE: somebody who empties cache_chunk by hand leaves the filters of chunks that had these
	// ids.
	_, err = w.conn.ExecContext(ctx, "REPLACE INTO cache_filter VALUES (?, ?)", id,
		pack.Seal(pack.MakeFilter(part), id))
	return err
}

// DropCache empties everything derived. The next Refresh makes it anew from the rows.
func (s *Store) DropCache(ctx context.Context) error {
	return s.write(ctx, func(w *writer) error { return w.clearCache(ctx) })
}

func (w *writer) clearCache(ctx context.Context) error {
	_, err := w.conn.ExecContext(ctx,
		"DELETE FROM cache_chunk; DELETE FROM cache_filter; DELETE FROM cache_state")
	if err == nil {
		err = w.setPackedUpTo(ctx, 0, 0)
	}
	return err
}
