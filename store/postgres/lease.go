package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
)

// A process that was stopped for long may believe that it still has a tenant. So each taking adds
// one to a number, the fence, and what it writes to the ledger is refused where the number has
// moved on.

// lease implements store.Lease.
type lease struct {
	store  *Store
	name   string
	tenant int64
	fence  int64
	holder string
	ttl    time.Duration
	// refused is when a refusal for egress was last noted; the zero time means never.
	refused time.Time
}

// TakeLease implements store.Leaser, by the server's clock. A time farther away than any lease
// reaches is from before the clock was set back, and holds nobody.
func (s *Store) TakeLease(
	ctx context.Context, tenant string, ttl time.Duration,
) (store.Lease, bool, error) {
	id, err := s.tenantID(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	l := &lease{store: s, name: tenant, tenant: id, holder: rand.Text(), ttl: ttl}
	var ago *int64
	err = s.pool.QueryRow(ctx, `INSERT INTO lease AS l (tenant_id, fence, holder, until_at)
		VALUES ($1, 1, $2, `+clockNow+` + $3)
		ON CONFLICT (tenant_id) DO UPDATE
		SET fence = l.fence + 1, holder = excluded.holder, until_at = excluded.until_at
		WHERE l.until_at <= excluded.until_at - $3 OR l.until_at > excluded.until_at + $3
		RETURNING fence, `+clockNow+` - refused_at`, id, l.holder, ttl.Microseconds()).
		Scan(&l.fence, &ago)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.failedTo("write", err)
	}
	if ago != nil {
		l.refused = time.Now().Add(-time.Duration(*ago) * time.Microsecond)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases[id] = l
	return l, true, nil
}

// Renew implements store.Lease. A lease that expired and was taken by nobody is good again.
func (l *lease) Renew(ctx context.Context) error {
	return l.update(ctx, fmt.Sprintf("until_at = %s + %d", clockNow, l.ttl.Microseconds()))
}

// NoteRefusal implements store.Lease, by the server's clock: the machine that reads it may go by
// another than the one that writes it.
func (l *lease) NoteRefusal(ctx context.Context) error {
	return l.update(ctx, "refused_at = "+clockNow)
}

// Refused implements store.Lease.
func (l *lease) Refused() time.Time { return l.refused }

// Release implements store.Lease.
func (l *lease) Release(ctx context.Context) error {
	l.store.mu.Lock()
	if l.store.leases[l.tenant] == l {
		delete(l.store.leases, l.tenant)
	}
	l.store.mu.Unlock()
	return l.update(ctx, "until_at = 0")
}

func (l *lease) update(ctx context.Context, set string) error {
	tag, err := l.store.pool.Exec(ctx, "UPDATE lease SET "+set+
		" WHERE tenant_id = $1 AND fence = $2 AND holder = $3", l.tenant, l.fence, l.holder)
	if err != nil {
		return l.store.failedTo("write", err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("tenant %q: %w", l.name, store.ErrLeaseLost)
	}
	return nil
}

// fenced fails where a tenant that this store has a lease of is another's now. Until the
// transaction ends, nobody can take it.
func (t *tx) fenced(ctx context.Context, tenant int64) error {
	l := t.store.leases[tenant]
	if l == nil {
		return nil
	}
	var fence int64
	err := t.conn.QueryRow(ctx, "SELECT fence FROM lease WHERE tenant_id = $1 FOR SHARE", tenant).
		Scan(&fence)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && fence != l.fence {
		return fmt.Errorf("add to the ledger of tenant %q: %w", l.name, store.ErrLeaseLost)
	}
	return err
}
