package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

const (
	// listStep is the length of the parts in which a window is listed.
	listStep = 24 * time.Hour
	// leastStep is the shortest part that a suspicious list is split into.
	leastStep = 15 * time.Minute
	// maxBlind is how many parts in a row may fail without an answer that says why.
	maxBlind = 2
)

// suspicious says that a list's length looks like a limit of the vendor's: those that are in use
// are multiples of 10 or 25.
func suspicious(n int) bool { return n > 0 && (n%10 == 0 || n%25 == 0) }

// recording is what is kept in memory of a listed recording, in 32 bytes: lists may be long, and a
// run does not end before the last of it is fetched.
type recording struct {
	Start  int64 // microseconds since 1970 UTC
	Length int64 // microseconds, 0 where the list does not say
	Size   int64 // bytes, 0 where the list does not say
	place  int64 // of its key, and of what is to be written beside it, in the run's scratch
}

func (rec *recording) start() time.Time { return time.UnixMicro(rec.Start).UTC() }

// compareRecordings is their order in time; of one moment, that of the list.
func compareRecordings(a, b recording) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.place, b.place))
}

// item is a listed recording with what the scratch holds of it.
type item struct {
	recording
	Key    string
	beside string // JSON, "" where there is nothing to say
}

func (r *runner) item(rec recording) item {
	key, beside := r.text.get(rec.place)
	return item{rec, key, beside}
}

// listing is what the vendor says there is in a window.
type listing struct {
	from, before time.Time
	// recordings are in order of time once all parts are listed; each key once.
	recordings []recording
	// places are those of the keys that were listed, or known, by their hashes; a key whose hash
	// another one has is under the next number. superseded are places of entries that came again.
	places     map[uint64]int64
	superseded map[int64]bool
	// settled are those of which the ledger says that they need not be fetched.
	settled keySet
	states  map[string]store.LedgerEntry // see elsewhere
	entries int                          // that the vendor sent, of any time
	stray   time.Time                    // when one began that was not asked for; zero without one
	faults  []string                     // what says that the list is not complete
}

// list asks for the recordings that began in [from, before). It asks for whole UTC days and a day
// more on either side, and takes those of the window: a vendor that reads times in another zone,
// or a day with 23 hours, hides nothing.
func (r *runner) list(ctx context.Context, from, before time.Time) (*listing, error) {
	l := &listing{
		from: from, before: before, places: map[uint64]int64{}, superseded: map[int64]bool{},
	}
	var err error
	if l.settled, err = r.settled(ctx, from, before); err != nil {
		return nil, err
	}
	first := from.UTC().Truncate(listStep).Add(-listStep)
	last := before.UTC().Add(listStep)
	if err = r.listParts(ctx, first, last, l); err != nil {
		return nil, err
	}
	if len(l.recordings) == 0 && !l.stray.IsZero() {
		l.faults = append(l.faults, fmt.Sprintf("none of %d listed recordings began when it was asked "+
			"for: by the list one did at %s", l.entries, l.stray.Format(time.RFC3339)))
	}
	if len(l.superseded) > 0 {
		l.recordings = slices.DeleteFunc(l.recordings,
			func(rec recording) bool { return l.superseded[rec.place] })
	}
	slices.SortFunc(l.recordings, compareRecordings)
	return l, r.text.err
}

// listParts lists day by day. A day whose list fails is told, and hides no other day.
func (r *runner) listParts(ctx context.Context, first, last time.Time, l *listing) error {
	blind, listed := 0, false
	var failed error
	now := Progress{Tenant: r.t.Name, Days: int((last.Sub(first) + listStep - 1) / listStep)}
	for at := first; at.Before(last); at = at.Add(listStep) {
		r.o.Progress(now)
		now.Listed++
		err := r.listPart(ctx, at, at.Add(listStep), l)
		var part *partError
		if err != nil && !errors.As(err, &part) {
			return err
		}
		if err == nil {
			blind, listed = 0, true
			continue
		}
		if failed = part.err; !part.answered {
			blind++
		}
		if part.final || blind >= maxBlind || ctx.Err() != nil {
			return failed
		}
		l.faults = append(l.faults, part.Error())
	}
	if !listed {
		return failed
	}
	return nil
}

