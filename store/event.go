package store

import (
	"context"
	"fmt"
	"time"
)

// The kinds of Event.
const (
	EventReset   = "reset"   // support reset a tenant's egress window
	EventDropped = "dropped" // requests could not be recorded
	EventPrune   = "prune"   // rows were removed from the file
)

// Event is something that happened to a tenant's limits or to the log itself. Events are only ever added.
type Event struct {
	ID   int64
	Kind string
	// At is, in microseconds since 1970 UTC: of a reset, when support did it; of a drop, when it was noticed; of a prune,
	// the time before which rows went.
	At int64
	// Tenant is "" where the event is not about one tenant.
	Tenant string
	// Count and Bytes are how many requests and response bytes were dropped or removed; 0 for a reset.
	Count, Bytes int64
	// Note is what the user wrote.
	Note string
	// RecordedAt is when the event was added, in microseconds since 1970 UTC; AddEvent fills it.
	RecordedAt int64
}

// AddEvent adds an event. A tenant that is not known yet is added too.
func (s *Store) AddEvent(ctx context.Context, e Event) error {
	return s.write(ctx, func(w *writer) error {
		var tenant any
		if e.Tenant != "" {
			id, err := w.ids.tenant(ctx, e.Tenant)
			if err != nil {
				return err
			}
			tenant = id
		}
		_, err := w.conn.ExecContext(ctx, "INSERT INTO event (kind, at, tenant_id, count, bytes, note, recorded_at) VALUES (?,?,?,?,?,?,?)",
			e.Kind, e.At, tenant, e.Count, e.Bytes, e.Note, time.Now().UnixMicro())
		return err
	})
}

// Events gives all events in order of (at, id).
func (n *Snapshot) Events(ctx context.Context) ([]Event, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var events []Event
	err := each(ctx, n.conn, `SELECT e.id, e.kind, e.at, coalesce(t.name, ''), e.count, e.bytes, e.note, e.recorded_at
		FROM event e LEFT JOIN tenant t ON t.id = e.tenant_id ORDER BY e.at, e.id`, func(scan func(...any) error) error {
		var e Event
		err := scan(&e.ID, &e.Kind, &e.At, &e.Tenant, &e.Count, &e.Bytes, &e.Note, &e.RecordedAt)
		events = append(events, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", explain(err))
	}
	return events, nil
}
