package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/store"
)

// failOnNever is the --fail-on that lets no finding set the exit code.
const failOnNever = "never"

// failOns are the values of --fail-on.
func failOns() []string {
	return []string{
		string(analyze.Violation),
		string(analyze.Warning),
		string(analyze.Notice),
		failOnNever,
	}
}

func newAuditCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Usage:     "tell per tenant whether the vendor's rules were kept",
		ArgsUsage: "[TENANT…]",
		Description: "Judges what was recorded, who must act first on top. Without --since and --until it is about now: what still\n" +
			"goes on fails, what has ended is history. With a range, everything in it counts. Exits with 1 where something\n" +
			"counts that weighs as much as --fail-on or more.\n\n" +
			"With --new it tells what is new or has grown since the last audit --new, and only that sets the exit code: nothing\n" +
			"is missed when a night's job failed, nothing is told twice. That is the line for cron.\n\n" +
			"Examples:\n" +
			"  headroom audit\n" +
			"  headroom -q audit --new --brief --only fail,warn\n" +
			"  headroom audit acme --since 7d --format json\n" +
			"  headroom audit acme --nights\n" +
			"  headroom audit acme --explain spacing\n" +
			"  headroom audit --explain acme-2026-11-06-duplicate-download",
		Flags: slices.Concat([]cli.Flag{
			tenantsFlag(), formatFlag(report.Formats()...), outputFlag(),
			newChoiceFlag("fail-on", "the least `SEVERITY` that makes the exit code 1", failOns()...),
			&cli.StringFlag{
				Name:  "explain",
				Usage: "list the requests that made a `RULE` fire for one tenant, or those of an incident by its id, and why each counts",
			},
			&cli.BoolFlag{
				Name:  "new",
				Usage: "tell only what is new or has grown since the last audit --new",
			},
			&cli.StringFlag{
				Name:  "cursor",
				Usage: "keep what --new has told under this `NAME`, apart from others'",
			},
			&cli.BoolFlag{
				Name:  "brief",
				Usage: "one line for each tenant that needs somebody, and one for all others",
			},
			&cli.BoolFlag{
				Name:  "nights",
				Usage: "also tell what each tenant shown did night by night",
			},
			newChoiceFlag("sort", "`ORDER` of the tenants", sorts()...),
			&cli.IntFlag{
				Name:  "top",
				Usage: "show only the first `N` tenants; the exit code is that of all",
			},
			&cli.StringFlag{
				Name:  "only",
				Usage: "show only tenants with these `VERDICTS`, separated by commas: fail, warn, no-data, pass; the exit code is that of all",
			},
			&cli.BoolFlag{
				Name:  "no-cache",
				Usage: "read every row, and believe nothing that was computed before",
			},
			textfileFlag(),
		}, rangeFlags()),
		Action: withStore(s, readAuditOptions, runAudit, mustExist),
	}
}

type auditOptions struct {
	span
	tenants  []string
	failOn   string
	explain  string // a rule or an incident's id
	news     bool
	cursor   string
	shown    showOptions
	noCache  bool
	nights   bool
	textfile string
	output   string
	look     report.Options
}

func readAuditOptions(c *cli.Context, s *streams) (o auditOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	if o.span, err = readSpan(c); err != nil {
		return o, err
	}
	if o.shown, err = readShowOptions(c); err != nil {
		return o, err
	}
	o.failOn, o.look = c.String("fail-on"), readLook(c, s)
	o.output, o.explain, o.textfile = c.String("output"), c.String("explain"), c.String("textfile")
	o.nights = c.Bool("nights")
	o.news, o.cursor, o.noCache = c.Bool("new"), c.String("cursor"), c.Bool("no-cache")
	if err := checkExplain(o.explain); err != nil {
		return o, err
	}
	switch ranged := c.IsSet("since") || c.IsSet("until"); {
	case o.news && ranged:
		return o, errors.New(
			"flag --new: is about what was not told yet, whatever its time; leave out --since and --until")
	case o.news && o.explain != "":
		return o, errors.New("flag --new: does not go with --explain")
	case c.IsSet("cursor") && !o.news:
		return o, errors.New("flag --cursor: goes with --new")
	case o.textfile != "" && (ranged || o.news || o.explain != ""):
		return o, errors.New(
			"flag --textfile: metrics are of the audit about now; leave out ranges, --new and --explain")
	}
	if o.look.Brief = c.Bool("brief"); o.look.Brief && o.nights {
		return o, errors.New("flag --brief: does not go with --nights")
	}
	if o.look.Brief && !forPeople(o.look.Format) {
		return o, fmt.Errorf("flag --brief: makes lines for people, not %s; leave out --format",
			o.look.Format)
	}
	return o, nil
}

