package postgres

import (
	"context"
	"encoding/hex"
	"time"
)

// machine gives the machine's number, and adds it where it is not known yet. What was given a name
// keeps it: rows are only ever added.
func (p *push) machine(ctx context.Context, t *tx, known int64) (id int64, err error) {
	if known > 0 {
		return known, nil
	}
	name := p.o.Name
	if name == "" {
		name = hex.EncodeToString(p.uid[:4])
	}
	err = t.conn.QueryRow(ctx, `INSERT INTO machine (id, uid, name, same_key, seen_at)
		SELECT coalesce(max(id), 0) + 1, $1, $2, $3, `+clockNow+` FROM machine RETURNING id`,
		p.uid[:], encodeText(name), !p.done.OtherKey).Scan(&id)
	return id, err
}

// compareClocks asks the server for its time, a few times, and takes the answer that came fastest.
func (p *push) compareClocks(ctx context.Context) error {
	p.done.Within = time.Hour
	for range 3 {
		var at int64
		before := p.o.Now()
		began := time.Now()
		if err := p.to.pool.QueryRow(ctx, "SELECT "+clockNow).Scan(&at); err != nil {
			return p.to.failed(err)
		}
		if half := time.Since(began) / 2; half < p.done.Within {
			p.done.Within, p.done.Ahead = half, before.Add(half).Sub(time.UnixMicro(at))
		}
	}
	return nil
}

// Machine is one of those whose files were pushed.
type Machine struct {
	Name string
	// Requests is how many it sent.
	Requests int64
	// PushedAt is when its last batch came, by the server's clock, in microseconds since 1970 UTC.
	PushedAt int64
	// Ahead is what the machine's clock then said more than the server's, give or take Within.
	Ahead, Within time.Duration
	// OtherKey is that of Pushed.
	OtherKey bool
}

// Machines gives all machines whose files were pushed, by name.
func (s *Store) Machines(ctx context.Context) (all []Machine, err error) {
	rows, err := s.pool.Query(ctx, `SELECT m.name, NOT m.same_key, sum(p.requests)::bigint,
		max(p.pushed_at), (array_agg(p.ahead_us ORDER BY p.n DESC))[1],
		(array_agg(p.within_us ORDER BY p.n DESC))[1]
		FROM machine m JOIN push p ON p.machine_id = m.id GROUP BY m.id ORDER BY m.name, m.id`)
	if err != nil {
		return nil, s.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		var m Machine
		var ahead, within int64
		err := rows.Scan(&m.Name, &m.OtherKey, &m.Requests, &m.PushedAt, &ahead, &within)
		if err != nil {
			return nil, s.failed(err)
		}
		m.Name = decodeText(m.Name)
		m.Ahead = time.Duration(ahead) * time.Microsecond
		m.Within = time.Duration(within) * time.Microsecond
		all = append(all, m)
	}
	if err := rows.Err(); err != nil {
		return nil, s.failed(err)
	}
	return all, nil
}
