//go:build unix

package pull

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// lockByte locks one byte of a file for writing; ok is false where another open file has it.
func lockByte(f *os.File, at int64) (ok bool, err error) {
	err = unix.FcntlFlock(f.Fd(), setLock, &unix.Flock_t{
		Type: unix.F_WRLCK, Whence: io.SeekStart, Start: at, Len: 1,
	})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}
