package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
)

// A machine's rows keep the numbers they have in its file, and the database keeps how far each file
// has been sent, in the transaction that adds the rows. So there is nothing to remember on the
// machine, and nothing that can be lost or sent twice, whoever is killed when.

// errMeanwhile: another push of the same file was faster.
var errMeanwhile = errors.New("another process pushed meanwhile")

// errNoAnswer: pushPatience is over.
var errNoAnswer = errors.New("the server did not answer in time; the next push sends what is missing")

// pushBatch is the most rows of a kind in one transaction. It is a variable for tests only.
var pushBatch = maxBatch

// pushPatience is the longest that one step of a push may take: a network that swallows what is
// sent would else hold it for ever. It is a variable for tests only.
var pushPatience = 2 * time.Minute

// PushOptions say how to push. The zero value will do.
type PushOptions struct {
	// Name is what the user calls the machine; "" keeps the one it has. A new machine that has one is
	// made known even where it has no rows yet.
	Name string
	// Now is the machine's clock; nil means time.Now. It is for tests.
	Now func() time.Time
}

// Pushed says what a push sent, and what it saw.
type Pushed struct {
	Requests, Events, Recordings, Captures, Ledger int64
	// Ahead is the machine's clock less the server's, give or take Within.
	Ahead, Within time.Duration
	// OtherKey says that the file's hash key is not the log's: that two machines sent the same
	// parameters can then not be told.
	OtherKey bool
}

// position is how far a machine's file has been sent.
type position struct {
	machine, n, request, event, recording, capture, ledger int64
}

// Push sends what is new in a machine's file, each row once. It may be called by several processes
// at once, and again after any error: what was sent before it stays. Its error matches ErrOlder or
// ErrForked where the file is not the one that was pushed; then nothing was sent.
func (s *Store) Push(ctx context.Context, from store.Forwardable, o PushOptions) (Pushed, error) {
	p := push{to: s, from: from, o: o}
	err := p.run(ctx)
	return p.done, err
}

// push is one run of Push.
type push struct {
	to   *Store
	from store.Forwardable
	o    PushOptions
	uid  [16]byte
	in   store.Seals
	done Pushed

	at      position // of the file, where checked
	checked bool     // the file holds what it has sent
}

func (p *push) run(ctx context.Context) (err error) {
	if p.to.hashKey == nil {
		return fmt.Errorf("push to %q: %w: the role may only read", p.to.path, store.ErrReadOnly)
	}
	if p.o.Now == nil {
		p.o.Now = time.Now
	}
	if p.uid, err = p.from.Machine(ctx); err != nil {
		return err
	}
	p.done.OtherKey = !bytes.Equal(p.from.HashKey(), p.to.hashKey)
	if err := within(ctx, p.compareClocks); err != nil {
		return err
	}
	if p.in, err = p.from.Seals(ctx); err != nil {
		return err
	}
	for more := true; more && err == nil; {
		err = within(ctx, func(ctx context.Context) (err error) {
			more, err = p.step(ctx)
			return err
		})
		if errors.Is(err, errMeanwhile) {
			more, err, p.checked = true, nil, false
		}
	}
	return errors.Join(err, p.in.Close())
}

// within runs f with pushPatience.
func within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, pushPatience, errNoAnswer)
	defer cancel()
	err := f(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		return fmt.Errorf("%w: %w", store.ErrIO, errNoAnswer)
	}
	return err
}

// step sends the next batch, and says whether there may be more.
func (p *push) step(ctx context.Context) (more bool, err error) {
	if !p.checked {
		if p.at, err = p.position(ctx); err != nil {
			return false, p.to.failed(err)
		}
		if err := p.check(ctx, p.at); err != nil {
			return false, err
		}
		p.checked = true
	}
	b, err := p.next(ctx, p.at)
	if err != nil {
		return false, err
	}
	if named := p.at.machine == 0 && p.o.Name != ""; b.upto == p.at && !named {
		return false, nil
	}
	b.upto.n++
	var recordings int64
	err = p.to.write(ctx, func(t *tx) (err error) {
		recordings, err = p.add(ctx, t, p.at, &b)
		return err
	})
	if err == nil {
		p.at = b.upto
		p.done.Requests += int64(len(b.requests))
		p.done.Events += int64(len(b.events))
		p.done.Recordings += recordings
		p.done.Captures += int64(len(b.captures))
		p.done.Ledger += int64(len(b.ledger))
	}
	return true, err
}

const positionQuery = `SELECT m.id, coalesce(p.n, 0), coalesce(p.request_upto, 0),
	coalesce(p.event_upto, 0), coalesce(p.recording_upto, 0), coalesce(p.capture_upto, 0),
	coalesce(p.ledger_upto, 0)
	FROM machine m LEFT JOIN push p ON p.machine_id = m.id WHERE m.uid = $1 ORDER BY p.n DESC LIMIT 1`

// position reads how far the file has been sent; a machine of 0 is not known yet.
func (p *push) position(ctx context.Context) (at position, err error) {
	return scanPosition(p.to.pool.QueryRow(ctx, positionQuery, p.uid[:]))
}

func scanPosition(row pgx.Row) (at position, err error) {
	err = row.Scan(&at.machine, &at.n, &at.request, &at.event, &at.recording, &at.capture, &at.ledger)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return at, err
}

// batch is what one transaction adds.
type batch struct {
	upto     position // after it
	requests []store.Request
	events   []store.Event
	listed   []store.ListedRecording
	captures []store.Capture
	ledger   []store.LedgerEntry
}

// next reads what comes after a position, at most pushBatch of each kind of row.
func (p *push) next(ctx context.Context, at position) (b batch, err error) {
	last := p.in.Last()
	b.upto = at
	for r, err := range p.in.Requests(ctx, "", at.request, last.Request) {
		if err != nil {
			return b, err
		}
		b.requests = append(b.requests, *r)
		if b.upto.request = r.ID; len(b.requests) >= pushBatch {
			break
		}
	}
	for r, err := range p.in.Listed(ctx, "", at.recording, last.Recording) {
		if err != nil {
			return b, err
		}
		b.listed = append(b.listed, r)
		if b.upto.recording = r.ID; len(b.listed) >= pushBatch {
			break
		}
	}
	events, err := p.in.Events(ctx, "", at.event, last.Event)
	if err != nil {
		return b, err
	}
	for _, e := range events {
		b.upto.event = e.ID
		if pushedEvent(e.Kind) {
			b.events = append(b.events, e)
		}
	}
	if b.captures, err = p.in.Captures(ctx, at.capture, last.Capture); err != nil {
		return b, err
	}
	for _, c := range b.captures {
		b.upto.capture = c.ID
	}
	b.ledger, err = p.from.LedgerAfter(ctx, at.ledger, pushBatch)
	for _, e := range b.ledger {
		b.upto.ledger = e.ID
	}
	return b, err
}

// add writes a batch, unless another push has moved the position meanwhile.
func (p *push) add(
	ctx context.Context, t *tx, at position, b *batch,
) (recordings int64, err error) {
	now, err := scanPosition(t.conn.QueryRow(ctx, positionQuery, p.uid[:]))
	if err != nil {
		return 0, err
	}
	if now != at {
		return 0, errMeanwhile
	}
	machine, err := p.machine(ctx, t, at.machine)
	if err != nil {
		return 0, err
	}
	b.upto.machine = machine
	if err := t.addPushed(ctx, machine, b.requests); err != nil {
		return 0, err
	}
	if recordings, err = t.addRecordings(ctx, b.listed); err != nil {
		return 0, err
	}
	if err := t.addEvents(ctx, machine, b.events); err != nil {
		return 0, err
	}
	if err := t.addCaptures(ctx, machine, b.captures); err != nil {
		return 0, err
	}
	if err := t.addLedger(ctx, machine, b.ledger); err != nil {
		return 0, err
	}
	_, err = t.conn.Exec(ctx, "INSERT INTO push VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "+clockNow+", $9, $10)",
		machine, b.upto.n, b.upto.request, b.upto.event, b.upto.recording, b.upto.capture, b.upto.ledger,
		len(b.requests), p.done.Ahead.Microseconds(), p.done.Within.Microseconds())
	return recordings, err
}

// addPushed adds a machine's requests, which keep their IDs as seq.
func (t *tx) addPushed(ctx context.Context, machine int64, requests []store.Request) error {
	if len(requests) == 0 {
		return nil
	}
	refs, err := t.Resolve(ctx, requests)
	if err != nil {
		return err
	}
	last, err := t.lastGiven(ctx, "request")
	if err != nil {
		return err
	}
	rows := &t.store.copy
	rows.reset()
	for i := range requests {
		rows.request(&requests[i], refs[i], machine, requests[i].ID, last+1+int64(i))
	}
	return rows.send(ctx, t.conn, requestColumns)
}
