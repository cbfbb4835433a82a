package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// count is how many requests of writer 0 a fresh snapshot shows.
func count(t *testing.T, st *Store) (n int) {
	t.Helper()
	snap, err := st.Snapshot(t.Context())
	must(t, err)
	defer snap.Close()
	for batch, err := range snap.Scan(t.Context(), "writer 0", store.Range{}) {
		must(t, err)
		n += len(batch)
	}
	return n
}

// A file that is moved, deleted or replaced under a running process is noticed, and is written again
// when it is back.
func TestMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	must(t, st.Append(t.Context(), numbered(0, 0, 1)))
	must(t, os.Rename(path, path+".old"))
	moved := func(what string) {
		t.Helper()
		if err := st.Append(t.Context(), numbered(0, 1, 1)); !errors.Is(err, store.ErrMoved) {
			t.Errorf("%s: Append says %v", what, err)
		}
		if _, err := st.Snapshot(t.Context()); !errors.Is(err, store.ErrMoved) {
			t.Errorf("%s: Snapshot says %v", what, err)
		}
	}
	moved("gone")
	must(t, os.WriteFile(path, []byte("another"), 0o600))
	moved("replaced")
	must(t, os.Rename(path+".old", path))
	must(t, st.Append(t.Context(), numbered(0, 1, 1)))
	if n := count(t, st); n != 2 {
		t.Errorf("%d requests, not 2", n)
	}
}

// What the write-ahead log holds is read through a link, too.
func TestLink(t *testing.T) {
	folder := t.TempDir()
	path, link := filepath.Join(folder, "requests.db"), filepath.Join(folder, "elsewhere", "link.db")
	must(t, os.Mkdir(filepath.Dir(link), 0o777))
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	st := openTest(t, path)
	must(t, st.Append(t.Context(), numbered(0, 0, 3)))
	if n := count(t, openTest(t, link, ReadOnly())); n != 3 {
		t.Errorf("%d requests through a link, not 3", n)
	}
	if got, err := filepath.EvalSymlinks(link); err != nil || modeFor(resolved(link), true, false) != modeFor(got, true, false) {
		t.Errorf("the link is opened in another way than its file: %v", err)
	}
}

// A file that is read as if it could not change is opened again when it did.
func TestImmutableFileChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	w := openTest(t, path)
	must(t, w.Append(t.Context(), numbered(0, 0, 3)))
	must(t, w.Close())
	st := openTest(t, path, ReadOnly())
	pretend := func() { // that the folder cannot be written: permissions do not bind root
		db, err := openMode(path, identity{version: formatVersion}, immutable, nil)
		must(t, err)
		must(t, st.db.Close())
		st.db, st.mode, st.seen = db, immutable, stampOf(path)
	}
	pretend()
	snap, err := st.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must(t, snap.Close())
	pretend()
	unlucky, err := st.snapshot(t.Context())
	must(t, err)
	unlucky.seen = st.seen
	w = openTest(t, path)
	must(t, w.Append(t.Context(), numbered(0, 3, 2)))
	must(t, w.Close())
	later := time.Now().Add(time.Minute)
	must(t, os.Chtimes(path, later, later))
	if n := count(t, st); n != 5 {
		t.Errorf("%d requests, not 5", n)
	}
	pretend()
	old := stampOf(path)
	must(t, os.Chtimes(path, later.Add(time.Minute), later.Add(time.Minute)))
	if err := st.unchanged(old); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a change while it was read is told as %v", err)
	}
	if err := unlucky.Close(); err == nil {
		t.Error("a change while it was read is not told")
	}
}

// A process that was killed while it made the file leaves a journal that takes everything back.
func TestKilledWhileMaking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	db := raw(t, path)
	_, err := db.Exec("PRAGMA page_size = 8192; " + schema)
	must(t, err)
	must(t, db.Close())
	journal := make([]byte, 512) // https://sqlite.org/fileformat.html section 3: no pages, the file was empty
	copy(journal, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")
	binary.BigEndian.PutUint32(journal[20:], 512)
	binary.BigEndian.PutUint32(journal[24:], 8192)
	must(t, os.WriteFile(path+"-journal", journal, 0o600))
	st, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	must(t, st.Append(t.Context(), numbered(0, 0, 1)))
	if n := count(t, st); n != 1 {
		t.Errorf("%d requests, not 1", n)
	}
}

// What is made is for its user only.
func TestNewFileIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	must(t, st.Append(t.Context(), numbered(0, 0, 1)))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
}

// Under a foreign lock the cache is not waited for long, and a write says that it waits.
func TestForeignLock(t *testing.T) {
	set(t, &busyTimeout, 5*time.Millisecond)
	set(t, &cachePatience, 20*time.Millisecond)
	set(t, &silence, 10*time.Millisecond)
	path := filepath.Join(t.TempDir(), "requests.db")
	must(t, openTest(t, path).Append(t.Context(), numbered(0, 0, 3)))
	unlock := lock(t, path)
	told := make(chan struct{}, 100)
	st := openTest(t, path, WhenWaiting(func() { told <- struct{}{} }))
	if err := st.Refresh(t.Context()); !errors.Is(err, store.ErrLocked) { // lockPatience would be seen to hang
		t.Errorf("Refresh says %v", err)
	}
	if n := count(t, st); n != 3 {
		t.Errorf("%d requests, not 3", n)
	}
	for len(told) > 0 {
		<-told
	}
	done := make(chan error)
	go func() { done <- st.Append(context.Background(), numbered(0, 3, 1)) }()
	<-told
	unlock()
	must(t, <-done)
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

// A file of a stranger's with ids or a number of rows that we never write takes no memory.
func TestAbsurdNumbers(t *testing.T) {
	st := openTest(t, "")
	must(t, st.Append(t.Context(), numbered(0, 0, 3)))
	_, err := st.db.Exec(`INSERT INTO request (id, tenant_id, route_id, source_id, started_at, status, response_bytes)
		VALUES (9000000000000000000, 1, 1, 1, 1, 200, 0)`)
	must(t, err)
	im, err := st.BeginImport(t.Context())
	must(t, err)
	must(t, im.Add(t.Context(), numbered(0, 0, 3)))
	must(t, im.Close(t.Context()))
	if im.Added() != 0 {
		t.Errorf("%d were added, which were there", im.Added())
	}
	_, err = st.db.Exec("UPDATE cache_chunk SET rows = 2147483648")
	must(t, err)
	w, err := st.writer(t.Context())
	must(t, err)
	must(t, w.SetMark(t.Context(), 9000000000000000000, 2147483648))
	if _, err := st.Snapshot(t.Context()); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a chunk of 2³¹ rows: %v", err)
	}
}
