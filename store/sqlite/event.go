package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/store"
)

// AddEvent adds an event. A tenant that is not known yet is added too.
func (s *Store) AddEvent(ctx context.Context, e store.Event) error {
	return s.write(ctx, func(w *writer) error {
		var tenant any
		if e.Tenant != "" {
			id, err := w.ids.tenant(ctx, e.Tenant)
			if err != nil {
				return err
			}
			tenant = id
		}
		return w.aboveSealed(ctx, "event", func() error {
			_, err := w.conn.ExecContext(ctx,
				"INSERT INTO event (kind, at, tenant_id, count, bytes, note, recorded_at) VALUES (?,?,?,?,?,?,?)",
				e.Kind, e.At, tenant, e.Count, e.Bytes, e.Note, time.Now().UnixMicro())
			return err
		})
	})
}

// Events gives all events in order of (at, id).
func (n *Snapshot) Events(ctx context.Context) ([]store.Event, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var events []store.Event
	err := each(
		ctx,
		n.conn,
		`SELECT e.ID, e.kind, e.At, coalesce(t.name, ''), e.count, e.Bytes, e.note, e.recorded_at
		FROM event e LEFT JOIN tenant t ON t.id = e.tenant_id ORDER BY e.At, e.ID`,
		func(scan func(...any) error) error {
			var e store.Event
			err := scan(&e.ID, &e.Kind, &e.At, &e.Tenant, &e.Count, &e.Bytes, &e.Note, &e.RecordedAt)
			events = append(events, e)
			return err
		},
	)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", explain(err))
	}
	return events, nil
}
