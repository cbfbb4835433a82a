package packed

import (
	"context"
	"fmt"
	"slices"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// Ref is what a request's names became: row numbers. A Client of 0 is not known.
type Ref struct{ Tenant, Route, Source, Client int64 }

// NewEntry packs a request whose names have become f.
func NewEntry(r *store.Request, f Ref) pack.Entry {
	return pack.NewEntry(r, f.Route, f.Source, f.Client)
}

// Tx is what an import writes to, inside one transaction that no other writer is beside.
type Tx interface {
	Cache
	// LastID is the number of the last request; 0 where there is none.
	LastID(ctx context.Context) (int64, error)
	// RowsBetween calls f with the requests that have a number in (after, upto], in order.
	RowsBetween(ctx context.Context, after, upto int64, f func(tenant int64, e pack.Entry)) error
	// Resolve gives the row numbers of the requests' names, and adds those that are missing. The
	// slice is valid until the next call.
	Resolve(ctx context.Context, requests []store.Request) ([]Ref, error)
	// Append adds requests and sets their IDs, in order.
	Append(ctx context.Context, requests []store.Request, refs []Ref) error
}

// Target is a store that an Import adds to.
type Target interface {
	// Write runs f in a transaction, at most once.
	Write(ctx context.Context, f func(Tx) error) error
	// OpenReader opens a snapshot of what is committed; close ends it.
	OpenReader(ctx context.Context) (r *Reader, close func() error, err error)
	// AddRecordings is that of store.Writer.
	AddRecordings(ctx context.Context, recordings []store.Recording) (added int64, err error)
	// LastTimes gives each tenant's latest time in the chunks, inside f of Write.
	LastTimes(ctx context.Context, tx Tx) (map[int64]int64, error)
	// Large is called inside f of Write after each maxPending rows of an import.
	Large(ctx context.Context, tx Tx) error
}

// Import adds the requests of one log file to a store without counting any request twice. What is
// in the store already when the import begins, or comes in from elsewhere while it runs, is matched
// one to one with the file's requests: where the store has k equal requests and the file n, max(0,
// n−k) are added. So a file read twice, a file that has grown and two overlapping files add each
// request once, while two equal requests inside one file stay two.
//
// Requests are equal when tenant, client, StartedAt, method, URL as kept, Params, status and
// ResponseBytes are. Of a HAR, a request that is in the store with another status or size is the
// same one, exported before it had ended: it is rejected.
//
// An Import is for one goroutine. Each Add is one or more transactions; killing the process in
// between leaves whole batches, and importing the file again adds the rest.
type Import struct {
	to          Target
	maxBatch    int                // rows a transaction
	maxPending  int                // rows that wait to be packed
	start       int64              // rows up to here were there before; they are all in chunks
	seen        int64              // rows up to here are ours, or accounted for
	lastAt      map[int64]int64    // by tenant: the latest row up to start
	others      map[pack.Entry]int // rows that other processes added after start
	build       *Builder
	existing    *existing // opened at the first request that could be there already
	closeReader func() error
	kept        []store.Request // scratch
	refs        []Ref           // scratch
	added       int64
	duplicates  int64
	rejected    int64
	boundary    boundary
	err         error // the first of Add
	onStored    func(ctx context.Context, before int64, requests []store.Request)
}

// OnStored has f called after each transaction with the requests that it added, whose IDs follow
// each other; all others that are in the store then have numbers up to before. The slice is reused.
func (im *Import) OnStored(
	f func(ctx context.Context, before int64, requests []store.Request),
) {
	im.onStored = f
}

// BeginImport starts the import of one file into a store whose cache is up to date. A transaction
// has at most maxBatch rows, and some maxPending wait to be packed.
func BeginImport(ctx context.Context, to Target, maxBatch, maxPending int) (*Import, error) {
	im := &Import{
		to: to, maxBatch: maxBatch, maxPending: maxPending, others: map[pack.Entry]int{},
	}
	err := to.Write(ctx, func(tx Tx) (err error) {
		if im.start, _, err = tx.Mark(ctx); err == nil {
			im.lastAt, err = to.LastTimes(ctx, tx)
		}
		return err
	})
	im.seen, im.build = im.start, NewBuilder(im.start)
	return im, err
}

// Added is how many requests, or listed recordings, were new.
func (im *Import) Added() int64 { return im.added }

// Duplicates is how many requests, or listed recordings, were there already.
func (im *Import) Duplicates() int64 { return im.duplicates }

// Rejected is how many requests of a HAR are in the store as an earlier export of it had them.
func (im *Import) Rejected() int64 { return im.rejected }

// Boundary says that all duplicates began within the same second of a log in whole seconds, and
// when: at the boundary of a rotated log, equal lines cannot be told from an overlap.
func (im *Import) Boundary() (at int64, ok bool) {
	return im.boundary.at, im.boundary.some && !im.boundary.more
}

// boundary is what is known of the duplicates' times.
type boundary struct {
	at   int64
	some bool
	more bool // than one, or one that is told more exactly
}

func (b *boundary) add(r *store.Request) {
	b.more = b.more || b.some && b.at != r.StartedAt || r.Source.Resolution == 0
	b.some, b.at = true, r.StartedAt
}

// Looked is how many rows were looked at one by one to find duplicates. It is for tests: the number
// must not grow with the square of the requests of one second.
func (im *Import) Looked() int {
	if im.existing == nil {
		return 0
	}
	return im.existing.looked
}

// Add adds those of the batch that are not in the store. The batch may be used again after the
// call, which sets IDs in it. After an error earlier batches stay, and the import can only be
// closed.
func (im *Import) Add(ctx context.Context, batch []store.Request) error {
	for part := range slices.Chunk(batch, im.maxBatch) {
		if im.err != nil {
			return im.err
		}
		var added []store.Request
		var before int64
		rejected, boundary := im.rejected, im.boundary
		im.err = im.to.Write(ctx, func(tx Tx) (err error) {
			before, added, err = im.add(ctx, tx, part)
			return err
		})
		if im.err != nil {
			im.rejected, im.boundary = rejected, boundary
			im.build.Reset() // it may hold rows that were rolled back; the next refresh reads what is there
			return im.err
		}
		im.added += int64(len(added))
		im.duplicates += int64(len(part)-len(added)) - (im.rejected - rejected)
		if im.onStored != nil && len(added) > 0 {
			im.onStored(ctx, before, added)
		}
	}
	return nil
}

// AddRecordings adds those of the recordings that were not listed before; they count as Added and
// Duplicates too.
func (im *Import) AddRecordings(ctx context.Context, recordings []store.Recording) error {
	added, err := im.to.AddRecordings(ctx, recordings)
	if err == nil {
		im.added += added
		im.duplicates += int64(len(recordings)) - added
	}
	return err
}

// add gives the requests that were new, and the number up to which others are in the store.
func (im *Import) add(
	ctx context.Context, tx Tx, batch []store.Request,
) (before int64, kept []store.Request, err error) {
	if err := im.meetOthers(ctx, tx); err != nil {
		return 0, nil, err
	}
	before = im.seen
	refs, err := tx.Resolve(ctx, batch)
	if err != nil {
		return 0, nil, err
	}
	kept, refs, err = im.unknown(ctx, batch, refs)
	if err != nil {
		return 0, nil, err
	}
	if err := tx.Append(ctx, kept, refs); err != nil {
		return 0, nil, err
	}
	for i := range kept {
		im.build.Add(refs[i].Tenant, NewEntry(&kept[i], refs[i]))
		im.seen = kept[i].ID
	}
	if im.build.Count >= im.maxPending {
		if err := Flush(ctx, tx, im.build); err != nil {
			return 0, nil, err
		}
		err = im.to.Large(ctx, tx)
	}
	return before, kept, err
}

// unknown gives those of the batch that are not in the store: the batch itself where none is.
func (im *Import) unknown(
	ctx context.Context, batch []store.Request, refs []Ref,
) ([]store.Request, []Ref, error) {
	some := false
	for i := range batch {
		known, err := im.known(ctx, &batch[i], refs[i])
		if known {
			im.boundary.add(&batch[i])
		} else if err == nil {
			known, err = im.exportedBefore(ctx, &batch[i], refs[i])
		}
		switch {
		case err != nil:
			return nil, nil, err
		case known && !some:
			some = true
			im.kept, im.refs = append(im.kept[:0], batch[:i]...), append(im.refs[:0], refs[:i]...)
		case !known && some:
			im.kept, im.refs = append(im.kept, batch[i]), append(im.refs, refs[i])
		}
	}
	if some {
		return im.kept, im.refs, nil
	}
	return batch, refs, nil
}

// meetOthers takes note of what other processes added since our last batch.
func (im *Import) meetOthers(ctx context.Context, tx Tx) error {
	last, err := tx.LastID(ctx)
	if err != nil || last <= im.seen {
		return err
	}
	err = tx.RowsBetween(ctx, im.seen, last, func(tenant int64, e pack.Entry) {
		im.build.Add(tenant, e)
		im.others[matchKey(tenant, &e)]++
	})
	im.seen = last
	return err
}

// exportedBefore says whether the store has a request of a HAR as an earlier export of it had it:
// with another status or size. Its time is exact to the millisecond, so no other request can have
// the same.
func (im *Import) exportedBefore(ctx context.Context, r *store.Request, f Ref) (bool, error) {
	if r.Source.Kind != harKind || im.existing == nil { // nothing in the store is as late as r
		return false, nil
	}
	e := NewEntry(r, f)
	found, err := im.existing.matchAnswered(ctx, f.Tenant, matchKey(f.Tenant, &e))
	if found {
		im.rejected++
	}
	return found, err
}

// known says whether the store has a request equal to r that no earlier request of the file was
// matched with.
func (im *Import) known(ctx context.Context, r *store.Request, f Ref) (bool, error) {
	last, ok := im.lastAt[f.Tenant]
	if (!ok || r.StartedAt > last) && len(im.others) == 0 {
		return false, nil
	}
	e := NewEntry(r, f)
	like := matchKey(f.Tenant, &e)
	if n := im.others[like]; n > 0 {
		im.others[like] = n - 1
		return true, nil
	}
	if !ok || r.StartedAt > last {
		return false, nil
	}
	if im.existing == nil {
		reader, closeReader, err := im.to.OpenReader(ctx)
		if err != nil {
			return false, err
		}
		im.existing, im.closeReader = newExisting(reader, im.start), closeReader
	}
	return im.existing.match(ctx, f.Tenant, like)
}

// Close packs what was added and ends the import.
func (im *Import) Close(ctx context.Context) error {
	if im.closeReader != nil {
		_ = im.closeReader() // what was read has been used
		im.existing, im.closeReader = nil, nil
	}
	if im.build.Count == 0 {
		return nil
	}
	err := im.to.Write(ctx, func(tx Tx) error { return Flush(ctx, tx, im.build) })
	if err != nil {
		return fmt.Errorf("close import: %w", err)
	}
	return nil
}
