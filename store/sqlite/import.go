package sqlite

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// Import adds the requests of one log file to the store without counting any request twice. What is
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
	store         *Store
	start         int64              // rows up to here were there before; they are all in chunks
	seen          int64              // rows up to here are ours, or accounted for
	lastAt        map[int64]int64    // by tenant: the latest row up to start
	others        map[pack.Entry]int // rows that other processes added after start
	build         *builder
	existing      *existing       // opened at the first request that could be there already
	kept          []store.Request // scratch
	refs          []ref           // scratch
	added         int64
	duplicates    int64
	rejected      int64
	boundary      boundary
	err           error // the first of Add
	unguarded     bool  // the replace guard is dropped
	checkpoints   sync.WaitGroup
	checkpointing atomic.Bool
}

// BeginImport starts the import of one file. It must be closed.
func (s *Store) BeginImport(ctx context.Context) (store.Importer, error) {
	im, err := s.beginImport(ctx)
	if err != nil {
		return nil, err // a nil *Import in the interface would not be nil
	}
	return im, nil
}

func (s *Store) beginImport(ctx context.Context) (*Import, error) {
	if err := s.refresh(ctx, lockPatience); err != nil {
		return nil, err
	}
	im := &Import{store: s, lastAt: map[int64]int64{}, others: map[pack.Entry]int{}}
	err := s.write(ctx, func(w *writer) (err error) {
		if im.start, err = packedUpTo(ctx, w.conn); err != nil {
			return err
		}
		return each(
			ctx,
			w.conn,
			"SELECT tenant_id, max(last_at) FROM cache_chunk INDEXED BY cache_chunk_tenant GROUP BY tenant_id",
			func(scan func(...any) error) error {
				var tenant, last int64
				err := scan(&tenant, &last)
				im.lastAt[tenant] = last
				return err
			},
		)
	})
	im.seen, im.build = im.start, newBuilder(im.start)
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

// Add adds those of the batch that are not in the store. The batch may be used again after the
// call, which sets IDs in it. After an error, which may match ErrLocked, ErrFull, ErrReadOnly or
// ErrDamaged, earlier batches stay, and the import can only be closed.
func (im *Import) Add(ctx context.Context, batch []store.Request) error {
	for part := range slices.Chunk(batch, maxBatch) {
		if im.err != nil {
			return im.err
		}
		var added int
		rejected, boundary := im.rejected, im.boundary
		im.err = im.store.write(ctx, func(w *writer) (err error) {
			added, err = im.add(ctx, w, part)
			return err
		})
		if im.err != nil {
			im.rejected, im.boundary = rejected, boundary
			im.build.reset() // it may hold rows that were rolled back; the next refresh reads what is there
			return im.err
		}
		im.added += int64(added)
		im.duplicates += int64(len(part)-added) - (im.rejected - rejected)
	}
	return nil
}

// AddRecordings adds those of the recordings that were not listed before; they count as Added and
// Duplicates too. Errors are those of Add.
func (im *Import) AddRecordings(ctx context.Context, recordings []store.Recording) error {
	added, err := im.store.AddRecordings(ctx, recordings)
	if err == nil {
		im.added += added
		im.duplicates += int64(len(recordings)) - added
	}
	return err
}

// add gives how many requests were new.
func (im *Import) add(
	ctx context.Context, w *writer, batch []store.Request,
) (added int, err error) {
	if err := im.countOthers(ctx, w); err != nil {
		return 0, err
	}
	if err := w.resolve(ctx, batch); err != nil {
		return 0, err
	}
	kept, refs, err := im.unknown(ctx, batch, w.refs)
	if err != nil {
		return 0, err
	}
	if err := w.append(ctx, kept, refs); err != nil {
		return 0, err
	}
	for i := range kept {
		im.build.add(refs[i].tenant, newEntry(&kept[i], refs[i]))
		im.seen = kept[i].ID
	}
	if im.build.count >= maxPending {
		err = im.flushLarge(ctx, w)
	}
	return len(kept), err
}

// flushLarge packs what was added. add calls it every maxPending rows; from the first time on the
// import counts as large, and does without the guard against REPLACE, which costs a fifth of it.
func (im *Import) flushLarge(ctx context.Context, w *writer) error {
	if err := w.flush(ctx, im.build); err != nil {
		return err
	}
	im.checkpoint(ctx)
	if im.unguarded {
		return nil
	}
	im.unguarded = true
	return w.dropReplaceGuard(ctx)
}

// checkpoint moves the write-ahead log into the file on another goroutine, so that no commit of the
// import waits for it. Its error is not needed: what fails here, such as a full disk, fails in the
// next commit too.
func (im *Import) checkpoint(ctx context.Context) {
	if im.checkpointing.CompareAndSwap(false, true) {
		im.checkpoints.Go(func() {
			defer im.checkpointing.Store(false)
			_, _ = im.store.pool().ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
		})
	}
}

// unknown gives those of the batch that are not in the store: the batch itself where none is.
func (im *Import) unknown(
	ctx context.Context, batch []store.Request, refs []ref,
) ([]store.Request, []ref, error) {
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

// countOthers counts, by matchKey, the rows that other processes added since our last batch, so that
// known finds them.
func (im *Import) countOthers(ctx context.Context, w *writer) error {
	last, err := maxID(ctx, w.conn)
	if err != nil || last <= im.seen {
		return err
	}
	names, err := loadNames(ctx, w.conn)
	if err != nil {
		return err
	}
	err = readRows(ctx, w.conn, rowsBetween, func(r *storedRow) error {
		q := r.request(names)
		e := newEntry(&q, ref{r.tenant, r.route, r.source, r.client.Int64})
		im.build.add(r.tenant, e)
		im.others[matchKey(r.tenant, &e)]++
		return nil
	}, im.seen, last)
	im.seen = last
	return err
}

// matchKey gives the fields that are the same in equal requests; the tenant stands in ID.
func matchKey(tenant int64, e *pack.Entry) pack.Entry {
	return pack.Entry{
		At: e.At, ID: tenant, Bytes: e.Bytes, Item: e.Item, Params: e.Params,
		Kind: pack.Kind{Route: e.Kind.Route, Status: e.Kind.Status, Client: e.Kind.Client},
	}
}

// exportedBefore says whether the store has a request of a HAR as an earlier export of it had it:
// with another status or size. Its time is exact to the millisecond, so no other request can have
// the same.
func (im *Import) exportedBefore(ctx context.Context, r *store.Request, f ref) (bool, error) {
	if r.Source.Kind != harKind || im.existing == nil { // nothing in the store is as late as r
		return false, nil
	}
	e := newEntry(r, f)
	found, err := im.existing.matchAnswered(ctx, f.tenant, matchKey(f.tenant, &e))
	if found {
		im.rejected++
	}
	return found, err
}

// harKind is the Kind of sources that are HAR files.
const harKind = "har"

// known says whether the store has a request equal to r that no earlier request of the file was
// matched with.
func (im *Import) known(ctx context.Context, r *store.Request, f ref) (bool, error) {
	last, ok := im.lastAt[f.tenant]
	if (!ok || r.StartedAt > last) && len(im.others) == 0 {
		return false, nil
	}
	e := newEntry(r, f)
	like := matchKey(f.tenant, &e)
	if n := im.others[like]; n > 0 {
		im.others[like] = n - 1
		return true, nil
	}
	if !ok || r.StartedAt > last {
		return false, nil
	}
	if im.existing == nil {
		snap, err := im.store.snapshot(ctx)
		if err != nil {
			return false, err
		}
		im.existing = newExisting(snap, im.start)
	}
	return im.existing.match(ctx, f.tenant, like)
}

// Close packs what was added and ends the import.
func (im *Import) Close(ctx context.Context) error {
	im.checkpoints.Wait()
	if im.existing != nil {
		im.existing.snap.Close()
		im.existing = nil
	}
	if im.build.count == 0 && !im.unguarded {
		return nil
	}
	err := im.store.write(ctx, func(w *writer) error {
		if im.unguarded {
			if err := w.makeReplaceGuard(ctx); err != nil {
				return err
			}
		}
		if im.build.count == 0 {
			return nil
		}
		return w.flush(ctx, im.build)
	})
	if err != nil {
		return fmt.Errorf("close import: %w", err)
	}
	return nil
}
