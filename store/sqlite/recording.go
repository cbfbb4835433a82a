package sqlite

import (
	"context"
	"fmt"
	"time"

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
	err = s.write(ctx, func(w *writer) error {
		return w.aboveSealed(ctx, "recording", func() (err error) {
			added, err = w.addRecordings(ctx, recordings)
			return err
		})
	})
	return added, err
}

func (w *writer) addRecordings(
	ctx context.Context, recordings []store.Recording,
) (added int64, err error) {
	insert, err := w.conn.PrepareContext(ctx,
		"INSERT OR IGNORE INTO recording (tenant_id, started_at, key, duration_us, bytes, listed_at) VALUES (?,?,?,?,?,?)")
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	now := time.Now().UnixMicro()
	for i := range recordings {
		r := &recordings[i]
		if err := r.Check(); err != nil {
			return 0, fmt.Errorf("add recording %d: %w", i, err)
		}
		tenant, err := w.ids.tenant(ctx, r.Tenant)
		if err != nil {
			return 0, err
		}
		result, err := insert.ExecContext(ctx, tenant, r.StartedAt, r.Key, r.Duration, r.Bytes, now)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		added += n
	}
	return added, nil
}

// Recordings gives a tenant's recordings that began in [from, to), microseconds since 1970 UTC, in
// order of time.
func (n *Snapshot) Recordings(
	ctx context.Context, tenant string, from, to int64,
) ([]store.Recording, error) {
	var recordings []store.Recording
	n.mu.Lock()
	defer n.mu.Unlock()
	err := each(
		ctx,
		n.conn,
		`SELECT r.started_at, r.key, r.duration_us, r.bytes FROM recording r JOIN tenant t ON t.id =
			r.tenant_id
		WHERE t.name = ? AND r.started_at >= ? AND r.started_at < ? ORDER BY r.started_at, r.key`,
		func(scan func(...any) error) error {
			r := store.Recording{Tenant: tenant}
			err := scan(&r.StartedAt, &r.Key, &r.Duration, &r.Bytes)
			recordings = append(recordings, r)
			return err
		},
		tenant,
		from,
		to,
	)
	if err != nil {
		return nil, fmt.Errorf("read recordings: %w", explain(err))
	}
	return recordings, nil
}

// Recorded sums up a tenant's recordings that began in [from, to), microseconds since 1970 UTC.
func (n *Snapshot) Recorded(
	ctx context.Context, tenant string, from, to int64,
) (r store.Recorded, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	err = n.conn.QueryRowContext(ctx, `SELECT count(*), total(iif(bytes > 0, duration_us, 0)) /
		3600e6, total(iif(duration_us > 0, bytes, 0))
		FROM recording r JOIN tenant t ON t.id = r.tenant_id WHERE t.name = ? AND r.started_at >= ? AND
		r.started_at < ?`, tenant, from, to).Scan(&r.Recordings, &r.Hours, &r.Bytes)
	if err != nil {
		return store.Recorded{}, fmt.Errorf("read recordings: %w", explain(err))
	}
	return r, nil
}