// partError is a part that could not be listed.
type partError struct {
	from, to time.Time
	err      error
	answered bool // by a status that says why
	final    bool // a status that the other parts would have, too
}

func (e *partError) Error() string {
	return fmt.Sprintf("the list of %s to %s failed: %v",
		e.from.UTC().Format(time.RFC3339), e.to.UTC().Format(time.RFC3339), e.err)
}

func newPartError(from, to time.Time, err error) error {
	e := &partError{from: from, to: to, err: err}
	var answer *api.Error
	if e.answered = errors.As(err, &answer); e.answered {
		switch answer.Role {
		case limits.RoleAuth, limits.RoleRateLimited, limits.RoleEgressCap:
			e.final = true
		}
	}
	return e
}

// find looks for a key among those listed, and gives the number to keep it under where it is none
// of them.
func (r *runner) find(l *listing, key string) (place int64, under uint64, ok bool) {
	for under = keyHash(key); ; under++ {
		place, ok = l.places[under]
		if !ok || r.text.key(place) == key {
			return place, under, ok
		}
	}
}

// listPart lists one part. A list whose length is a suspicious round number is asked for again in
// halves: where these hold more, the vendor cuts lists off, and the halves count.
func (r *runner) listPart(ctx context.Context, from, to time.Time, l *listing) error {
	n := 0
	listed := map[string]bool{} // filled for parts that can be split no further
	split := to.Sub(from) >= 2*leastStep
	var own error
	err := r.t.API.EachRecording(ctx, from, to, func(rec api.Recording) error {
		n++
		if !split {
			listed[rec.Key] = true
		}
		if at := rec.Start; at.Before(from.Add(-listStep)) || !at.Before(to.Add(listStep)) {
			l.stray = at
		}
		own = r.listed(l, rec)
		return own
	})
	l.entries += n
	if own != nil {
		return own
	}
	if err != nil {
		return newPartError(from, to, err)
	}
	if !suspicious(n) {
		return nil
	}
	if !split {
		return r.checkShort(ctx, from, to, listed, l)
	}
	middle := from.Add(to.Sub(from) / 2)
	if err := r.listPart(ctx, from, middle, l); err != nil {
		return err
	}
	return r.listPart(ctx, middle, to, l)
}

// listed takes a listed recording of the window.
func (r *runner) listed(l *listing, rec api.Recording) error {
	if rec.Start.Before(l.from) || !rec.Start.Before(l.before) {
		return nil
	}
	beside := ""
	if !l.settled.has(rec.Key) && !r.o.DryRun {
		var err error
		if beside, err = r.sidecar(rec.Fields); err != nil {
			return err
		}
	}
	old, under, again := r.find(l, rec.Key)
	if again {
		l.superseded[old] = true
	}
	kept := recording{
		Start: rec.Start.UnixMicro(), Length: rec.Duration.Microseconds(), Size: rec.Size,
		place: r.text.add(rec.Key, beside),
	}
	l.places[under] = kept.place
	l.recordings = append(l.recordings, kept)
	return r.text.err
}

// checkShort tells of a part that can be split no further, where more is known of it than its
// list has.
func (r *runner) checkShort(
	ctx context.Context, from, to time.Time, listed map[string]bool, l *listing,
) error {
	known, err := r.o.Log.Recordings(ctx, r.t.Name, from.UnixMicro(), to.UnixMicro())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(k store.Recording) bool { return !listed[k.Key] }) {
		l.faults = append(
			l.faults,
			fmt.Sprintf("the list of %s to %s ends at %d entries, and more are known",
				from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), len(listed)),
		)
	}
	return nil
}

// keySet is a set of keys by their hashes, in some 20 bytes each. That another key has the hash of
// one of a million happens once in 10^13 times, so that what it says is looked up in the ledger
// where it decides about more than time and memory.
type keySet map[uint64]struct{}

func (s keySet) add(key string) { s[keyHash(key)] = struct{}{} }

func (s keySet) has(key string) bool {
	_, ok := s[keyHash(key)]
	return ok
}

func keyHash(key string) uint64 {
	r := store.Recording{Key: key}
	return r.ItemHash()
}
