package pull

import (
	"fmt"
	"hash/fnv"
	"os"
)

// Lock keeps two processes from pulling one tenant at the same time. It is a file beside the
// database whose bytes are locked, one a tenant; the system frees what a process that was killed
// held.
type Lock struct{ file *os.File }

// OpenLock opens the file, and makes it where there is none.
func OpenLock(name string) (*Lock, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
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

// Close frees what was taken.
func (l *Lock) Close() { _ = l.file.Close() } // nothing was written to it
