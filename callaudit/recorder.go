package callaudit

import (
	"errors"
	"sync"

	"github.com/6dcca832/headroom/store"
)

// recorder passes requests on to a store's Recorder, which it makes when the first one comes. To
// flush, it closes that Recorder: the next request gets a new one.
type recorder struct {
	store store.Log

	mu     sync.RWMutex // held for reading while something is passed on
	to     *store.Recorder
	errs   []error // of the Recorders that were closed
	closed bool    // nothing is recorded any more
}

// Record implements ingest.Recorder.
func (r *recorder) Record(q store.Request) {
	r.with(func(to *store.Recorder) { to.Record(q) })
}

// RecordListed implements ingest.ListRecorder.
func (r *recorder) RecordListed(recordings []store.Recording) {
	r.with(func(to *store.Recorder) { to.RecordListed(recordings) })
}

func (r *recorder) with(f func(*store.Recorder)) {
	for {
		r.mu.RLock()
		if r.to != nil || r.closed {
			if r.to != nil {
				f(r.to)
			}
			r.mu.RUnlock()
			return
		}
		r.mu.RUnlock()
		r.mu.Lock()
		if r.to == nil && !r.closed {
			r.to = store.NewRecorder(r.store)
		}
		r.mu.Unlock()
	}
}

// flush writes all that was recorded. What cannot be written is told by close.
func (r *recorder) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write()
}

// write is flush for those that hold mu.
func (r *recorder) write() {
	if r.to == nil {
		return
	}
	if err := r.to.Close(); err != nil {
		r.errs = append(r.errs, err)
	}
	r.to = nil
}

// close flushes, records no more, and returns all errors since Open.
func (r *recorder) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write()
	r.closed = true
	return errors.Join(r.errs...)
}
