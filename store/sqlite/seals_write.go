package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
)

// AddSeal adds a run and its heads in one transaction, where run.N is the next number.
func (s *Store) AddSeal(ctx context.Context, run *store.SealRun, heads []store.SealHead) error {
	return s.writeWithin(ctx, sealPatience,
		func(w *writer) error { return w.addSeal(ctx, run, heads) })
}

func (w *writer) addSeal(ctx context.Context, run *store.SealRun, heads []store.SealHead) error {
	var last int64
	if err := w.conn.QueryRowContext(ctx, "SELECT coalesce(max(n), 0) FROM seal_run").Scan(&last); err != nil {
		return err
	}
	if run.N != last+1 {
		return store.ErrSealedMeanwhile
	}
	_, err := w.conn.ExecContext(ctx,
		"INSERT INTO seal_run (n, sealed_at, request_upto, event_upto, recording_upto, capture_upto, pad, text_sum) VALUES (?,?,?,?,?,?,?,?)",
		run.N, run.SealedAt, run.Upto.Request, run.Upto.Event, run.Upto.Recording, run.Upto.Capture,
		run.Pad[:], run.TextSum[:])
	for i := range heads {
		if err == nil {
			err = w.addHead(ctx, &heads[i])
		}
	}
	return err
}

func (w *writer) addHead(ctx context.Context, h *store.SealHead) error {
	tenant, err := w.ids.tenant(ctx, h.Tenant)
	if err != nil {
		return err
	}
	var known int
	if err := w.conn.QueryRowContext(ctx, "SELECT count(*) FROM seal_log WHERE tenant_id = ?", tenant).Scan(&known); err != nil {
		return err
	}
	if known == 0 {
		if _, err := w.conn.ExecContext(ctx, "INSERT INTO seal_log VALUES (?,?,?)", tenant, h.Log.ID[:], h.Log.PublicKey[:]); err != nil {
			return err
		}
	}
	peaks, hints := h.Peaks, h.Hints
	if peaks == nil {
		peaks = []byte{}
	}
	if hints == nil {
		hints = []byte{}
	}
	_, err = w.conn.ExecContext(ctx,
		"INSERT INTO seal_head (tenant_id, run, size, checkpoint, peaks, hints) VALUES (?,?,?,?,?,?)",
		tenant, h.Run, h.Size, string(h.Checkpoint), peaks, hints)
	for _, l := range h.Lines {
		if err == nil {
			_, err = w.conn.ExecContext(ctx, "INSERT INTO seal_leaf VALUES (?,?,?)", tenant, l.Seq, l.Line)
		}
	}
	return err
}

// TellSeal notes that the line of a run left this machine.
func (s *Store) TellSeal(ctx context.Context, n int64) error {
	return s.writeWithin(ctx, sealPatience, func(w *writer) error {
		_, err := w.conn.ExecContext(ctx,
			"INSERT OR IGNORE INTO seal_told SELECT n FROM seal_run WHERE n = ? AND n NOT IN (SELECT n FROM seal_told)",
			n)
		return err
	})
}

// AddStamp keeps what a time stamping authority answered about a run.
func (s *Store) AddStamp(ctx context.Context, n int64, answer []byte) error {
	return s.write(ctx, func(w *writer) error {
		var old []byte
		err := w.conn.QueryRowContext(ctx, "SELECT answer FROM seal_stamp WHERE n = ?", n).Scan(&old)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			_, err = w.conn.ExecContext(ctx, "INSERT INTO seal_stamp VALUES (?,?)", n, answer)
			return err
		case err == nil && !bytes.Equal(old, answer):
			return fmt.Errorf("seal %d: %w", n, store.ErrStamped)
		}
		return err
	})
}

