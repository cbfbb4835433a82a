package commands

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/logs"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/store"
)

func newExportCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the requests as JSON Lines",
		ArgsUsage: "[TENANT…]",
		Description: "Writes one JSON object a line, in order of arrival. \"headroom import\" reads them again, and an audit\n" +
			"of the copy says the same. A tenant's resets go with its first request; recording lists stay behind.\n\n" +
			"Examples:\n" +
			"  headroom export --output requests.jsonl\n" +
			"  headroom export --tenant acme --since 7d | jq .status",
		Flags:  slices.Concat([]cli.Flag{tenantsFlag(), outputFlag()}, rangeFlags()),
		Action: withStore(s, readExportOptions, runExport, mustExist),
	}
}

type exportOptions struct {
	span
	tenants []string
	output  string
}

func readExportOptions(c *cli.Context, _ *streams) (o exportOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	o.output = c.String("output")
	o.span, err = readSpan(c)
	return o, err
}

func runExport(c *cli.Context, se *session, o exportOptions) error {
	snap, err := se.store.Snapshot(c.Context)
	if err != nil {
		return err
	}
	defer snap.Close()
	// An export is of the log as it is: the config's aliases are no matter.
	recorded := store.TenantNames(snap)
	names, err := config.Chosen(o.tenants, recorded, recorded)
	if err != nil {
		return fmt.Errorf("flag --tenant: %w", err)
	}
	one := ""
	if len(names) == 1 {
		one = names[0]
	}
	if err := se.tellLeftBehind(c.Context, snap, names); err != nil {
		return err
	}
	rows := only(names, snap.Rows(c.Context, one, o.rows(c.IsSet("as-of"))))
	resets, err := resetsOf(c.Context, snap)
	if err != nil {
		return err
	}
	return se.write(o.output, func(w io.Writer) error { return logs.WriteJSONL(w, rows, resets...) })
}

// tellLeftBehind says what an audit goes by beside what is exported.
func (s *session) tellLeftBehind(ctx context.Context, snap store.Snapshot, tenants []string) error {
	var recordings int64
	for _, t := range snap.Tenants() {
		if len(tenants) > 0 && !slices.Contains(tenants, t.Name) {
			continue
		}
		r, err := snap.Recorded(ctx, t.Name, 0, math.MaxInt64)
		if err != nil {
			return err
		}
		recordings += r.Recordings
	}
	if recordings > 0 {
		s.tell(
			"headroom: export: listed recordings (%d) are no requests and stay behind; an audit of the copy needs them told again",
			recordings)
	}
	return nil
}

// rows is the range of the span. Later requests than as-of are left out only where somebody asked
// for a moment.
func (s span) rows(bounded bool) store.Range {
	r := store.Range{From: math.MinInt64}
	if !s.since.IsZero() {
		r.From = s.since.UnixMicro()
	}
	if !s.until.IsZero() {
		r.To = s.until.UnixMicro()
	}
	if end := s.asOf.Add(time.Microsecond).UnixMicro(); bounded && (r.To == 0 || end < r.To) {
		r.To = end
	}
	return r
}

// only leaves out the requests of other tenants; no tenants means all.
func only(tenants []string, rows iter.Seq2[store.Request, error]) iter.Seq2[store.Request, error] {
	if len(tenants) == 0 {
		return rows
	}
	return func(yield func(store.Request, error) bool) {
		for r, err := range rows {
			if (err != nil || slices.Contains(tenants, r.Tenant)) && !yield(r, err) {
				return
			}
		}
	}
}
