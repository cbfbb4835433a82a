package evidence

import (
	"context"
	"errors"

	"github.com/6dcca832/headroom/store"
)

// Ahead seals requests while they are being stored. It hashes them as they are in memory, beside
// what stores them, so that they need not be read again. It is for one goroutine.
//
// It gives up, without an error, where it cannot be sure that it has all requests in their order:
// some were not sealed before, or another process stores or seals, too. What it has not sealed
// then, Seal reads and seals as ever.
type Ahead struct {
	log  store.Sealable
	o    SealOptions
	now  func() int64
	s    *sealing // the run that is being made; nil before its first request
	h    *hasher
	last int64 // the number of the last request in s
	off  bool  // gave up
	done Sealed
}

// errNotSealed says that requests were stored before those of an Ahead and are not sealed.
var errNotSealed = errors.New("some requests are not sealed yet")

// NewAhead begins to seal ahead. now gives the time, in microseconds since 1970 UTC, that a run has
// as its own, when it ends; o.Now is not used.
func NewAhead(log store.Sealable, o SealOptions, now func() int64) *Ahead {
	if o.Step <= 0 {
		o.Step = defaultStep
	}
	return &Ahead{log: log, o: o, now: now}
}

// Stored takes requests that were just stored: their transaction has ended, their IDs follow each
// other, and all that were stored before have numbers up to before. It copies them.
func (a *Ahead) Stored(ctx context.Context, before int64, requests []store.Request) {
	if len(requests) == 0 || a.off {
		return
	}
	if a.s != nil && before > a.last { // others store, too
		a.giveUp()
		return
	}
	for i := range requests {
		r := &requests[i]
		if a.s == nil && !a.begin(ctx, max(before, r.ID-1)) {
			return
		}
		a.h.add(r)
		if a.last = r.ID; a.last-a.s.last.Upto.Request >= a.o.Step && a.end(ctx) != nil {
			a.off = true
			return
		}
	}
}

// begin starts a run, where all requests up to a number are sealed.
func (a *Ahead) begin(ctx context.Context, before int64) bool {
	a.off = true
	in, err := a.log.Seals(ctx)
	if err != nil {
		return false
	}
	a.o.Now = a.now()
	s, err := newSealing(ctx, in, &a.o)
	if err == nil {
		for _, err = range in.Requests(ctx, "", after(&s.last).Request, before) {
			if err == nil {
				err = errNotSealed
			}
			break
		}
	}
	if errors.Join(err, in.Close()) != nil {
		return false
	}
	a.off = false
	a.s, a.h, a.last = s, newHasher(s), before
	return true
}

func (a *Ahead) giveUp() {
	a.off = true
	if a.s != nil {
		_ = a.h.end() // what was hashed is not used
		a.s, a.h = nil, nil
	}
}

// end adds the run to the log.
func (a *Ahead) end(ctx context.Context) error {
	s := a.s
	err := a.h.end()
	a.s, a.h = nil, nil
	if err != nil {
		return err
	}
	in, err := a.log.Seals(ctx)
	if err != nil {
		return err
	}
	heads, err := s.endAhead(ctx, in, a.last, a.now())
	if err = errors.Join(err, in.Close()); err == nil {
		err = a.log.AddSeal(ctx, &s.run, heads)
	}
	if err == nil {
		a.done.join(s.done())
	}
	return err
}

// endAhead makes the heads of a run whose requests are all hashed, up to a number.
func (s *sealing) endAhead(
	ctx context.Context, in store.Seals, upto, now int64,
) ([]store.SealHead, error) {
	s.in = in
	s.setUpto()
	s.run.Upto.Request = upto
	s.run.SealedAt = max(now, s.run.SealedAt)
	if err := s.readOthers(ctx); err != nil {
		return nil, err
	}
	return s.finish(ctx)
}

// Seal ends it: it seals what was stored, and all else that is not sealed yet.
func (a *Ahead) Seal(ctx context.Context) (Sealed, error) {
	if a.s != nil && a.end(ctx) != nil { // an error that stays is Seal's, too
		a.off = true
	}
	a.o.Now = a.now()
	rest, err := Seal(ctx, a.log, a.o)
	a.done.join(rest)
	a.done.Line = rest.Line
	return a.done, err
}
