package store

import (
	"context"
	"fmt"
	"slices"
)

// Import adds the requests of one log file to the store without counting any request twice. What is in the store already
// when the import begins, or comes in from elsewhere while it runs, is matched one to one with the file's requests: where
// the store has k equal requests and the file n, max(0, n−k) are added. So a file read twice, a file that has grown and
// two overlapping files add each request once, while two equal requests inside one file stay two.
//
// Requests are equal when tenant, StartedAt, method, URL as kept, Params, status and ResponseBytes are.
//
// An Import is for one goroutine. Each Add is one or more transactions; killing the process in between leaves whole
// batches, and importing the file again adds the rest.
type Import struct {
	store      *Store
	start      int64           // rows up to here were there before; they are all in chunks
	seen       int64           // rows up to here are ours, or accounted for
	lastAt     map[int64]int64 // by tenant: the latest row up to start
	others     map[entry]int   // rows that other processes added after start
	build      *builder
	existing   *existing // opened at the first request that could be there already
	kept       []Request
	added      int64
	duplicates int64
	err        error // the first of Add
}

// BeginImport starts the import of one file. It must be closed.
func (s *Store) BeginImport(ctx context.Context) (*Import, error) {
	if err := s.Refresh(ctx); err != nil {
		return nil, err
	}
	im := &Import{store: s, lastAt: map[int64]int64{}, others: map[entry]int{}}
	err := s.write(ctx, func(w *writer) (err error) {
		if im.start, err = mark(ctx, w.conn); err != nil {
			return err
		}
		return each(ctx, w.conn, "SELECT tenant_id, max(last_at) FROM cache_chunk INDEXED BY cache_chunk_tenant GROUP BY tenant_id",
			func(scan func(...any) error) error {
				var tenant, last int64
				err := scan(&tenant, &last)
				im.lastAt[tenant] = last
				return err
			})
	})
	im.seen, im.build = im.start, newBuilder(im.start)
	return im, err
}

// Added and Duplicates are how many requests, or listed recordings, were new, and how many were there already.
func (im *Import) Added() int64      { return im.added }
func (im *Import) Duplicates() int64 { return im.duplicates }

// Add adds those of the batch that are not in the store. The batch may be used again after the call. After an error,
// which may match ErrLocked, ErrFull, ErrReadOnly or ErrDamaged, earlier batches stay, and the import can only be closed.
func (im *Import) Add(ctx context.Context, batch []Request) error {
	for part := range slices.Chunk(batch, maxBatch) {
		if im.err != nil {
			return im.err
		}
		im.err = im.store.write(ctx, func(w *writer) error { return im.add(ctx, w, part) })
		if im.err != nil {
			im.build.reset() // it may hold rows that were rolled back; the next refresh reads what is there
			return im.err
		}
		im.added += int64(len(im.kept))
		im.duplicates += int64(len(part) - len(im.kept))
	}
	return nil
}

// AddRecordings adds those of the recordings that were not listed before; they count as Added and Duplicates too. Errors
// are those of Add.
func (im *Import) AddRecordings(ctx context.Context, recordings []Recording) error {
	added, err := im.store.AddRecordings(ctx, recordings)
	if err == nil {
		im.added += added
		im.duplicates += int64(len(recordings)) - added
	}
	return err
}

func (im *Import) add(ctx context.Context, w *writer, batch []Request) error {
	if err := im.meetOthers(ctx, w); err != nil {
		return err
	}
	if err := w.resolve(ctx, batch); err != nil {
		return err
	}
	im.kept = im.kept[:0]
	refs := make([]ref, 0, len(batch))
	for i := range batch {
		known, err := im.known(ctx, &batch[i], w.refs[i])
		if err != nil {
			return err
		}
		if !known {
			im.kept, refs = append(im.kept, batch[i]), append(refs, w.refs[i])
		}
	}
	if err := w.append(ctx, im.kept); err != nil {
		return err
	}
	for i := range im.kept {
		im.build.add(refs[i].tenant, pack(&im.kept[i], refs[i]))
		im.seen = im.kept[i].ID
	}
	if im.build.count >= maxPending {
		return w.flush(ctx, im.build)
	}
	return nil
}

// meetOthers takes note of what other processes added since our last batch.
func (im *Import) meetOthers(ctx context.Context, w *writer) error {
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
		e := pack(&q, ref{r.tenant, r.route, r.source, r.client.Int64})
		im.build.add(r.tenant, e)
		im.others[likeness(r.tenant, &e)]++
		return nil
	}, im.seen, last)
	im.seen = last
	return err
}

// likeness is what equal requests have in common.
func likeness(tenant int64, e *entry) entry {
	return entry{at: e.at, id: tenant, bytes: e.bytes, item: e.item, params: e.params, kind: kind{route: e.kind.route, status: e.kind.status}}
}

// known says whether the store has a request equal to r that no earlier request of the file was matched with.
func (im *Import) known(ctx context.Context, r *Request, f ref) (bool, error) {
	last, ok := im.lastAt[f.tenant]
	if (!ok || r.StartedAt > last) && len(im.others) == 0 {
		return false, nil
	}
	e := pack(r, f)
	like := likeness(f.tenant, &e)
	if n := im.others[like]; n > 0 {
		im.others[like] = n - 1
		return true, nil
	}
	if !ok || r.StartedAt > last {
		return false, nil
	}
	if im.existing == nil {
		snap, err := im.store.Snapshot(ctx)
		if err != nil {
			return false, err
		}
		im.existing = newExisting(snap, im.start)
	}
	return im.existing.match(ctx, f.tenant, like)
}

// Close packs what was added and ends the import.
func (im *Import) Close(ctx context.Context) error {
	if im.existing != nil {
		im.existing.snap.Close()
		im.existing = nil
	}
	if im.build.count == 0 {
		return nil
	}
	if err := im.store.write(ctx, func(w *writer) error { return w.flush(ctx, im.build) }); err != nil {
		return fmt.Errorf("close import: %w", err)
	}
	return nil
}
