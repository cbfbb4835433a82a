package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/6dcca832/headroom/store"
	"github.com/mattn/go-sqlite3"

	_ "github.com/6dcca832/headroom/store/sqlite/internal/cgo" // a build without cgo stops there
)

// This is the one file that knows the SQLite driver.

// busyTimeout is how long a statement waits for another process's transaction, before Store.write
// or Open asks again; SQLite cannot be interrupted meanwhile. It is a variable for tests only.
var busyTimeout = time.Second

// maxValue is the longest text or blob that is read or written: no file of ours has longer ones.
const maxValue = 256 << 20

// mode is how a file is opened.
type mode int

const (
	readWrite mode = iota
	readOnly       // the file may change under us, but not by us
	immutable      // neither file nor folder can be written: no -wal, no -shm
)

// pragmas are read back after connecting, because the driver ignores DSN parameters that it does
// not know.
func pragmas(m mode) map[string]string {
	want := map[string]string{
		"busy_timeout": strconv.Itoa(int(busyTimeout.Milliseconds())), "trusted_schema": "0",
		"cell_size_check": "1",
	}
	if m == readWrite {
		want["synchronous"] = "1"
	} else {
		want["query_only"] = "1"
	}
	return want
}

// connect opens a pool on the file. It does not look inside the file. SQLite gives some relative
// names, such as "" and ":memory:", a meaning of their own.
func connect(path string, m mode) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q := url.Values{
		"_busy_timeout":    {strconv.Itoa(int(busyTimeout.Milliseconds()))},
		"_stmt_cache_size": {"64"},
		"_mutex":           {"no"},
	} // database/sql gives a connection to one goroutine at a time
	switch m {
	case readWrite:
		q.Set("mode", "rwc")
		q.Set("_txlock", "immediate")
		q.Set("_synchronous", "NORMAL")
	case readOnly:
		q.Set("mode", "ro")
		q.Set("_query_only", "true")
	case immutable:
		q.Set("mode", "ro")
		q.Set("immutable", "1")
		q.Set("_query_only", "true")
	}
	dsn := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + q.Encode()
	return sql.OpenDB(&connector{dsn}), nil
}

// connector makes connections that trust nothing that a stranger's file may hold.
type connector struct{ dsn string }

var sqliteDriver = &sqlite3.SQLiteDriver{
	ConnectHook: func(c *sqlite3.SQLiteConn) error {
		c.SetLimit(sqlite3.SQLITE_LIMIT_LENGTH, maxValue)
		_, err := c.Exec("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", nil)
		return err
	},
}

func (c *connector) Connect(
	context.Context,
) (driver.Conn, error) {
	return sqliteDriver.Open(c.dsn)
}

func (c *connector) Driver() driver.Driver { return sqliteDriver }

// checkPragmas reports a setting that did not take.
func checkPragmas(ctx context.Context, db *sql.DB, m mode) error {
	for name, want := range pragmas(m) {
		var got string
		if err := db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&got); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("pragma %s is %s, not %s", name, got, want)
		}
	}
	return nil
}

// uncopied is a blob as the driver gives it. This driver makes each of C's memory by C.GoBytes and
// forgets it, so that what database/sql copies for others to keep would be a second copy.
type uncopied []byte

// Scan implements sql.Scanner.
func (u *uncopied) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok && v != nil {
		return fmt.Errorf("a %T is no blob", v)
	}
	*u = b
	return nil
}

// explain turns the driver's error into one of ours, with what to do. Other errors pass through.
func explain(err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("%w: try again when it has finished (%v)", store.ErrLocked, err)
	case sqlite3.ErrReadonly, sqlite3.ErrPerm, sqlite3.ErrAuth:
		return fmt.Errorf("%w: check the permissions of the file and of its folder (%v)",
			store.ErrReadOnly, err)
	case sqlite3.ErrIoErr:
		if e.SystemErrno != syscall.ENOSPC && e.SystemErrno != syscall.EDQUOT &&
			e.SystemErrno != syscall.EFBIG {
			return fmt.Errorf("%w: check the disk (%v)", store.ErrIO, err)
		}
		fallthrough // the shared-memory file beside the database found no room
	case sqlite3.ErrFull:
		return fmt.Errorf("%w: free some space and run it again; what was written before is intact (%v)",
			store.ErrFull, err)
	case sqlite3.ErrCorrupt, sqlite3.ErrFormat:
		return fmt.Errorf(
			"%w: restore a copy, or save what is readable with \"sqlite3 FILE .recover\" (%v)",
			store.ErrDamaged, err)
	case sqlite3.ErrNotADB:
		return fmt.Errorf("%w: name another file (%v)", store.ErrNotOurs, err)
	case sqlite3.ErrCantOpen:
		return fmt.Errorf("%w: check that its folder exists and may be written (%v)", store.ErrReadOnly,
			err)
	}
	return err
}

