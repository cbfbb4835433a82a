package commands

import (
	"context"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
	"github.com/6dcca832/headroom/store"
)

// origin says what writes a report, and of which rows of which database.
func (s *session) origin(
	ctx context.Context, snap store.Snapshot, o report.Options,
) (report.Options, error) {
	d := rowsOf(snap)
	d.ID = store.DatabaseID(s.store)
	var err error
	d.FirstRow, d.LastRow, err = snap.Span(ctx)
	o.Program, o.Database = version(), d
	return o, err
}

// rowsOf counts the rows of a database without naming it.
func rowsOf(snap store.Snapshot) *report.Database {
	d := &report.Database{}
	for _, t := range snap.Tenants() {
		d.Rows += t.Requests
	}
	return d
}

// tellOrigin says on a page which database it is made of, and what that was last sealed with. A
// bundle's page, which is the same wherever it is made, does not say it.
func (s *session) tellOrigin(ctx context.Context, snap store.Snapshot, p *report.Picture) error {
	o, err := s.origin(ctx, snap, report.Options{})
	if err != nil {
		return err
	}
	p.Database = o.Database
	line, err := s.newestSeal(ctx)
	if line != "" {
		p.Seal = "Sealed: " + line
	}
	return err
}

// pageOnly leaves out of the forecast what the page does not show, budgets and scores.
func (s *session) pageOnly(sp span, tenants []string) outlook.Options {
	o := s.outlook(sp, tenants)
	o.NoBudget, o.NoScores = true, true
	return o
}

// outlook are the options of a whole forecast.
func (s *session) outlook(sp span, tenants []string) outlook.Options {
	return outlook.Options{
		Policy: s.policy, AsOf: sp.asOf, Tenants: tenants, About: s.config.About,
	}
}

// picture gathers what the page shows, with a forecast of the same tenants by f. That is made of
// all requests, whatever range is selected.
func (s *session) picture(
	ctx context.Context, snap store.Snapshot, sp span, tenants []string, f outlook.Options,
) (p *report.Picture, err error) {
	p = &report.Picture{
		Policy: s.policy, About: s.config.About, Program: version(),
		Database: rowsOf(snap),
	}
	o := s.analysis(sp, tenants)
	o.Days, o.Examples = true, page.Examples(len(tenants))
	if analyze.CheapUsage(snap) {
		o.Usage = page.UsageBy
	}
	if p.Forecast, err = outlook.Project(ctx, snap, f); err != nil {
		return nil, err
	}
	o.Projected = p.Forecast
	if p.Audit, err = s.auditWith(ctx, snap, o); err != nil {
		return nil, err
	}
	p.Days, p.Examples, p.Usage = p.Audit.Days, p.Audit.Examples, p.Audit.Usage
	return p, nil
}
