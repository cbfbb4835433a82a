package pull

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

// item is a listed recording that is still to be fetched.
type item struct {
	api.Recording
	late bool // it began before the last night: part of the backlog
}

// account sorts what was listed by what the ledger says of it.
type account struct {
	fetch   []item
	already int
	excused int
	refused map[string]string // keys that the gate refused on an earlier night, and why
}

// reconcile compares a window's recordings, those listed now and those that earlier lists named,
// with the ledger. What is new is added to the list of recordings, so that it is accounted for
// even when the next list does not name it any more.
func (r *runner) reconcile(
	ctx context.Context, l listing, from, before time.Time,
) (account, error) {
	lo, hi := from.UnixMicro(), before.UnixMicro()
	known, err := r.o.Log.Recordings(ctx, r.t.Name, lo, hi)
	if err != nil {
		return account{}, err
	}
	if err := r.remember(ctx, l.recordings); err != nil {
		return account{}, err
	}
	entries, err := r.o.Log.Ledger(ctx, r.t.Name, lo, hi)
	if err != nil {
		return account{}, err
	}
	state := map[string]store.LedgerEntry{}
	for _, e := range entries {
		if now, ok := state[e.Key]; !ok || now.State != store.LedgerStored {
			state[e.Key] = e // stored is for good; of the others the last counts
		}
	}
	others, err := r.downloaded(ctx, lo)
	if err != nil {
		return account{}, err
	}
	all := union(l.recordings, recordingsOf(known))
	a := account{refused: map[string]string{}}
	var excluded []store.LedgerEntry
	night := r.o.Now().Add(-24 * time.Hour)
	for _, rec := range all {
		switch e := state[rec.Key]; {
		case e.State == store.LedgerStored:
			a.already++
		case e.State == store.LedgerGone, e.State == store.LedgerExcluded:
			a.excused++
		case r.o.Exclude[rec.Key]:
			a.excused++
			excluded = append(excluded, r.entry(rec, store.LedgerExcluded, "by the user"))
		case others[itemHash(rec)]:
			a.excused++
			excluded = append(excluded, r.entry(rec, store.LedgerExcluded, "another program downloaded it"))
		default:
			if e.State == store.LedgerRefused {
				a.refused[rec.Key] = e.Note
			}
			a.fetch = append(a.fetch, item{rec, rec.Start.Before(night)})
		}
	}
	r.result.Listed = len(all)
	if len(excluded) > 0 && !r.o.DryRun {
		err = r.o.Log.AddLedger(ctx, excluded)
	}
	return a, err
}

// downloaded are the items that other programs downloaded, where they are not to be fetched again.
func (r *runner) downloaded(ctx context.Context, since int64) (map[uint64]bool, error) {
	if !r.o.SkipDownloaded {
		return nil, nil
	}
	return r.o.Log.Downloaded(ctx, r.t.Name, since)
}

func itemHash(rec api.Recording) uint64 {
	r := store.Recording{Key: rec.Key}
	return r.ItemHash()
}

// remember adds what was listed to the log's list of recordings.
func (r *runner) remember(ctx context.Context, list []api.Recording) error {
	rows := make([]store.Recording, 0, len(list))
	for _, rec := range list {
		if r.o.Policy.MayKeep(r.o.Policy.Listing.KeptAs, rec.Key) {
			rows = append(rows, store.Recording{
				Tenant: r.t.Name, Key: rec.Key, StartedAt: rec.Start.UnixMicro(),
				Duration: rec.Duration.Microseconds(), Bytes: rec.Size,
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

// recordingsOf are the log's recordings as a list would name them.
func recordingsOf(known []store.Recording) []api.Recording {
	list := make([]api.Recording, len(known))
	for i, k := range known {
		list[i] = api.Recording{
			Key: k.Key, Start: time.UnixMicro(k.StartedAt).UTC(),
			Duration: time.Duration(k.Duration) * time.Microsecond, Size: k.Bytes,
		}
	}
	return list
}

// entry is a ledger entry of now.
func (r *runner) entry(rec api.Recording, state, note string) store.LedgerEntry {
	return store.LedgerEntry{
		Tenant: r.t.Name, Key: rec.Key, StartedAt: rec.Start.UnixMicro(),
		At: r.o.Now().UnixMicro(), State: state, Note: note,
	}
}

// sorted puts tonight's recordings before the backlog, each in the order that was asked for.
func sorted(items []item, order Order) []item {
	slices.SortStableFunc(items, func(a, b item) int {
		if a.late != b.late {
			return cmp.Compare(btoi(a.late), btoi(b.late))
		}
		switch order {
		case Newest:
			return compareStarts(b.Start, a.Start, a.Key, b.Key)
		case Smallest:
			if c := cmp.Compare(a.Size, b.Size); c != 0 {
				return c
			}
		}
		return compareStarts(a.Start, b.Start, a.Key, b.Key)
	})
	return items
}

func compareStarts(a, b time.Time, keyA, keyB string) int {
	return cmp.Or(a.Compare(b), cmp.Compare(keyA, keyB))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
