package sqlite

import (
	"context"
	"fmt"

	"github.com/6dcca832/headroom/store"
)

// AddLedger adds entries in one transaction. Errors are those of Append.
func (s *Store) AddLedger(ctx context.Context, entries []store.LedgerEntry) error {
	if len(entries) == 0 {
		return nil
	}
	return s.write(ctx, func(w *writer) error { return w.addLedger(ctx, entries) })
}

func (w *writer) addLedger(ctx context.Context, entries []store.LedgerEntry) error {
	insert, err := w.conn.PrepareContext(ctx, `INSERT INTO ledger
		(tenant_id, started_at, key, at, state, bytes, sha256, place, note) VALUES (?,?,?,?,?,?,?,?,?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range entries {
		e := &entries[i]
		if err := e.Check(); err != nil {
			return fmt.Errorf("add ledger entry %d: %w", i, err)
		}
		tenant, err := w.ids.tenant(ctx, e.Tenant)
		if err != nil {
			return err
		}
		_, err = insert.ExecContext(ctx, tenant, e.StartedAt, e.Key, e.At, e.State, e.Bytes, e.SHA256,
			e.Place, e.Note)
		if err != nil {
			return err
		}
	}
	return nil
}

// Ledger gives a tenant's entries about recordings that began in [from, to), microseconds since
// 1970 UTC, in order of arrival.
func (n *Snapshot) Ledger(
	ctx context.Context, tenant string, from, to int64,
) ([]store.LedgerEntry, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var entries []store.LedgerEntry
	err := each(
		ctx,
		n.conn,
		`SELECT l.id, l.started_at, l.key, l.at, l.state, l.bytes, l.sha256, l.place, l.note
		FROM ledger l JOIN tenant t ON t.id = l.tenant_id
		WHERE t.name = ? AND l.started_at >= ? AND l.started_at < ? ORDER BY l.id`,
		func(scan func(...any) error) error {
			e := store.LedgerEntry{Tenant: tenant}
			err := scan(&e.ID, &e.StartedAt, &e.Key, &e.At, &e.State, &e.Bytes, &e.SHA256, &e.Place, &e.Note)
			entries = append(entries, e)
			return err
		},
		tenant,
		from,
		to,
	)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", explain(err))
	}
	return entries, nil
}
