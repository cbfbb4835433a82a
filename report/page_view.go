package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/limits"
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
	return map[string]string{"✗": "bad", "!": "warn", "✓": "good"}[sign(word)]
}

// share is the utilization for a meter; it is negative where the cap is unknown.
func share(e analyze.Egress) float64 {
	if s, ok := e.Utilization(); ok {
		return s
	}
	return -1
}

var pageWords = template.FuncMap{
	"sign":  func(word any) string { return sign(asText(word)) },
	"word":  func(word any) string { return clean(asText(word)) },
	"tone":  func(word any) string { return tone(asText(word)) },
	"count": count, "size": size, "bar": shareBar,
}

// nearShare is from where on a bar warns, as the audit does.
const nearShare = .8

// shareBar draws a share of the cap, with a mark where it begins to be near. The number must stand beside it.
func shareBar(share float64) template.HTML {
	tone := "good"
	switch {
	case share >= 1:
		tone = "bad"
	case share >= nearShare:
		tone = "warn"
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">`+
		`<rect class="track" width="100" height="10"/><rect class="%s" width="%.1f" height="10"/><path class="mark" d="M%.0f 0V10"/></svg>`, tone, 100*math.Min(share, 1), 100*nearShare))
}

// pagePercent writes a share rounded down, as the page's script does.
func pagePercent(share float64) string {
	return strings.Replace(percent(share), "%", " %", 1)
}

// pageView is the picture in words and data.
type pageView struct {
	Title, Answer, Range, Policy, Window, Nothing string
	AsOf, About, Blind                            string
	Dense                                         bool   // one line for each tenant
	First, Last                                   string // days, for the range
	Tenants                                       []pageTenant
	Notes                                         []string
	Rules                                         []pageRule
	Safety                                        string
	Style                                         template.CSS
	Data                                          template.HTML
	Scripts                                       []template.HTML
}

type pageTenant struct {
	tenantView
	Share       float64 // negative where the cap is unknown
	Cap, Bounds string  // Source is "" where the cap is unknown
	PeakShare   string
	Hit         string // when the cap is expected to be reached
	HitNote     string
	Soon        bool // the cap is reached, or expected to be
	Outlook     []string
	LastPull    string
	LastPullUTC string
	Blind       string
	Violations  int64
	Zone        string
	Data        template.HTML
}

// pageRule is one of the vendor's rules, for the notes.
type pageRule struct{ Name, Text string }

func newPageView(p *Picture, a *assets) (*pageView, error) {
	base := newView(p.Audit, time.UTC)
	v := &pageView{
		Title: "Headroom report", Answer: answer(p.Audit), Range: base.Range, Policy: base.Policy, Window: base.Window, AsOf: stamp(p.Audit.AsOf, time.UTC),
		Notes: pageNotes(p), Rules: vendorRules(p.Policy), Safety: a.safety(p.Live != ""), Style: template.CSS(a.style),
		About: aboutPage(p.Policy), Blind: blindReport(p.Audit), Dense: len(p.Audit.Tenants) > roomyTenants,
	}
	if len(p.Audit.Tenants) == 0 {
		v.Nothing = nothing(p.Audit)
	}
	for _, s := range a.scripts {
		v.Scripts = append(v.Scripts, scriptOf("", s))
	}
	d := newPageData(p, a, base.Window)
	for i := range p.Audit.Tenants {
		t, err := newPageTenant(p, base.Tenants[i], i, d)
		if err != nil {
			return nil, err
		}
		v.Tenants = append(v.Tenants, t)
	}
	v.First, v.Last = dayText(d.From), dayText(d.To)
	var err error
	v.Data, err = dataOf("data", d)
	return v, err
}

// blind says on the first screen that something was not seen, so that nobody takes silence for good news; the notes say
// why. It is "" where all was.
func blind(dropped, opaque, foreign int64) string {
	var parts []string
	if dropped > 0 {
		parts = append(parts, plural(dropped, "request", "requests")+" dropped while recording")
	}
	if opaque > 0 {
		parts = append(parts, plural(opaque, "connection", "connections")+" that could not be looked into")
	}
	if foreign > 0 {
		parts = append(parts, plural(foreign, "request", "requests")+" to hosts that the policy does not know")
	}
	if parts == nil {
		return ""
	}
	return "Not judged: " + strings.Join(parts, ", ") + "."
}

