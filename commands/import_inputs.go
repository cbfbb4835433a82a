package commands

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/6dcca832/headroom/ingest/logs"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/internal/safefile"
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
	if stdin > 1 {
		return errors.New("standard input, \"-\", can be read only once")
	}
	if rejects == "" {
		return nil
	}
	if sameFile(rejects, db) {
		return fmt.Errorf("flag --rejects: %s is the database", pathname.Quote(rejects))
	}
	if err := safefile.CanCreate(rejects); err != nil {
		return fmt.Errorf("flag --rejects: %w", err)
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

// nowhere is a sink that takes nothing.
type nowhere struct{}

func (nowhere) Add(context.Context, []store.Request) error { return errEnough }

func (nowhere) AddRecordings(context.Context, []store.Recording) error { return errEnough }

// recognisable refuses to make a database when none of the files is anything that could be
// imported.
func recognisable(ctx context.Context, se *session, o importOptions, db string) (err error) {
	if fileExists(db) || isURL(db) {
		return nil
	}
	for _, name := range o.files {
		e := se.glance(ctx, name, o)
		if !errors.Is(e, logs.ErrFormat) && !errors.Is(e, logs.ErrEmpty) {
			return nil
		}
		err = errors.Join(err, fmt.Errorf("read %s: %w", shown(name), e))
	}
	return err
}

// glance imports the beginning of a file to nowhere. Its error says why nothing can be made of it;
// nil where a closer look tells.
func (s *session) glance(ctx context.Context, name string, o importOptions) error {
	if name == standardInput {
		return s.tryImport(ctx, s.beginning(ctx), o)
	}
	if st, err := os.Stat(name); err != nil || !st.Mode().IsRegular() {
		return nil // reading from a pipe would use it up
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.tryImport(ctx, f, o)
}

func (s *session) tryImport(ctx context.Context, in io.Reader, o importOptions) error {
	_, err := logs.Import(ctx, in, nowhere{}, logs.Options{
		Format: o.format, Mapping: o.mapping, Tenant: o.tenant, Policy: s.policy,
		HashKey: []byte("not kept"),
	})
	return err
}

// beginning is what standard input begins with, as much of it as the detection of a format sees.
// Where there is more, errEnough follows. Nothing of it is used up.
func (s *session) beginning(ctx context.Context) io.Reader {
	const size = 64 << 10
	in := bufio.NewReaderSize(interruptible(ctx, s.in), size)
	head, err := in.Peek(size)
	s.in = in // another error comes again
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(head)
	}
	more, end := io.Pipe()
	end.CloseWithError(errEnough)
	return io.MultiReader(bytes.NewReader(head), more)
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
