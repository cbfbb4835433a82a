package commands

import (
	"context"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/report"
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

// usagePages is up to how many tenants a page tells each one's use of the API: it reads their
// requests once more for each table.
const usagePages = 8

// pageUsage is the use of the API of each of few tenants.
func pageUsage(
	ctx context.Context, snap store.Snapshot, o analyze.Options, r *analyze.Report,
) (map[string][]*analyze.UsageReport, error) {
	if len(r.Tenants) > usagePages {
		return nil, nil
	}
	all := map[string][]*analyze.UsageReport{}
	for i := range r.Tenants {
		name := r.Tenants[i].Tenant
		if r.Tenants[i].Requests == 0 {
			continue
		}
		o.Tenants = []string{name}
		for _, by := range []analyze.UsageBy{analyze.ByClass, analyze.ByClient, analyze.ByHour} {
			u, err := analyze.Usage(ctx, snap, o, by)
			if err != nil {
				return nil, err
			}
			all[name] = append(all[name], u)
		}
	}
	return all, nil
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
	if p.Usage, err = pageUsage(ctx, snap, o, p.Audit); err != nil {
		return nil, err
	}
	p.Forecast, err = outlook.Project(ctx, snap,
		outlook.Options{Policy: s.policy, AsOf: sp.asOf, Tenants: tenants, About: s.config.About})
	return p, err
}
