package commands

import (
	"io"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/store"
)

func newTenantsCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "tenants",
		Usage: "list the tenants known, with their caps and how those are known",
		Description: "Lists the tenants of the database and those of the config.\n\n" +
			"Examples:\n" +
			"  headroom tenants\n" +
			"  headroom tenants --format csv --output tenants.csv",
		Flags:  []cli.Flag{tenantsFlag(), formatFlag(report.Formats()...), outputFlag(), asOfFlag()},
		Action: withStore(s, readTenantsOptions, runTenants, store.MustExist()),
	}
}

type tenantsOptions struct {
	span
	tenants []string
	output  string
	look    report.Options
}

func readTenantsOptions(c *cli.Context, s *streams) (o tenantsOptions, err error) {
	if err := noArguments(c); err != nil {
		return o, err
	}
	if o.span, err = readSpan(c); err != nil {
		return o, err
	}
	o.tenants, o.output = c.StringSlice("tenant"), c.String("output")
	o.look, err = readLook(c, s)
	return o, err
}

func runTenants(c *cli.Context, se *session, o tenantsOptions) error {
	snap, err := se.snapshot(c.Context, o.tenants)
	if err != nil {
		return err
	}
	defer snap.Close()
	r, err := se.audit(c.Context, snap, o.span, o.tenants)
	if err != nil {
		return err
	}
	rows := se.tenantRows(snap.Tenants(), r, o.tenants)
	return se.write(o.output, func(w io.Writer) error { return report.Tenants(w, rows, o.look) })
}

// tenantRows joins what log, config and audit say of the tenants; no names means all.
func (s *session) tenantRows(infos []store.TenantInfo, r *analyze.Report, names []string) []report.TenantRow {
	info, caps := map[string]store.TenantInfo{}, map[string]analyze.Cap{}
	for name := range s.config.Tenants {
		info[name] = store.TenantInfo{}
	}
	for _, t := range infos {
		info[t.Name] = t
	}
	for _, t := range r.Tenants {
		caps[t.Tenant] = t.Egress.Cap
	}
	var rows []report.TenantRow
	for _, name := range slices.Sorted(maps.Keys(info)) {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		if _, ok := caps[name]; !ok {
			caps[name] = s.capWithoutRequests(name, r)
		}
		rows = append(rows, s.tenantRow(name, info[name], caps[name]))
	}
	return rows
}

// capWithoutRequests is what the config alone says of a cap.
func (s *session) capWithoutRequests(name string, r *analyze.Report) analyze.Cap {
	result, _ := analyze.NewAuditor(s.policy, s.config.about(name)).Result(r.AsOf.UnixMicro())
	return result.Egress.Cap
}

func (s *session) tenantRow(name string, info store.TenantInfo, c analyze.Cap) report.TenantRow {
	t := s.config.Tenant(name)
	return report.TenantRow{
		Tenant: name, Requests: info.Requests, First: info.First, Last: info.Last,
		Agents: t.Agents, Cap: c, Window: t.Window.String(), Zone: t.TimeZone,
	}
}
