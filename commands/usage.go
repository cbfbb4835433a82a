package commands

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

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
			"  headroom usage --top 10\n" +
			"  headroom usage acme --by client --since 7d\n" +
			"  headroom usage --by status --only '4*,5*'\n" +
			"  headroom usage --by hour --format csv -o hours.csv",
		Flags: slices.Concat([]cli.Flag{
			tenantsFlag(), newChoiceFlag("by", "count by `WHAT`", usageBys()...),
			&cli.IntFlag{
				Name:  "top",
				Usage: "show only the `N` rows with the most bytes; the sum is of all",
			},
			&cli.StringFlag{
				Name:  "only",
				Usage: "show only rows of these `NAMES`, separated by commas, or of patterns such as 'export*'; the sum is of all",
			},
			formatFlag(report.Formats()...), outputFlag(),
		}, rangeFlags()),
		Action: withStore(s, readUsageOptions, runUsage, mustExist),
	}
}

type usageOptions struct {
	span
	tenants []string
	by      analyze.UsageBy
	top     int      // 0 means all
	only    []string // names and patterns; none means all
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
	if o.top, err = readTop(c); err != nil {
		return o, err
	}
	o.by, o.output = analyze.UsageBy(c.String("by")), c.String("output")
	o.look = readLook(c, s)
	o.only, err = readOnlyRows(c)
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
	shown, err := o.apply(r)
	if err != nil {
		return err
	}
	look, err := se.origin(c.Context, snap, o.look)
	if err != nil {
		return err
	}
	look.Left = len(r.Rows) - len(shown.Rows)
	return se.write(o.output, func(w io.Writer) error { return report.Usage(w, shown, look) })
}

// readOnlyRows reads --only: names of rows, and patterns.
func readOnlyRows(c *cli.Context) (names []string, err error) {
	if !c.IsSet("only") {
		return nil, nil
	}
	for name := range strings.SplitSeq(c.String("only"), ",") {
		name = strings.TrimSpace(name)
		if _, err := path.Match(name, ""); err != nil || name == "" {
			return nil, fmt.Errorf("flag --only: %q cannot be read; write a name, or a pattern such as \"export*\"",
				name)
		}
		names = append(names, name)
	}
	return names, nil
}

// apply gives the rows to be shown, in their order: those of the names that are asked for, and of
// them the ones with the most bytes. It refuses names that no row has.
func (o *usageOptions) apply(r *analyze.UsageReport) (*analyze.UsageReport, error) {
	shown := *r
	shown.Rows = slices.Clone(r.Rows)
	if o.only != nil {
		shown.Rows = slices.DeleteFunc(shown.Rows, func(row analyze.UsageRow) bool {
			return !slices.ContainsFunc(o.only, func(name string) bool { return fitsRow(name, row.Name) })
		})
	}
	if len(shown.Rows) == 0 && len(r.Rows) > 0 {
		return nil, o.noSuchRow(r)
	}
	if o.top > 0 && len(shown.Rows) > o.top {
		least := slices.SortedFunc(slices.Values(shown.Rows), byBytes)[o.top-1]
		shown.Rows = slices.DeleteFunc(shown.Rows,
			func(row analyze.UsageRow) bool { return byBytes(row, least) > 0 })
	}
	return &shown, nil
}

func byBytes(a, b analyze.UsageRow) int {
	return cmp.Or(cmp.Compare(b.ResponseBytes, a.ResponseBytes), cmp.Compare(b.Requests, a.Requests),
		cmp.Compare(a.Name, b.Name))
}

// fitsRow says whether a row's name is the one that is asked for, or fits its pattern.
func fitsRow(pattern, name string) bool {
	fits, err := path.Match(pattern, name)
	return pattern == name || err == nil && fits
}

// noSuchRow names the nearest row, or the first few.
func (o *usageOptions) noSuchRow(r *analyze.UsageReport) error {
	const few = 8
	var names []string
	for i := range r.Rows {
		names = append(names, r.Rows[i].Name)
	}
	if hint := didYouMean(o.only[0], names); hint != "" {
		return fmt.Errorf("flag --only: no %s fits %q%s", o.by, strings.Join(o.only, ","), hint)
	}
	more := ""
	if len(names) > few {
		more = fmt.Sprintf(" and %d more", len(names)-few)
	}
	return fmt.Errorf("flag --only: no %s fits %q; there are %s%s", o.by, strings.Join(o.only, ","),
		strings.Join(names[:min(few, len(names))], ", "), more)
}
