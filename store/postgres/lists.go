package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
)

// AddRecordings adds those of the recordings that were not listed before, in one transaction, and
// says how many that were. Recordings are the same when tenant, start and key are. Errors are those
// of Append.
func (s *Store) AddRecordings(
	ctx context.Context, recordings []store.Recording,
) (added int64, err error) {
	if len(recordings) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(t *tx) error {
		listed := make([]store.ListedRecording, len(recordings))
		now := time.Now().UnixMicro()
		for i, r := range recordings {
			listed[i] = store.ListedRecording{ListedAt: now, Recording: r}
		}
		added, err = t.addRecordings(ctx, listed)
		return err
	})
	return added, err
}

// addRecordings gives numbers to those that are new, in order. Of equal ones the first counts.
func (t *tx) addRecordings(
	ctx context.Context, listed []store.ListedRecording,
) (added int64, err error) {
	if len(listed) == 0 {
		return 0, nil
	}
	last, err := t.lastGiven(ctx, "recording")
	if err != nil {
		return 0, err
	}
	var tenants, starts, durations, sizes, times []int64
	var keys []string
	for i := range listed {
		r := &listed[i]
		if err := r.Check(); err != nil {
			return 0, fmt.Errorf("add recording %d: %w", i, err)
		}
		tenant, err := t.store.ids.tenant(ctx, t.conn, r.Tenant)
		if err != nil {
			return 0, err
		}
		tenants, starts = append(tenants, tenant), append(starts, r.StartedAt)
		keys, durations = append(keys, encodeText(r.Key)), append(durations, r.Duration)
		sizes, times = append(sizes, r.Bytes), append(times, r.ListedAt)
	}
	tag, err := t.conn.Exec(ctx, `INSERT INTO recording
		(tenant_id, started_at, key, id, duration_us, bytes, listed_at)
		SELECT tenant, at, key, $7 + row_number() OVER (ORDER BY n), duration, bytes, listed
		FROM (SELECT DISTINCT ON (tenant, at, key)
			tenant, at, key COLLATE "C" AS key, duration, bytes, listed, n
			FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
			WITH ORDINALITY AS u (tenant, at, key, duration, bytes, listed, n) ORDER BY tenant, at, key, n) u
		WHERE NOT EXISTS (SELECT 1 FROM recording r
			WHERE r.tenant_id = u.tenant AND r.started_at = u.at AND r.key = u.key)`,
		tenants, starts, keys, durations, sizes, times, last)
	return tag.RowsAffected(), err
}

// Recordings gives a tenant's recordings that began in [from, to), microseconds since 1970 UTC, in
// order of time.
func (n *Snapshot) Recordings(
	ctx context.Context, tenant string, from, to int64,
) (recordings []store.Recording, err error) {
	err = n.with("recordings", func(conn *pgx.Conn) error {
		return each(ctx, conn, `SELECT started_at, key, duration_us, bytes FROM recording
			WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 ORDER BY started_at, key`,
			func(scan scanFunc) error {
				r := store.Recording{Tenant: tenant}
				err := scan(&r.StartedAt, &r.Key, &r.Duration, &r.Bytes)
				r.Key = decodeText(r.Key)
				recordings = append(recordings, r)
				return err
			}, n.Names.ByName[tenant], from, to)
	})
	return recordings, err
}

// Recorded sums up a tenant's recordings that began in [from, to), microseconds since 1970 UTC.
func (n *Snapshot) Recorded(
	ctx context.Context, tenant string, from, to int64,
) (r store.Recorded, err error) {
	err = n.with("recordings", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT count(*),
			coalesce(sum(CASE WHEN bytes > 0 THEN duration_us ELSE 0 END), 0)::float8 / 3600e6::float8,
			coalesce(sum(CASE WHEN duration_us > 0 THEN bytes ELSE 0 END), 0)::float8
			FROM recording WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3`,
			n.Names.ByName[tenant], from, to).Scan(&r.Recordings, &r.Hours, &r.Bytes)
	})
	return r, err
}

// AddLedger adds entries in one transaction. Errors are those of Append.
func (s *Store) AddLedger(ctx context.Context, entries []store.LedgerEntry) error {
	if len(entries) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error { return t.addLedger(ctx, 0, entries) })
}

// addLedger adds a machine's entries; their IDs are its file's, or none where machine is 0.
func (t *tx) addLedger(ctx context.Context, machine int64, entries []store.LedgerEntry) error {
	if len(entries) == 0 {
		return nil
	}
	last, err := t.lastGiven(ctx, "ledger")
	if err != nil {
		return err
	}
	rows := &t.store.copy
	rows.reset()
	for i := range entries {
		e := &entries[i]
		if err := e.Check(); err != nil {
			return fmt.Errorf("add ledger entry %d: %w", i, err)
		}
		tenant, err := t.store.ids.tenant(ctx, t.conn, e.Tenant)
		if err != nil {
			return err
		}
		if machine == 0 && (i == 0 || e.Tenant != entries[i-1].Tenant) {
			if err := t.fenced(ctx, tenant); err != nil {
				return err
			}
		}
		id := last + 1 + int64(i)
		rows.row(12)
		rows.bigint(tenant, machine, seqOf(machine, e.ID, id), id, e.StartedAt)
		rows.text(e.Key)
		rows.bigint(e.At)
		rows.text(e.State)
		rows.bigint(e.Bytes)
		rows.text(e.SHA256, e.Place, e.Note)
	}
	return rows.send(ctx, t.conn, `ledger
		(tenant_id, machine_id, seq, id, started_at, key, at, state, bytes, sha256, place, note)`)
}

// seqOf is a row's number in its machine's file; a row of this database has its own.
func seqOf(machine, seq, id int64) int64 {
	if machine == 0 {
		return id
	}
	return seq
}

// Ledger gives a tenant's entries about recordings that began in [from, to), microseconds since
// 1970 UTC, in order of arrival.
func (n *Snapshot) Ledger(
	ctx context.Context, tenant string, from, to int64,
) (entries []store.LedgerEntry, err error) {
	err = n.with("ledger", func(conn *pgx.Conn) error {
		return each(ctx, conn, `SELECT id, started_at, key, at, state, bytes, sha256, place, note
			FROM ledger
			WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 ORDER BY id`,
			func(scan scanFunc) error {
				e := store.LedgerEntry{Tenant: tenant}
				err := scan(&e.ID, &e.StartedAt, &e.Key, &e.At, &e.State, &e.Bytes, &e.SHA256, &e.Place,
					&e.Note)
				e.Key, e.Place, e.Note = decodeText(e.Key), decodeText(e.Place), decodeText(e.Note)
				entries = append(entries, e)
				return err
			}, n.Names.ByName[tenant], from, to)
	})
	return entries, err
}

// AddEvent adds an event. A tenant that is not known yet is added too.
func (s *Store) AddEvent(ctx context.Context, e store.Event) error {
	e.RecordedAt = time.Now().UnixMicro()
	return s.write(ctx, func(t *tx) error { return t.addEvents(ctx, 0, []store.Event{e}) })
}

// addEvents is like addLedger.
func (t *tx) addEvents(ctx context.Context, machine int64, events []store.Event) error {
	if len(events) == 0 {
		return nil
	}
	last, err := t.lastGiven(ctx, "event")
	if err != nil {
		return err
	}
	rows := &t.store.copy
	rows.reset()
	for i := range events {
		e := &events[i]
		var tenant int64
		if e.Tenant != "" {
			if tenant, err = t.store.ids.tenant(ctx, t.conn, e.Tenant); err != nil {
				return err
			}
		}
		id := last + 1 + int64(i)
		rows.row(10)
		rows.bigint(tenant, machine, seqOf(machine, e.ID, id), id)
		rows.text(e.Kind)
		rows.bigint(e.At, e.Count, e.Bytes)
		rows.text(e.Note)
		rows.bigint(e.RecordedAt)
	}
	return rows.send(ctx, t.conn,
		"event (tenant_id, machine_id, seq, id, kind, at, count, bytes, note, recorded_at)")
}

// Events gives all events in order of (at, id).
func (n *Snapshot) Events(ctx context.Context) (events []store.Event, err error) {
	err = n.with("events", func(conn *pgx.Conn) error {
		return each(ctx, conn, `SELECT id, kind, at, tenant_id, count, bytes, note, recorded_at FROM event
			ORDER BY at, id`, func(scan scanFunc) error {
			var e store.Event
			var tenant int64
			err := scan(&e.ID, &e.Kind, &e.At, &tenant, &e.Count, &e.Bytes, &e.Note, &e.RecordedAt)
			e.Tenant, e.Note = n.Names.Tenants[tenant], decodeText(e.Note)
			events = append(events, e)
			return err
		})
	})
	return events, err
}

// AddCapture adds a time of capture.
func (s *Store) AddCapture(ctx context.Context, c store.Capture) error {
	return s.write(ctx, func(t *tx) error { return t.addCaptures(ctx, 0, []store.Capture{c}) })
}

// addCaptures is like addLedger.
func (t *tx) addCaptures(ctx context.Context, machine int64, captures []store.Capture) error {
	if len(captures) == 0 {
		return nil
	}
	last, err := t.lastGiven(ctx, "capture")
	if err != nil {
		return err
	}
	rows := &t.store.copy
	rows.reset()
	for i := range captures {
		c := &captures[i]
		id := last + 1 + int64(i)
		rows.row(7)
		rows.bigint(machine, seqOf(machine, c.ID, id), id, c.Span)
		rows.text(c.Kind)
		rows.bigint(c.At)
		rows.text(c.Version)
	}
	return rows.send(ctx, t.conn, "capture (machine_id, seq, id, span, kind, at, version)")
}

// Captures gives all times of capture in order of arrival.
func (n *Snapshot) Captures(ctx context.Context) (all []store.Capture, err error) {
	err = n.with("times of capture", func(conn *pgx.Conn) error {
		return each(ctx, conn, "SELECT id, span, kind, at, version FROM capture ORDER BY id",
			func(scan scanFunc) error {
				var c store.Capture
				err := scan(&c.ID, &c.Span, &c.Kind, &c.At, &c.Version)
				c.Version = decodeText(c.Version)
				all = append(all, c)
				return err
			})
	})
	return all, err
}

// Span gives the ids of the first and the last request; 0 and 0 where there is none.
func (n *Snapshot) Span(ctx context.Context) (first, last int64, err error) {
	err = n.with("requests", func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT (SELECT coalesce(min(id), 0) FROM request),
			(SELECT coalesce(max(id), 0) FROM request)`).Scan(&first, &last)
	})
	return first, last, err
}
