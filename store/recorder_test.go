package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a Writer that keeps what it is given, and can fail as a file can.
type memory struct {
	mu         sync.Mutex
	broken     error // what writing fails with
	requests   []Request
	recordings []Recording
	events     []Event
	captures   []Capture
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// write runs f, or fails after a little while.
func (m *memory) write(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		time.Sleep(time.Millisecond)
		return fmt.Errorf("memory %w", m.broken)
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
	m := &memory{broken: ErrLocked}
	rec := NewRecorder(m)
	sent := int64(0)
	for deadline := time.Now().Add(time.Minute); rec.Dropped() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing was dropped")
		}
		rec.Record(numbered(int(sent)))
		sent++
	}
	m.fail(nil)
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
	rec := NewRecorder(&memory{broken: ErrLocked})
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

// eventually waits until what holds with the memory locked.
func (m *memory) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		m.mu.Lock()
		ok := holds()
		m.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: it never comes", what)
		}
	}
}

// A full disk, a disk error or a file that was moved lose nothing while there is room in memory.
func TestRecorderWaits(t *testing.T) {
	set(t, &silence, time.Millisecond)
	for _, broken := range []error{ErrLocked, ErrFull, ErrIO, ErrMoved} {
		m := &memory{broken: broken}
		troubles := make(chan error, 100)
		rec := NewRecorder(m, OnTrouble(func(err error) { troubles <- err }))
		for i := range 100 {
			rec.Record(numbered(i))
		}
		if err := <-troubles; !errors.Is(err, broken) { // it failed at least twice by now
			t.Errorf("%v is told as %v", broken, err)
		}
		m.fail(nil)
		if err := rec.Close(); err != nil || len(m.requests) != 100 || rec.Dropped() != 0 {
			t.Errorf("%v: %d are stored, %d dropped; Close says %v", broken, len(m.requests), rec.Dropped(), err)
		}
	}
}

// What was dropped is told when it begins, and is in the log before Close.
func TestRecorderTellsDrops(t *testing.T) {
	set(t, &queueLength, 10)
	m := &memory{broken: ErrFull}
	troubles := make(chan error, 100)
	rec := NewRecorder(m, OnTrouble(func(err error) { troubles <- err }))
	defer rec.Close()
	for i := 0; rec.Dropped() == 0; i++ {
		rec.Record(numbered(i))
	}
	for err := range troubles {
		if !errors.Is(err, ErrFull) {
			t.Errorf("a drop is told as %v", err)
		}
		if strings.Contains(err.Error(), "the first was dropped") {
			break
		}
	}
	m.fail(nil)
	rec.Record(numbered(0))
	m.eventually(t, "the event", func() bool { return len(m.events) == 1 })
	if m.events[0].Kind != EventDropped || m.events[0].Count < 1 {
		t.Errorf("the event is %+v", m.events[0])
	}
}

// An error that will not pass does not hold the queue up.
func TestRecorderGivesUp(t *testing.T) {
	m := &memory{broken: ErrReadOnly}
	rec := NewRecorder(m)
	rec.Record(numbered(0))
	if err := rec.Close(); !errors.Is(err, ErrReadOnly) || rec.Dropped() != 1 {
		t.Errorf("%d were dropped; Close says %v", rec.Dropped(), err)
	}
}

// The log has when capture began and ended, also where it could not be written at first.
func TestRecorderKeepsCaptures(t *testing.T) {
	m := &memory{broken: ErrLocked}
	rec := NewRecorder(m, KeepCaptures("v7"))
	rec.Record(numbered(0))
	time.Sleep(5 * time.Millisecond) // most times the first attempt fails
	m.fail(nil)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	if len(m.captures) != 2 || m.captures[0].Kind != CaptureStarted || m.captures[1].Kind != CaptureStopped ||
		m.captures[0].Span != m.captures[1].Span || m.captures[0].Version != "v7" {
		t.Errorf("captures are %+v", m.captures)
	}
}

// After Flush the log has what was recorded before, though the recorder goes on; a log that cannot
// be written is waited for as long as the caller wants.
func TestRecorderFlush(t *testing.T) {
	m := &memory{}
	rec := NewRecorder(m)
	if err := rec.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		rec.Record(numbered(n))
		if err := rec.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.mu.Lock()
		if got := len(m.requests); got != n {
			t.Errorf("%d requests are in the log after %d were flushed", got, n)
		}
		m.mu.Unlock()
	}
	m.fail(ErrLocked)
	rec.Record(numbered(4))
	ended, end := context.WithCancel(t.Context())
	end()
	if err := rec.Flush(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a log that is locked: %v", err)
	}
	m.fail(nil)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	if err := rec.Flush(t.Context()); err != nil {
		t.Errorf("flush after close: %v", err)
	}
}
