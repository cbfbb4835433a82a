package page

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

func asText(word any) string {
	switch w := word.(type) {
	case analyze.Verdict:
		return string(w)
	case analyze.Severity:
		return string(w)
	}
	return ""
}

// tone is the style class of a verdict or severity.
func tone(word string) string {
	return map[string]string{"✗": "bad", "!": "warn", "✓": "good"}[report.Sign(word)]
}

var pageWords = template.FuncMap{
	"sign":  func(word any) string { return report.Sign(asText(word)) },
	"word":  func(word any) string { return text.Clean(asText(word)) },
	"tone":  func(word any) string { return tone(asText(word)) },
	"hits":  func(n int64) string { return measure.Count(n, "hit") },
	"count": measure.Grouped, "size": measure.Bytes, "bar": shareBar,
}

// nearShare is from where on a bar warns, as the audit does.
const nearShare = .8

// shareBar draws a share of the cap, with a mark where it begins to be near. The number must stand
// beside it.
func shareBar(share float64) template.HTML {
	tone := "good"
	switch {
	case share >= 1:
		tone = "bad"
	case share >= nearShare:
		tone = "warn"
	}
	return template.HTML(
		fmt.Sprintf(
			`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">`+
				`<rect class="track" width="100" height="10"/><rect class="%s" width="%.1f" height="10"/>`+
				`<path class="mark" d="M%.0f 0V10"/></svg>`,
			tone,
			100*math.Min(share, 1),
			100*nearShare,
		),
	)
}

// pageView is the picture in words and data.
type pageView struct {
	Title, Answer, Range, Policy, Window string
	AsOf, About, Blind, Holds, Question  string
	Origin, Seal                         string // what wrote it and of which rows; its seal
	Alone                                bool   // one tenant only
	Heads                                []pageHead
	Dense                                bool   // one line for each tenant
	Ranged                               bool   // about a range, not about now
	First, Last                          string // days, for the range
	Tenants                              []pageTenant
	Notes                                []string
	Rules                                []pageRule
	Safety                               string
	Style, Footer                        template.CSS
	Measure, Data, Licences              template.HTML
	Scripts                              []template.HTML
}

// pageHead is a column of the table of tenants; by Key the script sorts.
type pageHead struct {
	Key, Text string
	Number    bool
}

func pageHeads(window string) []pageHead {
	return []pageHead{
		{"verdict", "Verdict", false}, {"name", "Tenant", false},
		{"share", "Share of the cap now", false},
		{"cap", "Cap, known by", false}, {"hit", "Cap expected to be reached", false},
		{"violations", "Rules broken", true}, {"peak", "Largest in " + window, true},
		{"bytes", "Audio", true},
		{"last", "Last pull", false},
	}
}

func newPageView(p *report.Picture, a *assets) (*pageView, error) {
	v := &pageView{
		Title: "Headroom report", Answer: answer(p.Audit), Range: report.Selected(p.Audit, time.UTC),
		Policy: text.Clean(strings.TrimSpace(p.Audit.PolicyName + " " + p.Audit.PolicyVersion)),
		Window: "window",
		AsOf:   measure.Stamp(p.Audit.AsOf, time.UTC), Notes: pageNotes(p), Rules: vendorRules(p.Policy),
		Safety: a.safety(p.Live != ""), Style: template.CSS(a.style),
		Licences: a.licences, About: aboutPage(p.Policy), Blind: blindReport(p.Audit),
		Dense: len(p.Audit.Tenants) > roomyTenants, Ranged: p.Audit.About == analyze.AboutRange,
	}
	if len(p.Audit.Tenants) > 0 && p.Audit.Tenants[0].Egress.Window > 0 {
		v.Window = measure.Span(p.Audit.Tenants[0].Egress.Window)
	}
	if len(p.Audit.Tenants) == 0 {
		v.Answer = report.Nothing(p.Audit)
	}
	v.Footer = footer(p.Audit, v.AsOf)
	v.Heads, v.Holds, v.Alone = pageHeads(v.Window), holds(p.Audit), len(p.Audit.Tenants) == 1
	v.Origin = report.OriginWords(report.Options{Program: p.Program, Database: p.Database})
	v.Seal = text.Clean(p.Seal)
	for _, s := range a.scripts {
		v.Scripts = append(v.Scripts, scriptOf("", s))
	}
	d := newPageData(p, a, v.Window)
	for i := range p.Audit.Tenants {
		t, err := newPageTenant(p, i, d)
		if err != nil {
			return nil, err
		}
		v.Tenants = append(v.Tenants, t)
	}
	v.First, v.Last = dayText(d.From), dayText(d.To)
	v.Question = question(p.Audit, dayText(d.From+d.Start), v.Last)
	var err error
	if v.Measure, err = dataOf("measure", measure.Dialect()); err != nil {
		return nil, err
	}
	v.Data, err = dataOf("data", d)
	return v, err
}

// roughSize is about how many bytes the page takes, a little too many: a buffer that grows by
// doubling copies most of a large page several times.
func (v *pageView) roughSize() int {
	const frame, tenant = 32 << 10, 16 << 10
	n := frame + len(v.Style) + len(v.Licences) + len(v.Data)
	for _, s := range v.Scripts {
		n += len(s)
	}
	for i := range v.Tenants {
		n += tenant + len(v.Tenants[i].Data)
	}
	return n
}

// roomyTenants is up to how many tenants have two lines each: more would not fit on the first
// screen.
const roomyTenants = 8

// daysOf are the days of a tenant, nil where there are none.
func daysOf(p *report.Picture, tenant string) *analyze.TenantDays {
	if p.Days == nil {
		return nil
	}
	for i := range p.Days.Tenants {
		if p.Days.Tenants[i].Tenant == tenant {
			return &p.Days.Tenants[i]
		}
	}
	return nil
}

// aboutOf is what is known of a tenant; its Zone is never nil.
func aboutOf(p *report.Picture, tenant string) egress.Tenant {
	t := egress.Tenant{}
	if p.About != nil {
		t = p.About(tenant)
	}
	if t.Zone == nil {
		t.Zone = time.UTC
	}
	return t
}

func dayText(day int) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }
