package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/packed"
)

// seals reads rows and their seals as they were at one moment. It implements store.Seals.
type seals struct {
	path   string
	conn   *sql.Conn
	names  *packed.Names
	format int
	last   store.RowIDs
}

// Seals opens the rows and their seals as they are now, for reading.
func (s *Store) Seals(ctx context.Context) (store.Seals, error) {
	db, _, err := s.current()
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", pathname.Quote(s.path), explain(err))
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", pathname.Quote(s.path), explain(err))
	}
	in := &seals{path: s.path, conn: conn}
	if err := in.load(ctx); err != nil {
		in.Close()
		return nil, in.failed(err)
	}
	return in, nil
}

func (in *seals) load(ctx context.Context) (err error) {
	if _, err := in.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if in.names, err = loadNames(ctx, in.conn); err != nil {
		return err
	}
	if in.format, err = userVersion(ctx, in.conn); err != nil {
		return err
	}
	return in.conn.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(id), 0) FROM request), (SELECT
		coalesce(max(id), 0) FROM event),
		(SELECT coalesce(max(id), 0) FROM recording), (SELECT coalesce(max(id), 0) FROM capture)`).
		Scan(&in.last.Request, &in.last.Event, &in.last.Recording, &in.last.Capture)
}

func (in *seals) failed(err error) error {
	return fmt.Errorf("read database %s: %w", pathname.Quote(in.path), explain(err))
}

// Close ends the reading.
func (in *seals) Close() error {
	// Nothing was written; a failure shows in Close.
	_, _ = in.conn.ExecContext(context.Background(), "ROLLBACK")
	return in.conn.Close()
}

func (in *seals) Format() int { return in.format }

func (in *seals) Last() store.RowIDs { return in.last }

func (in *seals) Tenants() (tenants []string) {
	for name := range in.names.ByName {
		tenants = append(tenants, name)
	}
	slices.Sort(tenants)
	return tenants
}

const runColumns = "SELECT n, sealed_at, request_upto, event_upto, recording_upto, capture_upto, pad, text_sum, EXISTS (SELECT 1 FROM seal_told t WHERE t.n = r.n) FROM seal_run r "

func (in *seals) Run(ctx context.Context, n int64) (store.SealRun, error) {
	runs, err := in.runs(ctx,
		runColumns+"WHERE n = coalesce(nullif(?, 0), (SELECT max(n) FROM seal_run))", n)
	if err != nil || len(runs) == 0 {
		return store.SealRun{}, err
	}
	return runs[0], nil
}

func (in *seals) Runs(ctx context.Context, from int64) ([]store.SealRun, error) {
	return in.runs(ctx, runColumns+"WHERE n >= ? ORDER BY n", from)
}

func (in *seals) runs(
	ctx context.Context, query string, args ...any,
) (runs []store.SealRun, err error) {
	err = each(ctx, in.conn, query, func(scan func(...any) error) error {
		var r store.SealRun
		var pad, sum []byte
		if err := scan(&r.N, &r.SealedAt, &r.Upto.Request, &r.Upto.Event, &r.Upto.Recording,
			&r.Upto.Capture, &pad, &sum, &r.Told); err != nil {
			return err
		}
		copy(r.Pad[:], pad)
		copy(r.TextSum[:], sum)
		runs = append(runs, r)
		return nil
	}, args...)
	if err != nil {
		return nil, in.failed(err)
	}
	return runs, nil
}

func (in *seals) Stamp(ctx context.Context, n int64) (answer []byte, err error) {
	err = each(ctx, in.conn, "SELECT answer FROM seal_stamp WHERE n = ?",
		func(scan func(...any) error) error { return scan(&answer) }, n)
	if err != nil {
		return nil, in.failed(err)
	}
	return answer, nil
}

const headColumns = "SELECT h.tenant_id, h.run, l.log_id, l.public_key, h.size, h.checkpoint, h.peaks"

// heads reads heads with or without their hints. A head of a tenant without a log, or of a tenant
// that is gone, has an empty log, which no check takes for the right one.
func (in *seals) heads(
	ctx context.Context, query string, args ...any,
) (heads []store.SealHead, err error) {
	err = each(ctx, in.conn, query, func(scan func(...any) error) error {
		var h store.SealHead
		var tenant int64
		var id, key []byte
		if err := scan(&tenant, &h.Run, &id, &key, &h.Size, &h.Checkpoint,
			&h.Peaks, &h.Hints); err != nil {
			return err
		}
		copy(h.Log.ID[:], id)
		copy(h.Log.PublicKey[:], key)
		h.Tenant = in.names.Tenants[tenant]
		heads = append(heads, h)
		return nil
	}, args...)
	if err != nil {
		return nil, in.failed(err)
	}
	return heads, nil
}

func (in *seals) Heads(ctx context.Context, run int64) ([]store.SealHead, error) {
	heads, err := in.heads(ctx,
		headColumns+", h.hints FROM seal_head h LEFT JOIN seal_log l USING (tenant_id) WHERE h.run = ? ORDER BY h.tenant_id",
		run)
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
	err = in.conn.QueryRowContext(ctx, "SELECT size FROM seal_head WHERE tenant_id = ? AND run < ? ORDER BY run DESC LIMIT 1",
		in.names.ByName[tenant], run).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, in.failed(err)
	}
	return size, nil
}

func (in *seals) NewestHeads(ctx context.Context, run int64) ([]store.SealHead, error) {
	return in.heads(
		ctx,
		headColumns+`, NULL FROM seal_log l JOIN seal_head h ON h.tenant_id = l.tenant_id
		AND h.run = (SELECT max(run) FROM seal_head WHERE tenant_id = l.tenant_id AND run <= ?) ORDER BY
		h.tenant_id`,
		run,
	)
}

func (in *seals) TenantHeads(ctx context.Context, tenant string) ([]store.SealHead, error) {
	return in.heads(ctx,
		headColumns+", NULL FROM seal_head h LEFT JOIN seal_log l USING (tenant_id) WHERE h.tenant_id = ? ORDER BY h.run",
		in.names.ByName[tenant])
}

func (in *seals) Lines(ctx context.Context, tenant string, from int64) ([]store.SealLine, error) {
	return in.lines(ctx, tenant, from, math.MaxInt64)
}

func (in *seals) lines(
	ctx context.Context, tenant string, from, to int64,
) (lines []store.SealLine, err error) {
	err = each(
		ctx,
		in.conn,
		"SELECT seq, line FROM seal_leaf WHERE tenant_id = ? AND seq >= ? AND seq < ? ORDER BY seq",
		func(scan func(...any) error) error {
			var l store.SealLine
			err := scan(&l.Seq, &l.Line)
			lines = append(lines, l)
			return err
		},
		in.names.ByName[tenant],
		from,
		to,
	)
	if err != nil {
		return nil, in.failed(err)
	}
	return lines, nil
}

func (in *seals) Pruned(ctx context.Context, tenant string) (pruned []store.PrunedHash, err error) {
	err = each(
		ctx,
		in.conn,
		"SELECT level, n, hash FROM seal_pruned WHERE tenant_id = ? AND level IN (0, 8) ORDER BY n << level, level",
		func(scan func(...any) error) error {
			var p store.PrunedHash
			var hash []byte
			err := scan(&p.Level, &p.N, &hash)
			copy(p.Hash[:], hash)
			pruned = append(pruned, p)
			return err
		},
		in.names.ByName[tenant],
	)
	if err != nil {
		return nil, in.failed(err)
	}
	return pruned, nil
}

// errName: a row names what is not in the small tables.
var errName = fmt.Errorf("a row names what is not there: %w", store.ErrDamaged)

func (in *seals) Requests(
	ctx context.Context, tenant string, after, upto int64,
) iter.Seq2[*store.Request, error] {
	return func(yield func(*store.Request, error) bool) {
		query, args := rowColumns+"WHERE id > ? AND id <= ? ORDER BY id", []any{after, upto}
		if tenant != "" {
			query, args = rowColumns+"WHERE id > ? AND id <= ? AND tenant_id = ? ORDER BY id", append(args,
				in.names.ByName[tenant])
		}
		var q store.Request
		err := readRows(ctx, in.conn, query, func(r *storedRow) error {
			if err := in.request(r, &q); err != nil {
				return err
			}
			if !yield(&q, nil) {
				return errStopped
			}
			return nil
		}, args...)
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, in.failed(err))
		}
	}
}

// request joins the names.
func (in *seals) request(r *storedRow, q *store.Request) error {
	*q = r.whole(in.names)
	if _, known := in.names.Tenants[r.tenant]; !known || q.Route == nil || q.Source == nil ||
		r.client.Valid && q.Client == "" {
		return fmt.Errorf("request %d: %w", r.id, errName)
	}
	return nil
}

func (in *seals) Events(
	ctx context.Context, tenant string, after, upto int64,
) (events []store.Event, err error) {
	query, args := "SELECT id, kind, at, tenant_id, count, bytes, note, recorded_at FROM event WHERE id > ? AND id <= ?", []any{
		after,
		upto,
	}
	if tenant != "" {
		query, args = query+" AND (tenant_id IS NULL OR tenant_id = ?)", append(args,
			in.names.ByName[tenant])
	}
	err = each(ctx, in.conn, query+" ORDER BY id", func(scan func(...any) error) error {
		var e store.Event
		var tenant sql.NullInt64
		if err := scan(&e.ID, &e.Kind, &e.At, &tenant, &e.Count, &e.Bytes, &e.Note,
			&e.RecordedAt); err != nil {
			return err
		}
		if e.Tenant = in.names.Tenants[tenant.Int64]; tenant.Valid && e.Tenant == "" {
			return fmt.Errorf("event %d: %w", e.ID, errName)
		}
		events = append(events, e)
		return nil
	}, args...)
	if err != nil {
		return nil, in.failed(err)
	}
	return events, nil
}

func (in *seals) Listed(
	ctx context.Context, tenant string, after, upto int64,
) iter.Seq2[store.ListedRecording, error] {
	return func(yield func(store.ListedRecording, error) bool) {
		query, args := "SELECT id, tenant_id, started_at, key, duration_us, bytes, listed_at FROM recording WHERE id > ? AND id <= ?", []any{
			after,
			upto,
		}
		if tenant != "" {
			query, args = query+" AND tenant_id = ?", append(args, in.names.ByName[tenant])
		}
		err := each(ctx, in.conn, query+" ORDER BY id", func(scan func(...any) error) error {
			var r store.ListedRecording
			var tenant int64
			if err := scan(&r.ID, &tenant, &r.StartedAt, &r.Key, &r.Duration, &r.Bytes,
				&r.ListedAt); err != nil {
				return err
			}
			if r.Tenant = in.names.Tenants[tenant]; r.Tenant == "" {
				return fmt.Errorf("listed recording %d: %w", r.ID, errName)
			}
			if !yield(r, nil) {
				return errStopped
			}
			return nil
		}, args...)
		if err != nil && !errors.Is(err, errStopped) {
			yield(store.ListedRecording{}, in.failed(err))
		}
	}
}

func (in *seals) Captures(
	ctx context.Context, after, upto int64,
) (captures []store.Capture, err error) {
	err = each(
		ctx,
		in.conn,
		"SELECT id, span, kind, at, version FROM capture WHERE id > ? AND id <= ? ORDER BY id",
		func(scan func(...any) error) error {
			var c store.Capture
			err := scan(&c.ID, &c.Span, &c.Kind, &c.At, &c.Version)
			captures = append(captures, c)
			return err
		},
		after,
		upto,
	)
	if err != nil {
		return nil, in.failed(err)
	}
	return captures, nil
}

func (in *seals) FirstIn(
	ctx context.Context, tenant string, from, to int64,
) (first store.RowIDs, err error) {
	err = in.conn.QueryRowContext(ctx, `SELECT
		(SELECT coalesce(min(id), 0) FROM request WHERE tenant_id = ?1 AND started_at >= ?2 AND
		started_at < ?3),
		(SELECT coalesce(min(id), 0) FROM event WHERE (tenant_id IS NULL OR tenant_id = ?1) AND at >= ?2
		AND at < ?3),
		(SELECT coalesce(min(id), 0) FROM recording WHERE tenant_id = ?1 AND started_at >= ?2 AND
		started_at < ?3)`,
		in.names.ByName[tenant], from, to).Scan(&first.Request, &first.Event, &first.Recording)
	if err != nil {
		return first, in.failed(err)
	}
	return first, nil
}
