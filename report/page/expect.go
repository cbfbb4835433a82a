package page

import (
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

// expect fills in what the forecast says.
func (t *pageTenant) expect(f *outlook.Projection, c clock) {
	t.Soon = true
	switch {
	case t.Egress.Cap.Bytes > 0 && t.Egress.Current >= t.Egress.Cap.Bytes:
		t.Hit, t.HitOrder = "over now", "0"
		if f != nil && !f.Over.IsZero() {
			t.Hit = "over since about " + measure.ShortDate(f.Over, c.zone)
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

// overWords say when the sum of a tenant that is over its cap falls under it again; a note of the
// forecast says since when it is over.
func (t *pageTenant) overWords(f *outlook.Projection, c clock) (all []string) {
	if f == nil {
		return []string{"Over now."}
	}
	if !f.Under.IsZero() {
		t.HitNote = "under again about " + measure.ShortDate(f.Under, c.zone)
	} else if len(f.Days) > 0 {
		t.HitNote = "not under again in " + measure.Count(int64(len(f.Days)), "day")
	}
	for _, n := range f.Notes {
		all = append(all, text.Clean(n))
	}
	if still := emptiesAt(f, t.Egress.Cap.Bytes); !still.IsZero() {
		all = append(all, "If nothing more is pulled, the sum is under the cap at "+both(c, still.UnixMicro())+".")
	}
	return all
}

// outlookWords are the forecast in sentences.
func outlookWords(f *outlook.Projection, c clock) (all []string) {
	if f.Reason != "" {
		all = append(all, "No forecast: "+text.Clean(f.Reason)+".")
	}
	if f.Chance >= 0 {
		all = append(all, "The chance of reaching the cap within "+
			measure.Count(outlook.ChanceDays, "day")+" is "+measure.Chance(f.Chance)+".")
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
