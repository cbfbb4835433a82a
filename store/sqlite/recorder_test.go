package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		deadline := time.Now().Add(time.Minute)
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

// A running recorder whose file is moved, deleted or replaced, even by another log, says so, writes
// nowhere meanwhile, and writes all that waited once the file is back.
func TestRecorderWhoseFileIsElsewhere(t *testing.T) {
	for _, c := range []struct {
		name string
		take func(t *testing.T, path string) // the file is path + ".old" afterwards
	}{
		{"renamed", func(t *testing.T, path string) { must(t, os.Rename(path, path+".old")) }},
		{"deleted", func(t *testing.T, path string) {
			must(t, os.Link(path, path+".old")) // to bring it back by
			must(t, os.Remove(path))
		}},
		{"replaced by another log", func(t *testing.T, path string) {
			other, err := Open(path + ".other")
			must(t, err)
			must(t, other.Append(t.Context(), numbered(0, 0, 1)))
			must(t, other.Close())
			must(t, os.Rename(path, path+".old"))
			must(t, os.Rename(path+".other", path))
		}},
		{"replaced by a copy of itself", func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path+".copy", data, 0o600))
			must(t, os.Rename(path, path+".old"))
			must(t, os.Rename(path+".copy", path))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits
			path := filepath.Join(t.TempDir(), "requests.db")
			st := openTest(t, path)
			must(t, st.Append(t.Context(), numbered(0, 0, 1)))
			told := make(chan error, 10)
			rec := store.NewRecorder(st, store.OnTrouble(func(err error) { told <- err }))
			c.take(t, path)
			there, _ := os.ReadFile(path) // nothing where it was deleted or renamed
			for i := range 3 {
				rec.Record(numbered(0, 1+i, 1)[0])
			}
			if err := <-told; !errors.Is(err, store.ErrMoved) || !strings.Contains(err.Error(), "put it back") {
				t.Errorf("it tells %v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, there) {
				t.Error("the file that took its place was written to")
			}
			must(t, os.Rename(path+".old", path))
			must(t, rec.Close())
			if got := numbers(t, openTest(t, path), 0); !slices.Equal(got, []int64{0, 1, 2, 3}) {
				t.Errorf("the file has %v", got)
			}
		})
	}
}
