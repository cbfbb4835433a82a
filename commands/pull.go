package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/store"
)

// pullGCPercent has the garbage of a pull collected early: it runs for hours beside other programs,
// and waits for the vendor most of the time.
const pullGCPercent = 100

// flushPatience is how long a refusal waits for a log that is locked.
const flushPatience = 10 * time.Second

func newPullCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "pull",
		Usage:     "fetch every listed recording once, within the vendor's limits",
		ArgsUsage: "[TENANT…]",
		Description: "Lists a trailing window again, since recordings appear late, compares it with what was stored\n" +
			"before, and fetches what is missing: one at a time for each tenant, at the policy's interval,\n" +
			"never beyond the egress cap less the reserve. Exits with 3 unless every listed recording is\n" +
			"stored or excused, and says which is missing and why; with 2 if nothing could be done.\n" +
			"With -q, nothing is printed where all is complete. Files lie in\n" +
			"DEST/tenant=acme/date=2026-11-24/KEY.wav, with a manifest that sha256sum -c reads.\n\n" +
			"Examples:\n" +
			"  headroom pull --dry-run\n" +
			"  headroom pull --dest /srv/calls acme\n" +
			"  headroom pull --backfill 2026-10-01..2026-11-01 --max-duration 5h",
		Flags:  slices.Concat(pullFlags(), []cli.Flag{dryRunFlag()}),
		Action: withFacts(s, readPullOptions, runPull),
	}
}

// newPlanCommand is pull --dry-run under a name of its own.
func newPlanCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:        "plan",
		Usage:       "say what pull would fetch, what binds first, and when a backlog ends",
		ArgsUsage:   "[TENANT…]",
		Description: "Asks the vendor for its lists and fetches nothing: pull --dry-run.\n\nExample:\n  headroom plan",
		Flags:       pullFlags(),
		Action: withFacts(s, func(c *cli.Context, s *streams) (pullOptions, error) {
			o, err := readPullOptions(c, s)
			o.DryRun = true
			return o, err
		}, runPull),
	}
}

func dryRunFlag() cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Usage: "list and plan, fetch nothing"}
}

func pullFlags() []cli.Flag {
	return []cli.Flag{
		tenantsFlag(),
		&cli.StringFlag{
			Name:  "dest",
			Usage: "keep recordings in this `FOLDER`, or bucket as s3://BUCKET/PREFIX (default: the config's)",
		},
		&cli.StringFlag{
			Name:  "staging",
			Usage: "keep what is not uploaded to the bucket yet in this `FOLDER` (default: headroom-staging)",
		},
		&cli.StringFlag{
			Name:  "lookback",
			Usage: "list this `LENGTH` of time again, such as 5d; at least 2d (default: the policy's window)",
		},
		&cli.StringFlag{
			Name:  "backfill",
			Usage: "fetch recordings that began in `FROM..TO`, two dates or times, instead",
		},
		&cli.StringFlag{
			Name:  "max-transfer",
			Usage: "stop a tenant's run after this many `BYTES`, such as 20GB",
		},
		&cli.StringFlag{
			Name:  "max-duration",
			Usage: "begin no recording later than this `LENGTH` of time after the start, such as 5h",
		},
		newOptionalChoice("cutoff-mode",
			"at a limit, be cautious (begin nothing that would pass it) or soft (begin while it is not reached): `MODE`",
			string(pull.Cautious), string(pull.Soft)),
		&cli.StringFlag{
			Name:  "reserve",
			Usage: "leave this `SHARE` of the egress cap free (default: 5%)",
		},
		newOptionalChoice("order", "fetch the oldest, newest or smallest of the backlog first: `ORDER`",
			string(pull.Oldest), string(pull.Newest), string(pull.Smallest)),
		&cli.StringFlag{
			Name:  "exclude",
			Usage: "never fetch the recordings whose keys are in this `FILE`, one a line",
		},
		&cli.BoolFlag{
			Name:  "skip-downloaded",
			Usage: "never fetch what another program downloaded whole, as the log shows",
		},
		&cli.BoolFlag{
			Name:  "with-personal-data",
			Usage: "write numbers and names of the list beside each recording, too",
		},
		&cli.StringFlag{
			Name:  "upstream",
			Usage: "send the requests to this `URL` instead of the vendor's host",
		},
		&cli.StringFlag{
			Name:  "upstream-ca",
			Usage: "trust the certificate authorities in this PEM `FILE`, too",
		},
		formatFlag(report.Formats()...), outputFlag(),
	}
}

// pullOptions are the flags; what is not given is the config's, and is filled in by runPull.
type pullOptions struct {
	pull.Options
	settings config.Pull
	tenants  []string
	base     *http.Transport
	held     *heldTenants
	upstream *url.URL
	output   string
	look     report.Options
}

func readPullOptions(c *cli.Context, s *streams) (o pullOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	if o.settings, err = readPullSettings(c); err != nil {
		return o, err
	}
	if o.From, o.Before, err = readBackfill(c.String("backfill")); err != nil {
		return o, err
	}
	o.DryRun, o.Personal = c.Bool("dry-run"), c.Bool("with-personal-data")
	o.SkipDownloaded = c.Bool("skip-downloaded")
	if o.Exclude, err = readKeys(c.String("exclude")); err != nil {
		return o, err
	}
	if o.upstream, err = readUpstream(c.String("upstream")); err != nil {
		return o, err
	}
	roots, err := readRoots(c.String("upstream-ca"))
	if err != nil {
		return o, err
	}
	o.base = http.DefaultTransport.(*http.Transport).Clone()
	o.base.DisableCompression = true // audio is packed already, and its wire bytes are what counts
	if roots != nil {
		o.base.TLSClientConfig.RootCAs = roots
	}
	o.output, o.look = c.String("output"), readLook(c, s)
	return o, nil
}

