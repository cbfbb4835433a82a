package pull

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/store"
)

// account sorts what was listed by what the ledger says of it.
type account struct {
	fetch   []recording
	night   int64 // what began before is the backlog, microseconds since 1970 UTC
	already int
	excused int
	refused map[string]string // keys that the gate refused on an earlier night, and why
	others  map[uint64]bool   // what other programs downloaded
}

// eachDay calls f with the UTC days of a window, microseconds since 1970, to excluded: what the log
// knows of one day is read at a time, so that a long window takes no more memory than its days.
func eachDay(from, before time.Time, f func(from, to int64) error) error {
	for at := from; at.Before(before); {
		next := at.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		if next.After(before) {
			next = before
		}
		if err := f(at.UnixMicro(), next.UnixMicro()); err != nil {
			return err
		}
		at = next
	}
	return nil
}

// states are the ledger's entries that count, by key: stored is for good, of the others the last
// one counts.
func (r *runner) states(ctx context.Context, from, to int64) (map[string]store.LedgerEntry, error) {
	entries, err := r.o.Log.Ledger(ctx, r.t.Name, from, to)
	if err != nil {
		return nil, err
	}
	state := make(map[string]store.LedgerEntry, len(entries))
	for _, e := range entries {
		if now, ok := state[e.Key]; !ok || now.State != store.LedgerStored {
			state[e.Key] = e
		}
	}
	return state, nil
}

// settled are the recordings of a window that need not be fetched, as the ledger says.
func (r *runner) settled(ctx context.Context, from, before time.Time) (keySet, error) {
	set := keySet{}
	err := eachDay(from, before, func(from, to int64) error {
		state, err := r.states(ctx, from, to)
		for key, e := range state {
			if e.State != store.LedgerRefused {
				set.add(key)
			}
		}
		return err
	})
	return set, err
}

// reconcile compares a window's recordings, those listed now and those that earlier lists named,
// with the ledger, day by day. What is new is added to the list of recordings, so that it is
// accounted for even when the next list does not name it any more.
func (r *runner) reconcile(ctx context.Context, l *listing) (account, error) {
	a := account{
		refused: map[string]string{}, night: r.o.Now().Add(-24 * time.Hour).UnixMicro(),
	}
	var err error
	if a.others, err = r.downloaded(ctx, l.from.UnixMicro()); err != nil {
		return account{}, err
	}
	rest := l.recordings
	err = eachDay(l.from, l.before, func(from, to int64) error {
		n, _ := slices.BinarySearchFunc(rest, to, func(rec recording, to int64) int {
			return cmp.Compare(rec.Start, to)
		})
		day := rest[:n]
		rest = rest[n:]
		return r.reconcileDay(ctx, l, day, from, to, &a)
	})
	return a, err
}

func (r *runner) reconcileDay(
	ctx context.Context, l *listing, listed []recording, from, to int64, a *account,
) error {
	known, err := r.o.Log.Recordings(ctx, r.t.Name, from, to)
	if err != nil {
		return err
	}
	all := r.withKnown(l, listed, known)
	if r.text.err != nil {
		return r.text.err
	}
	if err := r.remember(ctx, all[:len(listed)]); err != nil {
		return err
	}
	state, err := r.states(ctx, from, to)
	if err != nil {
		return err
	}
	var excluded []store.LedgerEntry
	for _, rec := range all {
		e, ok := state[rec.Key]
		if !ok && l.settled.has(rec.Key) {
			if e, err = r.elsewhere(ctx, l, rec.Key); err != nil {
				return err
			}
		}
		switch {
		case e.State == store.LedgerStored:
			a.already++
		case e.State == store.LedgerGone, e.State == store.LedgerExcluded:
			a.excused++
		case r.o.Exclude[rec.Key]:
			a.excused++
			excluded = append(excluded, r.entry(rec, store.LedgerExcluded, "by the user"))
		case a.others[keyHash(rec.Key)]:
			a.excused++
			excluded = append(excluded, r.entry(rec, store.LedgerExcluded, "another program downloaded it"))
		default:
			if e.State == store.LedgerRefused {
				a.refused[rec.Key] = e.Note
			}
			a.fetch = append(a.fetch, rec.recording)
		}
	}
	r.result.Listed += len(all)
	if len(excluded) > 0 && !r.o.DryRun {
		return r.o.Log.AddLedger(ctx, excluded)
	}
	return nil
}

// withKnown is what was listed of a day and what earlier lists named, each key once.
func (r *runner) withKnown(l *listing, listed []recording, known []store.Recording) []item {
	all := make([]item, len(listed), len(listed)+len(known))
	for i, rec := range listed {
		all[i] = item{recording: rec, Key: r.text.key(rec.place)}
	}
	for _, k := range known {
		_, under, ok := r.find(l, k.Key)
		if ok {
			continue
		}
		rec := recording{
			Start: k.StartedAt, Length: k.Duration, Size: k.Bytes, place: r.text.add(k.Key, ""),
		}
		l.places[under] = rec.place
		all = append(all, item{recording: rec, Key: k.Key})
	}
	return all
}

// elsewhere is the ledger's entry of a recording that was listed under another day before. That is
// rare; the first time, the entries of the whole window are read.
func (r *runner) elsewhere(
	ctx context.Context, l *listing, key string,
) (store.LedgerEntry, error) {
	var err error
	if l.states == nil {
		l.states, err = r.states(ctx, l.from.UnixMicro(), l.before.UnixMicro())
	}
	return l.states[key], err
}

// downloaded are the items that other programs downloaded, where they are not to be fetched again.
func (r *runner) downloaded(ctx context.Context, since int64) (map[uint64]bool, error) {
	if !r.o.SkipDownloaded {
		return nil, nil
	}
	return r.o.Log.Downloaded(ctx, r.t.Name, since)
}

// remember adds what was listed to the log's list of recordings.
func (r *runner) remember(ctx context.Context, list []item) error {
	rows := make([]store.Recording, 0, len(list))
	for _, rec := range list {
		if r.o.Policy.MayKeep(r.o.Policy.Listing.KeptAs, rec.Key) {
			rows = append(rows, store.Recording{
				Tenant: r.t.Name, Key: rec.Key, StartedAt: rec.Start,
				Duration: rec.Length, Bytes: rec.Size,
			})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := r.o.Log.AddRecordings(ctx, rows); err != nil {
		return fmt.Errorf("keep the list of recordings: %w", err)
	}
	return nil
}

// entry is a ledger entry of now.
func (r *runner) entry(rec item, state, note string) store.LedgerEntry {
	return store.LedgerEntry{
		Tenant: r.t.Name, Key: rec.Key, StartedAt: rec.Start,
		At: r.o.Now().UnixMicro(), State: state, Note: note,
	}
}

// sorted puts tonight's recordings before the backlog, each in the order that was asked for.
func (a *account) sorted(order Order) []recording {
	slices.SortStableFunc(a.fetch, func(x, y recording) int {
		if late := x.Start < a.night; late != (y.Start < a.night) {
			if late {
				return 1
			}
			return -1
		}
		switch order {
		case Newest:
			return cmp.Or(cmp.Compare(y.Start, x.Start), cmp.Compare(x.place, y.place))
		case Smallest:
			return cmp.Or(cmp.Compare(x.Size, y.Size), compareRecordings(x, y))
		}
		return compareRecordings(x, y)
	})
	return a.fetch
}
