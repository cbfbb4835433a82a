package store

import "errors"

// What became of a listed recording, as LedgerEntry.State.
const (
	LedgerStored   = "stored"   // it lies whole where Place says
	LedgerGone     = "gone"     // the vendor no longer has it
	LedgerRefused  = "refused"  // what came was no recording; it is tried again on a later night
	LedgerExcluded = "excluded" // the user does not want it
)

// LedgerEntry says what a pull did about one recording. Entries are only ever added; of several
// for one recording, LedgerStored counts, else the last.
type LedgerEntry struct {
	// ID is the row's number in order of arrival; 0 means: not stored yet.
	ID     int64
	Tenant string
	// Key is the recording's, and StartedAt when it began, in microseconds since 1970 UTC: both as the
	// vendor's list says.
	Key       string
	StartedAt int64
	// At is when this was done, in microseconds since 1970 UTC.
	At    int64
	State string
	// Bytes is the size of what was stored, SHA256 its hash in hex, and Place its name below the
	// destination; 0 and "" in other states.
	Bytes  int64
	SHA256 string
	Place  string
	// Note is what is odd about it, or why it was not stored.
	Note string
}

// Check refuses an entry that names no tenant, no recording or no state.
func (e *LedgerEntry) Check() error {
	switch {
	case e.Tenant == "":
		return errors.New("it has no tenant")
	case e.Key == "":
		return errors.New("it has no key")
	case e.State == "":
		return errors.New("it has no state")
	case e.Bytes < 0:
		return errors.New("it has a negative size")
	}
	return nil
}
