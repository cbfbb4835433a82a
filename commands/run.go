package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/proxy"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/store"
)

// The exit codes of shells for what could not be run.
const (
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignalled   = 128 // and the signal's number
)

// runCommand is the name of the command that takes a program with its arguments.
const runCommand = "run"

// runGrace is how long calls that outlive the program may go on, such as those of its background
// jobs.
const runGrace = time.Second

func newRunCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      runCommand,
		Usage:     "run a program and record its calls",
		UsageText: "headroom run [--client NAME] [--pace] -- COMMAND [ARGUMENT…]",
		Description: "The program runs as it is, with an environment that leads its HTTP and HTTPS through a proxy that lives as\n" +
			"long as it does. The proxy opens only the vendor's hosts, with a certificate made for this run. Exits with the\n" +
			"program's code, or as shells do with 126, 127 or 128 and the signal. \"headroom doctor\" tells which runtimes heed it.\n\n" +
			"The program gets your environment with HEADROOM_TOKEN, and without headroom's other variables, HEADROOM_DB and so\n" +
			"on, which a headroom inside still follows. Where the database cannot be written, as on a full disk, it is not started:\n" +
			"exit code 2.\n\n" +
			"Examples:\n" +
			"  headroom run -- ./nightly-pull.sh\n" +
			"  headroom run --client export --pace -- python3 export.py --day 2026-11-01",
		Flags:  captureFlags(),
		Action: withFacts(s, readRunOptions, runRun),
	}
}

type runOptions struct {
	captureOptions
	command []string
}

func readRunOptions(c *cli.Context, _ *streams) (o runOptions, err error) {
	if o.command = c.Args().Slice(); len(o.command) == 0 {
		return o, errors.New("name the program to run: headroom run -- COMMAND")
	}
	if o.captureOptions, err = readCaptureOptions(c); err == nil && o.client == "" {
		o.client = filepath.Base(o.command[0])
	}
	return o, err
}

func runRun(c *cli.Context, se *session, o runOptions) error {
	if kept := os.Getenv(keepVariable); kept != "" {
		return se.open(c.Context, c.String("db"), func() error { return se.keep(c.Context, o) })
	}
	defer surviveSIGPIPE()()
	// They are the program's from here on, and do not end us before the folder is removed.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, heeded(forwarded...)...)
	defer signal.Stop(signals)
	if c.Err() != nil {
		return c.Err()
	}
	if _, err := exec.LookPath(o.command[0]); err != nil {
		return notStarted(se.streams, err) // and no database is made
	}
	if err := o.check(se.policy); err != nil {
		return err
	}
	return se.open(c.Context, c.String("db"), func() error { return se.runRecorded(o, signals) })
}

// runRecorded runs the program with a proxy beside it, for as long as it and what it leaves running
// lives.
func (s *session) runRecorded(o runOptions, signals <-chan os.Signal) error {
	if outer := s.outerRun(); outer != nil {
		return s.runInside(outer, o, signals)
	}
	o.addHosts(s.config)
	s.tellRedirects()
	authority, err := proxy.NewAuthority(s.policy, o.hosts()...)
	if err != nil {
		return err
	}
	folder, err := newRunFolder(folderOf(s.store.Path()))
	if err != nil {
		return err
	}
	defer func() {
		if folder != nil {
			_ = folder.remove() // the next run tries again
		}
	}()
	started := time.Now()
	capture, err := s.startCapture(o.captureOptions,
		captureAt{name: "run", authority: authority, secret: runSecret()})
	if err != nil {
		return err
	}
	env, err := s.runEnvironment(capture, folder, o)
	var exit error
	if err == nil {
		exit = runChild(s.streams, o.command, env, signals)
		if left := carriers(folder.path); len(left) > 0 && capture.handOver(folder, authority) {
			s.tell(
				"headroom: %s that the program started still %s (%s): headroom goes on recording in the background until the last one ends",
				measure.Count(int64(len(left)), "process"), map[bool]string{true: "runs", false: "run"}[len(left) == 1],
				pidList(left))
			folder = nil // it is the other's
		}
	}
	if err = errors.Join(err, capture.stop(runGrace)); err != nil {
		s.warn("headroom: %v", err)
	}
	// The lock was waited for; the exit code of the program is not to wait for more.
	if errors.Is(err, store.ErrLocked) {
		s.tell("headroom: %s; headroom audit", capture.summary())
		return exit
	}
	capture.tellEnd(started)
	s.autoSeal(context.Background()) // whatever ended the program
	return exit
}

// runEnvironment is what the program's environment is to be.
func (s *session) runEnvironment(c *capture, folder *runFolder, o runOptions) ([]string, error) {
	db := s.store.Path()
	if abs, err := filepath.Abs(db); err == nil && folderOf(db) == filepath.Dir(db) {
		db = abs
	}
	if err := folder.tell(about{c.addr(), o.pace, o.all, db, currentSettings()}); err != nil {
		return nil, err
	}
	return c.authority.Environment(folder.path, c.proxyURL(), programEnvironment())
}

// tellEnd prints the line that ends a run. It never changes the program's exit code.
func (c *capture) tellEnd(started time.Time) {
	line := "headroom: " + c.summary()
	if c.tally.requests.Load() == 0 {
		c.tell("%s: nothing went to the policy's hosts, or it was not seen; headroom doctor", line)
		return
	}
	switch n, err := c.findings(started); {
	case err != nil:
		line += fmt.Sprintf("; cannot audit: %v", err)
	default:
		line += ", " + measure.Count(n, "finding")
	}
	c.tell("%s; headroom audit", line)
}

// findings is how many findings there are about tenants that had a request since a time. Others may
// be near their cap, which is no news of this run's.
func (s *session) findings(since time.Time) (n int64, err error) {
	ctx := context.Background()
	if err := s.refresh(ctx); err != nil {
		return 0, err
	}
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	r, err := s.audit(ctx, snap, span{asOf: time.Now(), since: since}, nil)
	if err != nil {
		return 0, err
	}
	for _, t := range r.Tenants {
		if t.Requests > 0 {
			n += int64(len(t.Findings))
		}
	}
	return n, nil
}

// runChild runs the program on our own streams; its error is an exitCode, or nil for 0.
func runChild(s *streams, command, env []string, signals <-chan os.Signal) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = s.in, s.out, s.err, env
	if err := cmd.Start(); err != nil {
		return notStarted(s, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case sig := <-signals:
			if !fromKeyboard(sig) {
				_ = cmd.Process.Signal(sig) // it may have ended by now
			}
		case err := <-done:
			return childCode(cmd, err)
		}
	}
}

// notStarted tells why there is no program, and gives the exit code that shells give then.
func notStarted(s *streams, err error) error {
	s.warn("headroom: run: %v", err)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return exitCode(exitNotFound)
	}
	return exitCode(exitNotRunnable)
}

func childCode(cmd *exec.Cmd, err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return fmt.Errorf("wait for %s: %w", pathname.Quote(cmd.Path), err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitCode(exitSignalled + int(status.Signal()))
	}
	return exitCode(exit.ExitCode())
}
