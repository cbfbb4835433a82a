package commands

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/internal/safefile"
	"github.com/6dcca832/headroom/report"
)

// writeOutput lets write fill the named file, or stdout where the name is "" or "-". A file
// appears, or is replaced, only when all of it has been written; package safefile says what is
// refused. The file that is being read must not be the one.
func writeOutput(stdout io.Writer, name, reading string, write func(io.Writer) error) error {
	if isStdout(name) {
		return buffered(stdout, write)
	}
	if err := checkOutput(name, reading); err != nil {
		return err
	}
	return safefile.Replace(name, write)
}

// isStdout says whether --output means standard output.
func isStdout(name string) bool { return name == "" || name == "-" }

// checkOutput says why the named file could not be written, before there is anything to write; see
// writeOutput.
func checkOutput(name, reading string) error {
	if isStdout(name) {
		return nil
	}
	if sameFile(name, reading) {
		return fmt.Errorf("write %s: is the file that is being read; name another with --output",
			pathname.Quote(name))
	}
	path, err := filepath.Abs(name)
	if err == nil {
		_, err = os.Stat(filepath.Dir(path))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: its folder does not exist; make it first", pathname.Quote(path))
	}
	return safefile.CanReplace(name)
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

// errorWriter keeps the last error of writing, which the cli package, whose help it takes, drops.
type errorWriter struct {
	w   io.Writer
	err error
}

func (e *errorWriter) Write(p []byte) (int, error) {
	n, err := e.w.Write(p)
	if err != nil {
		e.err = err
	}
	return n, err
}

// sameFile says whether two names are of one file, or would be if it were there.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	if errX == nil && errY == nil {
		return os.SameFile(x, y)
	}
	a, errX = filepath.Abs(a)
	b, errY = filepath.Abs(b)
	return errX == nil && errY == nil && a == b
}

// readLook reads --format and how it is to be shown.
func readLook(c *cli.Context, s *streams) (o report.Options) {
	if isStdout(c.String("output")) {
		o = lookOf(s)
	}
	o.Format = c.String("format")
	return o
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
