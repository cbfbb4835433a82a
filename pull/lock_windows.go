package pull

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockByte locks one byte of a file; ok is false where another open file has it.
func lockByte(f *os.File, at int64) (ok bool, err error) {
	place := &windows.Overlapped{Offset: uint32(at)}
	err = windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, place)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
