package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/packed"
)

// Snapshot is the log as it was at one moment, whatever other goroutines and processes write
// meanwhile. Its methods may be called by several goroutines. It must be closed, or the file's
// write-ahead log keeps growing.
type Snapshot struct {
	*packed.Reader
	store *Store
	seen  stamp // of a file that is read as if it could not change

	mu   sync.Mutex // guards conn: a connection does one thing at a time
	conn *sql.Conn
	data *sql.Stmt
}

// errChunk: the cache is not what was written. The disk may have lost more than that.
var errChunk = fmt.Errorf("the cache of packed requests %w: check the disk, then restore a copy, "+
	"or have the cache made anew from the rows with sqlite3 FILE \"DELETE FROM cache_chunk\"",
	store.ErrDamaged)

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

// snapshotFrom opens a snapshot; upTo gives the last request that it reads from the cache.
func (s *Store) snapshotFrom(
	ctx context.Context, upTo func(context.Context, queryer) (int64, error),
) (*Snapshot, error) {
	db, seen, err := s.current()
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", pathname.Quote(s.path), explain(err))
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", pathname.Quote(s.path), explain(err))
	}
	n := &Snapshot{store: s, conn: conn, seen: seen}
	if err := n.load(ctx, upTo); err != nil {
		n.Close()
		return nil, fmt.Errorf("read database %s: %w", pathname.Quote(s.path), explain(err))
	}
	return n, nil
}

func (n *Snapshot) load(
	ctx context.Context, upTo func(context.Context, queryer) (int64, error),
) (err error) {
	if _, err := n.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	upto, err := upTo(ctx, n.conn)
	if err != nil {
		return err
	}
	names, err := loadNames(ctx, n.conn)
	if err != nil {
		return err
	}
	n.Reader = packed.NewReader(names, upto, n, errChunk)
	if err := n.loadChunks(ctx); err != nil {
		return err
	}
	err = readRows(ctx, n.conn, rowsAfter, func(r *storedRow) error {
		q := r.request(names)
		n.AddRow(r.tenant, newEntry(&q, r.ref()))
		return nil
	}, upto, math.MaxInt64)
	if err != nil {
		return err
	}
	n.Sort()
	n.data, err = n.conn.PrepareContext(ctx, "SELECT data FROM cache_chunk WHERE id = ?")
	return err
}

func (n *Snapshot) loadChunks(ctx context.Context) error {
	if n.Mark == 0 {
		return nil
	}
	return each(ctx, n.conn, `SELECT tenant_id, id, rows, first_at, last_at
		FROM cache_chunk INDEXED BY cache_chunk_tenant ORDER BY tenant_id, first_at, first_id`,
		func(scan func(...any) error) error {
			var c packed.Chunk
			if err := scan(&c.Tenant, &c.ID, &c.Rows, &c.FirstAt, &c.LastAt); err != nil {
				return err
			}
			return n.AddChunk(c)
		})
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

// ReadChunk implements packed.Data.
func (n *Snapshot) ReadChunk(ctx context.Context, c packed.Chunk, _ []byte) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sealed uncopied
	err := n.data.QueryRowContext(ctx, c.ID).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return sealed, explain(err)
}

// ReadFilters implements packed.Data.
func (n *Snapshot) ReadFilters(
	ctx context.Context, tenant int64, f func(chunk int64, sealed []byte),
) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return explain(each(ctx, n.conn, `SELECT f.chunk_id, f.bits
		FROM cache_chunk c INDEXED BY cache_chunk_tenant
		JOIN cache_filter f ON f.chunk_id = c.id WHERE c.tenant_id = ?`,
		func(scan func(...any) error) error {
			var id int64
			var bits []byte
			err := scan(&id, &bits)
			f(id, bits)
			return err
		}, tenant))
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
			n.Names.ByName[tenant],
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
		func(r *storedRow) error { return f(r.request(n.Names)) },
		args...)
}
