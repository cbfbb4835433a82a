package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/packed"
)

// seals reads rows and their seals as they were at one moment. It implements store.Seals.
type seals struct {
	store *Store
	conn  *pgxpool.Conn
	names *packed.Names
	last  store.RowIDs
}

// Seals opens the rows and their seals as they are now, for reading. Rows are numbered in the order
// in which they arrived here, under the writers' lock, so what a machine pushes late comes after
// all that was sealed before.
func (s *Store) Seals(ctx context.Context) (store.Seals, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, s.failed(err)
	}
	in := &seals{store: s, conn: conn}
	if err := in.load(ctx); err != nil {
		_ = in.Close() // the first error is the one to tell
		return nil, s.failed(err)
	}
	return in, nil
}

func (in *seals) load(ctx context.Context) (err error) {
	conn := in.conn.Conn()
	if _, err = conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"); err != nil {
		return err
	}
	if in.names, err = loadNames(ctx, conn); err != nil {
		return err
	}
	return conn.QueryRow(ctx, `SELECT (SELECT coalesce(max(id), 0) FROM request),
		(SELECT coalesce(max(id), 0) FROM event), (SELECT coalesce(max(id), 0) FROM recording),
		(SELECT coalesce(max(id), 0) FROM capture)`).
		Scan(&in.last.Request, &in.last.Event, &in.last.Recording, &in.last.Capture)
}

// Close ends the reading.
func (in *seals) Close() error {
	// Nothing was written. Where this fails the pool closes the connection.
	_, _ = in.conn.Exec(context.Background(), "ROLLBACK")
	in.conn.Release()
	return nil
}

func (in *seals) Format() int { return format }

func (in *seals) Last() store.RowIDs { return in.last }

func (in *seals) Tenants() (tenants []string) {
	for name := range in.names.ByName {
		tenants = append(tenants, name)
	}
	slices.Sort(tenants)
	return tenants
}

// read calls f with each row of a query.
func (in *seals) read(
	ctx context.Context, query string, f func(scan scanFunc) error, args ...any,
) error {
	if err := each(ctx, in.conn.Conn(), query, f, args...); err != nil {
		return in.store.failed(err)
	}
	return nil
}

const runColumns = `SELECT n, sealed_at, request_upto, event_upto, recording_upto, capture_upto,
	pad, text_sum, EXISTS (SELECT 1 FROM seal_told t WHERE t.n = r.n) FROM seal_run r `

func (in *seals) Run(ctx context.Context, n int64) (store.SealRun, error) {
	runs, err := in.runs(ctx,
		runColumns+"WHERE n = coalesce(nullif($1, 0), (SELECT max(n) FROM seal_run))", n)
	if err != nil || len(runs) == 0 {
		return store.SealRun{}, err
	}
	return runs[0], nil
}

func (in *seals) Runs(ctx context.Context, from int64) ([]store.SealRun, error) {
	return in.runs(ctx, runColumns+"WHERE n >= $1 ORDER BY n", from)
}

func (in *seals) runs(
	ctx context.Context, query string, args ...any,
) (runs []store.SealRun, err error) {
	err = in.read(ctx, query, func(scan scanFunc) error {
		var r store.SealRun
		var pad, sum []byte
		err := scan(&r.N, &r.SealedAt, &r.Upto.Request, &r.Upto.Event, &r.Upto.Recording,
			&r.Upto.Capture, &pad, &sum, &r.Told)
		copy(r.Pad[:], pad)
		copy(r.TextSum[:], sum)
		runs = append(runs, r)
		return err
	}, args...)
	return runs, err
}

func (in *seals) Stamp(ctx context.Context, n int64) (answer []byte, err error) {
	err = in.read(ctx, "SELECT answer FROM seal_stamp WHERE n = $1",
		func(scan scanFunc) error { return scan(&answer) }, n)
	return answer, err
}

const headColumns = `SELECT h.tenant_id, h.run, l.log_id, l.public_key, h.size, h.checkpoint,
	h.peaks, %s FROM seal_head h LEFT JOIN seal_log l USING (tenant_id) `

