// Package safefile writes files that a user named, without being led elsewhere: in a shared folder,
// somebody else may have put a link, or a file of their own, where the output is to go.
//
// For most uses, call Replace, under which a file appears or is replaced only when all of it has
// been written, or Create for one that grows. Trusted says whether others can change a file that is
// believed, such as a configuration.
//
// # Guarantees
//
// A link is never followed, but for those below /dev, such as /dev/stdout. A file or pipe of
// another user is never written to, nor replaced.
//
// # What it does not do
//
// Where the system has no owners of files, as Windows has none in this form, only links are
// refused.
package safefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Replace lets write fill the file of that name. The file appears, or is replaced, when all of it
// has been written, and keeps its permissions; a pipe or a device, such as /dev/null, is written to
// as it is.
func Replace(name string, write func(io.Writer) error) (err error) {
	st, err := check(name)
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	if st != nil && !st.Mode().IsRegular() {
		return writeThrough(name, write)
	}
	mode := fs.FileMode(0o666) // less the umask
	if st != nil {
		mode = st.Mode().Perm()
	}
	f, err := createBeside(name, mode)
	if err != nil {
		return fmt.Errorf("write %q: %w", name, reason(err))
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := buffered(f, write); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("write %q: %w", name, reason(err))
	}
	return nil
}

// Create opens a new or emptied file for writing.
func Create(name string) (*os.File, error) {
	if _, err := check(name); err != nil {
		return nil, fmt.Errorf("write %q: %w", name, err)
	}
	// The file is emptied only when it is known to be the one that was checked.
	flags := os.O_WRONLY | os.O_CREATE
	if !device(name) {
		flags |= noFollow
	}
	f, err := os.OpenFile(name, flags, 0o666)
	if err != nil {
		return nil, fmt.Errorf("write %q: %w", name, reason(err))
	}
	st, err := f.Stat()
	if err == nil {
		err = owned(st)
	}
	if err == nil && st.Mode().IsRegular() {
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("write %q: %w", name, err)
	}
	return f, nil
}

// check says what is there now, nil for nothing, and refuses what must not be written to.
func check(name string) (os.FileInfo, error) {
	if device(name) {
		return os.Stat(name)
	}
	st, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, reason(err)
	case st.Mode()&fs.ModeSymlink != 0:
		return nil, errors.New("is a link, which is not followed; name the file that it leads to")
	case st.IsDir():
		return nil, errors.New("is a folder; name a file in it")
	}
	return st, owned(st)
}

// device says whether a name is one of the system's own, which may be links: /dev/stdout is.
func device(name string) bool {
	return strings.HasPrefix(filepath.ToSlash(filepath.Clean(name)), "/dev/")
}

// owned refuses what belongs to another user, root's apart.
func owned(st os.FileInfo) error {
	if uid, ok := owner(st); ok && uid != os.Geteuid() && (uid != 0 || st.Mode().IsRegular()) {
		return errors.New("belongs to another user; remove it, or name another file")
	}
	return nil
}

// Trusted returns an error that says why others could have changed the file: they own it, or may
// write to it. A file of root's is trusted, and the user's own group is.
func Trusted(st os.FileInfo) error {
	uid, ok := owner(st)
	switch {
	case !ok:
		return nil
	case uid != os.Geteuid() && uid != 0:
		return errors.New("it belongs to another user")
	case st.Mode().Perm()&0o002 != 0:
		return errors.New("every user may write to it; chmod o-w takes that away")
	case st.Mode().Perm()&0o020 != 0 && !ownGroup(st):
		return errors.New("a group of users may write to it; chmod g-w takes that away")
	}
	return nil
}

// writeThrough writes to what is no plain file, such as a pipe or the null device, which must stay
// what it is.
func writeThrough(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return errors.Join(buffered(f, write), f.Close())
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriter(w)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// createBeside makes a new file in the folder of name.
func createBeside(name string, mode fs.FileMode) (*os.File, error) {
	folder, base := filepath.Split(name)
	for i := 0; ; i++ {
		beside := filepath.Join(folder, fmt.Sprintf(".%s.%d.%d", base, os.Getpid(), i))
		f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// reason leaves out the name of the file that err is about: it is said elsewhere, or is a passing
// one.
func reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
