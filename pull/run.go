package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

const (
	stateRefused = store.LedgerRefused
	stateGone    = store.LedgerGone
	// spareDisk is how many bytes of a disk a pull leaves free, beside the recording's own.
	spareDisk = 64 << 20
)

// Run pulls all tenants, some of them at the same time, and gives a Result for each, in their
// order. A tenant's failure is in its Result and ends no other. The error is one of the options or
// of the destination: then nothing was asked for.
func Run(ctx context.Context, tenants []Tenant, o Options) ([]Result, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(tenants))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(o.Parallel, len(tenants)) {
		wg.Go(func() {
			for i := range next {
				r := &runner{o: o, t: tenants[i]}
				results[i] = r.run(ctx)
			}
		})
	}
	for i := range tenants {
		next <- i
	}
	close(next)
	wg.Wait()
	return results, nil
}

// runner is the run of one tenant.
type runner struct {
	o        Options
	t        Tenant
	started  time.Time
	result   Result
	text     *scratch
	spool    *spool
	kept     map[string]map[string]string // by folder: the files of recordings by their keys
	listing  time.Duration                // how long asking for the lists took
	failures int                          // recordings in a row that there was no answer for
	fresh    []int64                      // sizes of what one night brings, by the window's mean
}

func (r *runner) run(ctx context.Context) Result {
	err := r.awaitStart(ctx)
	r.started = r.o.Now()
	r.result = Result{Tenant: r.t.Name, Started: r.started}
	if err == nil {
		err = r.pull(ctx)
	}
	if r.result.Err = err; errors.Is(r.result.Err, context.Canceled) && ctx.Err() != nil {
		r.result.Err = interrupted(ctx)
	}
	r.result.Ended = r.o.Now()
	return r.result
}

// awaitStart waits until the tenant may be asked.
func (r *runner) awaitStart(ctx context.Context) error {
	if wait := r.t.NotBefore.Sub(r.o.Now()); !r.t.NotBefore.IsZero() && wait > 0 {
		return r.o.Sleep(ctx, wait)
	}
	return nil
}

func (r *runner) pull(ctx context.Context) error {
	r.text = &scratch{}
	if !r.o.DryRun {
		var err error
		if r.text.file, err = r.o.To.Scratch(r.t.Name); err != nil {
			return err
		}
		defer r.text.close()
		if err = r.o.To.Prepare(ctx, r.t.Name); err != nil {
			return err
		}
	}
	from, before := r.o.Window(r.started)
	r.result.From, r.result.Before = from, before
	l, err := r.list(ctx, from, before)
	var e *api.Error
	if errors.As(err, &e) && e.Role == limits.RoleAuth {
		return fmt.Errorf("%w: %w", tokenError(e), err)
	}
	if err != nil {
		return err
	}
	a, err := r.reconcile(ctx, l)
	if err != nil {
		return err
	}
	r.result.Already, r.result.Excused = a.already, a.excused
	if l.entries == 0 && len(l.faults) == 0 && r.result.Listed > 0 && r.o.From.IsZero() {
		l.faults = append(l.faults, fmt.Sprintf("the vendor's list is empty, and earlier ones named %s",
			measure.Count(int64(r.result.Listed), "recording")))
	}
	items := a.sorted(r.o.Order)
	r.expectNights(l)
	// Only what is to be fetched stays in memory.
	l.recordings, l.places, l.superseded, l.states, l.settled = nil, nil, nil, nil, nil
	b := newBudget(r.t, r.o.Policy.Egress.Window, r.o.Reserve)
	items = r.withoutTooLarge(items, a, b)
	r.listing = r.o.Now().Sub(r.started)
	r.result.Plan = r.plan(items, b.clone(), r.o.Now())
	if r.o.DryRun {
		r.miss(items, a, "not fetched: a dry run")
	} else {
		err = r.fetchAll(ctx, items, a, b)
		err = errors.Join(err, r.writeManifests(context.WithoutCancel(ctx), from, before))
	}
	if len(l.faults) > 0 {
		err = errors.Join(err, errors.New(strings.Join(l.faults, "; ")))
	}
	return err
}

