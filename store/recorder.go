package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// These are variables for tests only.
var (
	// queueLength bounds what a Recorder holds in memory while the log cannot be written: some 15 MB.
	queueLength = 65536
	// listedLength bounds, in batches, what it holds of recording lists.
	listedLength = 64
	// closePatience is how long Close waits for the log, give or take the last attempt.
	closePatience = 10 * time.Second
	// tellPatience is how long Close then waits to leave the number of dropped requests in the log.
	tellPatience = time.Second
	// silence is how long writing may fail before OnTrouble is called.
	silence = time.Second
	// dropEvery is the least time between two dropped events, but for the last.
	dropEvery = time.Minute
)

const (
	// flushEvery is how long a finished request may wait for company before it is written.
	flushEvery = 50 * time.Millisecond
	// maxBatch is the most requests that are written at once: some 30 ms with the lock held.
	maxBatch = 16384
	// longestPause is the longest time between two attempts to write.
	longestPause = time.Second
	// beatEvery is the time between two captures that say that the program still runs.
	beatEvery = time.Hour
)

// Recorder writes requests in the background. Record never blocks and never fails. While the log is
// locked, the disk is full or does not answer, or the file is not where it was, requests wait in
// memory, and what does not fit there is counted as dropped. The number is kept in the log as a
// "dropped" event by the next write that succeeds, and told by Close.
type Recorder struct {
	writer  Writer
	queue   *queue
	listed  chan []Recording
	done    chan struct{}
	dropped atomic.Int64
	// written counts requests that were taken off the queue and written, or dropped.
	written atomic.Int64
	// unlisted is how many listed recordings were lost.
	unlisted atomic.Int64
	err      error           // the last write error; read after done is closed
	ctx      context.Context // ends closePatience after Close began
	giveUp   context.CancelFunc

	trouble  func(error) // may be nil
	toldDrop bool        // trouble was called for the first drop

	noted    int64 // of dropped: those that an event in the log has
	nextNote time.Time

	version  string    // "" where no times of capture are kept
	captures []Capture // not written yet
	span     int64
}

// RecorderOption changes how a Recorder works.
type RecorderOption func(*Recorder)

// OnTrouble has f called, from another goroutine, when writing has failed for a second, and when
// the first request is dropped. By default, nobody is told before Close.
func OnTrouble(f func(error)) RecorderOption { return func(r *Recorder) { r.trouble = f } }

// KeepCaptures has the log keep when this program was capturing: that it started, each hour that it
// still runs, and that it stopped. By default, nothing of it is kept.
func KeepCaptures(
	version string,
) RecorderOption {
	return func(r *Recorder) { r.version = version }
}

// NewRecorder starts a recorder. It must be closed before the log.
func NewRecorder(w Writer, opts ...RecorderOption) *Recorder {
	r := newRecorder(w, opts...)
	go r.run()
	return r
}

func newRecorder(w Writer, opts ...RecorderOption) *Recorder {
	r := &Recorder{
		writer: w, queue: newQueue(), listed: make(chan []Recording, listedLength),
		done: make(chan struct{}), span: rand.Int64(),
	}
	r.ctx, r.giveUp = context.WithCancel(context.Background())
	for _, opt := range opts {
		opt(r)
	}
	return r
}

// Record queues a finished request. It is safe for use by several goroutines. A request without
// tenant, route or source counts as dropped, and so does one after Close.
func (r *Recorder) Record(q Request) {
	if q.Check() != nil || !r.queue.put(&q) {
		r.dropped.Add(1)
	}
}

// RecordListed queues recordings that a list named, and keeps the slice. It neither blocks nor
// fails either: what does not fit is told by Close, and comes again with the next list.
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

// Flush waits until the requests that were recorded before are in the log, or dropped, so that they
// survive whatever becomes of the process. Its error is the context's.
func (r *Recorder) Flush(ctx context.Context) error {
	for upTo := r.queue.rush(); r.written.Load() < upTo; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("flush requests: %w", ctx.Err())
		case <-r.done:
			return nil
		case <-time.After(flushEvery / 20):
		}
	}
	return nil
}

// Dropped is how many requests could not be recorded so far.
func (r *Recorder) Dropped() int64 { return r.dropped.Load() }

// Close writes what is queued and stops. Its error tells how many requests were not recorded, and
// why.
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
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	r.capture(r.ctx, CaptureStarted)
	var batch []Request
	for {
		select {
		case <-beat.C:
			r.capture(r.ctx, CaptureBeat)
		case recordings := <-r.listed:
			r.flushListed(recordings)
		case <-r.queue.filled:
			batch = r.empty(batch)
			if _, _, _, closed := r.queue.state(); closed {
				r.finish(batch)
				return
			}
		}
	}
}

