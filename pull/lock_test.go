package pull

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Notes of refusals outlive the process, whoever else has the file open, and do not grow for ever.
func TestLockNotesRefusals(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.db-pull")
	open := func() *Lock {
		l, err := OpenLock(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		return l
	}
	refusals := func(l *Lock, now time.Time) map[string]time.Time {
		at, err := l.Refusals(now)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	note := func(l *Lock, tenant string, at time.Time) {
		if err := l.NoteRefusal(tenant, at); err != nil {
			t.Fatal(err)
		}
	}
	one, two := open(), open()
	if at := refusals(one, monday); len(at) != 0 {
		t.Errorf("at first: %v", at)
	}
	note(one, "acme", monday)
	note(two, "a b", monday.Add(time.Second))
	note(one, "acme", monday.Add(time.Minute))
	for _, l := range []*Lock{two, open()} {
		at := refusals(l, monday)
		if len(at) != 2 || !at["acme"].Equal(monday.Add(time.Minute)) || !at["a b"].Equal(monday.Add(time.Second)) {
			t.Errorf("%v", at)
		}
	}
	note(one, strings.Repeat("x", maxNotes), monday.Add(2*time.Minute))
	if at := refusals(two, monday.Add(RefusedWait+2*time.Minute)); len(at) != 3 {
		t.Errorf("as long as one holds: %d", len(at))
	}
	if at := refusals(two, monday.Add(RefusedWait+3*time.Minute)); len(at) != 3 {
		t.Errorf("when none holds any more: %d", len(at))
	}
	if at := refusals(two, monday); len(at) != 0 {
		t.Errorf("after that: %d", len(at))
	}
	note(one, "acme", monday)
	if at := refusals(two, monday); len(at) != 1 {
		t.Errorf("and again: %v", at)
	}
}
