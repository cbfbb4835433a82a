package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

// Refresh brings the cache up to date with the rows, at the cost of what was added since the last
// time. Reading works without it, only slower. It does nothing to a store that cannot be written.
func (s *Store) Refresh(ctx context.Context) error { return s.refresh(ctx, cachePatience) }

func (s *Store) refresh(ctx context.Context, patience time.Duration) error {
	for more := !s.readOnly; more; {
		err := s.writeWithin(ctx, patience, func(t *tx) (err error) {
			more, err = t.refreshSome(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("refresh cache: %w", err)
		}
	}
	return nil
}

// byIndex has the server read requests by the index of their numbers until the transaction ends.
// After a large push it has no statistics of the table yet, and would read and sort all of it for
// each part: at 10 million rows, 40 times.
const byIndex = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; " +
	"SET LOCAL enable_sort = off"

// refreshSome packs at most maxPending rows, so that no transaction lasts long, and says whether
// there are more.
func (t *tx) refreshSome(ctx context.Context) (more bool, err error) {
	from, _, err := t.Mark(ctx)
	if err == nil && from == 0 {
		err = t.clearCache(ctx)
	}
	if err != nil {
		return false, err
	}
	names, err := loadNames(ctx, t.conn)
	if err != nil {
		return false, err
	}
	if _, err := t.conn.Exec(ctx, byIndex); err != nil {
		return false, err
	}
	b := packed.NewBuilder(from)
	err = readRows(ctx, t.conn, packColumns+"WHERE id > $1 ORDER BY id LIMIT $2", func(r *storedRow) error {
		b.Add(r.refs.Tenant, r.packable(names))
		return nil
	}, from, maxPending)
	if err != nil || b.Count == 0 {
		return false, err
	}
	more = b.Count == maxPending // before Flush empties b
	return more, packed.Flush(ctx, t, b)
}

// mark gives the number up to which all requests are in chunks, and how many those are. It is 0
// where chunks are missing.
func mark(ctx context.Context, conn *pgx.Conn) (upto, rows int64, err error) {
	var packed, last int64
	err = conn.QueryRow(ctx, `SELECT upto, rows, (SELECT coalesce(max(id), 0) FROM request),
		(SELECT coalesce(sum(rows), 0)::bigint FROM cache_chunk) FROM cache_mark`).
		Scan(&upto, &rows, &last, &packed)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && (rows != packed || upto > last) {
		return 0, 0, nil
	}
	return upto, rows, err
}

// Mark implements packed.Cache.
func (t *tx) Mark(ctx context.Context) (upto, rows int64, err error) { return mark(ctx, t.conn) }

// flushing is what a packed.Flush of many tenants shares, so that it need not wait for the server
// several times for each of them: what it writes goes out at once, with the mark.
type flushing struct {
	chunks map[int64][]packed.Chunk // all chunks by tenant, latest first; nil where not read yet
	ids    []int64                  // numbers for new chunks
	writes pgx.Batch
}

// SetMark implements packed.Cache. It ends a flush.
func (t *tx) SetMark(ctx context.Context, upto, rows int64) error {
	t.flushing.writes.Queue(`INSERT INTO cache_mark VALUES (1, $1, $2)
		ON CONFLICT (one) DO UPDATE SET upto = excluded.upto, rows = excluded.rows`, upto, rows)
	err := t.conn.SendBatch(ctx, &t.flushing.writes).Close()
	t.flushing = flushing{}
	return err
}

// DropState implements packed.Cache.
func (t *tx) DropState(_ context.Context, tenant, at int64) error {
	t.flushing.writes.Queue("DELETE FROM cache_state WHERE tenant_id = $1 AND upto_at >= $2",
		tenant, at)
	return nil
}

// Latest implements packed.Cache. It reads the chunks of all tenants the first time: ten million
// requests are 2,500.
func (t *tx) Latest(ctx context.Context, tenant int64, f func(packed.Chunk) (more bool)) error {
	if t.flushing.chunks == nil {
		t.flushing.chunks = map[int64][]packed.Chunk{}
		err := each(ctx, t.conn, `SELECT tenant_id, id, rows, first_at, last_at FROM cache_chunk
			ORDER BY first_at DESC, first_id DESC`, func(scan scanFunc) error {
			var c packed.Chunk
			err := scan(&c.Tenant, &c.ID, &c.Rows, &c.FirstAt, &c.LastAt)
			t.flushing.chunks[c.Tenant] = append(t.flushing.chunks[c.Tenant], c)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, c := range t.flushing.chunks[tenant] {
		if !f(c) {
			break
		}
	}
	return nil
}

// Take implements packed.Cache.
func (t *tx) Take(ctx context.Context, c packed.Chunk) (sealed []byte, err error) {
	err = t.conn.QueryRow(ctx, "DELETE FROM cache_chunk WHERE tenant_id = $1 AND id = $2 RETURNING data",
		c.Tenant, c.ID).Scan(&sealed)
	return sealed, err
}

// maxIDs is how many numbers for chunks are taken at once.
const maxIDs = 64

// Put implements packed.Cache. The filter's checksum needs the chunk's number, which the table
// gives.
func (t *tx) Put(
	ctx context.Context, c packed.Chunk, firstID, lastID int64, data, filter []byte,
) error {
	if len(t.flushing.ids) == 0 {
		err := each(ctx, t.conn, `SELECT nextval(pg_get_serial_sequence('cache_chunk', 'id'))
			FROM generate_series(1, $1)`, func(scan scanFunc) error {
			var id int64
			err := scan(&id)
			t.flushing.ids = append(t.flushing.ids, id)
			return err
		}, maxIDs)
		if err != nil {
			return err
		}
	}
	c.ID, t.flushing.ids = t.flushing.ids[0], t.flushing.ids[1:]
	t.flushing.writes.Queue(`INSERT INTO cache_chunk
		(tenant_id, id, rows, first_at, first_id, last_at, last_id, data, filter)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, c.Tenant, c.ID, c.Rows, c.FirstAt, firstID,
		c.LastAt, lastID, c.Seal(data), pack.Seal(filter, c.ID))
	return nil
}

// Damaged implements packed.Cache.
func (t *tx) Damaged() error { return errDamaged }

// RowsBetween implements packed.Tx.
func (t *tx) RowsBetween(
	ctx context.Context, after, upto int64, f func(tenant int64, e pack.Entry),
) error {
	names, err := loadNames(ctx, t.conn)
	if err != nil {
		return err
	}
	return readRows(ctx, t.conn, packColumns+"WHERE id > $1 AND id <= $2 ORDER BY id",
		func(r *storedRow) error {
			f(r.refs.Tenant, r.entry(names))
			return nil
		}, after, upto)
}

// DropCache empties everything derived. The next Refresh makes it anew from the rows.
func (s *Store) DropCache(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error { return t.clearCache(ctx) })
}

func (t *tx) clearCache(ctx context.Context) error {
	_, err := t.conn.Exec(ctx, "DELETE FROM cache_chunk; DELETE FROM cache_state")
	if err == nil {
		err = t.SetMark(ctx, 0, 0)
	}
	return err
}

// SaveStates keeps states that were computed from the snapshot, under key. Where the cache has
// moved on since, it keeps nothing, since a late request may lie before a state's end. It does
// nothing to a store that cannot be written.
func (s *Store) SaveStates(
	ctx context.Context, from store.Snapshot, key []byte, states []store.State,
) error {
	if s.readOnly || len(states) == 0 {
		return nil
	}
	n, ok := from.(*Snapshot)
	if !ok {
		return fmt.Errorf("save analysis states: the snapshot is a %T, none of this store's", from)
	}
	return s.writeWithin(ctx, cachePatience, func(t *tx) error {
		upto, _, err := t.Mark(ctx)
		if err != nil || upto != n.Mark {
			return err
		}
		batch := &pgx.Batch{}
		for _, st := range states {
			tenant := n.Names.ByName[st.Tenant]
			batch.Queue(`INSERT INTO cache_state (tenant_id, key, upto_at, state) VALUES ($1, $2, $3, $4)
				ON CONFLICT (tenant_id) DO UPDATE
				SET key = excluded.key, upto_at = excluded.upto_at, state = excluded.state`,
				tenant, key, st.UptoAt, pack.Seal(slices.Clip(st.Data), tenant, st.UptoAt))
		}
		return t.conn.SendBatch(ctx, batch).Close()
	})
}

// target is the store as an import asks for it.
type target struct{ *Store }

// BeginImport starts the import of one file. It must be closed.
func (s *Store) BeginImport(ctx context.Context) (store.Importer, error) {
	if err := s.refresh(ctx, lockPatience); err != nil {
		return nil, err
	}
	im, err := packed.BeginImport(ctx, target{s}, maxBatch, maxPending)
	if err != nil {
		return nil, err // a nil *packed.Import in the interface would not be nil
	}
	return im, nil
}

// Write implements packed.Target.
func (s target) Write(ctx context.Context, f func(packed.Tx) error) error {
	return s.write(ctx, func(t *tx) error { return f(t) })
}

// OpenReader implements packed.Target.
func (s target) OpenReader(ctx context.Context) (*packed.Reader, func() error, error) {
	n, err := s.snapshot(ctx, true)
	if err != nil {
		return nil, nil, err
	}
	return n.Reader, n.Close, nil
}

// LastTimes implements packed.Target.
func (s target) LastTimes(ctx context.Context, in packed.Tx) (map[int64]int64, error) {
	last := map[int64]int64{}
	err := each(ctx, in.(*tx).conn, "SELECT tenant_id, max(last_at) FROM cache_chunk GROUP BY tenant_id",
		func(scan scanFunc) error {
			var tenant, at int64
			err := scan(&tenant, &at)
			last[tenant] = at
			return err
		})
	return last, err
}

// Large implements packed.Target: there is nothing to do.
func (s target) Large(context.Context, packed.Tx) error { return nil }