// withoutTooLarge notes as missing what is larger than a run may ever fetch: it would hold up all
// that comes after it, every night.
func (r *runner) withoutTooLarge(items []recording, a account, b *budget) []recording {
	return slices.DeleteFunc(items, func(it recording) bool {
		why := ""
		switch {
		case r.o.Cutoff == Soft:
		case r.o.MaxTransfer > 0 && it.Size > r.o.MaxTransfer:
			why = "it is larger than --max-transfer lets a run fetch"
		case b.limit > 0 && it.Size > b.limit:
			why = "it is larger than the egress cap" + r.capKnown() + ", less the reserve"
		}
		if why != "" {
			r.miss([]recording{it}, a, why)
		}
		return why != ""
	})
}

// expectNights takes what the window's mean night brought for what each later one will.
func (r *runner) expectNights(l *listing) {
	nights := max(1, int(l.before.Sub(l.from)/(24*time.Hour)))
	n := len(l.recordings) / nights
	var sum int64
	for _, rec := range l.recordings {
		sum += rec.Size
	}
	for range n {
		r.fresh = append(r.fresh, sum/int64(len(l.recordings)))
	}
}

// fetchAll downloads items one after the other, and keeps those that came whole while the next is
// under way.
func (r *runner) fetchAll(ctx context.Context, items []recording, a account, b *budget) error {
	r.spool, r.kept = newSpool(), map[string]map[string]string{}
	defer r.spool.close()
	k := newKeeper(ctx, r, len(items))
	err := r.fetchEach(ctx, items, a, b, k)
	if late := k.close(); err == nil || !errors.Is(late, errDisk) || !errors.Is(err, errDisk) {
		err = errors.Join(err, late) // a full disk is told once
	}
	slices.SortFunc(r.result.Missing, func(a, b Missing) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Key, b.Key))
	})
	return err
}

func (r *runner) fetchEach(
	ctx context.Context, items []recording, a account, b *budget, k *keeper,
) error {
	var bytes int64
	for i, rec := range items {
		it := r.item(rec)
		if err := cmp.Or(k.failure(), r.text.err); err != nil {
			r.stop(err.Error(), items[i:], a)
			return r.text.err // close tells the other
		}
		if why := r.unfetchable(it); why != "" {
			r.miss(items[i:i+1], a, why)
			continue
		}
		adopted, err := r.adopt(ctx, it, k)
		if err != nil && ctx.Err() != nil {
			err = interrupted(ctx)
		}
		if err != nil {
			r.stop(err.Error(), items[i:], a)
			if adopted {
				return nil // close tells it
			}
			return err
		}
		if adopted {
			continue
		}
		now := r.o.Now()
		if binds := r.bound(now.Sub(r.started), now, bytes, it.Size, b); binds != BindsNothing {
			r.stop(r.bindsBecause(binds, it, b, now), items[i:], a)
			return nil
		}
		if err := r.room(it.Size); err != nil {
			r.stop(err.Error(), items[i:], a)
			return err
		}
		wasted := r.result.Wasted
		size, err := r.fetch(ctx, it, k)
		spent := size + r.result.Wasted - wasted
		b.spend(now, spent)
		bytes += spent
		if err != nil && ctx.Err() != nil {
			err = interrupted(ctx)
			r.stop(err.Error(), items[i:], a)
			return err
		}
		if err == nil {
			r.failures = 0
			continue
		}
		if end := r.failed(err, items[i:], a, k); end != nil {
			return ended(end)
		}
	}
	return nil
}

// room says errDisk where a recording of a size does not fit on the disk, beside what is kept free.
func (r *runner) room(size int64) error {
	free := r.o.To.Free()
	if free < 0 || free >= size+spareDisk {
		return nil
	}
	return fmt.Errorf("%w: of the %s left, pull keeps %s free, and the next recording takes %s",
		errDisk, measure.Bytes(free), measure.Bytes(spareDisk), measure.Bytes(size))
}

