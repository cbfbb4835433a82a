package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/6dcca832/headroom/ingest/logs"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
)

// checkInputs refuses what cannot be read before anything is, so that a slip of the hand leaves
// nothing half-done.
func checkInputs(files []string, db, rejects string) error {
	stdin := 0
	for _, name := range files {
		if name == standardInput {
			stdin++
			continue
		}
		if err := readable(name); err != nil {
			return err
		}
		if sameFile(name, db) {
			return fmt.Errorf("open %s: is the database itself", pathname.Quote(name))
		}
		if rejects != "" && sameFile(name, rejects) {
			return fmt.Errorf("flag --rejects: %s is one of the files to be read", pathname.Quote(rejects))
		}
	}
	if rejects != "" && sameFile(rejects, db) {
		return fmt.Errorf("flag --rejects: %s is the database", pathname.Quote(rejects))
	}
	if stdin > 1 {
		return errors.New("standard input, \"-\", can be read only once")
	}
	return nil
}

func readable(name string) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("open %s: is a folder; name the files in it", pathname.Quote(name))
	}
	if !st.Mode().IsRegular() {
		return nil // opening a pipe to look at it would break it for its writer
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// errEnough ends an import that only looks at its beginning.
var errEnough = errors.New("seen enough")

// glance is a sink that takes nothing.
type glance struct{}

func (glance) Add(context.Context, []store.Request) error { return errEnough }

func (glance) AddRecordings(context.Context, []store.Recording) error { return errEnough }

// recognisable refuses to make a database when none of the files is anything that could be
// imported.
func recognisable(ctx context.Context, se *session, o importOptions, db string) (err error) {
	if fileExists(db) || isURL(db) {
		return nil
	}
	im := importer{session: se}
	for _, name := range o.files {
		if name == standardInput && len(o.files) == 1 {
			return se.notEmpty(ctx)
		}
		if st, e := os.Stat(name); name == standardInput || e != nil || !st.Mode().IsRegular() {
			return nil // reading from a pipe would use it up
		}
		in, _, e := im.openInput(ctx, name)
		if e != nil {
			return e
		}
		_, e = logs.Import(
			ctx,
			in,
			glance{},
			logs.Options{
				Format:  o.format,
				Mapping: o.mapping,
				Tenant:  o.tenant,
				Policy:  se.policy,
				HashKey: []byte("not kept"),
			},
		)
		in.Close()
		if !errors.Is(e, logs.ErrFormat) && !errors.Is(e, logs.ErrEmpty) {
			return nil
		}
		err = errors.Join(err, fmt.Errorf("read %s: %w", name, e))
	}
	return err
}

// notEmpty refuses a standard input without a byte, as a program that failed leaves it, and keeps
// what it looked at.
func (s *session) notEmpty(ctx context.Context) error {
	in := bufio.NewReader(interruptible(ctx, s.in))
	if _, err := in.Peek(1); errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", shown(standardInput), logs.ErrEmpty)
	}
	s.in = in // another error comes again
	return nil
}

// shown is what messages call a file.
func shown(name string) string {
	if name == standardInput {
		return "stdin"
	}
	return name
}

// openWaiting opens a file. A pipe opens once somebody writes to it; until then, ctx ends the wait.
func openWaiting(ctx context.Context, name string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(name)
		done <- opened{f, err}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// openInput opens a file; size is 0 where it is not known.
func (im *importer) openInput(
	ctx context.Context, name string,
) (in io.ReadCloser, size int64, err error) {
	if name == standardInput {
		return interruptible(ctx, im.in), 0, nil
	}
	f, err := openWaiting(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		return interruptible(ctx, f), 0, nil
	}
	return f, st.Size(), nil
}

// interruptible reads from what may never send anything, such as a terminal or a pipe, until ctx is
// done.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(in, r)
		stop()
		in.CloseWithError(err)
	}()
	return out
}