// readPullSettings reads the flags that the config may say, too.
func readPullSettings(c *cli.Context) (p config.Pull, err error) {
	p.Dest, p.Staging = c.String("dest"), c.String("staging")
	for flag, to := range map[string]*time.Duration{
		"lookback": &p.Lookback, "max-duration": &p.MaxDuration,
	} {
		if c.IsSet(flag) {
			if *to, err = config.ParseLength(c.String(flag)); err != nil {
				return p, fmt.Errorf("flag --%s: %w", flag, err)
			}
		}
	}
	if p.Lookback != 0 && p.Lookback < pull.MinLookback {
		return p, fmt.Errorf("flag --lookback: %s is too short: recordings appear up to %s late",
			c.String("lookback"), measure.Span(pull.MinLookback))
	}
	if c.IsSet("max-transfer") {
		n, err := config.ParseBytes(c.String("max-transfer"))
		if err != nil {
			return p, fmt.Errorf("flag --max-transfer: %w", err)
		}
		p.MaxTransfer = int64(n)
	}
	if c.IsSet("reserve") {
		if p.Reserve, err = config.ParseShare(c.String("reserve")); err != nil {
			return p, fmt.Errorf("flag --reserve: %w", err)
		}
	}
	p.Order, p.CutoffMode = c.String("order"), c.String("cutoff-mode")
	return p, nil
}

// readBackfill reads FROM..TO; the zero times mean that there is none.
func readBackfill(s string) (from, to time.Time, err error) {
	if s == "" {
		return from, to, nil
	}
	first, last, _ := strings.Cut(s, "..")
	now := time.Now()
	if from, err = ParseTime(first, now); err == nil {
		to, err = ParseTime(last, now)
	}
	if err != nil || !from.Before(to) {
		return from, to, fmt.Errorf(
			"flag --backfill: %q must be two times, the earlier first, like 2026-10-01..2026-11-01", s)
	}
	return from, to, nil
}

// readKeys reads a file with one key a line.
func readKeys(name string) (map[string]bool, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("flag --exclude: %w", err)
	}
	defer f.Close()
	keys := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if key := strings.TrimSpace(lines.Text()); key != "" && key[0] != '#' {
			keys[key] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("flag --exclude: read %s: %w", name, err)
	}
	return keys, nil
}

// runPull refuses what needs no database before it opens one, since it may have to make it.
func runPull(c *cli.Context, se *session, o pullOptions) (err error) {
	o.settle(se.config.Pull)
	if o.To, err = se.destination(&o); err != nil {
		return withoutConfig(c, err)
	}
	if err := se.checkPullTenants(c.String("db"), o.tenants); err != nil {
		return withoutConfig(c, err)
	}
	return se.open(c.Context, c.String("db"), func() error { return se.pull(c, o) })
}

func (s *session) pull(c *cli.Context, o pullOptions) (err error) {
	if err := s.writable(); err != nil {
		return err
	}
	names, err := s.pullTenants(c.Context, o.tenants)
	if err != nil {
		return err
	}
	ctx, held, err := s.hold(c.Context, names)
	if err != nil {
		return err
	}
	o.held = held
	defer held.free()
	rec := s.record(store.KeepCaptures(version()))
	defer func() {
		err = errors.Join(err, rec.Close())
		s.autoSeal(context.WithoutCancel(c.Context))
	}()
	o.Policy, o.Log = s.policy, pullLog{s.store, s.policy}
	tenants, results, err := s.pullable(ctx, names, rec, &o)
	if err != nil {
		return err
	}
	o.Flush = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, flushPatience)
		defer cancel()
		return rec.Flush(ctx)
	}
	show := s.pullProgress()
	o.Progress = show.set
	defer debug.SetGCPercent(debug.SetGCPercent(pullGCPercent))
	done, err := pull.Run(ctx, tenants, o.Options)
	show.stop()
	if err != nil {
		return err
	}
	results = append(results, done...)
	s.nameTokens(results)
	slices.SortFunc(results, byNeed)
	if !s.saysNothing(results, &o) {
		err = s.write(o.output,
			func(w io.Writer) error { return report.Pull(w, pullRows(results), o.DryRun, o.look) })
	}
	if lost := context.Cause(ctx); lost != nil && c.Err() == nil {
		err = errors.Join(err, lost)
	}
	return errors.Join(err, s.summary(c.Context, results, &o))
}

// settle takes from the config what no flag says.
func (o *pullOptions) settle(c config.Pull) {
	p := &o.settings
	setIfZero(&p.Dest, c.Dest)
	setIfZero(&p.Staging, c.Staging)
	setIfZero(&p.Lookback, c.Lookback)
	setIfZero(&p.Reserve, c.Reserve)
	setIfZero(&p.MaxTransfer, c.MaxTransfer)
	setIfZero(&p.MaxDuration, c.MaxDuration)
	setIfZero(&p.Order, c.Order)
	setIfZero(&p.CutoffMode, c.CutoffMode)
	o.Lookback, o.Reserve = p.Lookback, p.Reserve
	o.MaxTransfer, o.MaxDuration = p.MaxTransfer, p.MaxDuration
	o.Order, o.Cutoff, o.Parallel = pull.Order(p.Order), pull.Cutoff(p.CutoffMode), c.Parallel
}

func setIfZero[T comparable](to *T, from T) {
	var zero T
	if *to == zero {
		*to = from
	}
}