func runAudit(c *cli.Context, se *session, o auditOptions) error {
	snap, names, err := se.auditedSnapshot(c.Context, o)
	if err != nil {
		return err
	}
	defer snap.Close()
	se.tellMisnamed(snap)
	se.tellSetAside(snap, names)
	if !o.since.Before(o.asOf) {
		se.tell("headroom: --since %s is not before the moment of the audit, %s: no request can count",
			stamp(o.since), stamp(o.asOf))
	}
	if o.explain != "" {
		return explain(c.Context, se, snap, names, o)
	}
	options := se.analysis(o.span, names)
	options.NoCache, options.Nights = o.noCache, o.nights
	var toldAt time.Time
	if o.news {
		if err := se.writable(); err != nil {
			return fmt.Errorf("flag --new: keeps what was told in the database: %w", err)
		}
		if options.Seen, toldAt, err = readCursor(c.Context, snap, o.cursor); err != nil {
			return err
		}
	}
	r, err := se.auditWith(c.Context, snap, options)
	if err != nil {
		return err
	}
	r.ToldAt = toldAt
	se.outcome, se.told = auditSummary(r), hookTenants(r)
	if err := se.tellAudit(c.Context, snap, names, r, o); err != nil {
		return err
	}
	sealed := se.autoSeal(c.Context)
	se.tellSeal(c.Context, sealed.Line)
	se.tellFirst(sealed)
	if o.news {
		se.changed = r.Weighs(analyze.Notice)
		if err := se.saveCursor(c.Context, o.cursor, options.Seen, r); err != nil {
			return err
		}
	}
	if fails(r, o.failOn) {
		return errFindings
	}
	return nil
}

// auditedSnapshot opens the log; for --no-cache, without anything that was computed before.
func (s *session) auditedSnapshot(
	ctx context.Context, o auditOptions,
) (store.Snapshot, []string, error) {
	if !o.noCache {
		return s.snapshot(ctx, o.tenants)
	}
	snap, err := s.store.SnapshotOfRows(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s.named(store.Alias(snap, s.config.Aliases()), o.tenants)
}

// tellAudit writes the audit, and the metrics where they are asked for.
func (s *session) tellAudit(
	ctx context.Context, snap store.Snapshot, names []string, r *analyze.Report, o auditOptions,
) error {
	shown, of := o.shown.apply(r)
	if o.look.Of = r.Tenants; o.look.Brief {
		o.look.Of = of
	}
	look, err := s.origin(ctx, snap, o.look)
	if err != nil {
		return err
	}
	err = s.write(o.output, func(w io.Writer) error {
		if len(shown.Tenants) == 0 && len(r.Tenants) > 0 && forPeople(o.look.Format) {
			s.tell("headroom: --only shows none of %s", measure.Count(int64(len(r.Tenants)), "tenant"))
			return nil
		}
		return report.Audit(w, shown, look)
	})
	if err != nil || o.textfile == "" {
		return err
	}
	return s.exportMetrics(ctx, snap, o.span, names, r, o.textfile)
}

// forPeople says of a format that nothing is what it writes where there is nothing to tell.
func forPeople(format string) bool { return slices.Contains([]string{"table", "markdown"}, format) }

// auditSummary counts tenants by verdict. An audit of what is new does not say that a tenant
// passes: what was told before may still go on.
func auditSummary(r *analyze.Report) string {
	if r.About == analyze.AboutNew {
		return newSummary(r)
	}
	counts := map[analyze.Verdict]int{}
	for i := range r.Tenants {
		counts[r.Tenants[i].Verdict]++
	}
	parts := []string{measure.Count(int64(len(r.Tenants)), "tenant")}
	for _, v := range []analyze.Verdict{analyze.Fail, analyze.Warn, analyze.NoData, analyze.Pass} {
		parts = append(parts, fmt.Sprintf("%d %s", counts[v], v))
	}
	return strings.Join(parts, ", ")
}

// audit runs the analysis, with the forecast's word on the cap, and keeps its states for the next
// run.
func (s *session) audit(
	ctx context.Context, snap store.Snapshot, sp span, tenants []string,
) (*analyze.Report, error) {
	return s.auditWith(ctx, snap, s.analysis(sp, tenants))
}

func (s *session) auditWith(
	ctx context.Context, snap store.Snapshot, o analyze.Options,
) (*analyze.Report, error) {
	o.Forecast = true
	r, saved, err := analyze.Run(ctx, snap, o)
	if err != nil {
		return nil, err
	}
	zone := func(tenant string) *time.Location { return s.config.About(tenant).Zone }
	if err := evidence.FillPruned(ctx, s.store, r, o.Tenants, zone); err != nil {
		return nil, err
	}
	from, states := store.Unalias(snap, saved.States)
	return r, s.tolerate(s.store.SaveStates(ctx, from, saved.Key, states))
}

func (s *session) analysis(sp span, tenants []string) analyze.Options {
	return analyze.Options{
		Policy: s.policy, AsOf: sp.asOf, Since: sp.since, Until: sp.until, Tenants: tenants,
		Known: s.config.KnownAmong(tenants), About: s.config.About,
	}
}

// fails says whether something that counts weighs as much as failOn or more.
func fails(r *analyze.Report, failOn string) bool {
	if failOn == failOnNever {
		return false
	}
	return r.Weighs(analyze.Severity(failOn))
}
