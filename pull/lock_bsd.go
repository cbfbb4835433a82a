//go:build unix && !linux

package pull

import "golang.org/x/sys/unix"

// setLock locks for the process.
const setLock = unix.F_SETLK
