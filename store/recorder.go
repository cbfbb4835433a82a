package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// These are variables for tests only.
var (
	// queueLength bounds what a Recorder holds in memory while the file is locked: some 15 MB.
	queueLength = 65536
	// listedLength bounds, in batches, what it holds of recording lists.
	listedLength = 64
	// closePatience is how long Close waits for the file, give or take the last attempt.
	closePatience = 30 * time.Second
	// tellPatience is how long Close then waits to leave the number of dropped requests in the file.
	tellPatience = time.Second
)

const (
	// flushEvery is how long a finished request may wait for company before it is written.
	flushEvery = 50 * time.Millisecond
	// maxBatch is the most requests that are written at once: some 30 ms with the lock held.
	maxBatch = 16384
)

// Recorder writes requests in the background. Record never blocks and never fails: what does not fit its queue, or cannot
// be written, is counted as dropped, told by Close, and kept in the file as a "dropped" event where that can be written.
type Recorder struct {
	writer  Writer
	queue   *queue
	listed  chan []Recording
	done    chan struct{}
	dropped atomic.Int64
	// unlisted is how many listed recordings were lost.
	unlisted atomic.Int64
	err      error           // the last write error; read after done is closed
	ctx      context.Context // ends closePatience after Close began
	giveUp   context.CancelFunc
}

// NewRecorder starts a recorder. It must be closed before the log.
func NewRecorder(w Writer) *Recorder {
	r := newRecorder(w)
	go r.run()
	return r
}

func newRecorder(w Writer) *Recorder {
	r := &Recorder{writer: w, queue: newQueue(), listed: make(chan []Recording, listedLength), done: make(chan struct{})}
	r.ctx, r.giveUp = context.WithCancel(context.Background())
	return r
}

// Record queues a finished request. It is safe for use by several goroutines. A request without tenant, route or source
// counts as dropped, and so does one after Close.
func (r *Recorder) Record(q Request) {
	if q.Check() != nil || !r.queue.put(&q) {
		r.dropped.Add(1)
	}
}

// RecordListed queues recordings that a list named, and keeps the slice. It neither blocks nor fails either: what does not
// fit is told by Close, and comes again with the next list.
func (r *Recorder) RecordListed(recordings []Recording) {
	r.queue.mu.Lock() // so that nothing comes after the last look that finish takes
	defer r.queue.mu.Unlock()
	if !r.queue.closed {
		select {
		case r.listed <- recordings:
			return
		default:
		}
	}
	r.unlisted.Add(int64(len(recordings)))
}

// Dropped is how many requests could not be recorded so far.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// Close writes what is queued and stops. Its error tells how many requests were not recorded, and why.
func (r *Recorder) Close() error {
	r.queue.close()
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
		case <-r.queue.filled:
			batch = r.empty(batch)
			if _, closed := r.queue.size(); closed {
				r.finish(batch)
				return
			}
		}
	}
}

// finish writes what is left once nothing more can come. That may be a request, too, which came after await had found none.
func (r *Recorder) finish(batch []Request) {
	r.empty(batch)
	r.flushLists()
	r.tellDropped()
}

// empty writes what is queued until nothing is, which may be never: so recording lists get their turn in between.
func (r *Recorder) empty(batch []Request) []Request {
	for r.await(flushEvery) {
		batch = r.queue.take(batch[:0], maxBatch-blockRows)
		r.flush(batch)
		r.flushLists()
	}
	return batch
}

// flushLists writes the recording lists that are there now.
func (r *Recorder) flushLists() {
	for range len(r.listed) {
		r.flushListed(<-r.listed)
	}
}

// await waits for company of what is queued, until there is enough of it or no more can come; false says that nothing is
// queued. It looks now and then, since to be woken for every request would cost the one who records it.
func (r *Recorder) await(long time.Duration) bool {
	for until := time.Now().Add(long); ; time.Sleep(flushEvery / 20) {
		n, closed := r.queue.size()
		if n == 0 || n >= maxBatch || closed || time.Now().After(until) {
			return n > 0
		}
	}
}

func (r *Recorder) flush(batch []Request) {
	if !r.persist(func() error { return r.writer.Append(r.ctx, batch) }) {
		r.dropped.Add(int64(len(batch)))
	}
}

func (r *Recorder) flushListed(recordings []Recording) {
	write := func() error {
		_, err := r.writer.AddRecordings(r.ctx, recordings)
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
	if err := r.writer.AddEvent(ctx, e); err != nil {
		r.err = errors.Join(r.err, err)
	}
}
