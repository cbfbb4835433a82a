package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

const (
	// maxBatch is the most rows in one transaction: some 30 ms with the lock held, so that others get
	// their turn.
	maxBatch = 16384
	// walPages is when a commit also moves the log into the file, and waits for the disk: 256 MiB of
	// it, instead of SQLite's 8 MiB here. A large import moves most of it before, in the background.
	walPages = 32768
	// writerCache is the page cache of the connection that writes, in KiB. Those that read see most
	// pages once only, and have SQLite's 2 MiB.
	writerCache = 16384
)

// These are variables for tests only.
var (
	// lockPatience is how long a writer goes on asking for the lock. Our own transactions are short,
	// so this bounds only what a stranger, a shell with an open transaction, can hold up.
	lockPatience = 30 * time.Second
	// cachePatience is the same for what only makes the next reading faster.
	cachePatience = 2 * time.Second
	// sealPatience is the same for seals: what is not sealed now is sealed with what comes next.
	sealPatience = cachePatience
	// silence is how long a writer waits before WhenWaiting is told.
	silence = time.Second
)

// The columns of request that every row has, and the ones that rows of a plain log leave at their
// defaults.
var (
	logColumns = []string{
		"tenant_id",
		"route_id",
		"source_id",
		"client_id",
		"started_at",
		"status",
		"response_bytes",
		"key",
	}
	allColumns = append(logColumns[:len(logColumns):len(logColumns)], "query", "params", "duration_us",
		"first_byte_us", "request_bytes", "cut_short", "retry_after_s", "error", "vendor_id",
		"date_skew_s")
)

// writer is the one connection that writes. Its methods need Store.mu.
type writer struct {
	conn *sql.Conn
	log  *bulk // logColumns
	all  *bulk // allColumns
	ids  *ids
	refs []ref // scratch
}

// ref is what a request's names became.
type ref = packed.Ref

func newEntry(r *store.Request, f ref) pack.Entry { return packed.NewEntry(r, f) }

// writer gives the write connection, opening it at first use. Callers hold s.mu.
func (s *Store) writer(ctx context.Context) (*writer, error) {
	if s.readOnly {
		return nil, fmt.Errorf("%w: check the permissions of the file and of its folder",
			store.ErrReadOnly)
	}
	if s.w != nil {
		return s.w, nil
	}
	conn, err := s.pool().Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, ids: newIDs(conn)}
	_, err = conn.ExecContext(ctx,
		fmt.Sprintf("PRAGMA wal_autocheckpoint = %d; PRAGMA cache_size = -%d", walPages, writerCache))
	if err == nil {
		w.log, err = newBulk(conn, "request", logColumns...)
	}
	if err == nil {
		w.all, err = newBulk(conn, "request", allColumns...)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	s.w = w
	return w, nil
}

func (w *writer) close() error { return errors.Join(w.log.close(), w.all.close(), w.conn.Close()) }

// write runs f in a transaction with the write lock, at most once: f may change what belongs to its
// caller. It keeps asking for the lock until lockPatience or ctx ends.
func (s *Store) write(ctx context.Context, f func(w *writer) error) error {
	return s.writeWithin(ctx, lockPatience, f)
}

// writeWithin is write with another patience.
func (s *Store) writeWithin(
	ctx context.Context, patience time.Duration, f func(w *writer) error,
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.writer(ctx)
	if err == nil {
		err = s.inPlace()
	}
	if err != nil {
		return fmt.Errorf("write database %s: %w", pathname.Quote(s.path), explain(err))
	}
	told := false
	for began := time.Now(); ; {
		ran := false
		err = inImmediate(ctx, w.conn, func() error { ran = true; return f(w) })
		if err == nil {
			return nil
		}
		if ran {
			w.ids = newIDs(w.conn) // what was added to the small tables has been rolled back
		}
		waited := time.Since(began)
		if !told && !ran && busy(err) && waited >= silence && s.waiting != nil {
			told = true
			s.waiting()
		}
		if ran || !busy(err) || waited >= patience || ctx.Err() != nil {
			return fmt.Errorf("write database %s: %w", pathname.Quote(s.path), explain(err))
		}
	}
}

