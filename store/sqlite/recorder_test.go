package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// What was recorded is in the file before long, without a Close. The promise is 100 ms; the bound here is generous.
func TestRecorderIsDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	st, other := openTest(t, path), openTest(t, path)
	rec := store.NewRecorder(st)
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

// A file that cannot be written does not fail the caller.
func TestRecorderCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	must(t, openTest(t, path).Close())
	rec := store.NewRecorder(openTest(t, path, ReadOnly()))
	rec.Record(numbered(0, 0, 1)[0])
	if err := rec.Close(); !errors.Is(err, store.ErrReadOnly) || rec.Dropped() != 1 {
		t.Errorf("Close says %v, with %d dropped", err, rec.Dropped())
	}
}