// finish writes what is left once nothing more can come. That may be a request, too, which came
// after await had found none.
func (r *Recorder) finish(batch []Request) {
	r.empty(batch)
	r.flushLists()
	ctx, cancel := context.WithTimeout(context.Background(), tellPatience)
	defer cancel()
	r.noteDropped(ctx)
	r.capture(ctx, CaptureStopped)
}

// empty writes what is queued until nothing is, which may be never: so recording lists get their
// turn in between.
func (r *Recorder) empty(batch []Request) []Request {
	for r.await() {
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

// await waits for company of what is queued, until there is enough of it, the oldest has waited for
// flushEvery, or no more can come; false says that nothing is queued. It looks now and then, since
// to be woken for every request would cost the one who records it.
func (r *Recorder) await() bool {
	for ; ; time.Sleep(flushEvery / 20) {
		n, oldest, urgent, _ := r.queue.state()
		if n == 0 || n >= maxBatch || urgent || time.Since(oldest) >= flushEvery {
			return n > 0
		}
	}
}

func (r *Recorder) flush(batch []Request) {
	defer r.written.Add(int64(len(batch)))
	if !r.persist(func() error { return r.writer.Append(r.ctx, batch) }) {
		r.dropped.Add(int64(len(batch)))
		r.tellDrop()
		return
	}
	if time.Now().After(r.nextNote) {
		r.noteDropped(r.ctx)
	}
	r.writeCaptures(r.ctx)
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

// persist says whether write succeeded. An error that may pass is asked again, until the time is
// over that Close waits; any other is for good.
func (r *Recorder) persist(write func() error) bool {
	began, told := time.Now(), false
	for pause := flushEvery; ; pause = min(2*pause, longestPause) {
		err := write()
		if err == nil {
			return true
		}
		if r.ctx.Err() == nil || r.err == nil {
			r.err = err
		}
		if !passing(err) || r.ctx.Err() != nil {
			return false
		}
		if !told && time.Since(began) >= silence {
			told = true
			r.tell(
				fmt.Errorf("record requests: they wait in memory until the database can be written: %w", err))
		}
		r.tellDrop()
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
		}
	}
}

// passing says whether an error may go away by itself.
func passing(err error) bool {
	for _, e := range []error{ErrLocked, ErrFull, ErrIO, ErrMoved} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (r *Recorder) tell(err error) {
	if r.trouble != nil {
		r.trouble(err)
	}
}

// tellDrop tells of the first request that was dropped.
func (r *Recorder) tellDrop() {
	if r.toldDrop || r.dropped.Load() == 0 {
		return
	}
	r.toldDrop = true
	if r.err != nil {
		r.tell(fmt.Errorf("record requests: the first was dropped, others may follow: %w", r.err))
		return
	}
	r.tell(errors.New("record requests: the first was dropped, others may follow: they come faster " +
		"than they can be written, or are incomplete"))
}

// noteDropped leaves in the log, for the audit, how many were dropped since the last time. What
// cannot be left there now comes with the next attempt; Close's error has the number in any case.
func (r *Recorder) noteDropped(ctx context.Context) {
	n := r.dropped.Load() - r.noted
	if n == 0 {
		return
	}
	r.tellDrop()
	e := Event{
		Kind: EventDropped, At: time.Now().UnixMicro(), Count: n,
		Note: "the recorder's queue was full or the file could not be written",
	}
	if err := r.writer.AddEvent(ctx, e); err != nil {
		r.err = errors.Join(r.err, err)
		return
	}
	r.noted += n
	r.nextNote = time.Now().Add(dropEvery)
}

// capture notes that the program started, runs or stopped.
func (r *Recorder) capture(ctx context.Context, kind string) {
	if r.version == "" {
		return
	}
	r.captures = append(r.captures, Capture{
		Span: r.span, Kind: kind, At: time.Now().UnixMicro(), Version: r.version,
	})
	r.writeCaptures(ctx)
}

// writeCaptures writes what it can; the rest comes with the next attempt.
func (r *Recorder) writeCaptures(ctx context.Context) {
	for len(r.captures) > 0 {
		if err := r.writer.AddCapture(ctx, r.captures[0]); err != nil {
			return
		}
		r.captures = r.captures[1:]
	}
}
