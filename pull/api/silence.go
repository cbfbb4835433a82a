package api

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// DefaultSilence is how long the vendor may send nothing, or next to nothing.
	DefaultSilence = 3 * time.Minute
	// leastBytes is how many bytes of a body are more than next to nothing.
	leastBytes = 4 << 10
)

// silentError is of a server that kept a connection for so long and sent next to nothing.
type silentError time.Duration

func (d silentError) Error() string {
	return "the vendor sent nothing, or next to nothing, for " + time.Duration(d).String()
}

// Timeout has net/http, and who records the request, take it for one.
func (silentError) Timeout() bool { return true }

// watch ends a request whose server is silent: one that has sent no header, or fewer than
// leastBytes of the body, for as long as somebody has waited for it. A reader that takes its time
// is no silence. What waits starts the watch, and stops it.
type watch struct {
	silence time.Duration // 0 means for ever
	cancel  context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	began time.Time     // of the waiting
	spent time.Duration // waiting, since leastBytes came
	bytes int           // that came meanwhile
}

// watchFor gives the context that a watch ends. The watch must be ended, too.
func watchFor(ctx context.Context, silence time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &watch{silence: silence, cancel: cancel}
}

func (w *watch) start() {
	if w.silence <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = time.Now()
	left := max(0, w.silence-w.spent)
	if w.timer == nil {
		w.timer = time.AfterFunc(left, func() { w.cancel(silentError(w.silence)) })
		return
	}
	w.timer.Reset(left)
}

func (w *watch) stop() { w.stopped(leastBytes) }

// stopped ends the waiting, which brought some bytes.
func (w *watch) stopped(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		return
	}
	w.timer.Stop()
	w.spent += time.Since(w.began)
	if w.bytes += n; w.bytes >= leastBytes {
		w.spent, w.bytes = 0, 0
	}
}

// end frees what the watch holds.
func (w *watch) end() {
	w.stop()
	w.cancel(nil)
}

// watchedBody is a body under a watch, which ends with it.
type watchedBody struct {
	io.ReadCloser
	watch *watch
}

func (b *watchedBody) Read(p []byte) (n int, err error) {
	b.watch.start()
	n, err = b.ReadCloser.Read(p)
	b.watch.stopped(n)
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.end()
	return err
}
