package sqlite

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// A file that defines more than headroom does, or something else, is refused before any of it runs.
func TestForeignSchema(t *testing.T) {
	const keepOut = "DROP TRIGGER request_no_delete; CREATE TRIGGER request_no_delete BEFORE DELETE ON request "
	for _, c := range []struct{ name, change, told string }{
		{"a trigger", "CREATE TRIGGER mine AFTER INSERT ON request BEGIN DELETE FROM pace; END", "trigger mine"},
		{"a trigger on what Open writes", "CREATE TRIGGER mine AFTER UPDATE ON pace BEGIN DELETE FROM pace; END", "trigger mine"},
		{"a view", "CREATE VIEW mine AS SELECT 1", "view mine"},
		{"a table", "CREATE TABLE mine (x)", "table mine"},
		{"an index", "CREATE INDEX mine ON request (status)", "index mine"},
		{"a missing trigger", "DROP TRIGGER event_no_delete", "trigger event_no_delete"},
		{"a trigger of other text", keepOut + "BEGIN SELECT 1; END", "trigger request_no_delete"},
		{"another view", "DROP VIEW requests; CREATE VIEW requests AS SELECT 1 AS id", "view requests"},
		{"another column", "ALTER TABLE pace ADD COLUMN more TEXT", "table pace"},
	} {
		path := filepath.Join(t.TempDir(), "requests.db")
		must(t, openTest(t, path).Close())
		db := raw(t, path)
		_, err := db.Exec(c.change)
		must(t, err)
		must(t, db.Close())
		for _, opts := range [][]Option{nil, {ReadOnly()}} {
			st, err := Open(path, opts...)
			if err == nil {
				st.Close()
			}
			if !errors.Is(err, store.ErrNotOurs) && !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), c.told) {
				t.Errorf("%s: Open says %v", c.name, err)
			}
		}
	}
}

// What SQLite leaves behind by itself is no stranger's.
func TestAnalyzedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	must(t, openTest(t, path).Close())
	db := raw(t, path)
	_, err := db.Exec("ANALYZE; DROP TRIGGER request_no_replace")
	must(t, err)
	must(t, db.Close())
	st := openTest(t, path)
	if n := number(t, st.db, "SELECT count(*) FROM sqlite_schema WHERE name = 'request_no_replace'"); n != 1 {
		t.Error("the trigger that a killed import left out is missing")
	}
}

func TestCondensed(t *testing.T) {
	same := func(a, b string, want bool) {
		t.Helper()
		if got := condensed(a) == condensed(b); got != want {
			t.Errorf("%q and %q: %v", a, b, got)
		}
	}
	same("CREATE TABLE a (\n  b TEXT, -- what\n  c TEXT -- more\n) STRICT", "CREATE TABLE a (b TEXT , c TEXT)STRICT", true)
	same("SELECT 'a -- b'", "SELECT 'a", false)
	same("SELECT 'x--'; DELETE FROM t; SELECT 'y\n z'", "SELECT 'x z'", false)
	same("SELECT \"a  b\"", "SELECT \"a b\"", false)
	same("SELECT a b", "SELECT ab", false)
	same("SELECT 1/* x */", "SELECT 1", false)
	same("SELECT 'it''s'", "SELECT 'it' 's'", false)
}

// A cache whose mark does not fit counts as empty: no row is hidden, none counted twice.
func TestDamagedMark(t *testing.T) {
	for _, change := range []string{
		"UPDATE cache_mark SET upto = upto - 1", "UPDATE cache_mark SET upto = upto + 1",
		"UPDATE cache_mark SET upto = upto + 1073741824", "UPDATE cache_mark SET checksum = x''",
		"DELETE FROM cache_mark",
	} {
		st := openTest(t, "")
		must(t, st.Append(t.Context(), numbered(0, 0, 100)))
		must(t, st.Refresh(t.Context()))
		must(t, st.Append(t.Context(), numbered(0, 100, 3)))
		_, err := st.db.Exec(change)
		must(t, err)
		count := func() (n int) {
			for batch, err := range snapshot(t, st).Scan(t.Context(), "writer 0", store.Range{}) {
				must(t, err)
				n += len(batch)
			}
			return n
		}
		before := count()
		must(t, st.Refresh(t.Context()))
		if after := count(); before != 103 || after != 103 {
			t.Errorf("%s: %d requests, and %d after a refresh, of 103", change, before, after)
		}
		checkCache(t, st)
	}
}
