package page

import (
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

// expect fills in what the forecast says; since is the day from which on the sum is over the cap,
// if that is known.
func (t *pageTenant) expect(f *outlook.Projection, since time.Time, c clock) {
	t.Soon = true
	switch {
	case t.Egress.Cap.Bytes > 0 && t.Egress.Current >= t.Egress.Cap.Bytes:
		t.Hit, t.HitOrder = "over now", "0"
		if !since.IsZero() {
			t.Hit = "over since " + measure.ShortDate(since, c.zone)
		}
		t.Outlook = t.overWords(f, c)
		return
	case f == nil || f.Chance < 0:
		t.Hit, t.Soon = measure.None, false
	case f.Likely.IsZero():
		t.Hit, t.Soon = "not expected", false
	default:
		t.Hit, t.HitNote = c.local(f.Likely.UnixMicro()), c.utc(f.Likely.UnixMicro())
		t.HitOrder = order(f.Likely.UnixMicro())
	}
	if f == nil {
		return
	}
	if f.Chance >= 0 {
		t.HitNote = strings.TrimPrefix(
			t.HitNote+", "+measure.Chance(f.Chance)+" in "+measure.Count(outlook.ChanceDays, "day"), ", ")
	}
	t.Outlook = outlookWords(f, c)
}

// overWords say when the sum of a tenant that is over its cap falls under it again.
func (t *pageTenant) overWords(f *outlook.Projection, c clock) (all []string) {
	head := strings.ToUpper(t.Hit[:1]) + t.Hit[1:]
	if f == nil {
		return []string{head + "."}
	}
	limit, usual := t.Egress.Cap.Bytes, time.Time{}
	for i := range f.Days {
		if f.Days[i].Quantile(.5) < float64(limit) {
			usual = f.Days[i].At
			break
		}
	}
	if !usual.IsZero() {
		t.HitNote = "under again about " + measure.ShortDate(usual, c.zone)
		head += ", at the usual volume " + t.HitNote
	} else if len(f.Days) > 0 {
		t.HitNote = "not under again in " + measure.Count(int64(len(f.Days)), "day")
		head += ", at the usual volume " + t.HitNote
	}
	if still := emptiesAt(f, limit); !still.IsZero() {
		head += "; if nothing more is pulled, at " + both(c, still.UnixMicro())
	}
	all = append(all, head+".")
	for _, n := range f.Notes {
		all = append(all, text.Clean(n))
	}
	return all
}

// overSince is the first of the last days whose largest sums were all at or over the cap; the zero
// time where the last one was not.
func overSince(t *analyze.TenantDays, limit int64) (since time.Time) {
	if t == nil || limit <= 0 {
		return since
	}
	for i := len(t.Days) - 1; i >= 0; i-- {
		switch d := &t.Days[i]; {
		case d.Requests == 0: // has no sum of its own
		case d.Peak < limit:
			return since
		default:
			since = time.UnixMicro(d.PeakAt)
		}
	}
	return since
}

// outlookWords are the forecast in sentences.
func outlookWords(f *outlook.Projection, c clock) (all []string) {
	if f.Reason != "" {
		all = append(all, "No forecast: "+text.Clean(f.Reason)+".")
	}
	if f.Chance >= 0 {
		all = append(
			all,
			"The chance of reaching the cap within "+measure.Count(outlook.ChanceDays,
				"day")+" is "+measure.Chance(
				f.Chance,
			)+".",
		)
	}
	for _, at := range []struct {
		t    time.Time
		word string
	}{
		{f.Early, "at the earliest (10%)"}, {f.Likely, "most likely (50%)"},
		{f.Late, "almost surely (90%)"},
	} {
		if !at.t.IsZero() {
			all = append(all, "The cap is reached by "+both(c, at.t.UnixMicro())+" "+at.word+".")
		}
	}
	for _, n := range f.Notes {
		all = append(all, text.Clean(n))
	}
	return all
}

// forecastOf is that of a tenant, nil where there is none.
func forecastOf(p *report.Picture, tenant string) *outlook.Projection {
	if p.Forecast == nil {
		return nil
	}
	for i := range p.Forecast.Tenants {
		if p.Forecast.Tenants[i].Tenant == tenant {
			return &p.Forecast.Tenants[i]
		}
	}
	return nil
}
