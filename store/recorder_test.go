package store

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What was recorded is in the file before long, without a Close. The promise is 100 ms; the bound here is generous.
func TestRecorderIsDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	st, other := openTest(t, path), openTest(t, path)
	rec := st.Recorder()
	defer rec.Close()
	for i := range 5 {
		rec.Record(numbered(0, i, 1)[0])
		deadline := time.Now().Add(10 * time.Second)
		for len(numbers(t, other, 0)) <= i {
			if time.Now().After(deadline) {
				t.Fatalf("request %d is not in the file", i)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// lock makes a stranger hold the write lock, until unlock.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db := raw(t, path)
	_, err := db.Exec("BEGIN IMMEDIATE")
	must(t, err)
	return func() {
		_, err := db.Exec("ROLLBACK")
		must(t, err)
	}
}

// While a stranger holds the file, Record takes what the queue holds and counts the rest; what it took is written later.
func TestRecorderOverflows(t *testing.T) {
	set(t, &queueLength, 10)
	set(t, &busyTimeout, 5*time.Millisecond)
	set(t, &lockPatience, 20*time.Millisecond)
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	must(t, st.Append(context.Background(), numbered(1, 0, 1))) // opens the write connection
	unlock := lock(t, path)
	rec := st.Recorder()
	const sent = 300
	for i := range sent { // the recorder takes some batches from the queue before it asks for the lock
		rec.Record(numbered(0, i, 1)[0])
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for rec.Dropped() == 0 { // by now it waits for the lock
		if time.Now().After(deadline) {
			t.Fatal("nothing was dropped")
		}
		rec.Record(numbered(2, 0, 1)[0])
	}
	time.Sleep(50 * time.Millisecond)
	unlock()
	err := rec.Close()
	if err == nil || !strings.Contains(err.Error(), "were not recorded") {
		t.Errorf("Close says %v", err)
	}
	stored := number(t, st.db, "SELECT count(*) FROM request") - 1
	extra := int64(len(numbers(t, st, 2)))
	if lost := sent - int64(len(numbers(t, st, 0))); stored == 0 || lost > rec.Dropped() || lost+extra < 0 {
		t.Errorf("%d are stored, %d lost, %d dropped", stored, lost, rec.Dropped())
	}
	events, err := snapshot(t, st).Events(context.Background())
	must(t, err)
	if len(events) != 1 || events[0].Kind != EventDropped || events[0].Count != rec.Dropped() {
		t.Errorf("events are %+v, and %d were dropped", events, rec.Dropped())
	}
}

// A Close while a stranger holds the file gives up in the end, and says what is lost.
func TestRecorderCloseGivesUp(t *testing.T) {
	set(t, &busyTimeout, 5*time.Millisecond)
	set(t, &closePatience, 30*time.Millisecond)
	set(t, &tellPatience, 10*time.Millisecond)
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	unlock := lock(t, path)
	rec := st.Recorder()
	for _, q := range numbered(0, 0, 20) {
		rec.Record(q)
	}
	err := rec.Close() // lockPatience is a minute: the test would be seen to hang
	if rec.Dropped() != 20 || err == nil || !strings.Contains(err.Error(), "20 were not recorded") {
		t.Errorf("%d were dropped; Close says %v", rec.Dropped(), err)
	}
	unlock()
	must(t, st.Append(context.Background(), numbered(0, 0, 1)))
}

// A file that cannot be written does not fail the caller.
func TestRecorderCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	must(t, openTest(t, path).Close())
	rec := openTest(t, path, ReadOnly()).Recorder()
	rec.Record(numbered(0, 0, 1)[0])
	if err := rec.Close(); !errors.Is(err, ErrReadOnly) || rec.Dropped() != 1 {
		t.Errorf("Close says %v, with %d dropped", err, rec.Dropped())
	}
}

// A request that comes between the last look for company and Close is written, too.
func TestRecorderFinishesItsQueue(t *testing.T) {
	st := openTest(t, filepath.Join(t.TempDir(), "requests.db"))
	rec := &Recorder{store: st, queue: newQueue(), listed: make(chan []Recording, 1), ctx: context.Background()}
	rec.Record(numbered(0, 0, 1)[0])
	rec.queue.close()
	rec.finish(nil)
	if n := len(numbers(t, st, 0)); n != 1 || rec.Dropped() != 0 {
		t.Errorf("%d requests are in the file, %d were dropped", n, rec.Dropped())
	}
}

// Recording lists are written while requests keep coming: whoever empties the queue may never be done with it.
func TestListsAmongRequests(t *testing.T) {
	st := openTest(t, "")
	rec := st.newRecorder()
	defer rec.giveUp()
	rec.Record(numbered(0, 0, 1)[0])
	rec.RecordListed([]Recording{{Tenant: "acme", Key: "key-1"}})
	rec.empty(nil)
	if n := number(t, st.db, "SELECT count(*) FROM recording"); n != 1 {
		t.Errorf("%d recordings are in the file, not 1", n)
	}
}