// busy says whether another process holds the lock that err missed.
func busy(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
}

// misfits says whether a statement does not fit the tables that the file has.
func misfits(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && e.Code == sqlite3.ErrError
}

// bulk inserts rows of one shape, many a statement. It goes around database/sql: the driver's own
// Query binds all values and steps in one call into C, which is what makes 64 rows a statement pay.
type bulk struct {
	conn    *sql.Conn
	many    *sqlite3.SQLiteStmt // rowsPerInsert rows
	one     *sqlite3.SQLiteStmt
	columns int
	args    []driver.NamedValue
	cells   []cell
}

// cell is one value of a statement. An interface that holds an int64 or a string points at it, so
// each value given to the driver would be an allocation: six a row, more than all else in a
// recorded request. A cell's interfaces are made once and point at its own fields, which are
// overwritten from row to row; the driver copies them out before Query returns.
type cell struct {
	arg           *driver.NamedValue
	int           int64
	text          string
	asInt, asText driver.Value
}

func (c *cell) init(arg *driver.NamedValue) {
	c.arg = arg
	c.asInt = pointAt(int64(0), unsafe.Pointer(&c.int))
	c.asText = pointAt("", unsafe.Pointer(&c.text))
}

// pointAt gives an interface of example's type whose value is at p. It relies on an interface being
// a pair of type and pointer, as it has been since Go 1.4; TestCells would tell. BenchmarkCells
// shows what it buys: seven allocations a row less, and about half the time of an insert.
func pointAt(example driver.Value, p unsafe.Pointer) driver.Value {
	(*[2]unsafe.Pointer)(unsafe.Pointer(&example))[1] = p
	return example
}

func (c *cell) setInt(v int64) { c.int, c.arg.Value = v, c.asInt }

// setText stores "" as NULL.
func (c *cell) setText(v string) {
	c.text, c.arg.Value = v, c.asText
	if v == "" {
		c.arg.Value = nil
	}
}

func (c *cell) setNull() { c.arg.Value = nil }

// rowsPerInsert: 64 rows a statement measured 1.5 times as fast as one; 256 was no faster.
const rowsPerInsert = 64

// newBulk prepares inserts into table's columns on conn.
func newBulk(conn *sql.Conn, table string, columns ...string) (*bulk, error) {
	b := &bulk{conn: conn, columns: len(columns)}
	row := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	head := "INSERT INTO " + table + " (" + strings.Join(columns, ",") + ") VALUES " + row
	var err error
	if b.one, err = b.prepare(head); err != nil {
		return nil, err
	}
	if b.many, err = b.prepare(head + strings.Repeat(","+row, rowsPerInsert-1)); err != nil {
		return nil, err
	}
	b.args = make([]driver.NamedValue, len(columns)*rowsPerInsert)
	b.cells = make([]cell, len(b.args))
	for i := range b.args {
		b.args[i].Ordinal = i + 1
		b.cells[i].init(&b.args[i])
	}
	return b, nil
}

func (b *bulk) prepare(query string) (stmt *sqlite3.SQLiteStmt, err error) {
	err = b.conn.Raw(func(c any) error {
		s, err := c.(*sqlite3.SQLiteConn).Prepare(query)
		if err == nil {
			stmt = s.(*sqlite3.SQLiteStmt)
		}
		return err
	})
	return stmt, err
}

// insert adds n rows, at most rowsPerInsert a statement; set writes row i's values into its cells,
// one a column.
func (b *bulk) insert(n int, set func(i int, row []cell)) error {
	return b.conn.Raw(func(any) error {
		for i := 0; i < n; {
			stmt, rows := b.many, rowsPerInsert
			if n-i < rowsPerInsert {
				stmt, rows = b.one, 1
			}
			for k := range rows {
				set(i+k, b.cells[k*b.columns:(k+1)*b.columns])
			}
			if err := run(stmt, b.args[:rows*b.columns]); err != nil {
				return err
			}
			i += rows
		}
		return nil
	})
}

// run executes a statement that returns no rows through Query, whose one call into C binds and
// steps.
func run(stmt *sqlite3.SQLiteStmt, args []driver.NamedValue) error {
	rows, err := stmt.QueryContext(context.Background(), args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// close releases the statements.
func (b *bulk) close() error {
	if b == nil {
		return nil
	}
	return b.conn.Raw(func(any) error { return errors.Join(b.one.Close(), b.many.Close()) })
}
