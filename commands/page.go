package commands

import (
	"context"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
	"github.com/6dcca832/headroom/store"
)

// origin says what writes a report, and of which rows.
func origin(snap store.Snapshot, o report.Options) report.Options {
	d := &report.Database{}
	for _, t := range snap.Tenants() {
		d.Rows += t.Requests
	}
	o.Program, o.Database = version(), d
	return o
}

// picture gathers what the page shows. The forecast is made of all requests, whatever range is
// selected.
func (s *session) picture(
	ctx context.Context, snap store.Snapshot, sp span, tenants []string,
) (p *report.Picture, err error) {
	p = &report.Picture{
		Policy: s.policy, About: s.config.About, Program: version(),
		Database: origin(snap, report.Options{}).Database,
	}
	o := s.analysis(sp, tenants)
	o.Days = true
	if p.Audit, err = s.auditWith(ctx, snap, o); err != nil {
		return nil, err
	}
	p.Days = p.Audit.Days
	if p.Examples, err = analyze.Examples(ctx, snap, o, p.Audit); err != nil {
		return nil, err
	}
	if analyze.CheapUsage(snap) {
		p.Usage, err = analyze.UsageOfEach(ctx, snap, o, page.UsageBy...)
		if err != nil {
			return nil, err
		}
	}
	p.Forecast, err = outlook.Project(ctx, snap,
		outlook.Options{Policy: s.policy, AsOf: sp.asOf, Tenants: tenants, About: s.config.About})
	return p, err
}
