package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/safefile"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
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
			"  headroom report --split pages\n" +
			"  headroom report --format markdown --output - --tenant acme",
		Flags: slices.Concat([]cli.Flag{
			tenantsFlag(), formatFlag(pageFormats()...), neededOutputFlag(),
			&cli.StringFlag{
				Name:  "split",
				Usage: "write a page for each tenant into this `FOLDER`, which holds nobody else; instead of --output",
			},
		}, rangeFlags()),
		Action: withStore(s, readReportOptions, runReport, mustExist),
	}
}

type reportOptions struct {
	span
	tenants        []string
	format, output string
	split          string // folder; "" for one page
}

func readReportOptions(c *cli.Context, _ *streams) (o reportOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	o.format, o.output, o.split = c.String("format"), c.String("output"), c.String("split")
	switch {
	case o.split != "" && o.output != "":
		return o, errors.New(
			"flags --output and --split: choose one; --split writes its own files into a folder")
	case o.split != "" && o.format != formatHTML:
		return o, fmt.Errorf("flag --split: writes pages, not %s; leave out --format", o.format)
	case o.split == "" && o.output == "":
		return o, errors.New(
			"flag --output: is needed; name a file such as report.html, or \"-\" for standard output")
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
	outlook := se.outlook(o.span, names)
	if o.format == formatHTML {
		outlook = se.pageOnly(o.span, names)
	}
	p, err := se.picture(c.Context, snap, o.span, names, outlook)
	if err != nil {
		return err
	}
	if o.split != "" {
		return se.writeSplit(o.split, p)
	}
	look, err := se.origin(c.Context, snap, report.Options{Format: o.format})
	if err != nil {
		return err
	}
	if err := se.tellOrigin(c.Context, snap, p); err != nil {
		return err
	}
	return se.write(o.output, func(w io.Writer) error {
		if o.format == formatHTML {
			return page.Write(w, p)
		}
		return report.WritePicture(w, p, look)
	})
}

// writeSplit writes a page for each tenant into a folder, which it makes where there is none.
func (s *session) writeSplit(folder string, p *report.Picture) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make folder for pages: %w", err)
	}
	n := int64(0)
	for name, own := range page.Split(p) {
		if err := safefile.Replace(filepath.Join(folder, name), func(w io.Writer) error {
			return page.Write(w, own)
		}); err != nil {
			return err
		}
		n++
	}
	s.tell("%s written into %s, each about one tenant", measure.Count(n, "page"), folder)
	return nil
}
