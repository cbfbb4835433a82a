package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/store"
)

// TakeSlot takes the slot of a tenant's class. Processes share it through the file: only one of
// them has it at a time. Where it is not free, ok is false, and wait is the longest until it will
// be; it may become free sooner, so ask again before. A slot that is never settled, because its
// process died, expires after the time lease.
func (s *Store) TakeSlot(
	ctx context.Context, tenant, class string, lease time.Duration,
) (slot store.Slot, wait time.Duration, ok bool, err error) {
	if wait, err = s.slotWait(ctx, s.pool(), tenant, class, lease); err != nil || wait > 0 {
		return store.Slot{}, wait, false, err
	}
	err = s.write(ctx, func(w *writer) error {
		id, err := w.ids.tenant(ctx, tenant)
		if err != nil {
			return err
		}
		if wait, err = s.slotWait(ctx, w.conn, tenant, class, lease); err != nil || wait > 0 {
			return err
		}
		slot = store.Slot{Tenant: tenant, Class: class, Until: time.Now().Add(lease).UnixMicro()}
		_, err = w.conn.ExecContext(ctx, `INSERT INTO pace (tenant_id, class, next_at) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET next_at = excluded.next_at`, id, class, slot.Until)
		return err
	})
	return slot, wait, err == nil && wait == 0, err
}

// slotWait is how long a class is not free, at most. A time that is farther away than any lease
// reaches is from before the clock was set back, and holds nobody.
func (s *Store) slotWait(
	ctx context.Context, q queryer, tenant, class string, lease time.Duration,
) (time.Duration, error) {
	var next int64
	err := q.QueryRowContext(ctx, `SELECT next_at FROM pace JOIN tenant ON tenant.id = tenant_id WHERE name = ? AND class = ?`,
		tenant, class).Scan(&next)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read pace: %w", explain(err))
	}
	wait := time.Until(time.UnixMicro(next))
	if wait > 2*lease {
		return 0, nil
	}
	return max(0, wait), nil
}

// SettleSlot says when the next request of the slot's class may start. A slot that has expired and
// was taken by another is not touched.
func (s *Store) SettleSlot(ctx context.Context, slot store.Slot, next time.Time) error {
	return s.write(ctx, func(w *writer) error {
		tenant, err := w.ids.tenant(ctx, slot.Tenant)
		if err != nil {
			return err
		}
		_, err = w.conn.ExecContext(ctx,
			"UPDATE pace SET next_at = ? WHERE tenant_id = ? AND class = ? AND next_at = ?",
			next.UnixMicro(), tenant, slot.Class, slot.Until)
		return err
	})
}
