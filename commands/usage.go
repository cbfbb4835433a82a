package commands

import (
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/report"
)

// usageBys are the values of --by, the first of which is the default.
func usageBys() []string {
	return []string{
		string(analyze.ByTenant), string(analyze.ByClass), string(analyze.ByClient),
		string(analyze.ByStatus),
		string(analyze.ByDay), string(analyze.ByHour), string(analyze.ByRecording),
	}
}

func newUsageCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "usage",
		Usage:     "tell who used how much of the API",
		ArgsUsage: "[TENANT…]",
		Description: "Counts requests, bytes, errors, latency, and what was wasted, of the last 30 nights or of a range. Sums agree with\n" +
			"\"headroom audit\"; a duration that is not known is in no percentile.\n\n" +
			"Examples:\n" +
			"  headroom usage\n" +
			"  headroom usage acme --by client --since 7d\n" +
			"  headroom usage --by hour --format csv -o hours.csv",
		Flags: slices.Concat([]cli.Flag{
			tenantsFlag(), newChoiceFlag("by", "count by `WHAT`", usageBys()...),
			formatFlag(report.Formats()...), outputFlag(),
		}, rangeFlags()),
		Action: withStore(s, readUsageOptions, runUsage, mustExist),
	}
}

type usageOptions struct {
	span
	tenants []string
	by      analyze.UsageBy
	output  string
	look    report.Options
}

func readUsageOptions(c *cli.Context, s *streams) (o usageOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	if o.span, err = readSpan(c); err != nil {
		return o, err
	}
	by, err := choice(c, "by", usageBys()...)
	if err != nil {
		return o, err
	}
	o.by, o.output = analyze.UsageBy(by), c.String("output")
	o.look, err = readLook(c, s)
	return o, err
}

func runUsage(c *cli.Context, se *session, o usageOptions) error {
	snap, names, err := se.snapshot(c.Context, o.tenants)
	if err != nil {
		return err
	}
	defer snap.Close()
	r, err := analyze.Usage(c.Context, snap, se.analysis(o.span, names), o.by)
	if err != nil {
		return err
	}
	return se.write(o.output, func(w io.Writer) error { return report.Usage(w, r, o.look) })
}
