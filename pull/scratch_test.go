package pull

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

// A scratch gives back what was put into it, in a file or in memory, while more is added.
func TestScratch(t *testing.T) {
	for _, inFile := range []bool{false, true} {
		s := &scratch{}
		if inFile {
			var err error
			if s.file, err = openScratch(t.TempDir()); err != nil {
				t.Fatal(err)
			}
		}
		type entry struct {
			place       int64
			key, beside string
		}
		var all []entry
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 3000 {
			e := entry{key: fmt.Sprint("key", i), beside: strings.Repeat("b", rng.IntN(200))}
			if i%1000 == 7 {
				e.beside = strings.Repeat("long", scratchBlock)
			}
			e.place = s.add(e.key, e.beside)
			all = append(all, e)
			if e = all[rng.IntN(len(all))]; s.key(e.place) != e.key {
				t.Fatalf("%d: %q at %d is %q", i, e.key, e.place, s.key(e.place))
			}
		}
		for _, e := range all {
			if key, beside := s.get(e.place); key != e.key || beside != e.beside {
				t.Fatalf("%q at %d: %q, %d bytes", e.key, e.place, key, len(beside))
			}
		}
		if s.err != nil {
			t.Error(s.err)
		}
		if s.get(s.written + int64(len(s.pending)) + 5); s.err == nil {
			t.Error("a place behind the end is read")
		}
		s.close()
		if s.file != nil {
			if _, err := os.Stat(s.file.Name()); !os.IsNotExist(err) {
				t.Errorf("the file is left: %v", err)
			}
		}
	}
}

// A scratch that cannot be written ends the list.
func TestScratchThatCannotBeWritten(t *testing.T) {
	s := &scratch{}
	var err error
	if s.file, err = openScratch(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.file.Close()
	place := s.add("a", strings.Repeat("x", scratchBlock))
	if key, _ := s.get(place); key != "" || s.err == nil || !strings.Contains(s.err.Error(), "keep the list") {
		t.Errorf("%q, %v", key, s.err)
	}
}

// manyListed is a vendor that lists n recordings, one every 4.001 s: no day has a round number of them.
type manyListed struct {
	n     int
	first time.Time
}

func (m manyListed) EachRecording(_ context.Context, from, to time.Time, f func(api.Recording) error) error {
	for i := range m.n {
		at := m.first.Add(time.Duration(i) * 4001 * time.Millisecond)
		if at.Before(from) || !at.Before(to) {
			continue
		}
		key := fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012d-%d", i, at.UnixMilli())
		text, err := json.Marshal(key)
		if err == nil {
			err = f(api.Recording{Key: key, Start: at, Size: 5, Fields: map[string]json.RawMessage{"recordingKey": text}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (manyListed) Audio(context.Context, string, int64) (*api.Audio, error) {
	return nil, fmt.Errorf("nothing is fetched")
}

// emptyLog forgets what it is told.
type emptyLog struct{}

func (emptyLog) Recordings(context.Context, string, int64, int64) ([]store.Recording, error) {
	return nil, nil
}
func (emptyLog) AddRecordings(context.Context, []store.Recording) (int64, error) { return 0, nil }
func (emptyLog) Ledger(context.Context, string, int64, int64) ([]store.LedgerEntry, error) {
	return nil, nil
}
func (emptyLog) AddLedger(context.Context, []store.LedgerEntry) error { return nil }
func (emptyLog) Downloaded(context.Context, string, int64) (map[uint64]bool, error) {
	return nil, nil
}

// What is to be fetched takes few bytes of memory each, and while it is listed not many more: with
// what the collector leaves until it runs, twice as many.
func TestListedRecordingsTakeLittleMemory(t *testing.T) {
	const n, most = 30_000, 80
	o, err := Options{Policy: policy(t), Log: emptyLog{}, To: Folder(t.TempDir())}.checked()
	if err != nil {
		t.Fatal(err)
	}
	before := monday.Add(5 * 24 * time.Hour)
	r := &runner{o: o, t: Tenant{Name: "acme", API: manyListed{n, monday}}, text: &scratch{}, started: before}
	if r.text.file, err = openScratch(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer r.text.close()
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	had := heap()
	l, err := r.list(t.Context(), monday, before)
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.reconcile(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	listed := heap() - had
	if len(a.fetch) != n || len(l.recordings) != n {
		t.Fatalf("%d of %d are to be fetched", len(a.fetch), n)
	}
	*l = listing{} // as a run lets go of it
	fetching := heap() - had
	t.Logf("%d bytes of memory each when listed, %d when they are fetched", listed/n, fetching/n)
	if listed > 3*most*n || fetching > most*n {
		t.Errorf("%d bytes of memory each when listed, %d when they are fetched", listed/n, fetching/n)
	}
	runtime.KeepAlive(a)
}

// Two keys of one hash are two recordings.
func TestKeysOfOneHashAreApart(t *testing.T) {
	r := &runner{text: &scratch{}}
	l := &listing{places: map[uint64]int64{}}
	l.places[keyHash("b")] = r.text.add("a", "")
	_, under, ok := r.find(l, "b")
	if ok || under != keyHash("b")+1 {
		t.Fatalf("b is found as a: %v, under %d", ok, under-keyHash("b"))
	}
	l.places[under] = r.text.add("b", "")
	if place, _, ok := r.find(l, "b"); !ok || r.text.key(place) != "b" {
		t.Error("b is not found")
	}
}
