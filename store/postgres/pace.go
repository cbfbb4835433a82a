package postgres

import (
	"context"
	"time"

	"github.com/6dcca832/headroom/store"
)

// clockNow is the server's clock in microseconds since 1970 UTC, whatever the transaction's start.
const clockNow = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

// TakeSlot takes the slot of a tenant's class, by the server's clock: machines share it through the
// database, whatever their own say. Only one process has it at a time. Where it is not free, ok is
// false, and wait is the longest until it will be; it may become free sooner, so ask again before.
// A slot that is never settled, because its process died, expires after the time lease.
//
// One statement decides, without the writers' lock, so that it does not wait for a large import.
func (s *Store) TakeSlot(
	ctx context.Context, tenant, class string, lease time.Duration,
) (slot store.Slot, wait time.Duration, ok bool, err error) {
	id, err := s.tenantID(ctx, tenant)
	if err != nil {
		return store.Slot{}, 0, false, err
	}
	// A time that is farther away than any lease reaches is from before the clock was set back, and
	// holds nobody.
	var until, waitUS int64
	err = s.pool.QueryRow(ctx, `WITH clock AS MATERIALIZED (SELECT `+clockNow+` AS t), taken AS (
		INSERT INTO pace AS p (tenant_id, class, next_at) SELECT $1, $2, t + $3 FROM clock
		ON CONFLICT (tenant_id, class) DO UPDATE SET next_at = excluded.next_at
		WHERE p.next_at <= excluded.next_at - $3 OR p.next_at > excluded.next_at + $3 RETURNING next_at)
		SELECT coalesce((SELECT next_at FROM taken), 0),
		coalesce((SELECT next_at - t FROM pace WHERE tenant_id = $1 AND class = $2), 0) FROM clock`,
		id, class, lease.Microseconds()).Scan(&until, &waitUS)
	if err != nil {
		return store.Slot{}, 0, false, s.failedTo("write", err)
	}
	if until == 0 {
		// Never nothing: another may have taken a free slot since the statement began.
		return store.Slot{}, max(time.Duration(waitUS)*time.Microsecond, time.Millisecond), false, nil
	}
	return store.Slot{Tenant: tenant, Class: class, Until: until}, 0, true, nil
}

// SettleSlot says when the next request of the slot's class may start. Next is by this machine's
// clock; what is kept is the time until then, by the server's. A slot that has expired and was
// taken by another is not touched.
func (s *Store) SettleSlot(ctx context.Context, slot store.Slot, next time.Time) error {
	id, err := s.tenantID(ctx, slot.Tenant)
	if err != nil {
		return err
	}
	_, err = s.pool.Exec(ctx, "UPDATE pace SET next_at = "+clockNow+
		" + $1 WHERE tenant_id = $2 AND class = $3 AND next_at = $4",
		time.Until(next).Microseconds(), id, slot.Class, slot.Until)
	if err != nil {
		return s.failedTo("write", err)
	}
	return nil
}

// tenantID gives a tenant's row number, and adds the tenant where it is missing.
func (s *Store) tenantID(ctx context.Context, name string) (id int64, err error) {
	s.mu.Lock()
	id, ok := s.ids.tenants[name]
	s.mu.Unlock()
	if ok {
		return id, nil
	}
	err = s.write(ctx, func(t *tx) error {
		id, err = s.ids.tenant(ctx, t.conn, name)
		return err
	})
	return id, err
}
