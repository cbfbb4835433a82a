package postgres

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

// Snapshot is the log as it was at one moment, whatever is written meanwhile. Its methods may be
// called by several goroutines. It must be closed: it holds a connection.
type Snapshot struct {
	*packed.Reader
	*reading
}

// reading is the connection of a snapshot. It implements packed.Data.
type reading struct {
	store *Store
	mu    sync.Mutex // guards conn: a connection does one thing at a time
	conn  *pgxpool.Conn
}

// Snapshot opens a snapshot of the log as it is now.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	n, err := s.snapshot(ctx, true)
	if err != nil {
		return nil, err // a nil *Snapshot in the interface would not be nil
	}
	return n, nil
}

// SnapshotOfRows opens a snapshot that reads every row and nothing of the cache.
func (s *Store) SnapshotOfRows(ctx context.Context) (store.Snapshot, error) {
	n, err := s.snapshot(ctx, false)
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (s *Store) snapshot(ctx context.Context, cached bool) (*Snapshot, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, s.failed(err)
	}
	n := &Snapshot{reading: &reading{store: s, conn: conn}}
	if err := n.load(ctx, conn.Conn(), cached); err != nil {
		_ = n.Close() // the first error is the one to tell
		return nil, s.failed(err)
	}
	return n, nil
}

func (n *Snapshot) load(ctx context.Context, conn *pgx.Conn, cached bool) error {
	begin := "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
	if cached { // what is not in chunks is the end of the table, whatever the server takes it for
		begin += "; " + byIndex
	}
	if _, err := conn.Exec(ctx, begin); err != nil {
		return err
	}
	var upto int64
	var err error
	if cached {
		if upto, _, err = mark(ctx, conn); err != nil {
			return err
		}
	}
	names, err := loadNames(ctx, conn)
	if err != nil {
		return err
	}
	n.Reader = packed.NewReader(names, upto, n.reading, errDamaged)
	if upto > 0 {
		err = each(ctx, conn, `SELECT tenant_id, id, rows, first_at, last_at FROM cache_chunk
			ORDER BY tenant_id, first_at, first_id`, func(scan scanFunc) error {
			var c packed.Chunk
			if err := scan(&c.Tenant, &c.ID, &c.Rows, &c.FirstAt, &c.LastAt); err != nil {
				return err
			}
			return n.AddChunk(c)
		})
		if err != nil {
			return err
		}
	}
	err = readRows(ctx, conn, packColumns+"WHERE id > $1", func(r *storedRow) error {
		n.AddRow(r.refs.Tenant, r.entry(names))
		return nil
	}, upto)
	n.Sort()
	if err == nil && cached {
		_, err = conn.Exec(ctx, "SET LOCAL enable_seqscan TO DEFAULT; "+
			"SET LOCAL enable_bitmapscan TO DEFAULT; SET LOCAL enable_sort TO DEFAULT")
	}
	return err
}

// Close ends the snapshot.
func (n *reading) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	// Nothing was written. Where this fails the pool closes the connection.
	_, _ = n.conn.Exec(context.Background(), "ROLLBACK")
	n.conn.Release()
	return nil
}

// with runs f while nobody else uses the connection; what says what it reads.
func (n *reading) with(what string, f func(*pgx.Conn) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := f(n.conn.Conn()); err != nil {
		return fmt.Errorf("read %s: %w", what, explain(err))
	}
	return nil
}

// ReadChunk implements packed.Data.
func (n *reading) ReadChunk(ctx context.Context, c packed.Chunk, buf []byte) ([]byte, error) {
	buf = buf[:0]
	err := n.with("packed requests", func(conn *pgx.Conn) error {
		return each(ctx, conn, "SELECT data FROM cache_chunk WHERE tenant_id = $1 AND id = $2",
			func(scan scanFunc) error {
				var data pgtype.DriverBytes
				err := scan(&data)
				buf = append(buf, data...)
				return err
			}, c.Tenant, c.ID)
	})
	return buf, err
}

// ReadFilters implements packed.Data.
func (n *reading) ReadFilters(
	ctx context.Context, tenant int64, f func(chunk int64, sealed []byte),
) error {
	return n.with("packed requests", func(conn *pgx.Conn) error {
		return each(ctx, conn, "SELECT id, filter FROM cache_chunk WHERE tenant_id = $1",
			func(scan scanFunc) error {
				var id int64
				var filter []byte
				err := scan(&id, &filter)
				f(id, filter)
				return err
			}, tenant)
	})
}

// Rows gives whole requests in order of arrival (ID), of one tenant, or of all where tenant is "".
// Until it ends, it keeps the snapshot to itself: the loop must call none of the methods that take
// a context.
func (n *Snapshot) Rows(
	ctx context.Context, tenant string, r store.Range,
) iter.Seq2[store.Request, error] {
	query := fmt.Sprintf("%s WHERE started_at >= %d AND started_at < %d", rowColumns, r.From, r.End())
	if tenant != "" {
		query += fmt.Sprintf(" AND tenant_id = %d", n.Names.ByName[tenant])
	}
	return func(yield func(store.Request, error) bool) {
		stopped := false
		err := n.with("requests", func(conn *pgx.Conn) error {
			return cursorRows(ctx, conn, query+" ORDER BY id", func(row *storedRow) bool {
				stopped = !yield(row.whole(n.Names), nil)
				return !stopped
			})
		})
		if err != nil && !stopped {
			yield(store.Request{}, err)
		}
	}
}

// ByID gives whole requests in the order of ids; ids that are not there are left out.
func (n *Snapshot) ByID(ctx context.Context, ids []int64) ([]store.Request, error) {
	byID := map[int64]store.Request{}
	err := n.with("requests", func(conn *pgx.Conn) error {
		return readRows(ctx, conn, rowColumns+"WHERE id = ANY($1)", func(r *storedRow) error {
			byID[r.request.ID] = r.whole(n.Names)
			return nil
		}, ids)
	})
	if err != nil {
		return nil, err
	}
	var found []store.Request
	for _, id := range ids {
		if q, ok := byID[id]; ok {
			found = append(found, q)
		}
	}
	return found, nil
}

// States gives the states that were saved under key and still fit the rows, by tenant: a request
// that arrived later but started before a state's end makes it stale.
func (n *Snapshot) States(ctx context.Context, key []byte) (map[string]store.State, error) {
	states := map[string]store.State{}
	err := n.with("analysis states", func(conn *pgx.Conn) error {
		return each(ctx, conn, "SELECT tenant_id, upto_at, state FROM cache_state WHERE key = $1",
			func(scan scanFunc) error {
				var tenant int64
				var s store.State
				if err := scan(&tenant, &s.UptoAt, &s.Data); err != nil {
					return err
				}
				s.Tenant = n.Names.Tenants[tenant]
				var ok bool
				s.Data, ok = pack.Unseal(s.Data, tenant, s.UptoAt)
				if ok && !n.TailFrom(tenant, s.UptoAt) {
					states[s.Tenant] = s
				}
				return nil
			}, key)
	})
	if err != nil {
		return nil, err
	}
	return states, nil
}