// Append adds requests in one transaction and sets their IDs. Each needs Tenant, Route and Source.
// After an error, which may match ErrLocked, ErrReadOnly, ErrFull or ErrDamaged, none of them is in
// the file.
func (s *Store) Append(ctx context.Context, requests []store.Request) error {
	if len(requests) == 0 {
		return nil
	}
	return s.write(ctx, func(w *writer) error {
		if err := w.resolve(ctx, requests); err != nil {
			return err
		}
		return w.append(ctx, requests, w.refs)
	})
}

// append inserts inside the caller's transaction requests whose names have become refs, and sets
// their IDs.
func (w *writer) append(ctx context.Context, requests []store.Request, refs []ref) error {
	return w.aboveSealed(ctx, "request",
		func() error { return w.appendAfterLast(ctx, requests, refs) })
}

// appendAfterLast is append, where the table's last row is that of the largest number that was ever
// given.
func (w *writer) appendAfterLast(ctx context.Context, requests []store.Request, refs []ref) error {
	last, err := maxID(ctx, w.conn)
	if err != nil {
		return err
	}
	for i := 0; i < len(requests); {
		n := min(rowsPerInsert, len(requests)-i)
		if err := w.insert(requests[i:i+n], refs[i:i+n]); err != nil {
			return err
		}
		i += n
	}
	for i := range requests {
		requests[i].ID = last + 1 + int64(i)
	}
	return nil
}

func maxID(ctx context.Context, q queryer) (id int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM request").Scan(&id)
	return id, err
}

// resolve fills w.refs.
func (w *writer) resolve(ctx context.Context, requests []store.Request) (err error) {
	w.refs = w.refs[:0]
	for i := range requests {
		r := &requests[i]
		if err := r.Check(); err != nil {
			return fmt.Errorf("append request %d: %w", i, err)
		}
		var f ref
		if f.Tenant, err = w.ids.tenant(ctx, r.Tenant); err != nil {
			return err
		}
		if f.Route, err = w.ids.route(ctx, r.Route); err != nil {
			return err
		}
		if f.Source, err = w.ids.source(ctx, r.Source); err != nil {
			return err
		}
		if f.Client, err = w.ids.client(ctx, r.Client); err != nil {
			return err
		}
		w.refs = append(w.refs, f)
	}
	return nil
}

// insert adds at most rowsPerInsert rows, with the fewest columns that hold them.
func (w *writer) insert(rows []store.Request, refs []ref) error {
	all := true
	for i := range rows {
		all = all && plain(&rows[i])
	}
	if all {
		return w.log.insert(len(rows), func(i int, row []cell) { setLog(&rows[i], refs[i], row) })
	}
	return w.all.insert(len(rows), func(i int, row []cell) {
		setLog(&rows[i], refs[i], row)
		setRest(&rows[i], row[len(logColumns):])
	})
}

// plain says that logColumns hold all of r.
func plain(r *store.Request) bool {
	return r.Query == "" && r.Params == "" && r.Duration == 0 && r.FirstByte == 0 &&
		r.RequestBytes == 0 && !r.CutShort &&
		r.RetryAfter == 0 && r.Error == "" && r.VendorID == "" &&
		!r.DateSkew.Known
}

// setLog sets logColumns.
func setLog(r *store.Request, f ref, row []cell) {
	row[0].setInt(f.Tenant)
	row[1].setInt(f.Route)
	row[2].setInt(f.Source)
	row[3].setNull()
	if f.Client != 0 {
		row[3].setInt(f.Client)
	}
	row[4].setInt(r.StartedAt)
	row[5].setInt(int64(r.Status))
	row[6].setInt(r.ResponseBytes)
	row[7].setText(r.Key)
}

// setRest sets what allColumns has more.
func setRest(r *store.Request, row []cell) {
	row[0].setText(r.Query)
	row[1].setText(r.Params)
	row[2].setInt(r.Duration)
	row[3].setInt(r.FirstByte)
	row[4].setInt(r.RequestBytes)
	row[5].setInt(0)
	if r.CutShort {
		row[5].setInt(1)
	}
	row[6].setInt(r.RetryAfter)
	row[7].setText(r.Error)
	row[8].setText(r.VendorID)
	row[9].setNull()
	if r.DateSkew.Known {
		row[9].setInt(r.DateSkew.N)
	}
}
