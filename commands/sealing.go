package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/store"
)

// key reads the key that signs seals, or makes it where no file is named and there is none.
func (s *session) key() (*evidence.Key, error) {
	name := s.keyFile
	if name != "" {
		return evidence.LoadKey(name)
	}
	name, err := evidence.DefaultKeyFile()
	if err != nil {
		return nil, err
	}
	k, created, err := evidence.LoadOrCreateKey(name)
	if created {
		s.detail("headroom: made the key that signs this user's logs, %s; keep a copy of it", name)
	}
	if err != nil && !fileExists(name) { // its folder is of no use
		err = fmt.Errorf("%w; --key, or key in headroom.toml, names another place for the key", err)
	}
	return k, err
}

// existingKey reads the key and makes none; it is nil where there is none and none was named.
func (s *session) existingKey() (*evidence.Key, error) {
	name := s.keyFile
	if name == "" {
		var err error
		if name, err = evidence.DefaultKeyFile(); err != nil || !fileExists(name) {
			return nil, nil //nolint:nilerr // without a configuration folder there is no key either
		}
	}
	return evidence.LoadKey(name)
}

// seal seals what is not sealed yet.
func (s *session) seal(ctx context.Context) (evidence.Sealed, error) { return s.sealFor(ctx, "") }

// sealFor is seal for a bundle of a tenant.
func (s *session) sealFor(ctx context.Context, tenant string) (evidence.Sealed, error) {
	k, err := s.key()
	if err != nil {
		return evidence.Sealed{}, err
	}
	o := s.sealOptions(k)
	o.Restate = tenant
	return evidence.Seal(ctx, s.store, o)
}

func (s *session) sealOptions(k *evidence.Key) evidence.SealOptions {
	return evidence.SealOptions{
		Key:      k,
		Now:      time.Now().UnixMicro(),
		Policy:   s.policyText,
		Settings: s.config.TenantText,
	}
}

// autoSeal seals at the end of a command that is about something else, which it does not fail. It
// does nothing where another machine seals the log.
func (s *session) autoSeal(ctx context.Context) (done evidence.Sealed) {
	if s.store.ReadOnly() {
		return done
	}
	if isURL(s.store.Path()) {
		return s.sealShared(ctx)
	}
	done, err := s.seal(ctx)
	if err != nil {
		s.warn("headroom: the log was not sealed: %v", err)
		return evidence.Sealed{}
	}
	return done
}

// sealAhead seals while requests are stored, for autoSealAfter. It is nil where a log is shared,
// and where there is no key, which autoSealAfter tells.
func (s *session) sealAhead() *evidence.Ahead {
	if s.store.ReadOnly() || isURL(s.store.Path()) {
		return nil
	}
	k, err := s.key()
	if err != nil {
		return nil
	}
	return evidence.NewAhead(s.store, s.sealOptions(k), nowMicro)
}

func nowMicro() int64 { return time.Now().UnixMicro() }

// autoSealAfter is autoSeal at the end of what sealed ahead.
func (s *session) autoSealAfter(ctx context.Context, ahead *evidence.Ahead) {
	if ahead == nil {
		s.autoSeal(ctx)
		return
	}
	if _, err := ahead.Seal(ctx); err != nil {
		s.warn("headroom: the log was not sealed: %v", err)
	}
}

// sealShared is autoSeal for a log that several machines share. One of them seals it: the one whose
// key "headroom seal" began it with. On all others nothing happens.
func (s *session) sealShared(ctx context.Context) (done evidence.Sealed) {
	line, err := s.newestSeal(ctx)
	if err != nil || line == "" {
		return done
	}
	key, err := s.existingKey()
	if err != nil || key == nil {
		return done
	}
	done, err = evidence.Seal(ctx, s.store, s.sealOptions(key))
	switch {
	case err == nil:
		return done
	case !errors.Is(err, evidence.ErrOtherKey) && !errors.Is(err, store.ErrReadOnly):
		s.warn("headroom: the log was not sealed: %v", err)
	}
	return evidence.Sealed{}
}

// sealEvery is how often commands that run for long seal.
const sealEvery = 5 * time.Minute

// keepSealing seals every few minutes until ctx ends.
func (s *session) keepSealing(ctx context.Context) {
	tick := time.NewTicker(sealEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.autoSeal(ctx)
		}
	}
}

// tellFirst says from when on rows are sealed, where that is now.
func (s *session) tellFirst(done evidence.Sealed) {
	if done.First {
		s.tell("headroom: this is the log's first seal: until now its rows could be changed without trace")
	}
}

// tellSeal prints the line of the newest seal and notes that it left the machine.
func (s *session) tellSeal(ctx context.Context, line string) {
	if line == "" || s.quiet {
		return
	}
	s.tell("%s", line)
	if err := s.markTold(ctx); err != nil {
		s.warn("headroom: %v", err)
	}
}

// markTold notes that the line of the newest seal left this machine, so that bundles hold that
// seal.
func (s *session) markTold(ctx context.Context) (err error) {
	if s.store.ReadOnly() {
		return nil
	}
	in, err := s.store.Seals(ctx)
	if err != nil {
		return err
	}
	run, err := in.Run(ctx, 0)
	if err := errors.Join(err, in.Close()); err != nil || run.N == 0 || run.Told {
		return err
	}
	return s.store.TellSeal(ctx, run.N)
}

// newestSeal is the line of the newest seal; "" where nothing is sealed.
func (s *session) newestSeal(ctx context.Context) (string, error) {
	line, _, err := evidence.NewestSeal(ctx, s.store)
	return line, err
}
