package commands

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/6dcca832/headroom/report"
)

// writeOutput lets write fill the named file, or stdout where the name is "" or "-". A file appears, or is replaced,
// only when all of it has been written. The file that is being read must not be the one.
func writeOutput(stdout io.Writer, name, reading string, write func(io.Writer) error) error {
	if name == "" || name == "-" {
		return buffered(stdout, write)
	}
	if sameFile(name, reading) {
		return fmt.Errorf("write %q: is the file that is being read; name another with --output", name)
	}
	if st, err := os.Stat(name); err == nil {
		if !st.Mode().IsRegular() {
			return writeThrough(name, write)
		}
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	return replaceFile(name, write)
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

// writeThrough writes to what is no plain file, such as a pipe or the null device, which must stay what it is.
func writeThrough(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return errors.Join(buffered(f, write), f.Close())
}

// replaceFile writes beside the file and renames.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	f, err := createBeside(name)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err // the name of the passing file would only confuse
		}
		return fmt.Errorf("write %q: %w", name, err)
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
		return fmt.Errorf("write %q: %w", name, err)
	}
	return nil
}

// createBeside makes a new file in the folder of name, with the permissions of name where that exists.
func createBeside(name string) (*os.File, error) {
	mode := os.FileMode(0o666) // less the umask
	if st, err := os.Stat(name); err == nil {
		mode = st.Mode().Perm()
	}
	folder, base := filepath.Split(name)
	for i := 0; ; i++ {
		beside := filepath.Join(folder, fmt.Sprintf(".%s.%d.%d", base, os.Getpid(), i))
		f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
}

// sameFile says whether two names are of one existing file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// readLook reads --format and how it is to be shown.
func readLook(c *cli.Context, s *streams) (report.Options, error) {
	format, err := choice(c, "format", report.Formats()...)
	o := report.Options{}
	if name := c.String("output"); name == "" || name == "-" {
		o = lookOf(s)
	}
	o.Format = format
	return o, err
}

// lookOf is colour and the terminal's width where the output goes to a terminal.
func lookOf(s *streams) (o report.Options) {
	fd, ok := terminal(s.out)
	if !ok {
		return o
	}
	o.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(fd); err == nil {
		o.Width = width
	}
	return o
}

// terminal says whether a stream is one.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}
