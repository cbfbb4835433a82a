package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/store/postgres"
	"github.com/6dcca832/headroom/store/sqlite"
)

func newPushCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "push",
		Usage: "send what this machine recorded to a database that many machines share",
		Description: "Sends what is new in the --db file to PostgreSQL, each row once, however often it is run and\n" +
			"whatever is killed meanwhile. While the database is away, nothing is lost: the next push sends it.\n" +
			"Where there is no file yet, it makes one with the shared log's hash key, so that equal parameters\n" +
			"are told as such whichever machine sent them. A file that is older than what was pushed from it, or\n" +
			"a copy that went on by itself, is refused. Passwords come from PGPASSWORD or a pgpass file.\n\n" +
			"Examples:\n" +
			"  headroom push --to postgres://headroom@db.example/headroom\n" +
			"  headroom push --every 5m\n" +
			"  headroom push --list",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", EnvVars: []string{"HEADROOM_PUSH_TO"},
				Usage: "send to this `URL`, postgres://USER@HOST/DATABASE; needed"},
			&cli.StringFlag{Name: "every", Usage: "go on until interrupted, with a push each `LENGTH` of time, such as 5m"},
			&cli.StringFlag{Name: "machine", Usage: "call this machine `NAME` (its first push says it; default: a few random digits)"},
			&cli.BoolFlag{Name: "list", Usage: "send nothing, and list the machines that did, with their clocks"},
		},
		Action: withFacts(s, readPushOptions, runPush),
	}
}

// pushClock is this machine's clock. It is a variable for tests only.
var pushClock = time.Now

type pushOptions struct {
	postgres.PushOptions
	db, to string
	every  time.Duration
	list   bool
}

func readPushOptions(c *cli.Context, _ *streams) (o pushOptions, err error) {
	o.db, o.to, o.list = c.String("db"), c.String("to"), c.Bool("list")
	o.Name, o.Now = privacy.Note(c.String("machine")), pushClock
	switch {
	case o.to == "":
		return o, errors.New("flag --to: is needed: postgres://USER@HOST/DATABASE, or HEADROOM_PUSH_TO in the environment")
	case !isURL(o.to):
		return o, errors.New("flag --to: it must begin with postgres://") // what it is may hold a password
	case isURL(o.db):
		return o, errors.New("flag --db: what is pushed is a file; other commands take the URL as --db")
	}
	if c.IsSet("every") {
		if o.every, err = config.ParseLength(c.String("every")); err != nil {
			return o, fmt.Errorf("flag --every: %w", err)
		}
		if o.every < time.Second {
			return o, errors.New("flag --every: it must be a second or more")
		}
	}
	return o, noArguments(c)
}

func runPush(c *cli.Context, se *session, o pushOptions) error {
	if o.list {
		return se.listMachines(c.Context, o)
	}
	for {
		err := se.push(c.Context, o)
		if o.every == 0 {
			return err
		}
		if c.Err() == nil && err != nil {
			se.warn("headroom: push: %v; the next attempt is in %s", err, measure.Span(o.every))
		}
		select {
		case <-c.Done():
			return nil
		case <-time.After(o.every):
		}
	}
}

// push sends what is new. It opens both databases anew each time: between two pushes of --every
// either may be restored, moved or restarted.
func (s *session) push(ctx context.Context, o pushOptions) (err error) {
	waiting := func() { s.tell("headroom: waiting for another process to finish writing to the database") }
	to, from, err := s.openBoth(ctx, o, waiting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close(), to.Close()) }()
	p, err := to.Push(ctx, from, o.PushOptions)
	if err != nil {
		return err
	}
	s.tell("headroom: pushed %s, %s, %s and %s to %s; %s", measure.Count(p.Requests, "request"),
		measure.Count(p.Recordings, "listed recording"), measure.Count(p.Events, "event"),
		measure.Count(p.Ledger, "ledger entry"),
		to.Path(), clockWords(p.Ahead, p.Within))
	if p.Ahead.Abs() > time.Second+p.Within {
		s.warn("headroom: push: this machine's clock is off by %s: the order of requests of two machines is "+
			"not surer than that; have it set by NTP", measure.Duration(p.Ahead.Abs().Microseconds()))
	}
	if p.OtherKey {
		s.detail("headroom: this file has a hash key of its own: whether two machines sent the same parameters " +
			"cannot be told. A file that push makes has the shared log's")
	}
	return nil
}

// openPatience is the longest that a server may take until its tables can be used.
const openPatience = 2 * time.Minute

// openBoth opens the file and the database. Whichever is new gets the hash key of the other.
func (s *session) openBoth(
	ctx context.Context, o pushOptions, waiting func(),
) (to *postgres.Store, from *sqlite.Store, err error) {
	opts := []postgres.Option{postgres.WhenWaiting(waiting)}
	if fileExists(o.db) {
		if from, err = sqlite.Open(o.db, sqlite.WhenWaiting(waiting)); err != nil {
			return nil, nil, err
		}
		opts = append(opts, postgres.WithHashKey(from.HashKey()))
	}
	within, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	if to, err = postgres.Open(within, o.to, opts...); err == nil && from == nil {
		if from, err = sqlite.Open(o.db, sqlite.WithHashKey(to.HashKey())); err == nil {
			s.tell("headroom: made %s with the hash key of the shared log", o.db)
		}
	}
	if err == nil {
		return to, from, nil
	}
	if from != nil {
		err = errors.Join(err, from.Close())
	}
	if to != nil {
		err = errors.Join(err, to.Close())
	}
	return nil, nil, err
}

// clockWords say how far the machine's clock is from the server's.
func clockWords(ahead, within time.Duration) string {
	if ahead.Abs() <= within {
		return fmt.Sprintf("its clock and this one agree within %s", measure.Duration(within.Microseconds()))
	}
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	return fmt.Sprintf("this clock is %s %s the server's, ± %s", measure.Duration(ahead.Abs().Microseconds()),
		way, measure.Duration(within.Microseconds()))
}

// listMachines prints a line for each machine that pushed.
func (s *session) listMachines(ctx context.Context, o pushOptions) error {
	to, err := postgres.Open(ctx, o.to, postgres.ReadOnly())
	if err != nil {
		return err
	}
	all, err := to.Machines(ctx)
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	return buffered(s.out, func(w io.Writer) error {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "Machine\tRequests\tLast push\tClock ahead by\tHash key")
		for _, m := range all {
			key := "the log's"
			if m.OtherKey {
				key = "its own"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%.3f s ± %.3f s\t%s\n", oneLine(m.Name), measure.Grouped(m.Requests),
				stamp(time.UnixMicro(m.PushedAt).UTC()), m.Ahead.Seconds(), m.Within.Seconds(), key)
		}
		return table.Flush()
	})
}
