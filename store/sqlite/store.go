package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/6dcca832/headroom/store"
)

// Store is an open request log. It is safe for use by several goroutines.
type Store struct {
	db       *sql.DB
	path     string
	readOnly bool
	hashKey  []byte

	mu sync.Mutex // guards w
	w  *writer    // the one write connection; nil until something is written
}

// Option changes how Open works.
type Option func(*options)

type options struct{ mustExist, readOnly bool }

// MustExist makes Open fail with ErrNoFile where there is no file. By default, Open makes one.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// ReadOnly opens without ever writing; the file must exist. By default, Open writes, and falls back to reading where the
// file or its folder cannot be written (see Store.ReadOnly).
func ReadOnly() Option { return func(o *options) { o.readOnly, o.mustExist = true, true } }

// Open opens the request log in the named file, making or migrating it as needed. Its errors match ErrNotOurs, ErrNewer,
// ErrDamaged, ErrLocked, ErrReadOnly, ErrFull or ErrNoFile where one of them fits.
func Open(path string, opts ...Option) (*Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	until := time.Now().Add(busyTimeout)
	s, err := open(path, o)
	for busy(err) && time.Now().Before(until) {
		// Two processes that make the file at once: where waiting could be a deadlock, as on the way to WAL, SQLite fails
		// one of them at once, whatever the busy timeout.
		time.Sleep(busyTimeout / 1000)
		s, err = open(path, o)
	}
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", path, explain(err))
	}
	return s, nil
}

func open(path string, o options) (*Store, error) {
	id, err := identify(path)
	if err != nil {
		return nil, err
	}
	if id.empty && o.mustExist {
		return nil, fmt.Errorf("%w: name it with --db, or make it with \"headroom import\", \"headroom run\" or \"headroom demo\"", store.ErrNoFile)
	}
	m := readWrite
	if o.readOnly || !id.empty && !writable(path) {
		m = readOnly
		if !writable(filepath.Dir(path)) && !exists(path+"-wal") {
			m = immutable
		}
	}
	return openMode(path, id, m)
}

func openMode(path string, id identity, m mode) (_ *Store, err error) {
	db, err := connect(path, m)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	ctx := context.Background()
	if err := checkPragmas(ctx, db, m); err != nil {
		return nil, err
	}
	if !id.empty {
		err = checkFile(ctx, db)
	}
	switch {
	case err != nil:
	case m == readWrite:
		err = prepare(ctx, db, id)
	default:
		err = current(ctx, db)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, path: path, readOnly: m != readWrite}
	err = db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'hash_key'").Scan(&s.hashKey)
	if errors.Is(err, sql.ErrNoRows) || misfits(err) {
		err = fmt.Errorf("%w: meta.hash_key is missing; restore a copy", store.ErrDamaged)
	}
	return s, err
}

// checkFile refuses a file that a newer headroom wrote, or that defines what headroom did not. The
// header that identify read may be older than what the write-ahead log holds.
func checkFile(ctx context.Context, db *sql.DB) error {
	version, err := userVersion(ctx, db)
	if err != nil {
		return err
	}
	if version > formatVersion {
		return newer(version)
	}
	return checkSchema(ctx, db, version)
}

// prepare makes or migrates what is in the file. WAL lasts in it, but a process that was killed while it made the file
// may not have come that far.
func prepare(ctx context.Context, db *sql.DB, id identity) (err error) {
	if id.empty {
		err = create(ctx, db)
	} else {
		err = migrate(ctx, db, migrations, formatVersion)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "PRAGMA journal_mode = WAL")
	}
	if err == nil {
		_, _ = db.ExecContext(ctx, replaceGuard) // where that cannot be done now, a later Open will
	}
	return err
}

// writable says whether a file or folder can be opened for writing, without changing it.
func writable(path string) bool {
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	if st.IsDir() {
		f, err := os.CreateTemp(path, ".headroom-*")
		if err != nil {
			return false
		}
		f.Close()
		os.Remove(f.Name())
		return true
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// ReadOnly says that the store cannot be written: it was asked for, or the file or its folder does not allow it.
func (s *Store) ReadOnly() bool { return s.readOnly }

// Path is the file's name as it was given to Open.
func (s *Store) Path() string { return s.path }

// HashKey is the file's own random key, for hashes of request parameters that mean nothing outside this file.
func (s *Store) HashKey() []byte { return s.hashKey }

// Close releases the file. Close the recorders first: what they have not written yet would be lost.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.w != nil {
		err = s.w.close()
		s.w = nil
	}
	return errors.Join(err, s.db.Close())
}

// Check asks SQLite whether the file is intact; it reads all of it. The error matches ErrDamaged.
func (s *Store) Check(ctx context.Context) error {
	var verdict string
	if err := s.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check database %q: %w", s.path, explain(err))
	}
	if verdict != "ok" {
		return fmt.Errorf("check database %q: %w: %s", s.path, store.ErrDamaged, verdict)
	}
	return nil
}