// blindReport is blind of all tenants.
func blindReport(r *analyze.Report) string {
	var opaque, foreign int64
	for i := range r.Tenants {
		opaque += r.Tenants[i].Opaque
		foreign += r.Tenants[i].Foreign
	}
	return blind(r.Dropped, opaque, foreign)
}

// roomyTenants is up to how many tenants have two lines each: more would not fit on the first screen.
const roomyTenants = 8

// aboutPage says in a sentence what this is, to somebody who has never heard of it.
func aboutPage(p *limits.Policy) string {
	s := "headroom records every request to the vendor’s API and compares it with the published limits"
	if p == nil {
		return s + "."
	}
	var rules []string
	if f := p.Frequency.MinInterval; f > 0 {
		rules = append(rules, "downloads of recordings at least "+decimal(f.Seconds())+" s apart")
	}
	if w := p.Egress.Window; w > 0 {
		rules = append(rules, "their bytes in any "+span(w)+" under a cap")
	}
	if rules == nil {
		return s + "."
	}
	return s + ": " + strings.Join(rules, ", ") + "."
}

// answer is the one sentence that the reader came for.
func answer(r *analyze.Report) string {
	n := map[analyze.Verdict]int64{}
	for i := range r.Tenants {
		n[r.Tenants[i].Verdict]++
	}
	all := int64(len(r.Tenants))
	switch {
	case all == 0:
		return ""
	case n[analyze.Fail] > 0 && n[analyze.Warn] > 0:
		return fmt.Sprintf("No: %s broke a rule, %s more should change something, %s fine.",
			ofTenants(n[analyze.Fail], all), count(n[analyze.Warn]), are(n[analyze.Pass]))
	case n[analyze.Fail] > 0:
		return fmt.Sprintf("No: %s broke a rule, %s fine.", ofTenants(n[analyze.Fail], all), are(n[analyze.Pass]))
	case n[analyze.Warn] > 0:
		return fmt.Sprintf("Yes, but %s should change something.", ofTenants(n[analyze.Warn], all))
	}
	return fmt.Sprintf("Yes: %s kept all rules.", plural(all, "tenant", "tenants"))
}

func are(n int64) string {
	if n == 1 {
		return "1 is"
	}
	return count(n) + " are"
}

func ofTenants(n, all int64) string { return count(n) + " of " + plural(all, "tenant", "tenants") }

func newPageTenant(p *Picture, base tenantView, i int, d *pageData) (pageTenant, error) {
	r, about := &p.Audit.Tenants[i], p.about(p.Audit.Tenants[i].Tenant)
	c := clock{about.Zone}
	t := pageTenant{
		tenantView: base, Share: share(r.Egress), Cap: "unknown", LastPull: c.local(r.LastPull), LastPullUTC: c.utc(r.LastPull),
		Violations: Violations(r), Zone: clean(about.Zone.String()), Blind: blind(0, r.Opaque, r.Foreign),
	}
	for k := range t.Findings {
		f := &t.Findings[k]
		f.First, f.Last = both(c, r.Findings[k].First), both(c, r.Findings[k].Last)
	}
	if limit := r.Egress.Cap; limit.Bytes > 0 {
		t.Cap, t.Bounds, t.Used = size(limit.Bytes), capBounds(limit), pagePercent(t.Share)
		t.PeakShare = pagePercent(float64(r.Egress.Peak) / float64(limit.Bytes))
	} else {
		t.Source = ""
	}
	f := p.forecast(r.Tenant)
	t.expect(f, c)
	var err error
	t.Data, err = dataOf(fmt.Sprintf("d%d", i), newTenantData(p, r, about, f, d))
	return t, err
}

func both(c clock, us int64) string {
	if utc := c.utc(us); utc != "" {
		return c.local(us) + " (" + utc + ")"
	}
	return c.local(us)
}

func capBounds(limit analyze.Cap) string {
	switch {
	case limit.Low > 0 && limit.High > 0 && limit.Low != limit.High:
		return "between " + size(limit.Low) + " and " + size(limit.High)
	case limit.Low > 0 && limit.High == 0:
		return "at least " + size(limit.Low)
	}
	return ""
}

