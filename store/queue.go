package store

import (
	"slices"
	"sync"
	"time"
)

// queue holds requests until they are written. It is a list of small blocks that all recorders
// share and use again: at the usual rates a request is put into memory that is still in the
// processor's cache, which a ring of the queue's full length never is (measured: a third of what
// recording costs its caller).
type queue struct {
	mu     sync.Mutex
	blocks []block // oldest first; the last one is being filled
	length int
	added  int64 // how many requests have come so far
	hurry  bool  // somebody waits until what is queued is written
	closed bool
	filled chan struct{} // gets a value when the first request comes, and is closed with the queue
}

// block is some requests, and when the first of them came.
type block struct {
	rows  []Request
	since time.Time
}

// blockRows makes a block 60 kB: little to hold on to, and its allocation is shared by many.
const blockRows = 256

var blocks = sync.Pool{New: func() any { return new([blockRows]Request) }}

func newQueue() *queue { return &queue{filled: make(chan struct{}, 1)} }

// put says whether there was room.
func (q *queue) put(r *Request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.length >= queueLength {
		return false
	}
	n := len(q.blocks)
	if n == 0 || len(q.blocks[n-1].rows) == blockRows {
		q.blocks = append(q.blocks, block{blocks.Get().(*[blockRows]Request)[:0], time.Now()})
		n++
	}
	q.blocks[n-1].rows = append(q.blocks[n-1].rows, *r)
	q.added++
	if q.length++; q.length == 1 {
		select {
		case q.filled <- struct{}{}:
		default: // nobody has looked since the last time
		}
	}
	return true
}

// take moves at least most requests into batch, a block at a time, or all there are.
func (q *queue) take(batch []Request, most int) []Request {
	q.mu.Lock()
	n, rows := 0, 0
	for ; n < len(q.blocks) && rows < most; n++ {
		rows += len(q.blocks[n].rows)
	}
	taken := q.blocks[:n:n]
	q.blocks = q.blocks[n:]
	q.length -= rows
	q.hurry = q.hurry && q.length > 0
	q.mu.Unlock()
	batch = slices.Grow(batch, rows)
	for _, b := range taken {
		batch = append(batch, b.rows...)
		clear(b.rows)
		blocks.Put((*[blockRows]Request)(b.rows[:blockRows]))
	}
	return batch
}

// state is how many requests wait, since when the oldest does, and whether they must not wait for
// others: somebody waits for them, or no more can come.
func (q *queue) state() (n int, oldest time.Time, urgent, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.blocks) > 0 {
		oldest = q.blocks[0].since
	}
	return q.length, oldest, q.hurry || q.closed, q.closed
}

// rush has what is queued written at once, and says how many requests have come so far.
func (q *queue) rush() (added int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hurry = q.length > 0
	return q.added
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.filled)
	}
}
