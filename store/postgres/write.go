package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/packed"
)

// These are variables for tests only.
var (
	// lockPatience is how long a writer waits for another's transaction.
	lockPatience = 30 * time.Second
	// cachePatience is the same for what only makes the next reading faster.
	cachePatience = 2 * time.Second
	// silence is how long a writer waits before WhenWaiting is told.
	silence = time.Second
	// answerPatience is how long a connection may take to end a transaction. It lasts even where the
	// caller's context has ended, since the answer says what became of the rows.
	answerPatience = 30 * time.Second
	// maxPending is how many requests wait to be packed.
	maxPending = 256 * 1024
)

const (
	// maxBatch is the most rows in one transaction, so that others get their turn.
	maxBatch = 16384
	// idleLimit ends the transaction of a client that is gone without the server's notice: else it
	// would keep all others waiting. keepAlive finds out in a minute about one that is gone while it
	// sends rows.
	idleLimit = time.Minute
	keepAlive = "SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; " +
		"SET LOCAL tcp_keepalives_count = 3"
	// askEvery is the time between two questions what became of a transaction.
	askEvery = 200 * time.Millisecond
)

// tx is a transaction that writes, with the advisory lock that makes it the only one.
type tx struct {
	store *Store
	conn  *pgx.Conn
	refs  []packed.Ref // scratch

	flushing flushing
}

// write runs f in a transaction, at most once: f may change what belongs to its caller.
func (s *Store) write(ctx context.Context, f func(*tx) error) error {
	return s.writeWithin(ctx, lockPatience, f)
}

// writeWithin is write with another patience.
func (s *Store) writeWithin(ctx context.Context, patience time.Duration, f func(*tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writeLocked(ctx, patience, f); err != nil {
		s.ids = newIDs() // what was added to the small tables has been rolled back
		return s.failedTo("write", err)
	}
	return nil
}

func (s *Store) writeLocked(ctx context.Context, patience time.Duration, f func(*tx) error) error {
	if s.readOnly {
		return fmt.Errorf("%w: check the rights of the role; postgres.sql has a writer's", store.ErrReadOnly)
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	xid, prune, err := s.begin(ctx, conn, patience)
	if err == nil && prune != s.prune {
		s.prune, s.ids = prune, newIDs() // a prune removes names
	}
	if err == nil {
		err = f(&tx{store: s, conn: conn.Conn()})
	}
	if err != nil {
		// The first error is the one to tell. Where the connection broke, the server rolls back itself.
		_, _ = endTransaction(ctx, conn, "ROLLBACK")
		return err
	}
	return s.commit(ctx, conn, xid)
}

// begin opens the transaction, waits for the lock and gives the transaction's number, and that of
// the event which tells of the last prune.
func (s *Store) begin(
	ctx context.Context, conn *pgxpool.Conn, patience time.Duration,
) (xid, prune string, err error) {
	if s.opts.waiting != nil {
		defer time.AfterFunc(silence, s.opts.waiting).Stop()
	}
	results, err := conn.Conn().PgConn().Exec(ctx, fmt.Sprintf(
		"BEGIN; SET LOCAL lock_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d; %s; %s; "+
			"SELECT pg_current_xact_id(), coalesce((SELECT max(id) FROM event WHERE kind = 'prune'), 0)",
		patience.Milliseconds(), idleLimit.Milliseconds(), keepAlive, takeLock)).ReadAll()
	if err != nil {
		return "", "", err
	}
	last := results[len(results)-1].Rows[0]
	return string(last[0]), string(last[1]), nil
}

func endTransaction(
	ctx context.Context, conn *pgxpool.Conn, word string,
) (pgconn.CommandTag, error) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerPatience)
	defer cancel()
	return conn.Exec(within, word)
}

// commit commits. Where the connection breaks before the answer came, it asks on another what
// became of the transaction, until it knows or ctx ends: the caller may write the same rows again.
func (s *Store) commit(ctx context.Context, conn *pgxpool.Conn, xid string) error {
	tag, err := endTransaction(ctx, conn, "COMMIT")
	var refused *pgconn.PgError
	switch {
	case err == nil && tag.String() == "COMMIT":
		return nil
	case err == nil:
		return errors.New("the server rolled the transaction back")
	case errors.As(err, &refused) && refused.Code[:2] != "57" && refused.Code[:2] != "08":
		return err
	}
	if s.opts.waiting != nil {
		defer time.AfterFunc(silence, s.opts.waiting).Stop()
	}
	for {
		status, asked := s.statusOf(ctx, xid)
		switch {
		case asked == nil && status == nil:
			return fmt.Errorf("it is not known whether the rows were written: %w", err)
		case asked == nil && *status == "committed":
			return nil
		case asked == nil && *status == "aborted":
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it is not known whether the rows were written: %w", err)
		case <-time.After(askEvery):
		}
	}
}

// statusOf asks what became of a transaction; nil means that the server has forgotten it.
func (s *Store) statusOf(ctx context.Context, xid string) (status *string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	err = s.pool.QueryRow(ctx, "SELECT pg_xact_status($1::text::xid8)", xid).Scan(&status)
	return status, err
}

// LastID implements packed.Tx.
func (t *tx) LastID(ctx context.Context) (id int64, err error) {
	err = t.conn.QueryRow(ctx, "SELECT coalesce(max(id), 0) FROM request").Scan(&id)
	return id, err
}

// lastGiven is the largest number that a row of a table ever had. A prune may have removed that
// row, and a seal covers numbers up to its, so none may be given twice.
func (t *tx) lastGiven(ctx context.Context, table string) (id int64, err error) {
	sealed := "(SELECT " + table + "_upto FROM seal_run ORDER BY n DESC LIMIT 1)"
	if table == "ledger" { // it is never sealed, and never pruned
		sealed = "0"
	}
	err = t.conn.QueryRow(ctx, "SELECT greatest((SELECT max(id) FROM "+table+"), "+sealed+", 0)").
		Scan(&id)
	return id, err
}

// Append adds requests in one transaction and sets their IDs. Each needs Tenant, Route and Source.
// After an error, which may match ErrLocked, ErrReadOnly, ErrFull or ErrIO, none of them is in the
// log.
func (s *Store) Append(ctx context.Context, requests []store.Request) error {
	if len(requests) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		refs, err := t.Resolve(ctx, requests)
		if err != nil {
			return err
		}
		return t.Append(ctx, requests, refs)
	})
}

const requestColumns = `request (tenant_id, machine_id, seq, id, route_id, source_id, client_id,
	started_at, status, cut_short, response_bytes, request_bytes, duration_us, first_byte_us,
	retry_after_s, date_skew_s, key, query, params, error, vendor_id)`

// Append implements packed.Tx.
func (t *tx) Append(ctx context.Context, requests []store.Request, refs []packed.Ref) error {
	if len(requests) == 0 {
		return nil
	}
	last, err := t.lastGiven(ctx, "request")
	if err != nil {
		return err
	}
	rows := &t.store.copy
	rows.reset()
	for i := range requests {
		id := last + 1 + int64(i)
		rows.request(&requests[i], refs[i], 0, id, id)
	}
	if err := rows.send(ctx, t.conn, requestColumns); err != nil {
		return err
	}
	for i := range requests {
		requests[i].ID = last + 1 + int64(i)
	}
	return nil
}

// request adds a row of requestColumns.
func (c *copyBuffer) request(r *store.Request, f packed.Ref, machine, seq, id int64) {
	c.row(21)
	c.bigint(f.Tenant, machine, seq, id, f.Route, f.Source)
	c.nullable(f.Client)
	c.bigint(r.StartedAt)
	c.smallint(int16(r.Status))
	c.boolean(r.CutShort)
	c.bigint(r.ResponseBytes, r.RequestBytes, r.Duration, r.FirstByte, r.RetryAfter)
	if r.DateSkew.Known {
		c.bigint(r.DateSkew.N)
	} else {
		c.null()
	}
	c.optional(r.Key, r.Query, r.Params, r.Error, r.VendorID)
}

// Resolve implements packed.Tx.
func (t *tx) Resolve(ctx context.Context, requests []store.Request) (_ []packed.Ref, err error) {
	t.refs = t.refs[:0]
	for i := range requests {
		if err := requests[i].Check(); err != nil {
			return nil, fmt.Errorf("append request %d: %w", i, err)
		}
		f, err := t.resolve(ctx, &requests[i])
		if err != nil {
			return nil, err
		}
		t.refs = append(t.refs, f)
	}
	return t.refs, nil
}

func (t *tx) resolve(ctx context.Context, r *store.Request) (f packed.Ref, err error) {
	ids := t.store.ids
	if f.Tenant, err = ids.tenant(ctx, t.conn, r.Tenant); err != nil {
		return f, err
	}
	if f.Route, err = ids.route(ctx, t.conn, r.Route); err != nil {
		return f, err
	}
	if f.Source, err = ids.source(ctx, t.conn, r.Source); err != nil {
		return f, err
	}
	f.Client, err = ids.client(ctx, t.conn, r.Client)
	return f, err
}