// ended is the error of a run that stopped; a cap that is reached is none: it is in Stopped.
func ended(err error) error {
	if errors.Is(err, errCap) {
		return nil
	}
	return err
}

// interrupted says why a run was ended from outside: its context's cause, or the user's word.
func interrupted(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return ErrInterrupted
}

// failed notes a recording that did not come. end is why no other one is to be asked for, nil where
// that may be.
func (r *runner) failed(err error, rest []recording, a account, k *keeper) (end error) {
	var no *refused
	if errors.As(err, &no) {
		switch no.state {
		case stateGone:
			r.result.Excused++
		default:
			r.miss(rest[:1], a, no.why)
		}
		if no.state != "" {
			k.note(r.entry(r.item(rest[0]), no.state, no.why))
		}
		if !no.down {
			r.failures = 0
			return nil
		}
		if r.failures++; r.failures < maxFailures {
			return nil
		}
		rest, err = rest[1:], fmt.Errorf("%w, the last: %s", errDown, no.why)
	}
	r.stop(err.Error(), rest, a)
	return err
}

// unfetchable says why a recording cannot be asked for, "" where it can.
func (r *runner) unfetchable(it item) string {
	if !r.o.Policy.MayKeep(r.o.Policy.Listing.KeptAs, it.Key) {
		return "its key has not the form of " + r.o.Policy.Listing.KeptAs
	}
	return ""
}

func (r *runner) bindsBecause(binds string, it item, b *budget, now time.Time) string {
	if binds != BindsEgress {
		return binds + " is used up"
	}
	if until := b.notBefore; now.Before(until) {
		return fmt.Sprintf("the vendor refused for egress at %s; nothing is asked for before %s, "+
			"unless a reset is recorded by \"headroom reset\"", measure.Stamp(r.t.Refused, time.UTC),
			measure.Stamp(until, time.UTC))
	}
	why := fmt.Sprintf("the egress cap of %s%s, less the reserve, leaves no room",
		measure.Bytes(r.t.Cap), r.capKnown())
	if at, ok := b.roomAt(now, it.Size, r.o.Cutoff); ok {
		why += " before " + measure.Stamp(at, time.UTC)
	}
	return why
}

// capKnown is Tenant.CapKnown in brackets.
func (r *runner) capKnown() string {
	if r.t.CapKnown == "" {
		return ""
	}
	return " (" + r.t.CapKnown + ")"
}

// stop ends the downloads; what is left is missing for this reason.
func (r *runner) stop(why string, rest []recording, a account) {
	r.result.Stopped = why
	r.miss(rest, a, why)
}

func (r *runner) miss(items []recording, a account, why string) {
	r.result.Missing = slices.Grow(r.result.Missing, len(items))
	for _, rec := range items {
		it := item{recording: rec, Key: r.text.key(rec.place)}
		if r.unfetchable(it) != "" {
			it.Key = "not shown" // it may be a number or a name
		}
		w := why
		if before, ok := a.refused[it.Key]; ok && r.o.DryRun {
			w = "refused before: " + before
		}
		r.result.Missing = append(r.result.Missing, Missing{it.Key, it.start(), it.Size, w})
	}
}

// adopt takes over a recording that an earlier run kept whole, but was killed before it could say
// so in the ledger.
func (r *runner) adopt(ctx context.Context, it item, k *keeper) (adopted bool, err error) {
	folder := dateFolder(r.t.Name, it.start())
	kept, ok := r.kept[folder]
	if !ok {
		if kept, err = r.o.To.Kept(ctx, folder); err != nil {
			return false, err
		}
		r.kept[folder] = kept
	}
	name, ok := kept[it.Key]
	if !ok {
		return false, nil
	}
	sum, size, err := r.o.To.Inspect(ctx, path.Join(folder, name))
	if err != nil || sum == "" || size == 0 { // a file or an object that is not of a pull's
		return false, err
	}
	return true, k.add(staged{
		item: it, whole: true, ending: name[len(it.Key):], sum: sum, size: size,
		note: it.sizeNote(size),
	})
}
