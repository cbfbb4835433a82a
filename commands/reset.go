package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/logs"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/store"
)

func newResetCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "reset",
		Usage:     "record that support reset a tenant's egress window",
		ArgsUsage: "[TENANT]",
		Description: "What was downloaded up to that time no longer counts against the tenant's cap.\n\n" +
			"Example:\n" +
			"  headroom reset --tenant acme --at 2026-11-03T14:20:00Z --note \"ticket 4711\"",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "tenant", Usage: "the `NAME` of the tenant; needed"},
			&cli.StringFlag{
				Name:  "at",
				Usage: "the `TIME` of the reset, as support told it: RFC 3339, or back from now, \"2h\"; needed",
			},
			&cli.StringFlag{
				Name:  "note",
				Usage: "why, and who said so: a `TEXT` such as the ticket's number; needed",
			},
		},
		Action: withFacts(s, readResetOptions, runReset),
	}
}

type resetOptions struct {
	tenant, note string
	at           time.Time
}

func readResetOptions(c *cli.Context, _ *streams) (o resetOptions, err error) {
	o.tenant, o.note = c.String("tenant"), c.String("note")
	switch {
	case c.NArg() == 1 && o.tenant == "":
		o.tenant = c.Args().First()
	case c.Args().Present():
		return o, noArguments(c)
	case o.tenant == "":
		return o, errors.New("flag --tenant: is needed; see \"headroom help reset\"")
	}
	for _, flag := range []string{"at", "note"} {
		if c.String(flag) == "" {
			return o, fmt.Errorf("flag --%s: is needed; see \"headroom help reset\"", flag)
		}
	}
	now := time.Now()
	if o.at, err = readTime(c, "at", now); err != nil {
		return o, err
	}
	if o.at.After(now.Add(store.ClockSlack)) {
		return o, fmt.Errorf("flag --at: %s is in the future", stamp(o.at))
	}
	return o, nil
}

func runReset(c *cli.Context, se *session, o resetOptions) error {
	var modes []openMode
	if _, configured := se.config.Tenants[o.tenant]; !configured {
		modes = append(modes, mustExist) // a new file would not know the tenant
	}
	add := func() error { return addReset(c.Context, se, o) }
	return se.open(c.Context, c.String("db"), add, modes...)
}

func addReset(ctx context.Context, se *session, o resetOptions) error {
	if err := se.writable(); err != nil {
		return err
	}
	known, err := alreadyReset(ctx, se, o)
	if err != nil {
		return err
	}
	if known {
		_, err := fmt.Fprintf(se.out, "%s: the reset at %s was recorded before; nothing was added\n",
			oneLine(o.tenant), stamp(o.at))
		return err
	}
	o.note = privacy.Note(o.note)
	e := store.Event{Kind: store.EventReset, At: o.at.UnixMicro(), Tenant: o.tenant, Note: o.note}
	if err := se.store.AddEvent(ctx, e); err != nil {
		return err
	}
	_, err = fmt.Fprintf(se.out, "%s: recorded the reset at %s (%s)\n", oneLine(o.tenant), stamp(o.at),
		oneLine(o.note))
	return err
}

// alreadyReset looks for the same reset, after making sure that the tenant is known.
func alreadyReset(ctx context.Context, se *session, o resetOptions) (known bool, err error) {
	snap, err := se.store.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	if known := se.knownTenants(snap); !slices.Contains(known, o.tenant) {
		return false, fmt.Errorf("flag --tenant: %w", config.UnknownTenant(o.tenant, known))
	}
	resets, err := resetsOf(ctx, snap)
	return slices.ContainsFunc(resets,
		func(r logs.Reset) bool { return r.Tenant == o.tenant && r.At == o.at.UnixMicro() }), err
}

// resetsOf are all that the log knows.
func resetsOf(ctx context.Context, snap store.Snapshot) (resets []logs.Reset, err error) {
	events, err := snap.Events(ctx)
	for _, e := range events {
		if e.Kind == store.EventReset {
			resets = append(resets, logs.Reset{Tenant: e.Tenant, At: e.At, Note: e.Note})
		}
	}
	return resets, err
}

// addResets records those that the log does not know yet, and returns how many they were.
func (s *session) addResets(ctx context.Context, resets []logs.Reset) (added int, err error) {
	if len(resets) == 0 {
		return 0, nil
	}
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return 0, err
	}
	known, err := resetsOf(ctx, snap)
	if err := errors.Join(err, snap.Close()); err != nil {
		return 0, err
	}
	seen := map[logs.Reset]bool{}
	for _, r := range known {
		seen[logs.Reset{Tenant: r.Tenant, At: r.At}] = true // whatever its note
	}
	for _, r := range resets {
		id := logs.Reset{Tenant: r.Tenant, At: r.At}
		if seen[id] {
			continue
		}
		e := store.Event{Kind: store.EventReset, At: r.At, Tenant: r.Tenant, Note: r.Note}
		if err := s.store.AddEvent(ctx, e); err != nil {
			return added, err
		}
		seen[id] = true
		added++
	}
	return added, nil
}

// stamp is a time as messages show it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }
