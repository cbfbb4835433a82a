package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
)

// AddSeal adds a run and its heads in one transaction, where run.N is the next number.
func (s *Store) AddSeal(ctx context.Context, run *store.SealRun, heads []store.SealHead) error {
	return s.write(ctx, func(t *tx) error { return t.addSeal(ctx, run, heads) })
}

func (t *tx) addSeal(ctx context.Context, run *store.SealRun, heads []store.SealHead) error {
	var last int64
	err := t.conn.QueryRow(ctx, "SELECT coalesce(max(n), 0) FROM seal_run").Scan(&last)
	if err != nil {
		return err
	}
	if run.N != last+1 {
		return store.ErrSealedMeanwhile
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO seal_run VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", run.N, run.SealedAt,
		run.Upto.Request, run.Upto.Event, run.Upto.Recording, run.Upto.Capture, run.Pad[:],
		run.TextSum[:])
	for i := range heads {
		tenant, err := t.store.ids.tenant(ctx, t.conn, heads[i].Tenant)
		if err != nil {
			return err
		}
		queueHead(batch, tenant, &heads[i])
	}
	return t.conn.SendBatch(ctx, batch).Close()
}

// queueHead adds a tenant's head, its log where it is the first, and its lines.
func queueHead(batch *pgx.Batch, tenant int64, h *store.SealHead) {
	batch.Queue(`INSERT INTO seal_log SELECT $1, $2, $3
		WHERE NOT EXISTS (SELECT 1 FROM seal_log WHERE tenant_id = $1)`, tenant, h.Log.ID[:],
		h.Log.PublicKey[:])
	batch.Queue("INSERT INTO seal_head VALUES ($1, $2, $3, $4, $5, $6)", tenant, h.Run, h.Size,
		encodeText(string(h.Checkpoint)), append([]byte{}, h.Peaks...), append([]byte{}, h.Hints...))
	for _, l := range h.Lines {
		batch.Queue("INSERT INTO seal_leaf VALUES ($1, $2, $3)", tenant, l.Seq, encodeText(l.Line))
	}
}

// TellSeal notes that the line of a run left this machine.
func (s *Store) TellSeal(ctx context.Context, n int64) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.conn.Exec(ctx, `INSERT INTO seal_told SELECT n FROM seal_run
			WHERE n = $1 AND n NOT IN (SELECT n FROM seal_told)`, n)
		return err
	})
}

// AddStamp keeps what a time stamping authority answered about a run.
func (s *Store) AddStamp(ctx context.Context, n int64, answer []byte) error {
	return s.write(ctx, func(t *tx) error {
		var old []byte
		err := t.conn.QueryRow(ctx, "SELECT answer FROM seal_stamp WHERE n = $1", n).Scan(&old)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			_, err = t.conn.Exec(ctx, "INSERT INTO seal_stamp VALUES ($1, $2)", n, answer)
		case err == nil && !bytes.Equal(old, answer):
			err = fmt.Errorf("seal %d: %w", n, store.ErrStamped)
		}
		return err
	})
}

// pruned are the tables from which Prune removes rows.
var pruned = strings.Fields("request recording event capture client route source seal_pruned")

// Prune removes the rows before a time and keeps of them what the seals need. It needs the rights
// of the tables' owner: it takes their triggers down in its own transaction, so that nobody else
// ever sees a log without them. What was removed is on the server's disk until VACUUM FULL, and in
// its write-ahead log and backups.
func (s *Store) Prune(ctx context.Context, p *store.Pruning) error {
	if p == nil { // a prune that is killed is rolled back: there is nothing to see to
		return nil
	}
	err := s.write(ctx, func(t *tx) error {
		if err := t.triggers(ctx, "DISABLE"); err != nil {
			return err
		}
		if err := t.prune(ctx, p); err != nil {
			return fmt.Errorf("prune: %w", err)
		}
		s.ids = newIDs() // names may be gone
		return t.triggers(ctx, "ENABLE")
	})
	if errors.Is(err, store.ErrReadOnly) {
		err = fmt.Errorf("%w; only the tables' owner can remove rows", err)
	}
	return err
}

func (t *tx) triggers(ctx context.Context, do string) error {
	for _, table := range pruned {
		_, err := t.conn.Exec(ctx, "ALTER TABLE "+table+" "+do+" TRIGGER append_only")
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) prune(ctx context.Context, p *store.Pruning) error {
	if err := t.keepHashes(ctx, p); err != nil {
		return err
	}
	var count, size int64
	err := t.conn.QueryRow(ctx, `SELECT count(*), coalesce(sum(response_bytes), 0)::bigint FROM request
		WHERE started_at < $1 AND id <= $2`, p.Before, p.Upto.Request).Scan(&count, &size)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue("DELETE FROM request WHERE started_at < $1 AND id <= $2", p.Before, p.Upto.Request)
	batch.Queue("DELETE FROM recording WHERE started_at < $1 AND id <= $2", p.Before,
		p.Upto.Recording)
	batch.Queue("DELETE FROM event WHERE at < $1 AND id <= $2 AND kind <> $3", p.Before, p.Upto.Event,
		store.EventPrune)
	batch.Queue("DELETE FROM capture WHERE at < $1 AND id <= $2", p.Before, p.Upto.Capture)
	// Names that no row has any more go, too.
	batch.Queue("DELETE FROM client c WHERE NOT EXISTS (SELECT 1 FROM request WHERE client_id = c.id)")
	batch.Queue("DELETE FROM route o WHERE NOT EXISTS (SELECT 1 FROM request WHERE route_id = o.id)")
	batch.Queue("DELETE FROM source s WHERE NOT EXISTS (SELECT 1 FROM request WHERE source_id = s.id)")
	if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if err := t.clearCache(ctx); err != nil { // it was made of rows that are gone
		return err
	}
	err = t.addEvents(ctx, 0, []store.Event{{
		Kind: store.EventPrune, At: p.Before, Count: count, Bytes: size,
		RecordedAt: time.Now().UnixMicro(),
	}})
	if err != nil {
		return err
	}
	return t.addSeal(ctx, p.Run, p.Heads)
}

// keepHashes replaces the hashes that stayed of each tenant's removed rows.
func (t *tx) keepHashes(ctx context.Context, p *store.Pruning) error {
	for tenant, keep := range p.Keep {
		id, err := t.store.ids.tenant(ctx, t.conn, tenant)
		if err != nil {
			return err
		}
		if _, err := t.conn.Exec(ctx, "DELETE FROM seal_pruned WHERE tenant_id = $1", id); err != nil {
			return err
		}
		rows := make([][]any, len(keep))
		for i := range keep {
			rows[i] = []any{id, int64(keep[i].Level), keep[i].N, keep[i].Hash[:]}
		}
		_, err = t.conn.CopyFrom(ctx, pgx.Identifier{"seal_pruned"},
			[]string{"tenant_id", "level", "n", "hash"}, pgx.CopyFromRows(rows))
		if err != nil {
			return err
		}
	}
	return nil
}
