// Package commands is the command line: it reads flags, environment and headroom.toml, calls the
// packages below, and prints. Nothing is decided here about requests or limits.
//
// Main is the whole program but for the exit. Each command is a file with its flags (newXCommand),
// a struct of what they say (xOptions) and what it does (runX). A command says what is wrong with
// an error; Main prints it as one line and turns it into the exit code:
//
//	0  done, and nothing found at or above --fail-on
//	1  done, with findings
//	2  not carried out; nothing half-written
//	3  done in part
//
// # What it does not do
//
// It never exits and never writes to the process's own streams: both are the caller's, which makes
// every command testable in a script.
package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/plainerr"
)

// The exit codes.
const (
	exitDone     = 0
	exitFindings = 1
	exitFailed   = 2
	exitPartly   = 3
)

// Errors that are exit codes: whatever there is to say has been said.
var (
	errFindings = errors.New("findings")
	errPartly   = errors.New("done in part")
)

// exitCode is an error that is the exit code of a program that was run.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// Main runs the command line args (the program's name first) and returns the exit code. SIGINT,
// SIGHUP and SIGTERM end what can be ended in between; a second one kills.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(
		ctx,
		append(heeded(os.Interrupt, syscall.SIGHUP), syscall.SIGTERM)...)
	defer stop()
	context.AfterFunc(ctx, stop)
	restoreSettings()
	log.SetOutput(io.Discard) // net/http logs bytes of answers that nobody asked for
	app := newApp(&streams{in: stdin, out: stdout, err: stderr})
	help := &errorWriter{w: stdout}
	app.Writer = help
	if len(args) > 1 && args[1] == completeWord {
		if complete(app, args[2:], stdout) != nil {
			return exitFailed
		}
		return exitDone
	}
	args, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	if err == nil && help.err != nil {
		err = fmt.Errorf("write output: %w", help.err)
	}
	code := exitCodeOf(err)
	if code == exitFailed && !said(err) {
		fmt.Fprintf(stderr, "headroom: %s\n", oneLine(plainerr.Text(err)))
	}
	return code
}

// exitCodeOf is the exit code of a command that ended with err.
func exitCodeOf(err error) int {
	var code exitCode
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errPartly):
		return exitPartly
	}
	return exitFailed
}

// said says of an error that it is an exit code, and that there is nothing more to say.
func said(err error) bool {
	var code exitCode
	return err == nil || errors.Is(err, errFindings) || errors.Is(err, errPartly) ||
		errors.As(err, &code)
}

// heeded are the signals that we were not started to ignore, as nohup and the background jobs of
// scripts are: to ask for an ignored signal would bring it back, for the programs that we start,
// too.
func heeded(signals ...os.Signal) []os.Signal {
	return slices.DeleteFunc(slices.Clone(signals), signal.Ignored)
}

// surviveSIGPIPE lets writing to a pipe that nobody reads any more fail. Without, it would end the
// process, before what was done is recorded. It concerns neither the programs that are started, nor
// anybody after stop.
func surviveSIGPIPE() (stop func()) {
	broken := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGPIPE) {
		signal.Notify(broken, syscall.SIGPIPE)
	}
	return func() { signal.Stop(broken) }
}

// streams are where a command reads and prints.
type streams struct {
	in       io.Reader
	out, err io.Writer

	quiet, verbose bool
}

// listen takes what --quiet and --verbose say.
func (s *streams) listen(c *cli.Context) error {
	s.quiet, s.verbose = c.Bool("quiet"), c.Bool("verbose")
	if s.quiet && s.verbose {
		return errors.New("flags --quiet and --verbose: give one of them")
	}
	return nil
}

// warn prints what went wrong with a command that goes on.
func (s *streams) warn(format string, args ...any) {
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			args[i] = plainerr.Text(err)
		}
	}
	fmt.Fprintln(s.err, oneLine(fmt.Sprintf(format, args...)))
}

// tell prints a message that is neither result nor error, unless --quiet is given.
func (s *streams) tell(format string, args ...any) {
	if !s.quiet {
		s.warn(format, args...)
	}
}

// detail prints what only --verbose asks for.
func (s *streams) detail(format string, args ...any) {
	if s.verbose {
		s.warn(format, args...)
	}
}

func newApp(s *streams) *cli.App {
	return &cli.App{
		Name:      "headroom",
		Usage:     "how much room is left under a contact-centre vendor's API limits, and what was done under them",
		UsageText: "headroom [--db FILE|URL] [--config FILE] [--policy FILE|NAME] COMMAND …",
		Version:   version(),
		// -v is --verbose; arrange makes --version the command of that name.
		HideVersion: true,
		Flags:       globalFlags(),
		Before:      s.listen,
		Commands: []*cli.Command{
			newDemoCommand(s), newInitCommand(s), newImportCommand(s), newExportCommand(s),
			newAuditCommand(s), newForecastCommand(s), newUsageCommand(s),
			newReportCommand(s), newPullCommand(s), newPlanCommand(s), newPushCommand(s), newServeCommand(s),
			newEvidenceCommand(s), newVerifyCommand(s), newSealCommand(s), newPruneCommand(s),
			newResetCommand(s), newTenantsCommand(s), newRunCommand(s), newProxyCommand(s),
			newCallCommand(s), newDoctorCommand(s), newPolicyCommand(s), newRulesCommand(s),
			newCompletionCommand(s), newManCommand(s), newVersionCommand(s),
		},
		Reader: s.in, ErrWriter: s.err,
		ExitErrHandler:            func(*cli.Context, error) {}, // only main exits
		OnUsageError:              func(_ *cli.Context, err error, _ bool) error { return err },
		DisableSliceFlagSeparator: true, // a tenant's name may hold a comma
	}
}

// action makes a command's action of f: what goes wrong is told under the command's name.
func action(f func(*cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		err := f(c)
		if said(err) {
			return err
		}
		if errors.Is(err, context.Canceled) && c.Err() != nil {
			err = errors.New("interrupted")
		}
		if prefix := c.Command.Name + ": "; !strings.HasPrefix(err.Error(), prefix) {
			return fmt.Errorf("%s%w", prefix, err)
		}
		return err
	}
}

// noArguments refuses what a command does not take.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("argument %q is not expected; see \"headroom help %s\"", c.Args().First(),
			c.Command.Name)
	}
	return nil
}

// oneLine makes a message safe for a terminal and a log: no line breaks, no control characters.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}
