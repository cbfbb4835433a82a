package commands

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/pathname"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/report"
)

func newForecastCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "forecast",
		Usage:     "tell when the rolling egress meets the cap, and what may be pulled tonight",
		ArgsUsage: "[TENANT…]",
		Description: "Forecasts the rolling sum per tenant, the likeliest to reach its cap first.\n\n" +
			"Examples:\n" +
			"  headroom forecast\n" +
			"  headroom forecast --top 10\n" +
			"  headroom forecast --tenant acme --horizon 30d\n" +
			"  headroom forecast --what-if agents=40,growth=20%,backfill=200GB@2026-12-01\n" +
			"  headroom forecast --backtest --tenant acme\n" +
			"  headroom forecast --daily volumes.csv.gz --closures holidays.csv\n" +
			"  headroom forecast --daily volumes.csv --backtest --output forecasts.csv",
		Flags: []cli.Flag{
			tenantsFlag(), formatFlag(report.Formats()...), outputFlag(), asOfFlag(),
			&cli.StringFlag{
				Name:  "horizon",
				Value: fmt.Sprintf("%dd", outlook.DefaultHorizon),
				Usage: fmt.Sprintf("how many `DAYS` to look ahead, up to %dd", forecast.MaxHorizon),
			},
			&cli.StringFlag{
				Name:  "what-if",
				Usage: "suppose `CHANGES`: any of agents=40, cap=500GB, growth=20% and backfill=200GB@2026-12-01, separated by commas",
			},
			&cli.IntFlag{
				Name:  "top",
				Usage: "show only the first `N` tenants, the likeliest to reach their cap",
			},
			&cli.BoolFlag{
				Name:  "backtest",
				Usage: "score forecasts of the past instead; with --output, write them as rows of CSV",
			},
			&cli.StringFlag{
				Name:  "daily",
				Usage: "forecast the daily totals of a CSV `FILE` (series_id, day, bytes; gzip is unpacked, - is standard input) instead of the database",
			},
			&cli.StringFlag{
				Name:  "closures",
				Usage: "the days without calls of --daily, a CSV `FILE` (series_id, day, name)",
			},
		},
		Action: withFacts(s, readForecastOptions, runForecast),
	}
}

type forecastOptions struct {
	span
	tenants         []string
	horizon         int
	top             int // 0 means all
	whatIf          outlook.WhatIf
	backtest        bool
	daily, closures string
	output          string
	look            report.Options
}

func readForecastOptions(c *cli.Context, s *streams) (o forecastOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	o.output, o.backtest = c.String("output"), c.Bool("backtest")
	o.daily, o.closures = c.String("daily"), c.String("closures")
	if o.span, err = readSpan(c); err != nil {
		return o, err
	}
	if o.top, err = readTop(c); err != nil {
		return o, err
	}
	if o.horizon, err = parseHorizon(c.String("horizon")); err != nil {
		return o, fmt.Errorf("flag --horizon: %w", err)
	}
	if o.whatIf, err = parseWhatIf(c.String("what-if")); err != nil {
		return o, fmt.Errorf("flag --what-if: %w", err)
	}
	o.look = readLook(c, s)
	return o, o.check(c)
}

// check refuses flags that do not go together.
func (o *forecastOptions) check(c *cli.Context) error {
	switch {
	case o.closures != "" && o.daily == "":
		return errors.New(
			"flag --closures: goes with --daily; for the database, closures are in headroom.toml")
	case o.daily == "-" && o.closures == "-":
		return errors.New("flag --closures: standard input has the --daily totals; name a file")
	case o.daily != "" && c.IsSet("as-of"):
		return errors.New(
			"flag --as-of: goes with the database; with --daily, every series ends with its last day")
	case o.daily != "" && (o.whatIf.Agents > 0 || len(o.whatIf.Backfills) > 0):
		return errors.New("flag --what-if: with --daily, only cap and growth can be changed")
	case o.backtest && o.top > 0:
		return errors.New("flag --top: does not go with --backtest: name --tenant instead")
	case o.backtest && !o.whatIf.IsZero():
		return errors.New("flag --what-if: does not go with --backtest: the past is what it was")
	case o.rows() && c.IsSet("format") && c.String("format") != "csv":
		return errors.New(
			"flag --format: --backtest --output writes rows of CSV; leave out --output for a table of scores")
	}
	return nil
}

// rows says that the forecasts of a backtest are wanted, not their scores.
func (o *forecastOptions) rows() bool { return o.backtest && o.output != "" }

// parseHorizon reads days: "14d" or "14".
func parseHorizon(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "d"))
	if err != nil || n < 1 || n > forecast.MaxHorizon {
		return 0, fmt.Errorf("horizon %q must be days from 1d to %dd", s, forecast.MaxHorizon)
	}
	return n, nil
}

