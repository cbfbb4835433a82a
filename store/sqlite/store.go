package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
)

// Store is an open request log. It is safe for use by several goroutines.
type Store struct {
	path     string // as it was given
	opts     options
	readOnly bool
	hashKey  []byte
	waiting  func() // may be nil

	file sync.Mutex // guards db, mode and seen
	db   *sql.DB
	mode mode
	seen stamp

	mu sync.Mutex // guards w
	w  *writer    // the one write connection; nil until something is written
}

// Option changes how Open works.
type Option func(*options)

type options struct {
	mustExist, readOnly bool
	waiting             func()
	hashKey             []byte
}

// WhenWaiting has f called when a write has waited for another process's lock for a second. By
// default, nobody is told while it waits.
func WhenWaiting(f func()) Option { return func(o *options) { o.waiting = f } }

// WithHashKey gives a file that Open makes the hash key of another log, so that equal parameters
// are told as such in both. By default, a new file has a random key of its own.
func WithHashKey(key []byte) Option { return func(o *options) { o.hashKey = key } }

// MustExist makes Open fail with ErrNoFile where there is no file. By default, Open makes one.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// ReadOnly opens without ever writing; the file must exist. By default, Open writes, and falls back
// to reading where the file or its folder cannot be written (see Store.ReadOnly).
func ReadOnly() Option { return func(o *options) { o.readOnly, o.mustExist = true, true } }

// Open opens the request log in the named file, making or migrating it as needed. Its errors match
// ErrNotOurs, ErrNewer, ErrDamaged, ErrLocked, ErrReadOnly, ErrFull or ErrNoFile where one of them
// fits.
func Open(path string, opts ...Option) (*Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if strings.Contains(path, "://") { // not repeated: it may hold a password
		return nil, errors.New(
			"open database: this URL is none of postgres://…; name a file, or a database in PostgreSQL")
	}
	until := time.Now().Add(openPatience)
	s, err := open(path, o)
	for busy(err) && time.Now().Before(until) {
		// Two processes that make the file at once: where waiting could be a deadlock, as on the way to
		// WAL, SQLite fails one of them at once, whatever the busy timeout.
		time.Sleep(openPatience / 1000)
		s, err = open(path, o)
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", pathname.Quote(path), explain(err))
	}
	return s, nil
}

// openPatience is how long Open goes on asking for a lock. It is a variable for tests only.
var openPatience = 10 * time.Second

func open(path string, o options) (*Store, error) {
	s := &Store{path: path, opts: o, waiting: o.waiting}
	if err := s.open(); err != nil {
		return nil, err
	}
	err := s.db.QueryRow("SELECT value FROM meta WHERE name = 'hash_key'").Scan(&s.hashKey)
	if errors.Is(err, sql.ErrNoRows) || misfits(err) {
		err = fmt.Errorf("%w: meta.hash_key is missing; restore a copy", store.ErrDamaged)
	}
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// open sets db, mode and seen, and readOnly.
func (s *Store) open() error {
	path := resolved(s.path)
	id, err := identify(path)
	if err != nil {
		return err
	}
	if id.empty && s.opts.mustExist {
		return errNoFile
	}
	s.mode = modeFor(path, s.opts.readOnly, id.empty)
	if id.empty && s.mode == readWrite {
		makeFile(path)
	}
	if s.mode == immutable {
		s.seen = stampOf(path)
	}
	if s.db, err = openMode(path, id, s.mode, s.opts.hashKey); err != nil {
		return err
	}
	if s.mode != immutable {
		s.seen = stampOf(path)
	}
	s.readOnly = s.mode != readWrite
	return nil
}

var errNoFile = fmt.Errorf(
	"%w: name it with --db, or make it with \"headroom pull\", \"run\", \"import\" or "+
		"\"demo\"",
	store.ErrNoFile,
)

// modeFor says how a file is opened.
func modeFor(path string, asked, empty bool) mode {
	switch {
	case !asked && (empty || writable(path)):
		return readWrite
	case !writable(filepath.Dir(path)) && !exists(path+"-wal"):
		return immutable
	}
	return readOnly
}

// makeFile makes an empty file that only its user may read: what SQLite makes, everybody may. An
// error shows when it is opened.
func makeFile(path string) {
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		f.Close()
	}
}

func openMode(path string, id identity, m mode, hashKey []byte) (_ *sql.DB, err error) {
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
		if id.empty, err = checkFile(ctx, db); err != nil {
			return nil, err
		}
	}
	switch {
	case m == readWrite:
		err = prepare(ctx, db, id, hashKey)
	case id.empty:
		err = errNoFile
	default:
		err = requireCurrent(ctx, db)
	}
	return db, err
}

// checkFile refuses a file that a newer headroom wrote, or that defines what headroom did not. The
// header that identify read may be older than what the write-ahead log holds. A file is empty where
// the process that made it was killed before it had done so, and SQLite has rolled that back.
func checkFile(ctx context.Context, db *sql.DB) (empty bool, err error) {
	version, err := userVersion(ctx, db)
	if err != nil {
		return false, err
	}
	if version > formatVersion {
		return false, newer(version)
	}
	var pages int64
	if err := db.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil || pages == 0 {
		return err == nil, err
	}
	return false, checkSchema(ctx, db, version)
}

// prepare makes or migrates what is in the file. WAL lasts in it, but a process that was killed
// while it made the file may not have come that far.
func prepare(ctx context.Context, db *sql.DB, id identity, hashKey []byte) (err error) {
	if id.empty {
		err = create(ctx, db, hashKey)
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

// ReadOnly says that the store cannot be written: it was asked for, or the file or its folder does
// not allow it.
func (s *Store) ReadOnly() bool { return s.readOnly }

// Path is the file's name as it was given to Open.
func (s *Store) Path() string { return s.path }

// HashKey is the file's own random key, for hashes of request parameters that mean nothing outside
// this file.
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
	return errors.Join(err, s.pool().Close())
}

// Check asks SQLite whether the file is intact; it reads all of it. The error matches ErrDamaged.
func (s *Store) Check(ctx context.Context) error {
	var verdict string
	if err := s.pool().QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check database %s: %w", pathname.Quote(s.path), explain(err))
	}
	if verdict != "ok" {
		return fmt.Errorf("check database %s: %w: %s", pathname.Quote(s.path), store.ErrDamaged, verdict)
	}
	return nil
}
