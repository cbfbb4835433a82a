package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/6dcca832/headroom/evidence"
)

// writeDemoTicket seals the demo's log, makes the bundle about one tenant's incident, and checks it
// as its reader would.
func (s *session) writeDemoTicket(ctx context.Context, dir string, o demoOptions) error {
	if _, _, err := evidence.LoadOrCreateKey(s.keyFile); err != nil {
		return err
	}
	if _, err := s.seal(ctx); err != nil {
		return err
	}
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	period, incident, err := s.bundlePeriod(ctx, snap,
		evidenceOptions{span: span{asOf: o.asOf}, tenant: demoTenant})
	if err := errors.Join(err, snap.Close()); err != nil {
		return err
	}
	data, err := s.bundle(ctx, period, incident)
	if err != nil {
		return err
	}
	b, err := evidence.OpenBundle(data)
	if err != nil {
		return err
	}
	r := b.Check(evidence.CheckOptions{
		Program: version(),
		Render:  func(c *evidence.Content) (evidence.Pages, error) { return s.pages(ctx, c) },
	})
	if r.Problem != nil {
		return fmt.Errorf("check the evidence: %w", r.Problem)
	}
	s.tell("headroom: made %s about %s and checked it: %s", demoTicket, demoTenant, r.Grade)
	return os.WriteFile(filepath.Join(dir, demoTicket), data, 0o600)
}