// Violations is the sum of the counts of all findings that are violations.
func Violations(r *analyze.Result) (n int64) {
	for _, f := range r.Findings {
		if f.Severity == analyze.Violation {
			n += f.Count
		}
	}
	return n
}

// expect fills in what the forecast says.
func (t *pageTenant) expect(f *analyze.Projection, c clock) {
	t.Soon = true
	switch {
	case t.Egress.Cap.Bytes > 0 && t.Egress.Current >= t.Egress.Cap.Bytes:
		t.Hit = "reached now"
	case f == nil || f.Chance < 0:
		t.Hit, t.Soon = none, false
	case f.Likely.IsZero():
		t.Hit, t.Soon = "not expected", false
	default:
		t.Hit, t.HitNote = c.local(f.Likely.UnixMicro()), c.utc(f.Likely.UnixMicro())
	}
	if f == nil {
		return
	}
	if f.Chance >= 0 {
		t.HitNote = strings.TrimPrefix(t.HitNote+", "+chance(f.Chance)+" in "+plural(analyze.ChanceDays, "day", "days"), ", ")
	}
	t.Outlook = outlookWords(f, c)
}

func chance(p float64) string {
	switch {
	case p > 0 && p < .01:
		return "under 1 %"
	case p < 1 && p > .99:
		return "over 99 %"
	}
	return fmt.Sprintf("%.0f %%", 100*p)
}

// outlookWords are the forecast in sentences.
func outlookWords(f *analyze.Projection, c clock) (all []string) {
	if f.Reason != "" {
		all = append(all, "No forecast: "+clean(f.Reason)+".")
	}
	if f.Chance >= 0 {
		all = append(all, "The chance of reaching the cap within "+plural(analyze.ChanceDays, "day", "days")+" is "+chance(f.Chance)+".")
	}
	for _, at := range []struct {
		t    time.Time
		word string
	}{{f.Early, "at the earliest (10 %)"}, {f.Likely, "most likely (50 %)"}, {f.Late, "almost surely (90 %)"}} {
		if !at.t.IsZero() {
			all = append(all, "The cap is reached by "+both(c, at.t.UnixMicro())+" "+at.word+".")
		}
	}
	for _, n := range f.Notes {
		all = append(all, clean(n))
	}
	return all
}

// forecast is that of a tenant, nil where there is none.
func (p *Picture) forecast(tenant string) *analyze.Projection {
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

// about is what is known of a tenant; its Zone is never nil.
func (p *Picture) about(tenant string) analyze.Tenant {
	t := analyze.Tenant{}
	if p.About != nil {
		t = p.About(tenant)
	}
	if t.Zone == nil {
		t.Zone = time.UTC
	}
	return t
}

// vendorRules are the policy's rules in words.
func vendorRules(p *limits.Policy) (all []pageRule) {
	if p == nil {
		return nil
	}
	if f := p.Frequency; f.MinInterval > 0 {
		all = append(all, pageRule{clean(f.Section), fmt.Sprintf("Requests of class %s start at least %s s apart, per tenant. %s",
			clean(f.Class), decimal(f.MinInterval.Seconds()), clean(f.BestPractice))})
	}
	if e := p.Egress; e.Window > 0 {
		all = append(all, pageRule{clean(e.Section), fmt.Sprintf("The answers of class %s are capped in bytes, summed over any %s, per tenant.", clean(e.Class), span(e.Window))})
	}
	for _, s := range p.Statuses {
		all = append(all, pageRule{strings.TrimSpace(fmt.Sprintf("%d %s", s.Code, clean(s.Name))), "Expected as an answer to " + clean(strings.Join(s.Methods, ", ")) + "."})
	}
	return all
}

func pageNotes(p *Picture) []string {
	return append(notes(p.Audit),
		"Days are UTC days. A range counts the requests that start in it; rolling sums look back past its beginning, as the vendor's do.",
		"The gap before the first request of a range, and a download repeated from before it, do not count in the range. Other findings count on the day of the request that made them fire, with what was known at the moment of the report.",
		"How full the window is, what the forecast expects and how long nothing was pulled is said of the moment of the report only; the verdict of a range leaves them out.",
		"Sizes are decimal: 1 GB is 1,000,000,000 bytes, as sent on the wire.",
	)
}

func dayText(day int) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }
