package sqlite

import (
	"context"
	"fmt"

	"github.com/6dcca832/headroom/store"
)

// AddCapture adds a time of capture.
func (s *Store) AddCapture(ctx context.Context, c store.Capture) error {
	return s.write(ctx, func(w *writer) error {
		return w.aboveSealed(ctx, "capture", func() error {
			_, err := w.conn.ExecContext(ctx,
				"INSERT INTO capture (span, kind, at, version) VALUES (?,?,?,?)", c.Span, c.Kind, c.At,
				c.Version)
			return err
		})
	})
}

// Captures gives all times of capture in order of arrival.
func (n *Snapshot) Captures(ctx context.Context) ([]store.Capture, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []store.Capture
	err := each(ctx, n.conn, "SELECT id, span, kind, at, version FROM capture ORDER BY id",
		func(scan func(...any) error) error {
			var c store.Capture
			err := scan(&c.ID, &c.Span, &c.Kind, &c.At, &c.Version)
			all = append(all, c)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read times of capture: %w", explain(err))
	}
	return all, nil
}

// Span gives the ids of the first and the last request; 0 and 0 where there is none.
func (n *Snapshot) Span(ctx context.Context) (first, last int64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	err = n.conn.QueryRowContext(ctx, `SELECT (SELECT coalesce(min(id), 0) FROM request),
		(SELECT coalesce(max(id), 0) FROM request)`).Scan(&first, &last)
	if err != nil {
		return 0, 0, fmt.Errorf("read requests: %w", explain(err))
	}
	return first, last, nil
}
