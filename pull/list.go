package pull

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

const (
	// listStep is the length of the parts in which a window is listed.
	listStep = 24 * time.Hour
	// leastStep is the shortest part that a suspicious list is split into.
	leastStep = 15 * time.Minute
	// roundCount is the number whose multiples look like a limit of the vendor's on entries.
	roundCount = 50
)

// listing is what the vendor says there is in a window.
type listing struct {
	recordings []api.Recording // by start, then key; each key once
	short      []string        // parts whose list is surely cut off
}

// list asks for the recordings that began in [from, before). It asks for whole UTC days and a day
// more on either side, and takes those of the window: a vendor that reads times in another zone,
// or a day with 23 hours, hides nothing.
func (r *runner) list(ctx context.Context, from, before time.Time) (listing, error) {
	var l listing
	byKey := map[string]api.Recording{}
	first := from.UTC().Truncate(listStep).Add(-listStep)
	last := before.UTC().Add(listStep)
	for at := first; at.Before(last); at = at.Add(listStep) {
		part, err := r.listPart(ctx, at, at.Add(listStep), &l)
		if err != nil {
			return l, err
		}
		for _, rec := range part {
			if !rec.Start.Before(from) && rec.Start.Before(before) {
				byKey[rec.Key] = rec
			}
		}
	}
	for _, rec := range byKey {
		l.recordings = append(l.recordings, rec)
	}
	slices.SortFunc(l.recordings, func(a, b api.Recording) int {
		return compareStarts(a.Start, b.Start, a.Key, b.Key)
	})
	return l, nil
}

// listPart lists one part. A list whose length is a suspicious round number is asked for again in
// halves: where these hold more, the vendor cuts lists off, and the halves count.
func (r *runner) listPart(
	ctx context.Context, from, to time.Time, l *listing,
) ([]api.Recording, error) {
	whole, err := r.t.API.Recordings(ctx, from, to)
	if err != nil || len(whole) == 0 || len(whole)%roundCount != 0 {
		return whole, err
	}
	middle := from.Add(to.Sub(from) / 2)
	if to.Sub(from) < 2*leastStep {
		return whole, r.checkShort(ctx, from, to, whole, l)
	}
	var halves []api.Recording
	for _, half := range [][2]time.Time{{from, middle}, {middle, to}} {
		part, err := r.listPart(ctx, half[0], half[1], l)
		if err != nil {
			return nil, err
		}
		halves = append(halves, part...)
	}
	return union(whole, halves), nil
}

// checkShort tells of a part that can be split no further, where more is known of it than its
// list has.
func (r *runner) checkShort(
	ctx context.Context, from, to time.Time, list []api.Recording, l *listing,
) error {
	known, err := r.o.Log.Recordings(ctx, r.t.Name, from.UnixMicro(), to.UnixMicro())
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, rec := range list {
		listed[rec.Key] = true
	}
	if slices.ContainsFunc(known, func(k store.Recording) bool { return !listed[k.Key] }) {
		l.short = append(
			l.short,
			fmt.Sprintf("the list of %s to %s ends at %d entries, and more are known",
				from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), len(list)),
		)
	}
	return nil
}

// union is all recordings of both lists, each key once.
func union(a, b []api.Recording) []api.Recording {
	seen := map[string]bool{}
	var all []api.Recording
	for _, list := range [][]api.Recording{a, b} {
		for _, rec := range list {
			if !seen[rec.Key] {
				seen[rec.Key] = true
				all = append(all, rec)
			}
		}
	}
	return all
}
