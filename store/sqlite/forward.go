package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
)

// Machine is the file's own name among those that are sent to one place: a hash of its key and of
// when it was made. So any copy of the file has the same, a backup from before it was first asked,
// too.
func (s *Store) Machine(ctx context.Context) (uid [16]byte, err error) {
	var created int64
	err = s.pool().QueryRowContext(ctx,
		"SELECT coalesce((SELECT value FROM meta WHERE name = 'created_at'), 0)").Scan(&created)
	if err != nil {
		return uid, fmt.Errorf("read database %s: %w", pathname.Quote(s.path), explain(err))
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "headroom machine %x %d", s.hashKey, created))
	copy(uid[:], sum[:])
	return uid, nil
}

// LedgerAfter gives the entries of all tenants with an ID above after, by ID, at most limit.
func (s *Store) LedgerAfter(
	ctx context.Context, after int64, limit int,
) (entries []store.LedgerEntry, err error) {
	err = each(ctx, s.pool(), `SELECT l.id, t.name, l.started_at, l.key, l.at, l.state, l.bytes,
		l.sha256, l.place, l.note FROM ledger l JOIN tenant t ON t.id = l.tenant_id
		WHERE l.id > ? ORDER BY l.id LIMIT ?`, func(scan func(...any) error) error {
		var e store.LedgerEntry
		err := scan(&e.ID, &e.Tenant, &e.StartedAt, &e.Key, &e.At, &e.State, &e.Bytes, &e.SHA256,
			&e.Place, &e.Note)
		entries = append(entries, e)
		return err
	}, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", explain(err))
	}
	return entries, nil
}
