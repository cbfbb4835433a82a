package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// raw opens a file with the driver alone, as a stranger would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// stranger makes a SQLite file with a table of its own.
func stranger(t *testing.T, path string, more string) {
	t.Helper()
	db := raw(t, path)
	_, err := db.Exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1); " + more)
	must(t, err)
	must(t, db.Close())
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"a text file", func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("hello\n"), 0o600)) }, store.ErrNotOurs},
		{"a long text file", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, bytes.Repeat([]byte("hello\n"), 999), 0o600))
		}, store.ErrNotOurs},
		{"another program's", func(t *testing.T, path string) { stranger(t, path, "") }, store.ErrNotOurs},
		{"another program's in WAL mode", func(t *testing.T, path string) { stranger(t, path, "PRAGMA journal_mode = WAL") }, store.ErrNotOurs},
		{"another application id", func(t *testing.T, path string) { stranger(t, path, "PRAGMA application_id = 7") }, store.ErrNotOurs},
		{"newer", func(t *testing.T, path string) {
			stranger(t, path, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, formatVersion+1))
		}, store.ErrNewer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			tt.make(t, path)
			before, err := os.ReadFile(path)
			must(t, err)
			for _, opts := range [][]Option{nil, {ReadOnly()}, {MustExist()}} {
				_, err := Open(path, opts...)
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("Open says %v", err)
				}
			}
			after, err := os.ReadFile(path)
			must(t, err)
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("the folder now has %v", entries)
			}
		})
	}
}

func TestOpenFolder(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, store.ErrNotOurs) {
		t.Errorf("Open of a folder says %v", err)
	}
	if _, err := Open(os.DevNull); !errors.Is(err, store.ErrNotOurs) {
		t.Errorf("Open of a device says %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing", "file.db")); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Open in a missing folder says %v", err)
	}
}

func TestOpenMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing.db")
	for _, opt := range []Option{MustExist(), ReadOnly()} {
		if _, err := Open(path, opt); !errors.Is(err, store.ErrNoFile) {
			t.Errorf("Open says %v", err)
		}
	}
	if exists(path) {
		t.Error("the file was made")
	}
}

func TestOpenEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty")
	must(t, os.WriteFile(path, nil, 0o600))
	st := openTest(t, path)
	must(t, st.Append(context.Background(), numbered(0, 0, 3)))
	if size := number(t, st.db, "PRAGMA page_size"); size != 8192 {
		t.Errorf("pages have %d bytes", size)
	}
}

// Names that SQLite, or a URL, would read in another way are files like all others.
func TestOpenOddNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{":memory:", "a?mode=ro", "100%41#b", "file:x", "sp ace", "ü"} {
		st, err := Open(name)
		must(t, err)
		must(t, st.Append(context.Background(), numbered(0, 0, 1)))
		must(t, st.Close())
		st, err = Open(name, MustExist())
		must(t, err)
		if got := numbers(t, st, 0); len(got) != 1 {
			t.Errorf("%q holds %d requests", name, len(got))
		}
		if !exists(name) {
			t.Errorf("there is no file %q", name)
		}
		st.Close()
	}
	if st, err := Open(""); err == nil {
		st.Close()
		t.Error("Open takes an empty name")
	}
}

// Two processes see the very same header only after a checkpoint, so Open asks again.
func TestOpenNewerInLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	_, err := st.db.Exec(fmt.Sprintf("PRAGMA user_version = %d", formatVersion+1))
	must(t, err)
	if _, err := Open(path); !errors.Is(err, store.ErrNewer) {
		t.Errorf("Open says %v", err)
	}
}

// A process that died between making the tables and choosing WAL leaves a file without WAL.
func TestOpenRestoresWAL(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	must(t, openTest(t, path).Close())
	db := raw(t, path)
	_, err := db.Exec("PRAGMA journal_mode = DELETE")
	must(t, err)
	must(t, db.Close())
	if mode := textOf(t, openTest(t, path).db, "PRAGMA journal_mode"); mode != "wal" {
		t.Errorf("the journal mode is %s", mode)
	}
}