func runForecast(c *cli.Context, se *session, o forecastOptions) error {
	if o.daily != "" {
		return runDaily(se, o)
	}
	return se.open(c.Context, c.String("db"), func() error { return runStored(c, se, o) }, mustExist)
}

func runStored(c *cli.Context, se *session, o forecastOptions) error {
	snap, names, err := se.snapshot(c.Context, o.tenants)
	if err != nil {
		return err
	}
	defer snap.Close()
	options := se.outlook(span{asOf: o.asOf}, names)
	options.Horizon, options.WhatIf = o.horizon, o.whatIf
	r, err := outlook.Project(c.Context, snap, options)
	if err != nil {
		return err
	}
	if o.look, err = se.origin(c.Context, snap, o.look); err != nil {
		return err
	}
	return writeForecast(r, outlook.WindowDays(se.policy), o,
		func(f func(io.Writer) error) error { return se.write(o.output, f) })
}

// runDaily needs no log.
func runDaily(se *session, o forecastOptions) error {
	series, err := readSeries(se.in, o.daily, o.closures, o.tenants)
	if err != nil {
		return err
	}
	write := func(f func(io.Writer) error) error { return writeOutput(se.out, o.output, o.daily, f) }
	if o.rows() {
		return write(
			func(w io.Writer) error {
				return writeRows(w, series, outlook.WindowDays(se.policy), o.horizon)
			},
		)
	}
	o.look.Program = version()
	r, err := outlook.ProjectDaily(series, se.policy, o.horizon, o.whatIf)
	if err != nil {
		return err
	}
	return writeForecast(r, outlook.WindowDays(se.policy), o, write)
}

// readSeries reads daily totals, those named or all, and their closure days.
func readSeries(stdin io.Reader, daily, closures string, asked []string) ([]forecast.Named, error) {
	var series []forecast.Named
	err := readFrom(stdin, daily, func(r io.Reader) (err error) {
		series, err = forecast.ReadDaily(r)
		return inFile(daily, err)
	})
	if err == nil && closures != "" {
		err = readFrom(stdin, closures, func(r io.Reader) error {
			return inFile(closures, forecast.ReadClosures(r, series))
		})
	}
	if err != nil || len(asked) == 0 {
		return series, err
	}
	known := make([]string, len(series))
	for i := range series {
		known[i] = series[i].ID
	}
	names, err := config.Chosen(asked, known, known)
	if err != nil {
		return nil, inFile(daily, fmt.Errorf("flag --tenant: %w", err))
	}
	return slices.DeleteFunc(series,
		func(s forecast.Named) bool { return !slices.Contains(names, s.ID) }), nil
}

// inFile names the file that err is about; nil stays nil.
func inFile(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", pathname.Quote(name), err)
}

// readFrom reads a file, or standard input for "-", unpacked where it is gzip.
func readFrom(stdin io.Reader, name string, read func(io.Reader) error) error {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err // it says what could not be opened, and why
		}
		defer f.Close()
		in = f
	}
	b := bufio.NewReader(in)
	in = b
	if magic, _ := b.Peek(2); string(magic) == "\x1f\x8b" { // a short file is no gzip
		z, err := gzip.NewReader(b)
		if err != nil {
			return inFile(name, fmt.Errorf("it begins like gzip, but cannot be unpacked: %w", err))
		}
		in = z
	}
	return read(in)
}

// writeForecast writes what was asked for: a forecast, the scores of past ones, or those
// themselves.
func writeForecast(
	r *outlook.Report, window int, o forecastOptions, write func(func(io.Writer) error) error,
) error {
	switch {
	case o.rows():
		return write(func(w io.Writer) error { return writeRows(w, stored(r), window, o.horizon) })
	case o.backtest:
		return write(func(w io.Writer) error { return report.Scores(w, scored(r), o.look) })
	}
	o.look.Top = o.top
	return write(func(w io.Writer) error { return report.Forecast(w, r, len(o.tenants) > 0, o.look) })
}

// stored are the series that were learned from.
func stored(r *outlook.Report) []forecast.Named {
	var series []forecast.Named
	for i := range r.Tenants {
		series = append(series, forecast.Named{ID: r.Tenants[i].Tenant, Series: r.Tenants[i].Series})
	}
	return series
}

func scored(r *outlook.Report) []report.Scored {
	var all []report.Scored
	for i := range r.Tenants {
		p := &r.Tenants[i]
		all = append(all, report.Scored{Name: p.Tenant, Scores: p.Scores, Reason: p.Unscored})
	}
	return all
}

// writeRows writes every forecast that could have been made in the past. Series that are too short
// have none.
func writeRows(w io.Writer, series []forecast.Named, window, horizon int) error {
	rows := forecast.NewRowWriter(w)
	for _, s := range series {
		var short *forecast.ShortHistoryError
		if err := forecast.WriteBacktest(rows, s, window, horizon); err != nil &&
			!errors.As(err, &short) {
			return err
		}
	}
	return rows.Flush()
}
