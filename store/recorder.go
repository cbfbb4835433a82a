package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// These are variables for tests only.
var (
	// queueLength bounds what a Recorder holds in memory while the file is locked: some 15 MB.
	queueLength = 65536
	// listedLength bounds, in batches, what it holds of recording lists.
	listedLength = 64
	// closePatience is how long Close waits for the file, give or take busyTimeout.
	closePatience = 30 * time.Second
	// tellPatience is how long Close then waits to leave the number of dropped requests in the file.
	tellPatience = time.Second
)

const (
	// flushEvery is how long a finished request may wait for company before it is written.
	flushEvery = 50 * time.Millisecond
)

// Recorder writes requests in the background. Record never blocks and never fails: what does not fit its queue, or cannot
// be written, is counted as dropped, told by Close, and kept in the file as a "dropped" event where that can be written.
type Recorder struct {
	store   *Store
	queue   chan Request
	listed  chan []Recording
	done    chan struct{}
	dropped atomic.Int64
	// unlisted is how many listed recordings were lost.
	unlisted atomic.Int64
	closing  sync.RWMutex // held for writing by Close, so that no Record sends on a closed channel
	closed   bool
	err      error           // the last write error; read after done is closed
	ctx      context.Context // ends closePatience after Close began
	giveUp   context.CancelFunc
}

// Recorder starts a recorder. It must be closed before the store.
func (s *Store) Recorder() *Recorder {
	r := &Recorder{store: s, queue: make(chan Request, queueLength), listed: make(chan []Recording, listedLength), done: make(chan struct{})}
	r.ctx, r.giveUp = context.WithCancel(context.Background())
	go r.run()
	return r
}

// Record queues a finished request. It is safe for use by several goroutines. A request without tenant, route or source
// counts as dropped, and so does one after Close.
func (r *Recorder) Record(q Request) {
	r.closing.RLock()
	defer r.closing.RUnlock()
	if r.closed || q.check() != nil {
		r.dropped.Add(1)
		return
	}
	select {
	case r.queue <- q:
	default:
		r.dropped.Add(1)
	}
}

// RecordListed queues recordings that a list named, and keeps the slice. It neither blocks nor fails either: what does not
// fit is told by Close, and comes again with the next list.
func (r *Recorder) RecordListed(recordings []Recording) {
	r.closing.RLock()
	defer r.closing.RUnlock()
	if r.closed {
		r.unlisted.Add(int64(len(recordings)))
		return
	}
	select {
	case r.listed <- recordings:
	default:
		r.unlisted.Add(int64(len(recordings)))
	}
}

// Dropped is how many requests could not be recorded so far.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// Close writes what is queued and stops. Its error tells how many requests were not recorded, and why.
func (r *Recorder) Close() error {
	r.closing.Lock()
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
	r.closing.Unlock()
	defer time.AfterFunc(closePatience, r.giveUp).Stop()
	<-r.done
	r.giveUp()
	var lost []error
	if n := r.dropped.Load(); n > 0 {
		lost = append(lost, fmt.Errorf("record requests: %d were not recorded", n))
	}
	if n := r.unlisted.Load(); n > 0 {
		lost = append(lost, fmt.Errorf("record listed recordings: %d were not recorded", n))
	}
	if lost == nil {
		return nil
	}
	return errors.Join(append(lost, r.err)...)
}

// run collects what arrives within flushEvery of the first, and writes it.
func (r *Recorder) run() {
	defer close(r.done)
	var batch []Request
	for {
		select {
		case recordings := <-r.listed:
			r.flushListed(recordings)
		case q, ok := <-r.queue:
			if !ok {
				r.finish()
				return
			}
			r.await(flushEvery)
			batch = r.collect(append(batch[:0], q))
			r.flush(batch)
		}
	}
}

// finish writes what is left once nothing more can come.
func (r *Recorder) finish() {
	for len(r.listed) > 0 {
		r.flushListed(<-r.listed)
	}
	r.tellDropped()
}

// await waits for company, until there is enough of it or no more can come. It looks now and then, since a receiver that
// waits in the channel is woken for every request, at the cost of the one who records it.
func (r *Recorder) await(long time.Duration) {
	for until := time.Now().Add(long); time.Now().Before(until) && len(r.queue) < maxBatch && !r.isClosed(); {
		time.Sleep(flushEvery / 20)
	}
}

func (r *Recorder) isClosed() bool {
	r.closing.RLock()
	defer r.closing.RUnlock()
	return r.closed
}

// collect takes what is queued, up to what one transaction takes.
func (r *Recorder) collect(batch []Request) []Request {
	for len(batch) < maxBatch {
		select {
		case q, ok := <-r.queue:
			if !ok {
				return batch
			}
			batch = append(batch, q)
		default:
			return batch
		}
	}
	return batch
}

func (r *Recorder) flush(batch []Request) {
	if !r.persist(func() error { return r.store.Append(r.ctx, batch) }) {
		r.dropped.Add(int64(len(batch)))
	}
}

func (r *Recorder) flushListed(recordings []Recording) {
	write := func() error {
		_, err := r.store.AddRecordings(r.ctx, recordings)
		return err
	}
	if !r.persist(write) {
		r.unlisted.Add(int64(len(recordings)))
	}
}

// persist says whether write succeeded. A file that is merely locked is asked again; any other error, or a lock that
// outlasts the time that Close waits, is for good.
func (r *Recorder) persist(write func() error) bool {
	for {
		err := write()
		if err == nil {
			return true
		}
		if r.ctx.Err() == nil || r.err == nil {
			r.err = err
		}
		if !errors.Is(err, ErrLocked) || r.ctx.Err() != nil {
			return false
		}
	}
}

// tellDropped leaves the count in the file for the audit. Where the file cannot be written, Close's error has it.
func (r *Recorder) tellDropped() {
	n := r.dropped.Load()
	if n == 0 {
		return
	}
	e := Event{Kind: EventDropped, At: time.Now().UnixMicro(), Count: n, Note: "the recorder's queue was full or the file could not be written"}
	ctx, cancel := context.WithTimeout(context.Background(), tellPatience)
	defer cancel()
	if err := r.store.AddEvent(ctx, e); err != nil {
		r.err = errors.Join(r.err, err)
	}
}
