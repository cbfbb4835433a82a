package pull

import (
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxNotes is how many bytes of notes a file may have before it is emptied.
const maxNotes = 64 << 10

// Lock keeps two processes from pulling one tenant at the same time. It is a file beside the
// database whose bytes are locked, one a tenant; the system frees what a process that was killed
// held.
//
// The file also notes refusals for egress, a line each: a time in microseconds since 1970 UTC and a
// tenant. A line outlives a process that is killed before the log has the request's row, which may
// take seconds while the log is locked.
type Lock struct{ file *os.File }

// OpenLock opens the file, and makes it where there is none.
func OpenLock(name string) (*Lock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	return &Lock{f}, nil
}

// Take locks a tenant; ok is false where another process has it. Two tenants share a byte once in
// two thousand million pairs; then one waits for the other's run to end.
func (l *Lock) Take(tenant string) (ok bool, err error) {
	h := fnv.New32a()
	h.Write([]byte(tenant)) // never fails
	ok, err = lockByte(l.file, int64(h.Sum32()>>1))
	if err != nil {
		return false, fmt.Errorf("lock tenant %q: %w", tenant, err)
	}
	return ok, nil
}

// NoteRefusal notes that the vendor refused a tenant for egress at a time. It may be called by
// several goroutines.
func (l *Lock) NoteRefusal(tenant string, at time.Time) error {
	if _, err := fmt.Fprintf(l.file, "%d %s\n", at.UnixMicro(), tenant); err != nil {
		return fmt.Errorf("note refusal: %w", err)
	}
	return nil
}

// Refusals are when tenants were last refused, by name, as far as it is noted. A long file is
// emptied once none of its notes can hold any more.
func (l *Lock) Refusals(now time.Time) (map[string]time.Time, error) {
	text, err := os.ReadFile(l.file.Name())
	if err != nil {
		return nil, fmt.Errorf("read noted refusals: %w", err)
	}
	last := map[string]time.Time{}
	for line := range strings.Lines(string(text)) {
		micros, tenant, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseInt(micros, 10, 64)
		if at := time.UnixMicro(n); ok && err == nil && at.After(last[tenant]) {
			last[tenant] = at
		}
	}
	if len(text) > maxNotes && !anyHolds(last, now) {
		if err := os.Truncate(l.file.Name(), 0); err != nil {
			return nil, fmt.Errorf("drop noted refusals: %w", err)
		}
	}
	return last, nil
}

func anyHolds(refused map[string]time.Time, now time.Time) bool {
	for _, at := range refused {
		if now.Sub(at) <= RefusedWait {
			return true
		}
	}
	return false
}

// Close frees what was taken.
func (l *Lock) Close() { _ = l.file.Close() } // a note was written, or told as not
