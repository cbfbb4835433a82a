package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
)

// checkLists compares the last rows of the ledger, the events, the times of capture and the listed
// recordings that were sent with those in the database: a copy of a file may have gone on without
// a request.
func (p *push) checkLists(ctx context.Context, at position) error {
	ledger, err := p.from.LedgerAfter(ctx, max(0, at.ledger-verified), verified)
	if err != nil {
		return err
	}
	if last := len(ledger) - 1; at.ledger > 0 && (last < 0 || ledger[last].ID < at.ledger) {
		return fmt.Errorf("database %q %w: its ledger lacks entry %d; nothing was sent now; %s",
			p.from.Path(), ErrOlder, at.ledger, wayOut)
	}
	events, err := p.in.Events(ctx, "", max(0, at.event-verified), at.event)
	if err != nil {
		return err
	}
	captures, err := p.in.Captures(ctx, max(0, at.capture-verified), at.capture)
	if err != nil {
		return err
	}
	c := comparison{batch: &pgx.Batch{}}
	// Rows before the last prune may have been removed there. What a prune removes is no ledger.
	const unlessPruned = " OR $2 < (SELECT coalesce(max(at), 0) FROM event WHERE kind = 'prune')"
	for _, e := range ledger {
		if e.ID <= at.ledger {
			c.ask("ledger entry", e.ID, `SELECT EXISTS (SELECT 1 FROM ledger l JOIN tenant t
				ON t.id = l.tenant_id WHERE t.name = $2 AND l.machine_id = $1 AND l.seq = $3
				AND l.started_at = $4 AND l.key = $5 AND l.at = $6 AND l.state = $7 AND l.bytes = $8
				AND l.sha256 = $9 AND l.place = $10)`, at.machine, encodeText(e.Tenant), e.ID, e.StartedAt,
				encodeText(e.Key), e.At, e.State, e.Bytes, e.SHA256, encodeText(e.Place))
		}
	}
	for _, e := range events {
		if pushedEvent(e.Kind) {
			c.ask("event", e.ID, `SELECT EXISTS (SELECT 1 FROM event WHERE machine_id = $1 AND at = $2
				AND seq = $3 AND kind = $4 AND count = $5 AND bytes = $6 AND note = $7)`+unlessPruned,
				at.machine, e.At, e.ID, e.Kind, e.Count, e.Bytes, encodeText(e.Note))
		}
	}
	for _, e := range captures {
		c.ask("capture", e.ID, `SELECT EXISTS (SELECT 1 FROM capture WHERE machine_id = $1 AND at = $2
			AND seq = $3 AND span = $4 AND kind = $5)`+unlessPruned, at.machine, e.At, e.ID, e.Span, e.Kind)
	}
	for r, err := range p.in.Listed(ctx, "", max(0, at.recording-verified), at.recording) {
		if err != nil {
			return err
		}
		c.ask("listed recording", r.ID, `SELECT EXISTS (SELECT 1 FROM recording r JOIN tenant t
			ON t.id = r.tenant_id WHERE r.started_at = $2 AND t.name = $1 AND r.key = $3)`+unlessPruned,
			encodeText(r.Tenant), r.StartedAt, encodeText(r.Key))
	}
	other, err := c.run(ctx, p.to)
	if err != nil {
		return p.to.failed(err)
	}
	if other != "" {
		return fmt.Errorf("database %q %w: its %s is not the one that was sent; nothing was sent now; %s",
			p.from.Path(), ErrForked, other, wayOut)
	}
	return nil
}

// pushedEvent says whether events of a kind are sent: what an audit told, and what was removed from
// the file, is about the file alone.
func pushedEvent(kind string) bool { return kind != store.EventTold && kind != store.EventPrune }

// comparison asks of many rows in one go whether the database has them.
type comparison struct {
	batch *pgx.Batch
	rows  []string // what each question is about
}

func (c *comparison) ask(kind string, id int64, query string, args ...any) {
	c.rows = append(c.rows, fmt.Sprintf("%s %d", kind, id))
	c.batch.Queue(query, args...)
}

// run names the first row that the database does not have; "" where it has all.
func (c *comparison) run(ctx context.Context, to *Store) (other string, err error) {
	if len(c.rows) == 0 {
		return "", nil
	}
	results := to.pool.SendBatch(ctx, c.batch)
	for _, row := range c.rows {
		var there bool
		if err := results.QueryRow().Scan(&there); err != nil {
			_ = results.Close() // the first error is the one to tell
			return "", err
		}
		if !there && other == "" {
			other = row
		}
	}
	return other, results.Close()
}