func TestOpenWithoutMeta(t *testing.T) {
	for query, want := range map[string]error{"DROP TRIGGER meta_no_delete; DELETE FROM meta; " + triggers["meta_no_delete"]: store.ErrDamaged, "DROP TABLE meta": store.ErrDamaged} {
		path := filepath.Join(t.TempDir(), "requests.db")
		must(t, openTest(t, path).Close())
		db := raw(t, path)
		_, err := db.Exec(query)
		must(t, err)
		must(t, db.Close())
		if _, err := Open(path); !errors.Is(err, want) {
			t.Errorf("after %s, Open says %v", query, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	must(t, st.Append(context.Background(), numbered(0, 0, 20_000)))
	must(t, st.Refresh(context.Background()))
	must(t, st.Close())
	data, err := os.ReadFile(path)
	must(t, err)
	for from := 8192 * 60; from < len(data); from += 8192 { // most of it
		copy(data[from:], bytes.Repeat([]byte{0xdb}, 8192))
	}
	must(t, os.WriteFile(path, data, 0o600))
	st = openTest(t, path)
	checks := map[string]func() error{
		"Check":   func() error { return st.Check(context.Background()) },
		"Append":  func() error { return st.Append(context.Background(), numbered(0, 0, 9999)) },
		"Refresh": func() error { return errors.Join(st.DropCache(context.Background()), st.Refresh(context.Background())) },
		"Rows": func() error {
			n, err := st.Snapshot(context.Background())
			if err != nil {
				return err
			}
			defer n.Close()
			for _, err := range n.Rows(context.Background(), "", store.Range{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	for name, check := range checks {
		if err := check(); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s says %v", name, err)
		}
	}
}

// A cache whose chunks are not what was packed gives no answers, and what the error says mends it.
// A page that another's bytes got into has values of any kind: what they hold is not told.
func TestDamagedValue(t *testing.T) {
	st := openTest(t, "")
	for _, value := range []string{"'+49 30 555 0123'", "x'ff3439'", "NULL"} {
		err := each(t.Context(), st.db, "SELECT "+value, func(scan func(...any) error) error {
			var n int64
			return scan(&n)
		})
		if !errors.Is(err, store.ErrDamaged) || strings.Contains(err.Error(), "49") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestDamagedChunk(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	must(t, st.Append(ctx, numbered(0, 0, 5000)))
	must(t, st.Append(ctx, numbered(1, 0, 1)))
	must(t, st.Refresh(ctx))
	for _, damage := range []string{
		"UPDATE cache_chunk SET data = substr(data, 1, length(data) - 1)",
		"UPDATE cache_chunk SET data = x''",
		"UPDATE cache_chunk SET data = (SELECT data FROM cache_chunk WHERE id = 1)",
		"UPDATE cache_chunk SET tenant_id = 2",
		"UPDATE cache_chunk SET last_at = last_at + 1",
		"UPDATE cache_chunk SET first_at = 100 WHERE id = 2",
		"UPDATE cache_chunk SET rows = rows + 1 WHERE id = 1; UPDATE cache_chunk SET rows = rows - 1 WHERE id = 2",
	} {
		_, err := st.db.Exec(damage)
		must(t, err)
		got := errors.Join(scanAll(st, "writer 0"), scanAll(st, "writer 1"))
		if !errors.Is(got, store.ErrDamaged) || !strings.Contains(got.Error(), "DELETE FROM cache_chunk") {
			t.Errorf("%s: Scan says %v", damage, got)
		}
		_, err = st.db.Exec("DELETE FROM cache_chunk")
		must(t, err)
		must(t, st.Refresh(ctx))
		must(t, scanAll(st, "writer 0"))
	}
	checkCache(t, st)
}

func scanAll(st *Store, tenant string) error {
	n, err := st.Snapshot(context.Background())
	if err != nil {
		return err
	}
	defer n.Close()
	for _, err := range n.Scan(context.Background(), tenant, store.Range{}) {
		if err != nil {
			return err
		}
	}
	return nil
}

// No byte of a packed chunk can change unnoticed.
func TestFlippedChunk(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	must(t, st.Append(ctx, numbered(0, 0, 40)))
	must(t, st.Refresh(ctx))
	var data []byte
	must(t, st.db.QueryRow("SELECT data FROM cache_chunk").Scan(&data))
	for i := range data {
		flipped := bytes.Clone(data)
		flipped[i] ^= 1 << (i % 8)
		_, err := st.db.Exec("UPDATE cache_chunk SET data = ?", flipped)
		must(t, err)
		if err := scanAll(st, "writer 0"); !errors.Is(err, store.ErrDamaged) {
			t.Fatalf("with byte %d of %d changed, Scan says %v", i, len(data), err)
		}
	}
}

// A filter or a state that is not what was written counts as missing.
func TestDamagedFilterAndState(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	must(t, st.Append(ctx, numbered(0, 0, 5000)))
	must(t, st.Refresh(ctx))
	n := snapshot(t, st)
	must(t, st.SaveStates(ctx, n, []byte("k"), []store.State{{Tenant: "writer 0", UptoAt: 4999, Data: []byte("sums")}}))
	n.Close()
	_, err := st.db.Exec("UPDATE cache_filter SET bits = zeroblob(length(bits)); UPDATE cache_state SET upto_at = 4998")
	must(t, err)
	n = snapshot(t, st)
	q := numbered(0, 17, 1)[0]
	q.Identify()
	if found, err := n.History(ctx, "writer 0").Find(q.ItemHash, 1e9); err != nil || len(found) != 1 {
		t.Errorf("Find gives %d requests, %v", len(found), err)
	}
	if states, err := n.States(ctx, []byte("k")); err != nil || len(states) != 0 {
		t.Errorf("States gives %v, %v", states, err)
	}
}

// Chunks that went missing are noticed, whatever their number.
func TestChunkMissing(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	must(t, st.Append(ctx, numbered(0, 0, 9000)))
	must(t, st.Refresh(ctx))
	_, err := st.db.Exec("DELETE FROM cache_chunk WHERE id = 2")
	must(t, err)
	for range 2 {
		rows := 0
		for batch, err := range snapshot(t, st).Scan(ctx, "writer 0", store.Range{}) {
			must(t, err)
			rows += len(batch)
		}
		if rows != 9000 {
			t.Fatalf("Scan gives %d requests of 9000", rows)
		}
		must(t, st.Refresh(ctx))
	}
	checkCache(t, st)
}

// Whatever table of the cache somebody empties by hand, the answers stay right, and the next refresh mends it.
func TestEmptiedByHand(t *testing.T) {
	ctx := context.Background()
	for _, table := range []string{"cache_chunk", "cache_filter", "cache_state", "cache_mark"} {
		t.Run(table, func(t *testing.T) {
			st := openTest(t, "")
			must(t, st.Append(ctx, numbered(0, 0, 9000)))
			must(t, st.Refresh(ctx))
			_, err := st.db.Exec("DELETE FROM " + table)
			must(t, err)
			for range 2 {
				n := snapshot(t, st)
				rows := 0
				for batch, err := range n.Scan(ctx, "writer 0", store.Range{}) {
					must(t, err)
					rows += len(batch)
				}
				if rows != 9000 {
					t.Fatalf("Scan gives %d requests of 9000", rows)
				}
				q := numbered(0, 17, 1)[0]
				q.Identify()
				if found, err := n.History(ctx, "writer 0").Find(q.ItemHash, 1e9); err != nil || len(found) != 1 {
					t.Fatalf("Find gives %d requests, %v", len(found), err)
				}
				must(t, st.Refresh(ctx))
				must(t, st.Append(ctx, nil))
			}
			if table != "cache_filter" {
				checkCache(t, st)
			}
		})
	}
}

func TestLocked(t *testing.T) {
	set(t, &busyTimeout, 20*time.Millisecond)
	set(t, &lockPatience, 50*time.Millisecond)
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	must(t, st.Append(context.Background(), numbered(0, 0, 3)))
	db := raw(t, path)
	_, err := db.Exec("BEGIN EXCLUSIVE")
	must(t, err)
	if err := st.Append(context.Background(), numbered(0, 3, 3)); !errors.Is(err, store.ErrLocked) {
		t.Errorf("Append says %v", err)
	}
	if got := numbers(t, openTest(t, path), 0); len(got) != 3 { // reading goes on
		t.Errorf("%d rows are there, not 3", len(got))
	}
	_, err = db.Exec("ROLLBACK")
	must(t, err)
	must(t, st.Append(context.Background(), numbered(0, 3, 3)))
	if got := numbers(t, st, 0); len(got) != 6 {
		t.Errorf("%d rows are there, not 6", len(got))
	}
}

// A stranger that holds the file for itself alone keeps even readers out.
func TestOpenLocked(t *testing.T) {
	set(t, &busyTimeout, 20*time.Millisecond)
	path := filepath.Join(t.TempDir(), "requests.db")
	must(t, openTest(t, path).Close())
	db := raw(t, path)
	_, err := db.Exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
	must(t, err)
	if st, err := Open(path); !errors.Is(err, store.ErrLocked) {
		t.Errorf("Open says %v", err)
		if err == nil {
			st.Close()
		}
	}
}

func TestAppendOnly(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	must(t, st.Append(ctx, numbered(0, 0, 3)))
	must(t, st.AddEvent(ctx, store.Event{Kind: store.EventReset, At: 5, Tenant: "writer 0"}))
	_, err := st.AddRecordings(ctx, []store.Recording{{Tenant: "writer 0", Key: "k", StartedAt: 5}})
	must(t, err)
	for name, db := range map[string]*sql.DB{"ours": st.db, "a stranger's": raw(t, path)} {
		for _, query := range []string{
			"UPDATE request SET status = 201", "DELETE FROM request", "UPDATE request SET id = 9 WHERE id = 1",
			"DELETE FROM event", "UPDATE event SET at = 6", "DELETE FROM recording", "UPDATE recording SET bytes = 7",
			"REPLACE INTO request (id, tenant_id, route_id, source_id, started_at, status, response_bytes) VALUES (2, 1, 1, 1, 1, 500, 7)",
			"UPDATE OR REPLACE request SET id = 2 WHERE id = 1",
			`INSERT INTO request (id, tenant_id, route_id, source_id, started_at, status, response_bytes) VALUES (2, 1, 1, 1, 1, 500, 7)
				ON CONFLICT DO UPDATE SET status = 500`,
			"REPLACE INTO event (id, kind, at, recorded_at) VALUES (1, 'reset', 6, 6)",
			"UPDATE tenant SET name = 'other'", "DELETE FROM tenant", "REPLACE INTO tenant VALUES (1, 'other')",
			"REPLACE INTO tenant (name) VALUES ('writer 0')", "UPDATE route SET class = 'other'", "DELETE FROM route",
			"REPLACE INTO route SELECT * FROM route", "UPDATE client SET name = 'other'", "DELETE FROM client",
			"REPLACE INTO client SELECT * FROM client", "UPDATE source SET resolution_us = 0", "DELETE FROM source",
			"REPLACE INTO source SELECT * FROM source", "UPDATE meta SET value = x'00'", "DELETE FROM meta",
			"REPLACE INTO meta VALUES ('hash_key', x'00')",
		} {
			if _, err := db.Exec(query); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%q over %s connection: %v", query, name, err)
			}
		}
	}
	_, err = st.db.Exec("REPLACE INTO recording SELECT id, tenant_id, started_at, key, 7, 7, 7 FROM recording")
	must(t, err)
	if bytes := number(t, st.db, "SELECT bytes FROM recording"); bytes != 0 {
		t.Errorf("a REPLACE changed a recording's size to %d", bytes)
	}
	if got := numbers(t, st, 0); len(got) != 3 {
		t.Errorf("%d rows are left", len(got))
	}
	must(t, st.AddEvent(ctx, store.Event{Kind: store.EventPrune, At: 2, Count: 2}))
	for _, query := range []string{"DELETE FROM request WHERE started_at < 2", "DELETE FROM recording"} {
		if _, err := st.db.Exec(query); err == nil {
			t.Errorf("after an event of a prune, %q is done", query)
		}
	}
}
