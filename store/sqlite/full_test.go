package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/mattn/go-sqlite3"
)

// fillDisk leaves the store room for a number of pages more, and no disk beyond.
func fillDisk(t *testing.T, st *Store, room int64) {
	t.Helper()
	st.mu.Lock()
	defer st.mu.Unlock()
	w, err := st.writer(context.Background())
	must(t, err)
	pages := number(t, w.conn, "PRAGMA page_count") + room
	if got := number(t, w.conn, fmt.Sprintf("PRAGMA max_page_count = %d", pages)); got != pages {
		t.Fatalf("at most %d pages, not %d", got, pages)
	}
}

func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	must(t, st.Append(ctx, numbered(0, 0, 100)))
	fillDisk(t, st, 10)
	if err := st.Append(ctx, numbered(0, 100, 100_000)); !errors.Is(err, store.ErrFull) {
		t.Errorf("Append says %v", err)
	}
	if got := numbers(t, st, 0); len(got) != 100 {
		t.Errorf("%d rows are there, not 100", len(got))
	}
	fillDisk(t, st, 1000)
	must(t, st.Append(ctx, numbered(9, 0, 100)))
	if got := numbers(t, st, 9); len(got) != 100 {
		t.Errorf("with room again, %d rows are there", len(got))
	}
	must(t, st.Check(ctx))
}

// The rows of an import whose commit failed were rolled back: closing the import must not pack them.
func TestImportOnFullDisk(t *testing.T) {
	ctx := context.Background()
	for _, room := range []int64{0, 1, 5, 20, 60, 110} {
		st := openTest(t, "")
		im, err := st.BeginImport(ctx)
		must(t, err)
		must(t, im.Add(ctx, numbered(0, 0, 100)))
		fillDisk(t, st, room)
		for from := 100; err == nil && from < 50_000; from += 1000 {
			err = im.Add(ctx, numbered(0, from, 1000))
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("Add says %v", err)
		}
		fillDisk(t, st, 1_000_000)
		must(t, st.Append(ctx, numbered(1, 0, 10))) // takes the ids of what was rolled back
		must(t, im.Close(ctx))
		if n := int64(len(numbers(t, st, 0))); im.Added() != n {
			t.Errorf("room %d: %d added, but %d are there", room, im.Added(), n)
		}
		checkCache(t, st)
		must(t, st.Refresh(ctx))
		checkCache(t, st)
		st.Close()
	}
}

// The failure comes after all rows of the batch were inserted, when they are packed.
func TestImportFailsWhilePacking(t *testing.T) {
	ctx := context.Background()
	set(t, &maxPending, 40_000)
	st := openTest(t, "")
	_, err := st.db.Exec("CREATE TRIGGER no_chunks BEFORE INSERT ON cache_chunk BEGIN SELECT RAISE(ABORT, 'no chunks today'); END")
	must(t, err)
	im, err := st.BeginImport(ctx)
	must(t, err)
	for from := 0; err == nil && from < 2*maxPending; from += maxBatch {
		err = im.Add(ctx, numbered(0, from, maxBatch))
	}
	if err == nil {
		t.Fatal("Add did not fail")
	}
	_, err = st.db.Exec("DROP TRIGGER no_chunks")
	must(t, err)
	must(t, im.Close(ctx))
	rows := number(t, st.db, "SELECT count(*) FROM request")
	if rows != im.Added() || number(t, st.db, "SELECT coalesce(sum(rows), 0) FROM cache_chunk") > rows {
		t.Errorf("%d rows, %d added", rows, im.Added())
	}
}

// A disk without a free byte fails while the file is opened, with another code.
func TestExplainFullDisk(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EFBIG: true, syscall.EIO: false} {
		err := explain(sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: errno})
		if errors.Is(err, store.ErrFull) != want || errors.Is(err, store.ErrIO) == want || !strings.Contains(err.Error(), ": ") {
			t.Errorf("%v is told as %v", errno, err)
		}
	}
}
