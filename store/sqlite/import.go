package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

// Import is that of package packed, and what a large one does in a file. Its errors may match
// ErrLocked, ErrFull, ErrReadOnly or ErrDamaged.
type Import struct {
	*packed.Import
	store         *Store
	unguarded     bool // the replace guard is dropped
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

func (s *Store) beginImport(ctx context.Context) (im *Import, err error) {
	if err := s.refresh(ctx, lockPatience); err != nil {
		return nil, err
	}
	im = &Import{store: s}
	im.Import, err = packed.BeginImport(ctx, target{s, im}, maxBatch, maxPending)
	return im, err
}

// target is the store as an import asks for it.
type target struct {
	*Store
	im *Import
}

// Write implements packed.Target.
func (t target) Write(ctx context.Context, f func(packed.Tx) error) error {
	return t.write(ctx, func(w *writer) error { return f(w) })
}

// OpenReader implements packed.Target.
func (t target) OpenReader(ctx context.Context) (*packed.Reader, func() error, error) {
	n, err := t.snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	return n.Reader, n.Close, nil
}

// LastTimes implements packed.Target.
func (t target) LastTimes(ctx context.Context, tx packed.Tx) (map[int64]int64, error) {
	last := map[int64]int64{}
	err := each(ctx, tx.(*writer).conn, `SELECT tenant_id, max(last_at)
		FROM cache_chunk INDEXED BY cache_chunk_tenant GROUP BY tenant_id`,
		func(scan func(...any) error) error {
			var tenant, at int64
			err := scan(&tenant, &at)
			last[tenant] = at
			return err
		})
	return last, err
}

// Large implements packed.Target. From the first time on the import does without the guard against
// REPLACE, which costs a fifth of it.
func (t target) Large(ctx context.Context, tx packed.Tx) error {
	t.im.checkpoint(ctx)
	if t.im.unguarded {
		return nil
	}
	t.im.unguarded = true
	return tx.(*writer).dropReplaceGuard(ctx)
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

// Close packs what was added and ends the import.
func (im *Import) Close(ctx context.Context) error {
	im.checkpoints.Wait()
	err := im.Import.Close(ctx)
	if !im.unguarded {
		return err
	}
	guard := im.store.write(ctx, func(w *writer) error { return w.makeReplaceGuard(ctx) })
	if guard != nil {
		guard = fmt.Errorf("close import: %w", guard)
	}
	return errors.Join(err, guard)
}

// LastID implements packed.Tx.
func (w *writer) LastID(ctx context.Context) (int64, error) { return maxID(ctx, w.conn) }

// RowsBetween implements packed.Tx.
func (w *writer) RowsBetween(
	ctx context.Context, after, upto int64, f func(tenant int64, e pack.Entry),
) error {
	names, err := loadNames(ctx, w.conn)
	if err != nil {
		return err
	}
	return readRows(ctx, w.conn, rowsBetween, func(r *storedRow) error {
		q := r.request(names)
		f(r.tenant, newEntry(&q, r.ref()))
		return nil
	}, after, upto)
}

// Resolve implements packed.Tx.
func (w *writer) Resolve(ctx context.Context, requests []store.Request) ([]ref, error) {
	err := w.resolve(ctx, requests)
	return w.refs, err
}

// Append implements packed.Tx.
func (w *writer) Append(ctx context.Context, requests []store.Request, refs []ref) error {
	return w.append(ctx, requests, refs)
}
