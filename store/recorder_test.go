package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a Writer that keeps what it is given, and can be locked as a file can.
type memory struct {
	mu         sync.Mutex
	locked     bool
	requests   []Request
	recordings []Recording
	events     []Event
	captures   []Capture
}

func (m *memory) lock(locked bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locked = locked
}

// write runs f, or waits a little for the lock in vain.
func (m *memory) write(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked {
		time.Sleep(time.Millisecond)
		return fmt.Errorf("memory %w", ErrLocked)
	}
	f()
	return nil
}

func (m *memory) Append(_ context.Context, requests []Request) error {
	return m.write(func() { m.requests = append(m.requests, requests...) })
}

func (m *memory) AddRecordings(_ context.Context, recordings []Recording) (int64, error) {
	return int64(len(recordings)), m.write(func() { m.recordings = append(m.recordings, recordings...) })
}

func (m *memory) AddLedger(context.Context, []LedgerEntry) error { return nil }

func (m *memory) AddEvent(_ context.Context, e Event) error {
	return m.write(func() { m.events = append(m.events, e) })
}

func (m *memory) AddCapture(_ context.Context, c Capture) error {
	return m.write(func() { m.captures = append(m.captures, c) })
}

// numbered is a request that can be told from others.
func numbered(n int) Request {
	return Request{Tenant: "acme", Route: &Route{Method: "GET"}, Source: &Source{}, StartedAt: int64(n)}
}

// set changes a variable for the length of the test.
func set[T any](t *testing.T, variable *T, value T) {
	was := *variable
	*variable = value
	t.Cleanup(func() { *variable = was })
}

// While a stranger holds the log, Record takes what the queue holds and counts the rest; what it took
// is written later.
func TestRecorderOverflows(t *testing.T) {
	set(t, &queueLength, 10)
	m := &memory{locked: true}
	rec := NewRecorder(m)
	sent := int64(0)
	for deadline := time.Now().Add(10 * time.Second); rec.Dropped() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was dropped")
		}
		rec.Record(numbered(int(sent)))
		sent++
	}
	m.lock(false)
	err := rec.Close()
	if err == nil || !strings.Contains(err.Error(), "were not recorded") {
		t.Errorf("Close says %v", err)
	}
	if stored := int64(len(m.requests)); stored == 0 || stored+rec.Dropped() != sent {
		t.Errorf("%d were sent: %d are stored and %d dropped", sent, stored, rec.Dropped())
	}
	if len(m.events) != 1 || m.events[0].Kind != EventDropped || m.events[0].Count != rec.Dropped() {
		t.Errorf("events are %+v, and %d were dropped", m.events, rec.Dropped())
	}
}

// A Close while a stranger holds the log gives up in the end, and says what is lost.
func TestRecorderCloseGivesUp(t *testing.T) {
	set(t, &closePatience, 30*time.Millisecond)
	set(t, &tellPatience, 10*time.Millisecond)
	rec := NewRecorder(&memory{locked: true})
	for i := range 20 {
		rec.Record(numbered(i))
	}
	err := rec.Close() // nobody unlocks: the test would be seen to hang
	if rec.Dropped() != 20 || err == nil || !strings.Contains(err.Error(), "20 were not recorded") {
		t.Errorf("%d were dropped; Close says %v", rec.Dropped(), err)
	}
}

// A request that comes between the last look for company and Close is written, too.
func TestRecorderFinishesItsQueue(t *testing.T) {
	m := &memory{}
	rec := newRecorder(m)
	rec.Record(numbered(0))
	rec.queue.close()
	rec.finish(nil)
	if len(m.requests) != 1 || rec.Dropped() != 0 {
		t.Errorf("%d requests are written, %d were dropped", len(m.requests), rec.Dropped())
	}
}

// Recording lists are written while requests keep coming: whoever empties the queue may never be done
// with it.
func TestListsAmongRequests(t *testing.T) {
	m := &memory{}
	rec := newRecorder(m)
	rec.Record(numbered(0))
	rec.RecordListed([]Recording{{Tenant: "acme", Key: "key-1"}})
	rec.empty(nil)
	if len(m.recordings) != 1 {
		t.Errorf("%d recordings are written, not 1", len(m.recordings))
	}
}
