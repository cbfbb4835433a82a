package sqlite

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
)

// A file can be moved, replaced or deleted while it is open: the process would go on writing where
// nobody finds it. And a file in a folder that cannot be written, without a write-ahead log, is
// read as if it could not change, since SQLite could not lock it: where it did change, it is opened
// again.

// stamp identifies a file and its state.
type stamp struct {
	info os.FileInfo // nil where it could not be had
	log  bool        // it has a write-ahead log
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info, exists(path + "-wal")}
}

// samePlace says that both are of one file.
func (a stamp) samePlace(b stamp) bool {
	return a.info != nil && b.info != nil && os.SameFile(a.info, b.info)
}

// same says that the file was not written in between either.
func (a stamp) same(b stamp) bool {
	return a.samePlace(b) && a.log == b.log && a.info.Size() == b.info.Size() &&
		a.info.ModTime().Equal(b.info.ModTime())
}

// resolved is the file that a path leads to through links: SQLite looks for the write-ahead log
// beside that one.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func (s *Store) pool() *sql.DB {
	s.file.Lock()
	defer s.file.Unlock()
	return s.db
}

// inPlace fails where the file is not the one that was opened.
func (s *Store) inPlace() error {
	s.file.Lock()
	defer s.file.Unlock()
	if !s.seen.samePlace(stampOf(resolved(s.path))) {
		return errMoved
	}
	return nil
}

var errMoved = fmt.Errorf("%w: put it back, or start headroom again", store.ErrMoved)

// current gives the database to read from. Where the file can only be read and has changed, or is
// read in another way now, it is opened again.
func (s *Store) current() (*sql.DB, stamp, error) {
	s.file.Lock()
	defer s.file.Unlock()
	path := resolved(s.path)
	now := stampOf(path)
	if s.mode == readWrite {
		if !s.seen.samePlace(now) {
			return nil, stamp{}, errMoved
		}
		return s.db, stamp{}, nil
	}
	stale := s.mode == immutable && !s.seen.same(now)
	if stale || !s.seen.samePlace(now) || s.mode != modeFor(path, true, false) {
		again := &Store{path: s.path, opts: options{mustExist: true, readOnly: true}}
		if err := again.open(); err != nil {
			return nil, stamp{}, err
		}
		s.db.Close() // snapshots keep their connections until they are closed
		s.db, s.mode, s.seen = again.db, again.mode, again.seen
	}
	if s.mode != immutable {
		return s.db, stamp{}, nil
	}
	return s.db, s.seen, nil
}

// unchanged fails where a file that is read as if it could not change did: what was read may be
// wrong.
func (s *Store) unchanged(seen stamp) error {
	if seen.info == nil || seen.same(stampOf(resolved(s.path))) {
		return nil
	}
	return fmt.Errorf("read database %s: it was changed meanwhile; run it again",
		pathname.Quote(s.path))
}
