package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// session is what most commands need: the open log, the tenants' facts and the vendor's rules.
type session struct {
	*streams
	store  store.Log
	config *config.Config
	policy *limits.Policy

	// What hooks are told: a line on the outcome, whether it brought anything new, and of whom.
	outcome string
	changed bool
	told    []hookTenant

	policyText []byte // what policy was read from
	keyFile    string // of the key that signs seals; "" means the user's own
}

// withFacts makes an action that runs with a session without a log. What the user typed is checked
// before any file is touched: by options, and that --output can be written.
func withFacts[O any](
	s *streams, options func(*cli.Context, *streams) (O, error),
	run func(*cli.Context, *session, O) error,
) cli.ActionFunc {
	return action(func(c *cli.Context) error {
		o, err := options(c, s)
		if err != nil {
			return err
		}
		if err := checkOutput(c.String("output"), c.String("db")); err != nil {
			return err
		}
		se := &session{streams: s, keyFile: c.String("key")}
		if se.config, err = loadConfig(c); err != nil {
			return err
		}
		if se.keyFile == "" {
			se.keyFile = se.config.Key
		}
		if se.policyText, err = policyText(c.String("policy")); err != nil {
			return err
		}
		if se.policy, err = limits.Parse(c.String("policy"), se.policyText); err != nil {
			return err
		}
		s.detail("headroom: policy %s %s; %d tenants in the config", se.policy.Name, se.policy.Version,
			len(se.config.Tenants))
		begin := time.Now()
		err = se.withHooks(c.Context, c.Command.Name, func() error { return run(c, se, o) })
		s.detail("headroom: %s took %v", c.Command.Name, time.Since(begin).Round(time.Millisecond))
		return err
	})
}

// withStore makes an action that runs with a session whose log is open.
func withStore[O any](
	s *streams, options func(*cli.Context, *streams) (O, error),
	run func(*cli.Context, *session, O) error, modes ...openMode,
) cli.ActionFunc {
	return withFacts(s, options, func(c *cli.Context, se *session, o O) error {
		return se.open(c.Context, c.String("db"), func() error { return run(c, se, o) }, modes...)
	})
}

// open opens the log for as long as run lasts.
func (s *session) open(
	ctx context.Context, db string, run func() error, modes ...openMode,
) (err error) {
	waiting := func() { s.tell("headroom: waiting for another process to finish writing to the database") }
	if s.store, err = openLog(ctx, db, waiting, modes...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	s.detail("headroom: database %s", s.store.Path())
	return run()
}

// writable refuses a log that can only be read, for commands whose purpose is to write to it.
func (s *session) writable() error {
	if s.store.ReadOnly() {
		return fmt.Errorf("open database %s: %w: check the permissions of the file and of its folder, "+
			"or the rights of the role", pathname.Quote(s.store.Path()), store.ErrReadOnly)
	}
	return nil
}

// loadConfig reads the named config, which must exist, or the default one, which need not.
func loadConfig(c *cli.Context) (*config.Config, error) {
	name := cmp.Or(c.String("config"), defaultConfig)
	known, err := config.Load(name)
	if c.String("config") == "" && errors.Is(err, fs.ErrNotExist) && !fileExists(name) {
		return &config.Config{}, nil
	}
	if err != nil {
		return known, err
	}
	if err := privacy.CheckTenants(known.Names()); err != nil {
		return nil, fmt.Errorf("config %s: %w", pathname.Quote(name), err)
	}
	return known.RewriteNotes(privacy.Note), nil
}

// policyText is the file of that name where it looks like one or exists, else the built-in
// policy's.
func policyText(name string) ([]byte, error) {
	if !strings.ContainsAny(name, `/\.`) && !fileExists(name) {
		return limits.BuiltinText(name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	return data, nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// refresh brings the log's cache up to date. Where that cannot be, reading is slower and no less
// right.
func (s *session) refresh(ctx context.Context) error {
	return s.tolerate(s.store.Refresh(ctx))
}

// snapshot brings the cache up to date and opens the log as it is now. Of the tenants asked for it
// gives the names, nil for all, and it refuses those that nobody knows.
func (s *session) snapshot(ctx context.Context, asked []string) (store.Snapshot, []string, error) {
	if err := s.refresh(ctx); err != nil {
		return nil, nil, err
	}
	snap, err := s.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s.named(snap, asked)
}

// named gives the snapshot and the names of the tenants asked for.
func (s *session) named(snap store.Snapshot, asked []string) (store.Snapshot, []string, error) {
	names, err := s.tenants(snap, asked)
	if err != nil {
		return nil, nil, errors.Join(err, snap.Close())
	}
	return snap, names, nil
}

// write writes a result to the named file or to standard output, but never over the log itself.
func (s *session) write(output string, f func(io.Writer) error) error {
	return writeOutput(s.out, output, s.store.Path(), f)
}

// record starts a recorder that tells at once when it cannot write.
func (s *session) record(opts ...store.RecorderOption) *store.Recorder {
	tell := store.OnTrouble(func(err error) { s.warn("headroom: %v", err) })
	return store.NewRecorder(s.store, append(opts, tell)...)
}

// tolerate tells of an error that only the cache suffers from.
func (s *session) tolerate(err error) error {
	for _, harmless := range []error{store.ErrLocked, store.ErrFull, store.ErrReadOnly, store.ErrIO} {
		if errors.Is(err, harmless) {
			s.tell("headroom: the next run will be slower: %v", err)
			return nil
		}
	}
	return err
}

// look opens the log as it is now, with the config's aliases.
func (s *session) look(ctx context.Context) (store.Snapshot, error) {
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return store.Alias(snap, s.config.Aliases()), nil
}
