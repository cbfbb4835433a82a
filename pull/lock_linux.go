package pull

import "golang.org/x/sys/unix"

// setLock locks for the open file, so that two pulls in one process keep apart, too.
const setLock = unix.F_OFD_SETLK
