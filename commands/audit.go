package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// failOnNever is the --fail-on that lets no finding set the exit code.
const failOnNever = "never"

// failOns are the values of --fail-on.
func failOns() []string {
	return []string{string(analyze.Violation), string(analyze.Warning), string(analyze.Notice), failOnNever}
}

func newAuditCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Usage:     "tell per tenant whether the vendor's rules were kept",
		ArgsUsage: "[TENANT…]",
		Description: "Judges what was recorded, worst tenant first. Exits with 1 where a finding weighs as much as\n" +
			"--fail-on or more, so that a nightly job can act on it.\n\n" +
			"Examples:\n" +
			"  headroom audit\n" +
			"  headroom audit --tenant acme --since 7d --format json\n" +
			"  headroom audit --explain spacing --tenant acme",
		Flags: slices.Concat([]cli.Flag{
			tenantsFlag(), formatFlag(report.Formats()...), outputFlag(),
			newChoiceFlag("fail-on", "the least `SEVERITY` that makes the exit code 1", failOns()...),
			&cli.StringFlag{Name: "explain", Usage: "list the requests that made `RULE`, such as spacing, fire for one tenant"},
		}, rangeFlags()),
		Action: withStore(s, readAuditOptions, runAudit, sqlite.MustExist()),
	}
}

type auditOptions struct {
	span
	tenants []string
	failOn  string
	explain string
	output  string
	look    report.Options
}

func readAuditOptions(c *cli.Context, s *streams) (o auditOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	if o.span, err = readSpan(c); err != nil {
		return o, err
	}
	o.failOn, err = choice(c, "fail-on", failOns()...)
	if err != nil {
		return o, err
	}
	o.output = c.String("output")
	if o.explain, err = readRule(c.String("explain")); err != nil {
		return o, err
	}
	o.look, err = readLook(c, s)
	return o, err
}

func readRule(name string) (string, error) {
	if name == "" || slices.Contains(rules.Names(), name) {
		return name, nil
	}
	return "", fmt.Errorf("flag --explain: there is no rule %q%s; the rules are %s", name,
		didYouMean(name, rules.Names()), strings.Join(rules.Names(), ", "))
}

func runAudit(c *cli.Context, se *session, o auditOptions) error {
	snap, names, err := se.snapshot(c.Context, o.tenants)
	if err != nil {
		return err
	}
	defer snap.Close()
	se.tellMisnamed(snap)
	se.tellSetAside(snap)
	if o.explain != "" {
		return explain(c.Context, se, snap, names, o)
	}
	r, err := se.audit(c.Context, snap, o.span, names)
	if err != nil {
		return err
	}
	se.outcome = auditSummary(r)
	err = se.write(o.output, func(w io.Writer) error { return report.Audit(w, r, origin(snap, o.look)) })
	if err == nil && fails(r, o.failOn) {
		err = errFindings
	}
	return err
}

// auditSummary counts tenants by verdict.
func auditSummary(r *analyze.Report) string {
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

// audit runs the analysis, with the forecast's word on the cap, and keeps its states for the next run.
func (s *session) audit(ctx context.Context, snap store.Snapshot, sp span, tenants []string) (*analyze.Report, error) {
	return s.auditWith(ctx, snap, s.analysis(sp, tenants))
}

func (s *session) auditWith(ctx context.Context, snap store.Snapshot, o analyze.Options) (*analyze.Report, error) {
	o.Forecast = true
	r, saved, err := analyze.Run(ctx, snap, o)
	if err != nil {
		return nil, err
	}
	from, states := store.Unalias(snap, saved.States)
	return r, s.tolerate(s.store.SaveStates(ctx, from, saved.Key, states))
}

func (s *session) analysis(sp span, tenants []string) analyze.Options {
	return analyze.Options{
		Policy: s.policy, AsOf: sp.asOf, Since: sp.since, Until: sp.until, Tenants: tenants,
		Known: s.config.Names(), About: s.config.About,
	}
}

// fails says whether something that counts weighs as much as failOn or more.
func fails(r *analyze.Report, failOn string) bool {
	if failOn == failOnNever {
		return false
	}
	return r.Weighs(analyze.Severity(failOn))
}

// explain lists what made a rule fire for one tenant.
func explain(ctx context.Context, se *session, snap store.Snapshot, names []string, o auditOptions) error {
	if known := snap.Tenants(); len(names) == 0 && len(known) == 1 {
		names = []string{known[0].Name}
	}
	if len(names) != 1 {
		return errors.New("flag --explain: needs exactly one --tenant")
	}
	rows, err := explained(ctx, snap, se.analysis(o.span, nil), names[0], o.explain)
	if err != nil {
		return err
	}
	return se.write(o.output, func(w io.Writer) error { return report.Explain(w, rows, o.look) })
}

// explained gives the requests in order of time, whatever the order in which the rule could judge them.
func explained(ctx context.Context, snap store.Snapshot, o analyze.Options, tenant, rule string) ([]report.ExplainedRow, error) {
	var hits []analyze.Hit
	var ids []int64
	err := analyze.Explain(ctx, snap, o, tenant, func(h analyze.Hit) {
		if h.Rule == rule {
			hits, ids = append(hits, h), append(ids, h.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(hits, func(a, b analyze.Hit) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	requests, err := snap.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]store.Request, len(requests))
	for _, r := range requests {
		byID[r.ID] = r
	}
	rows := make([]report.ExplainedRow, len(hits))
	for i, h := range hits {
		rows[i] = report.ExplainedRow{Request: byID[h.ID], Why: h.Why}
	}
	return rows, nil
}
