package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

// maxPending is how many requests wait to be packed: some 20 MB. It is a variable for tests only.
var maxPending = 256 * 1024

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
	b := packed.NewBuilder(from)
	err = readRows(ctx, w.conn, rowsAfter, func(row *storedRow) error {
		b.Add(row.tenant, row.entry(names))
		return nil
	}, from, maxPending)
	if err != nil || b.Count == 0 {
		return false, err
	}
	more = b.Count == maxPending // before Flush empties b
	return more, packed.Flush(ctx, w, b)
}

// packedUpTo gives the id up to which all requests are in chunks. It is 0 where chunks are missing,
// because somebody emptied either table by hand or the file is damaged.
func packedUpTo(ctx context.Context, q queryer) (upto int64, err error) {
	var rows, inChunks, last int64
	var checksum []byte
	err = q.QueryRowContext(ctx, `SELECT upto, rows, checksum, 
		(SELECT coalesce(max(id), 0) FROM request),
		(SELECT coalesce(sum(rows), 0) FROM cache_chunk INDEXED BY cache_chunk_tenant)
		FROM cache_mark`).Scan(&upto, &rows, &checksum, &last, &inChunks)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if _, ok := pack.Unseal(checksum, upto, rows); !ok || rows != inChunks || upto > last {
		upto = 0
	}
	return upto, err
}

// Mark implements packed.Cache.
func (w *writer) Mark(ctx context.Context) (upto, rows int64, err error) {
	if upto, err = packedUpTo(ctx, w.conn); err == nil {
		err = w.conn.QueryRowContext(ctx, "SELECT coalesce(sum(rows), 0) FROM cache_mark").Scan(&rows)
	}
	return upto, rows, err
}

// SetMark implements packed.Cache.
func (w *writer) SetMark(ctx context.Context, upto, rows int64) error {
	_, err := w.conn.ExecContext(ctx, "REPLACE INTO cache_mark VALUES (1, ?, ?, ?)", upto, rows,
		pack.Seal(nil, upto, rows))
	return err
}

// DropState implements packed.Cache.
func (w *writer) DropState(ctx context.Context, tenant, at int64) error {
	_, err := w.conn.ExecContext(ctx, "DELETE FROM cache_state WHERE tenant_id = ? AND upto_at >= ?",
		tenant, at)
	return err
}

// Latest implements packed.Cache.
func (w *writer) Latest(
	ctx context.Context, tenant int64, f func(packed.Chunk) (more bool),
) error {
	err := each(ctx, w.conn, `SELECT id, rows, first_at, last_at
		FROM cache_chunk INDEXED BY cache_chunk_tenant
		WHERE tenant_id = ? ORDER BY first_at DESC, first_id DESC`, func(scan func(...any) error) error {
		c := packed.Chunk{Tenant: tenant}
		err := scan(&c.ID, &c.Rows, &c.FirstAt, &c.LastAt)
		if err == nil && !f(c) {
			err = errStopped
		}
		return err
	}, tenant)
	if errors.Is(err, errStopped) {
		err = nil
	}
	return err
}

// Take implements packed.Cache.
func (w *writer) Take(ctx context.Context, c packed.Chunk) (sealed []byte, err error) {
	err = w.conn.QueryRowContext(ctx, "DELETE FROM cache_chunk WHERE id = ? RETURNING data", c.ID).
		Scan(&sealed)
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "DELETE FROM cache_filter WHERE chunk_id = ?", c.ID)
	}
	return sealed, err
}

// Put implements packed.Cache.
func (w *writer) Put(
	ctx context.Context, c packed.Chunk, firstID, lastID int64, data, filter []byte,
) error {
	err := w.conn.QueryRowContext(ctx, `INSERT INTO cache_chunk
		(tenant_id, rows, first_at, first_id, last_at, last_id, data)
		VALUES (?,?,?,?,?,?,?) RETURNING id`, c.Tenant, c.Rows, c.FirstAt, firstID, c.LastAt, lastID,
		c.Seal(data)).Scan(&c.ID)
	if err != nil {
		return err
	}
	// REPLACE: somebody who empties cache_chunk by hand leaves the filters of chunks that had these
	// ids.
	_, err = w.conn.ExecContext(ctx, "REPLACE INTO cache_filter VALUES (?, ?)", c.ID,
		pack.Seal(filter, c.ID))
	return err
}

// Damaged implements packed.Cache.
func (w *writer) Damaged() error { return errChunk }

// DropCache empties everything derived. The next Refresh makes it anew from the rows.
func (s *Store) DropCache(ctx context.Context) error {
	return s.write(ctx, func(w *writer) error { return w.clearCache(ctx) })
}

func (w *writer) clearCache(ctx context.Context) error {
	_, err := w.conn.ExecContext(ctx,
		"DELETE FROM cache_chunk; DELETE FROM cache_filter; DELETE FROM cache_state")
	if err == nil {
		err = w.SetMark(ctx, 0, 0)
	}
	return err
}