// Prune removes the rows before a time and keeps of them what the seals need. It takes the triggers
// down in its own transaction, so that nobody else ever sees a log without them.
func (s *Store) Prune(ctx context.Context, p *store.Pruning) error {
	if p == nil {
		return s.emptyLog(ctx)
	}
	err := s.write(ctx, func(w *writer) error {
		for name := range triggers {
			if _, err := w.conn.ExecContext(ctx, "DROP TRIGGER IF EXISTS "+name); err != nil {
				return err
			}
		}
		if err := w.prune(ctx, p); err != nil {
			return err
		}
		w.ids = newIDs(w.conn) // names may be gone
		return makeTriggers(ctx, w.conn)
	})
	if err != nil {
		return err
	}
	return s.emptyLog(ctx)
}

func (w *writer) prune(ctx context.Context, p *store.Pruning) error {
	if _, err := w.conn.ExecContext(ctx, "PRAGMA secure_delete = ON"); err != nil {
		return err
	}
	if err := w.keepHashes(ctx, p); err != nil {
		return err
	}
	var count, bytes int64
	if err := w.conn.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(response_bytes), 0) FROM request WHERE started_at < ? AND id <= ?", p.Before, p.Upto.Request).Scan(&count, &bytes); err != nil {
		return err
	}
	for _, rows := range []struct {
		query string
		upto  int64
	}{
		{"DELETE FROM request WHERE started_at < ? AND id <= ?", p.Upto.Request},
		{"DELETE FROM recording WHERE started_at < ? AND id <= ?", p.Upto.Recording},
		{"DELETE FROM event WHERE at < ? AND id <= ? AND kind <> 'prune'", p.Upto.Event},
		{"DELETE FROM capture WHERE at < ? AND id <= ?", p.Upto.Capture},
	} {
		if _, err := w.conn.ExecContext(ctx, rows.query, p.Before, rows.upto); err != nil {
			return fmt.Errorf("prune: %w", err)
		}
	}
	// The cache was made from rows that are gone, and names that no row has any more are gone with
	// them.
	for _, query := range []string{
		"DELETE FROM cache_chunk", "DELETE FROM cache_filter", "DELETE FROM cache_state",
		"DELETE FROM client WHERE id NOT IN (SELECT client_id FROM request WHERE client_id IS NOT NULL)",
		"DELETE FROM route WHERE id NOT IN (SELECT route_id FROM request)",
		"DELETE FROM source WHERE id NOT IN (SELECT source_id FROM request)",
	} {
		if _, err := w.conn.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("prune: %w", err)
		}
	}
	err := w.aboveSealed(ctx, "event", func() error {
		_, err := w.conn.ExecContext(ctx,
			"INSERT INTO event (kind, at, count, bytes, recorded_at) VALUES (?,?,?,?,?)", store.EventPrune,
			p.Before, count, bytes, time.Now().UnixMicro())
		return err
	})
	if err != nil {
		return err
	}
	return w.addSeal(ctx, p.Run, p.Heads)
}

// keepHashes replaces the hashes that stayed of each tenant's removed rows.
func (w *writer) keepHashes(ctx context.Context, p *store.Pruning) error {
	for tenant, keep := range p.Keep {
		id, err := w.ids.tenant(ctx, tenant)
		if err != nil {
			return err
		}
		if _, err := w.conn.ExecContext(ctx, "DELETE FROM seal_pruned WHERE tenant_id = ?", id); err != nil {
			return err
		}
		for i := range keep {
			if _, err := w.conn.ExecContext(ctx, "INSERT INTO seal_pruned VALUES (?,?,?,?)", id, keep[i].Level, keep[i].N, keep[i].Hash[:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// emptyLog moves the write-ahead log into the file and cuts it off, so that what was removed is not
// left there.
func (s *Store) emptyLog(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, err := s.writer(ctx)
	if err != nil {
		return err
	}
	var busy, pages, moved int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("write database %s: %w", pathname.Quote(s.path), explain(err))
	}
	if busy != 0 {
		return fmt.Errorf(
			"write database %s: %w: another process reads the file, so that what was removed is still in its "+
				"write-ahead log until that ends",
			pathname.Quote(s.path),
			store.ErrLocked,
		)
	}
	return nil
}
