package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/6dcca832/headroom/store"
)

// What can be wrong with a file that is pushed; Push's error matches one with errors.Is.
var (
	// ErrOlder: the file lacks rows that it has sent.
	ErrOlder = errors.New("is older than what was pushed from it")
	// ErrForked: the file has other rows than it has sent.
	ErrForked = errors.New("is not the one that was pushed: a copy of it went on by itself")
)

const wayOut = "put the newer file back, or begin a new one and import what is missing: " +
	"headroom export -o missing.jsonl, then headroom --db postgres://… import missing.jsonl, " +
	"which adds no request twice"

// verified is how many of the last rows that were sent are compared before more are.
const verified = 256

// check makes sure that the file still holds what it has sent.
func (p *push) check(ctx context.Context, at position) error {
	last := p.in.Last()
	run, err := p.in.Run(ctx, 0)
	if err != nil {
		return err
	}
	sealed := run.Upto // a prune may have removed the rows with the highest numbers
	for _, kind := range []struct {
		name      string
		has, sent int64
	}{
		{"request", max(last.Request, sealed.Request), at.request},
		{"event", max(last.Event, sealed.Event), at.event},
		{"listed recording", max(last.Recording, sealed.Recording), at.recording},
		{"capture", max(last.Capture, sealed.Capture), at.capture},
	} {
		if kind.has < kind.sent {
			return fmt.Errorf("database %q %w: its last %s is %d, and %d were sent; nothing was sent now; %s",
				p.from.Path(), ErrOlder, kind.name, kind.has, kind.sent, wayOut)
		}
	}
	if err := p.checkLists(ctx, at); err != nil {
		return err
	}
	if at.request == 0 {
		return nil
	}
	rows := map[int64]store.Request{}
	for r, err := range p.in.Requests(ctx, "", max(0, at.request-verified), at.request) {
		if err != nil {
			return err
		}
		rows[r.ID] = *r
	}
	pruned, err := p.compare(ctx, at.machine, rows)
	if err != nil {
		return p.to.failed(err)
	}
	for id, r := range rows { // those that the database does not have like that
		if r.StartedAt < pruned {
			continue
		}
		return fmt.Errorf("database %q %w: its request %d is not the one that was sent; nothing was sent "+
			"now; %s", p.from.Path(), ErrForked, id, wayOut)
	}
	return nil
}

// compare removes from rows those that the database has as they are. Those that began before the
// time pruned, in microseconds since 1970 UTC, may have been removed there.
func (p *push) compare(
	ctx context.Context, machine int64, rows map[int64]store.Request,
) (pruned int64, err error) {
	err = p.to.pool.QueryRow(ctx, "SELECT coalesce(max(at), 0) FROM event WHERE kind = 'prune'").
		Scan(&pruned)
	if err != nil {
		return 0, err
	}
	var tenants []string
	var ids []int64
	for id, r := range rows {
		tenants, ids = append(tenants, encodeText(r.Tenant)), append(ids, id)
	}
	found, err := p.to.pool.Query(ctx, `SELECT seq, started_at, status, response_bytes, duration_us,
		coalesce(key, ''), coalesce(query, ''), coalesce(params, '')
		FROM unnest($2::text[], $3::bigint[]) AS u (tenant, id) JOIN tenant t ON t.name = u.tenant
		JOIN request r ON r.tenant_id = t.id AND r.machine_id = $1 AND r.seq = u.id`,
		machine, tenants, ids)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	for found.Next() {
		var seq, startedAt, bytes, duration int64
		var status int16
		var key, query, params string
		err := found.Scan(&seq, &startedAt, &status, &bytes, &duration, &key, &query, &params)
		if err != nil {
			return 0, err
		}
		r := rows[seq]
		if r.StartedAt == startedAt && r.Status == int(status) && r.ResponseBytes == bytes &&
			r.Duration == duration && r.Key == decodeText(key) && r.Query == decodeText(query) &&
			r.Params == decodeText(params) {
			delete(rows, seq)
		}
	}
	return pruned, found.Err()
}
