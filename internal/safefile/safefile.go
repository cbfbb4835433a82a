// Package safefile writes files that a user named, without being led elsewhere: in a shared folder,
// somebody else may have put a link, or a file of their own, where the output is to go.
//
// For most uses, call Replace, under which a file appears or is replaced only when all of it has
// been written, Make for one that must not be there yet, or Create for one that grows. CanReplace
// and CanCreate ask before there is anything to write. Trusted says whether others can change a
// file that is believed, such as a configuration.
//
// # Guarantees
//
// A link is never followed, but for those below /dev, such as /dev/stdout. A file or pipe of
// another user is never written to, nor replaced. What a process that was killed has half-written
// lies beside the file, as .NAME.PID.N, until the next Replace, Make or Sweep of that name.
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

	"github.com/6dcca832/headroom/internal/pathname"
)

// Replace lets write fill the file of that name. The file appears, or is replaced, when all of it
// has been written, and keeps its permissions; a pipe or a device, such as /dev/null, is written to
// as it is.
func Replace(name string, write func(io.Writer) error) (err error) {
	st, err := check(name)
	if err != nil {
		return notWritten(name, err)
	}
	if st != nil && !st.Mode().IsRegular() {
		return writeThrough(name, write)
	}
	mode := fs.FileMode(0o666) // less the umask
	if st != nil {
		mode = st.Mode().Perm()
	}
	return writeBeside(name, mode, write, func(beside string) error { return os.Rename(beside, name) })
}

// Make writes a file that must not be there yet. It appears when all of it has been written. An
// error matches fs.ErrExist where there is one of that name, which stays.
func Make(name string, mode fs.FileMode, write func(io.Writer) error) error {
	return writeBeside(name, mode, write, func(beside string) error {
		err := os.Link(beside, name)
		if err == nil {
			err = os.Remove(beside)
		}
		return err
	})
}

// writeBeside writes a file beside the one of that name, and lets place put it there.
func writeBeside(
	name string, mode fs.FileMode, write func(io.Writer) error, place func(beside string) error,
) (err error) {
	f, release, err := createBeside(name, mode)
	if err != nil {
		return notWritten(name, err)
	}
	defer release()
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
		return fmt.Errorf("write %s: %w", pathname.Quote(name), err)
	}
	return notWritten(name, place(f.Name()))
}

// Create opens a new or emptied file for writing.
func Create(name string) (*os.File, error) {
	if _, err := check(name); err != nil {
		return nil, notWritten(name, err)
	}
	// The file is emptied only when it is known to be the one that was checked.
	flags := os.O_WRONLY | os.O_CREATE
	if !device(name) {
		flags |= noFollow
	}
	f, err := os.OpenFile(name, flags, 0o666)
	if err != nil {
		return nil, notWritten(name, err)
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
		return nil, notWritten(name, err)
	}
	return f, nil
}

// CanReplace says why Replace would refuse a name now, before there is anything to write: nil where
// it would not. It leaves nothing behind.
func CanReplace(name string) error {
	st, err := check(name)
	if err == nil && (st == nil || st.Mode().IsRegular()) {
		err = tryBeside(name)
	}
	return notWritten(name, err)
}

// CanCreate is CanReplace for Create.
func CanCreate(name string) error {
	st, err := check(name)
	switch {
	case err != nil:
	case st == nil:
		err = tryBeside(name)
	case st.Mode().IsRegular(): // opening a pipe would break it for its reader
		var f *os.File
		if f, err = os.OpenFile(name, os.O_WRONLY|noFollow, 0); err == nil {
			err = f.Close()
		}
	}
	return notWritten(name, err)
}

// tryBeside makes a file beside the one of that name, and removes it.
func tryBeside(name string) error {
	f, release, err := createBeside(name, 0o600)
	if err != nil {
		return err
	}
	release()
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// notWritten names the file that err is about; nil stays nil.
func notWritten(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write %s: %w", pathname.Quote(name), reason(err))
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
		return nil, err
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

// createBeside makes a new file in the folder of name. It is held, so that no Sweep removes it,
// until release is called.
func createBeside(name string, mode fs.FileMode) (f *os.File, release func(), err error) {
	Sweep(name)
	folder, base := filepath.Split(name)
	for i := 0; ; i++ {
		beside := filepath.Join(folder, fmt.Sprintf(".%s.%d.%d", base, os.Getpid(), i))
		f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		release := hold(beside)
		if isStill(beside, f) {
			return f, release, nil
		}
		release() // a Sweep saw it before it was held
		f.Close()
	}
}

// isStill says whether a name still stands for an open file.
func isStill(name string, f *os.File) bool {
	there, err := os.Lstat(name)
	if err != nil {
		return false
	}
	st, err := f.Stat()
	return err == nil && os.SameFile(there, st)
}

// Sweep removes what processes that were killed have left beside the file of that name. What one
// that still runs is writing stays, and so does everything where files cannot be locked.
func Sweep(name string) {
	folder, base := filepath.Split(name)
	if folder == "" {
		folder = "."
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return // there is nothing to be seen
	}
	for _, e := range entries {
		if e.Type().IsRegular() && ofKilled(e.Name(), base) {
			removeUnheld(filepath.Join(folder, e.Name()))
		}
	}
}

// ofKilled says whether createBeside gives such a name.
func ofKilled(entry, base string) bool {
	numbers, found := strings.CutPrefix(entry, "."+base+".")
	pid, n, two := strings.Cut(numbers, ".")
	return found && two && digits(pid) && digits(n)
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

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
