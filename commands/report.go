package commands

import (
	"errors"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
	"github.com/6dcca832/headroom/store/sqlite"
)

const formatHTML = "html"

func pageFormats() []string { return append([]string{formatHTML}, report.PictureFormats()...) }

func newReportCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "write the whole picture as one file",
		ArgsUsage: "[TENANT…]",
		Description: "Writes a page that needs neither network nor headroom to be read.\n\n" +
			"Examples:\n" +
			"  headroom report --output report.html\n" +
			"  headroom report --format markdown --output - --tenant acme",
		Flags:  slices.Concat([]cli.Flag{tenantsFlag(), formatFlag(pageFormats()...), neededOutputFlag()}, rangeFlags()),
		Action: withStore(s, readReportOptions, runReport, sqlite.MustExist()),
	}
}

type reportOptions struct {
	span
	tenants        []string
	format, output string
}

func readReportOptions(c *cli.Context, _ *streams) (o reportOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	if o.format, err = choice(c, "format", pageFormats()...); err != nil {
		return o, err
	}
	if o.output = c.String("output"); o.output == "" {
		return o, errors.New("flag --output: is needed; name a file such as report.html, or \"-\" for standard output")
	}
	o.span, err = readSpan(c)
	return o, err
}

func runReport(c *cli.Context, se *session, o reportOptions) error {
	snap, names, err := se.snapshot(c.Context, o.tenants)
	if err != nil {
		return err
	}
	defer snap.Close()
	p, err := se.picture(c.Context, snap, o.span, names)
	if err != nil {
		return err
	}
	return se.write(o.output, func(w io.Writer) error {
		if o.format == formatHTML {
			return page.Write(w, p)
		}
		return report.WritePicture(w, p, origin(snap, report.Options{Format: o.format}))
	})
}
