package commands

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/store"
)

// editTenants writes into the config what --import, --alias and --ignore say.
func editTenants(c *cli.Context, se *session, o tenantsOptions) error {
	var changes []config.Change
	if o.imported != "" {
		err := readFrom(se.in, o.imported, func(r io.Reader) (err error) {
			changes, err = config.ReadChanges(o.imported, r)
			return err
		})
		if err != nil {
			return fmt.Errorf("flag --import: %w", err)
		}
	}
	for _, change := range changes {
		if err := privacy.CheckTenant(change.Tenant); err != nil {
			return fmt.Errorf("flag --import: %w", err)
		}
	}
	known, err := se.namesAnywhere(c)
	if err != nil {
		return err
	}
	for _, name := range o.ignore {
		if !slices.Contains(known, name) {
			return fmt.Errorf("flag --ignore: %w", config.UnknownTenant(name, known))
		}
		changes = append(changes, config.Ignore(name))
	}
	for _, pair := range o.alias {
		name, of, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("flag --alias: %q must be written like \"acm=acme\"", pair)
		}
		for _, n := range []string{name, of} {
			if !slices.Contains(known, n) {
				return fmt.Errorf("flag --alias: %w", config.UnknownTenant(n, known))
			}
		}
		changes = append(changes, config.Alias(name, of))
	}
	outcome, err := config.Update(o.config, changes)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(se.out, "%s: tenants added %d, changed %d, unchanged %d\n",
		oneLine(o.config), outcome.Added, outcome.Changed, outcome.Unchanged)
	return err
}

// namesAnywhere are the tenants of the config and of the database, where there is one.
func (s *session) namesAnywhere(c *cli.Context) (known []string, err error) {
	err = s.open(c.Context, c.String("db"), func() error {
		snap, err := s.store.Snapshot(c.Context)
		if err != nil {
			return err
		}
		known = s.knownTenants(snap)
		return snap.Close()
	}, mustExist)
	if errors.Is(err, store.ErrNoFile) {
		return s.config.Names(), nil
	}
	return known, err
}
