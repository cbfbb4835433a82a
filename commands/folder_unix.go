//go:build unix

package commands

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// isPrivate says why others than this user and root could change what a folder's name stands for;
// nil means that they cannot. The name must be absolute and without links.
func isPrivate(dir string) error {
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if ownerOf(st) != os.Geteuid() || !st.IsDir() || st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%q is not a folder of this user's with mode 0700", dir)
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if st, err = os.Lstat(dir); err != nil {
			return err
		}
		if owner := ownerOf(st); owner != 0 && owner != os.Geteuid() || othersMayChange(st) {
			return fmt.Errorf("others may change %q", dir)
		}
	}
	return nil
}

// othersMayChange says whether others may rename what is in a folder. In a folder with the sticky
// bit they may not. A group of the user's number is taken to be his alone, as umask's own rule is
// where it lets the group write (pam_umask).
func othersMayChange(st fs.FileInfo) bool {
	if st.Mode()&fs.ModeSticky != 0 {
		return false
	}
	s := st.Sys().(*syscall.Stat_t)
	ownGroup := s.Gid == s.Uid && int(s.Gid) == os.Getegid()
	return st.Mode().Perm()&0o002 != 0 || st.Mode().Perm()&0o020 != 0 && !ownGroup
}

func ownerOf(st fs.FileInfo) int { return int(st.Sys().(*syscall.Stat_t).Uid) }

// lockFile opens a file and locks it, for as long as it is open. Without wait it fails where
// somebody else has it.
func lockFile(name string, wait bool) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
