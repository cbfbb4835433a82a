package store

import "errors"

// What can be wrong with a file. Errors of this package match one of these with errors.Is where a
// caller may want to act; their text says which file and what to do.
var (
	// ErrNotOurs: the file exists and is no request log of headroom's. It was not touched.
	ErrNotOurs = errors.New("is not a headroom database")
	// ErrNewer: a newer headroom wrote the file. It was not touched.
	ErrNewer = errors.New("was written by a newer headroom")
	// ErrDamaged: SQLite finds the file malformed.
	ErrDamaged = errors.New("is damaged")
	// ErrLocked: another process kept the file locked for longer than the busy timeout.
	ErrLocked = errors.New("is locked by another process")
	// ErrReadOnly: the file, or its folder, cannot be written.
	ErrReadOnly = errors.New("cannot be written")
	// ErrFull: the disk is full. What was being written was rolled back.
	ErrFull = errors.New("does not fit on the disk")
	// ErrIO: the disk gave an error. It may pass, as one on a network does.
	ErrIO = errors.New("cannot be read or written")
	// ErrMoved: the file is no longer where it was when it was opened.
	ErrMoved = errors.New("was moved, replaced or deleted while it was open")
	// ErrNoFile: the file does not exist and the caller did not ask for it to be made.
	ErrNoFile = errors.New("does not exist")
)
