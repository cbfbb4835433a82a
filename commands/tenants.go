package commands

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/store"
)

func newTenantsCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "tenants",
		Usage:     "list the tenants known, with their caps and how those are known",
		ArgsUsage: "[TENANT…]",
		Description: "Lists the tenants of the database and those of the config. With --ignore, --alias or --import it changes the\n" +
			"config instead, and leaves what else is written there as it is; no row of the database is touched.\n\n" +
			"Examples:\n" +
			"  headroom tenants\n" +
			"  headroom tenants --format csv --output tenants.csv\n" +
			"  headroom tenants --alias acm=acme --ignore test\n" +
			"  headroom tenants --import agents.csv",
		Flags: []cli.Flag{
			tenantsFlag(), formatFlag(report.Formats()...), outputFlag(), asOfFlag(),
			&cli.StringSliceFlag{
				Name:  "ignore",
				Usage: "leave the tenant of this `NAME`, which a slip made, out of all that is told",
			},
			&cli.StringSliceFlag{
				Name:  "alias",
				Usage: "count the requests of one tenant as those of another, `NAME=OF`",
			},
			&cli.StringFlag{
				Name:  "import",
				Usage: "write agents, caps and more from a CSV `FILE` into the config; its columns are tenant, agents, cap, cap_told_on, cap_told_by, time_zone, window, bytes_per_recorded_hour",
			},
		},
		Action: withFacts(s, readTenantsOptions, runTenants),
	}
}

type tenantsOptions struct {
	span
	tenants        []string
	ignore, alias  []string
	imported       string
	output, config string
	look           report.Options
}

// edits says that the config is to be changed.
func (o *tenantsOptions) edits() bool {
	return len(o.ignore)+len(o.alias) > 0 || o.imported != ""
}

func readTenantsOptions(c *cli.Context, s *streams) (o tenantsOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	if o.span, err = readSpan(c); err != nil {
		return o, err
	}
	o.output, o.config = c.String("output"), cmp.Or(c.String("config"), defaultConfig)
	o.ignore, o.alias, o.imported = c.StringSlice("ignore"), c.StringSlice("alias"), c.String("import")
	if o.edits() && (len(o.tenants) > 0 || o.output != "" || c.IsSet("format") || c.IsSet("as-of")) {
		return o, errors.New(
			"flags --ignore, --alias and --import change the config, and list nothing: give them alone")
	}
	o.look = readLook(c, s)
	return o, nil
}

func runTenants(c *cli.Context, se *session, o tenantsOptions) error {
	if o.edits() {
		return editTenants(c, se, o)
	}
	return se.open(c.Context, c.String("db"), func() error { return listTenants(c, se, o) }, mustExist)
}

func listTenants(c *cli.Context, se *session, o tenantsOptions) error {
	snap, names, err := se.snapshot(c.Context, o.tenants)
	if err != nil {
		return err
	}
	defer snap.Close()
	se.tellMisnamed(snap)
	se.tellSetAside(snap, names)
	r, err := se.audit(c.Context, snap, o.span, names)
	if err != nil {
		return err
	}
	rows := se.tenantRows(snap, r, names)
	return se.write(o.output, func(w io.Writer) error { return report.Tenants(w, rows, o.look) })
}

// tenantRows joins what log, config and audit say of the tenants; no names means all.
func (s *session) tenantRows(
	snap store.Snapshot, r *analyze.Report, names []string,
) []report.TenantRow {
	info, caps := map[string]store.TenantInfo{}, map[string]egress.Cap{}
	for _, t := range snap.Tenants() {
		info[t.Name] = t
	}
	for _, t := range r.Tenants {
		caps[t.Tenant] = t.Egress.Cap
	}
	shown := names
	if shown == nil {
		shown = s.knownTenants(snap)
	}
	slices.Sort(shown)
	var rows []report.TenantRow
	for _, name := range shown {
		rows = append(rows, s.tenantRow(name, info[name], caps[name]))
	}
	return rows
}

func (s *session) tenantRow(name string, info store.TenantInfo, c egress.Cap) report.TenantRow {
	t := s.config.Tenant(name)
	return report.TenantRow{
		Tenant: name, Requests: info.Requests, First: info.First, Last: info.Last,
		Agents: t.Agents, Cap: c, Window: t.Window.String(), Zone: t.ZoneName(),
		Ignored: t.Ignored,
	}
}