// heads reads heads with or without their hints. A head of a tenant without a log, or of a tenant
// that is gone, has an empty log, which no check takes for the right one.
func (in *seals) heads(
	ctx context.Context, hints bool, where string, args ...any,
) (heads []store.SealHead, err error) {
	column := "NULL::bytea"
	if hints {
		column = "h.hints"
	}
	err = in.read(ctx, fmt.Sprintf(headColumns, column)+where, func(scan scanFunc) error {
		var h store.SealHead
		var tenant int64
		var id, key []byte
		var checkpoint string
		err := scan(&tenant, &h.Run, &id, &key, &h.Size, &checkpoint, &h.Peaks, &h.Hints)
		copy(h.Log.ID[:], id)
		copy(h.Log.PublicKey[:], key)
		h.Tenant, h.Checkpoint = in.names.Tenants[tenant], []byte(decodeText(checkpoint))
		heads = append(heads, h)
		return err
	}, args...)
	return heads, err
}

func (in *seals) Heads(ctx context.Context, run int64) ([]store.SealHead, error) {
	heads, err := in.heads(ctx, true, "WHERE h.run = $1 ORDER BY h.tenant_id", run)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		h := &heads[i]
		from, err := in.sizeBefore(ctx, h.Tenant, run)
		if err != nil {
			return nil, err
		}
		if h.Lines, err = in.lines(ctx, h.Tenant, from, h.Size); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// sizeBefore is the size of a tenant's log before a run.
func (in *seals) sizeBefore(ctx context.Context, tenant string, run int64) (size int64, err error) {
	err = in.read(ctx,
		"SELECT size FROM seal_head WHERE tenant_id = $1 AND run < $2 ORDER BY run DESC LIMIT 1",
		func(scan scanFunc) error { return scan(&size) }, in.names.ByName[tenant], run)
	return size, err
}

func (in *seals) NewestHeads(ctx context.Context, run int64) ([]store.SealHead, error) {
	return in.heads(ctx, false, `WHERE l.tenant_id IS NOT NULL AND h.run =
		(SELECT max(run) FROM seal_head WHERE tenant_id = h.tenant_id AND run <= $1)
		ORDER BY h.tenant_id`, run)
}

func (in *seals) TenantHeads(ctx context.Context, tenant string) ([]store.SealHead, error) {
	return in.heads(ctx, false, "WHERE h.tenant_id = $1 ORDER BY h.run", in.names.ByName[tenant])
}

func (in *seals) Lines(ctx context.Context, tenant string, from int64) ([]store.SealLine, error) {
	return in.lines(ctx, tenant, from, math.MaxInt64)
}

func (in *seals) lines(
	ctx context.Context, tenant string, from, to int64,
) (lines []store.SealLine, err error) {
	err = in.read(ctx, `SELECT seq, line FROM seal_leaf
		WHERE tenant_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq`, func(scan scanFunc) error {
		var l store.SealLine
		err := scan(&l.Seq, &l.Line)
		l.Line = decodeText(l.Line)
		lines = append(lines, l)
		return err
	}, in.names.ByName[tenant], from, to)
	return lines, err
}

func (in *seals) Pruned(ctx context.Context, tenant string) (pruned []store.PrunedHash, err error) {
	err = in.read(ctx, `SELECT level, n, hash FROM seal_pruned
		WHERE tenant_id = $1 AND level IN (0, 8) ORDER BY n << level::int, level`,
		func(scan scanFunc) error {
			var p store.PrunedHash
			var hash []byte
			err := scan(&p.Level, &p.N, &hash)
			copy(p.Hash[:], hash)
			pruned = append(pruned, p)
			return err
		}, in.names.ByName[tenant])
	return pruned, err
}

// errName: a row names what is not in the small tables.
var errName = fmt.Errorf("a row names what is not there: %w", store.ErrDamaged)

// errStopped ends a reading whose caller wants no more.
var errStopped = errors.New("stopped")

func (in *seals) Requests(
	ctx context.Context, tenant string, after, upto int64,
) iter.Seq2[*store.Request, error] {
	query := fmt.Sprintf("%s WHERE id > %d AND id <= %d", rowColumns, after, upto)
	if tenant != "" {
		query += fmt.Sprintf(" AND tenant_id = %d", in.names.ByName[tenant])
	}
	return func(yield func(*store.Request, error) bool) {
		var q store.Request
		var bad error
		stopped := false
		err := cursorRows(ctx, in.conn.Conn(), query+" ORDER BY id", func(r *storedRow) bool {
			if bad = in.request(r, &q); bad == nil {
				stopped = !yield(&q, nil)
			}
			return bad == nil && !stopped
		})
		if err = errors.Join(err, bad); err != nil && !stopped {
			yield(nil, in.store.failed(err))
		}
	}
}

// request joins the names.
func (in *seals) request(r *storedRow, q *store.Request) error {
	*q = r.whole(in.names)
	if _, known := in.names.Tenants[r.refs.Tenant]; !known || q.Route == nil || q.Source == nil ||
		r.refs.Client != 0 && q.Client == "" {
		return fmt.Errorf("request %d: %w", q.ID, errName)
	}
	return nil
}

func (in *seals) Events(
	ctx context.Context, tenant string, after, upto int64,
) (events []store.Event, err error) {
	query := `SELECT id, kind, at, tenant_id, count, bytes, note, recorded_at FROM event
		WHERE id > $1 AND id <= $2`
	args := []any{after, upto}
	if tenant != "" {
		query += " AND tenant_id IN (0, $3)"
		args = append(args, in.names.ByName[tenant])
	}
	err = in.read(ctx, query+" ORDER BY id", func(scan scanFunc) error {
		var e store.Event
		var id int64
		if err := scan(&e.ID, &e.Kind, &e.At, &id, &e.Count, &e.Bytes, &e.Note,
			&e.RecordedAt); err != nil {
			return err
		}
		e.Tenant, e.Note = in.names.Tenants[id], decodeText(e.Note)
		if id != 0 && e.Tenant == "" {
			return fmt.Errorf("event %d: %w", e.ID, errName)
		}
		events = append(events, e)
		return nil
	}, args...)
	return events, err
}

func (in *seals) Listed(
	ctx context.Context, tenant string, after, upto int64,
) iter.Seq2[store.ListedRecording, error] {
	query := `SELECT id, tenant_id, started_at, key, duration_us, bytes, listed_at FROM recording
		WHERE id > $1 AND id <= $2`
	args := []any{after, upto}
	if tenant != "" {
		query += " AND tenant_id = $3"
		args = append(args, in.names.ByName[tenant])
	}
	return func(yield func(store.ListedRecording, error) bool) {
		err := in.read(ctx, query+" ORDER BY id", func(scan scanFunc) error {
			var r store.ListedRecording
			var id int64
			if err := scan(&r.ID, &id, &r.StartedAt, &r.Key, &r.Duration, &r.Bytes,
				&r.ListedAt); err != nil {
				return err
			}
			r.Tenant, r.Key = in.names.Tenants[id], decodeText(r.Key)
			if r.Tenant == "" {
				return fmt.Errorf("listed recording %d: %w", r.ID, errName)
			}
			if !yield(r, nil) {
				return errStopped
			}
			return nil
		}, args...)
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.ListedRecording{}, err)
		}
	}
}

func (in *seals) Captures(
	ctx context.Context, after, upto int64,
) (captures []store.Capture, err error) {
	err = in.read(ctx, `SELECT id, span, kind, at, version FROM capture
		WHERE id > $1 AND id <= $2 ORDER BY id`, func(scan scanFunc) error {
		var c store.Capture
		err := scan(&c.ID, &c.Span, &c.Kind, &c.At, &c.Version)
		c.Version = decodeText(c.Version)
		captures = append(captures, c)
		return err
	}, after, upto)
	return captures, err
}

func (in *seals) FirstIn(
	ctx context.Context, tenant string, from, to int64,
) (first store.RowIDs, err error) {
	err = in.read(ctx, `SELECT
		(SELECT coalesce(min(id), 0) FROM request
			WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3),
		(SELECT coalesce(min(id), 0) FROM event
			WHERE tenant_id IN (0, $1) AND at >= $2 AND at < $3),
		(SELECT coalesce(min(id), 0) FROM recording
			WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3)`,
		func(scan scanFunc) error { return scan(&first.Request, &first.Event, &first.Recording) },
		in.names.ByName[tenant], from, to)
	return first, err
}
