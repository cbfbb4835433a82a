//go:build unix

package safefile

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// noFollow makes opening a link fail.
const noFollow = syscall.O_NOFOLLOW

// owner is the number of the user who owns a file.
func owner(st os.FileInfo) (uid int, ok bool) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}

// ownGroup says whether a file's group is the one in which this user's files are made.
func ownGroup(st os.FileInfo) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(s.Gid) == os.Getegid()
}

// hold locks a file until release is called, or the process ends. Where the file system knows no
// locks, nobody can take it for unheld either.
func hold(name string) (release func()) {
	f, err := os.OpenFile(name, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return func() {}
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	return func() { f.Close() }
}

// removeUnheld removes a file of this user's that no process holds.
func removeUnheld(name string) {
	f, err := os.OpenFile(name, os.O_RDONLY|noFollow|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || owned(st) != nil ||
		unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil || !isStill(name, f) {
		return
	}
	_ = os.Remove(name) // the next one may
}
