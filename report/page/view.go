package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
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

// share is the utilization for a meter; it is negative where the cap is unknown.
func share(e analyze.Egress) float64 {
	if s, ok := e.Utilization(); ok {
		return s
	}
	return -1
}

var pageWords = template.FuncMap{
	"sign":  func(word any) string { return report.Sign(asText(word)) },
	"word":  func(word any) string { return text.Clean(asText(word)) },
	"tone":  func(word any) string { return tone(asText(word)) },
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
	Title, Answer, Range, Policy, Window, Nothing string
	AsOf, About, Blind, Holds, Program            string
	Heads                                         []pageHead
	Dense                                         bool   // one line for each tenant
	First, Last                                   string // days, for the range
	Tenants                                       []pageTenant
	Notes                                         []string
	Rules                                         []pageRule
	Safety                                        string
	Style                                         template.CSS
	Measure, Data, Licences                       template.HTML
	Scripts                                       []template.HTML
}

type pageTenant struct {
	Verdict     analyze.Verdict
	Name        string
	Requests    int64
	Egress      analyze.Egress
	Source      string // of the cap; "" where it is unknown
	Used        string // share of the cap
	Findings    []pageFinding
	Known       []string       // who told the cap and when, and the resets
	First       []pageIncident // open ones, or the latest
	Earlier     []pageIncident
	Usage       []pageUsage
	UsageWords  string  // Usage in a sentence
	Share       float64 // negative where the cap is unknown
	Cap, Bounds string
	PeakShare   string
	Hit         string // when the cap is expected to be reached, or since when the sum is over it
	HitNote     string
	HitOrder    string        // sorts by Hit, soonest first; "" where there is none
	LastOrder   string        // sorts by LastPull
	Brief       []pageFinding // those that weigh, for a tenant's card among many
	Soon        bool          // the cap is reached, or expected to be
	Outlook     []string
	LastPull    string
	LastPullUTC string
	Blind       string
	Violations  int64
	Many        bool // the violations count against now
	Zone        string
	Data        template.HTML
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
		{"violations", "Violations", true}, {"peak", "Largest in " + window, true},
		{"bytes", "Audio", true},
		{"last", "Last pull", false},
	}
}

type pageFinding struct {
	Severity                               analyze.Severity
	Rule, Count, First, Last               string
	Detail, Advice, Section, Rows, Explain string
	Over                                   bool // its incident has ended
}

// isOver says whether an incident of a tenant has ended.
func isOver(id string, r *analyze.Result) bool {
	for i := range r.Incidents {
		if r.Incidents[i].ID == id {
			return !r.Incidents[i].Open
		}
	}
	return false
}

// pageRule is one of the vendor's rules, for the notes.
type pageRule struct{ Name, Text string }

func newPageView(p *report.Picture, a *assets) (*pageView, error) {
	v := &pageView{
		Title: "Headroom report", Answer: answer(p.Audit), Range: report.Selected(p.Audit, time.UTC),
		Policy: text.Clean(strings.TrimSpace(p.Audit.PolicyName + " " + p.Audit.PolicyVersion)),
		Window: "window",
		AsOf:   measure.Stamp(p.Audit.AsOf, time.UTC), Notes: pageNotes(p), Rules: vendorRules(p.Policy),
		Safety: a.safety(p.Live != ""), Style: template.CSS(a.style),
		Licences: a.licences, About: aboutPage(p.Policy), Blind: blindReport(p.Audit),
		Dense: len(p.Audit.Tenants) > roomyTenants,
	}
	if len(p.Audit.Tenants) > 0 && p.Audit.Tenants[0].Egress.Window > 0 {
		v.Window = measure.Span(p.Audit.Tenants[0].Egress.Window)
	}
	if len(p.Audit.Tenants) == 0 {
		v.Nothing = report.Nothing(p.Audit)
	}
	v.Heads, v.Holds, v.Program = pageHeads(v.Window), holds(p.Audit), text.Clean(p.Program)
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
	var err error
	if v.Measure, err = dataOf("measure", measure.Dialect()); err != nil {
		return nil, err
	}
	v.Data, err = dataOf("data", d)
	return v, err
}

// blind says on the first screen that something was not seen, so that nobody takes silence for good
// news; the notes say why. It is "" where all was.
func blind(dropped, opaque, foreign int64) string {
	var parts []string
	if dropped > 0 {
		parts = append(parts, measure.Count(dropped, "request")+" dropped while recording")
	}
	if opaque > 0 {
		parts = append(parts, measure.Count(opaque, "connection")+" that could not be looked into")
	}
	if foreign > 0 {
		parts = append(parts, measure.Count(foreign, "request")+" to hosts that the policy does not know")
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

// holds says whose data the file has, so that nobody sends one customer's to another.
func holds(r *analyze.Report) string {
	switch n := int64(len(r.Tenants)); n {
	case 0:
		return ""
	case 1:
		return "This file is about " + text.Clean(r.Tenants[0].Tenant) + " and holds no other tenant."
	default:
		return "This file holds " + measure.Count(n, "tenant") +
			". To give one of them its own, write a file for each: headroom report --split FOLDER."
	}
}

// roomyTenants is up to how many tenants have two lines each: more would not fit on the first
// screen.
const roomyTenants = 8

// aboutPage says in a sentence what this is, to somebody who has never heard of it.
func aboutPage(p *limits.Policy) string {
	s := "headroom records every request to the vendor’s API and compares it with the published limits"
	if p == nil {
		return s + "."
	}
	var rules []string
	if f := p.Frequency.MinInterval; f > 0 {
		rules = append(rules, "downloads of recordings at least "+measure.Decimal(f.Seconds())+" s apart")
	}
	if w := p.Egress.Window; w > 0 {
		rules = append(rules, "their bytes in any "+measure.Span(w)+" under a cap")
	}
	if rules == nil {
		return s + "."
	}
	return s + ": " + strings.Join(rules, ", ") + "."
}

// answer is the one sentence that the reader came for. fleet.js has the same words for a range.
func answer(r *analyze.Report) string {
	n := map[analyze.Verdict]int64{}
	over := int64(0)
	for i := range r.Tenants {
		t := &r.Tenants[i]
		n[t.Verdict]++
		if t.Verdict == analyze.Pass && len(t.Incidents) > 0 {
			over++
		}
	}
	all, others := int64(len(r.Tenants)), n[analyze.Warn]+n[analyze.NoData]
	switch {
	case all == 0:
		return ""
	case n[analyze.Fail] > 0 && others > 0:
		return fmt.Sprintf("No: %s broke a rule, %s more should change something, %s fine.",
			ofTenants(n[analyze.Fail], all), measure.Grouped(others), are(n[analyze.Pass]))
	case n[analyze.Fail] > 0:
		return fmt.Sprintf("No: %s broke a rule, %s fine.", ofTenants(n[analyze.Fail], all),
			are(n[analyze.Pass]))
	case others > 0:
		return fmt.Sprintf("Yes, but %s should change something.", ofTenants(others, all))
	case over > 0:
		return fmt.Sprintf("Yes, now: what %s did before is over.", ofTenants(over, all))
	}
	return fmt.Sprintf("Yes: %s kept all rules.", measure.Count(all, "tenant"))
}

func are(n int64) string {
	if n == 1 {
		return "1 is"
	}
	return measure.Grouped(n) + " are"
}

func ofTenants(n, all int64) string {
	return measure.Grouped(n) + " of " + measure.Count(all, "tenant")
}

func newPageTenant(p *report.Picture, i int, d *pageData) (pageTenant, error) {
	r, about := &p.Audit.Tenants[i], aboutOf(p, p.Audit.Tenants[i].Tenant)
	c := clock{about.Zone}
	t := pageTenant{
		Verdict: r.Verdict, Name: text.Clean(r.Tenant), Requests: r.Requests, Egress: r.Egress,
		Used:      measure.None,
		LastOrder: order(r.LastPull), Share: share(r.Egress), Cap: "unknown",
		LastPull: c.local(r.LastPull), LastPullUTC: c.utc(r.LastPull),
		Violations: report.Violations(r), Zone: text.Clean(about.Zone.String()),
		Blind: blind(0, r.Opaque, r.Foreign),
	}
	for _, f := range r.Findings {
		t.Findings = append(t.Findings, newPageFinding(f, r.Tenant, c))
		t.Findings[len(t.Findings)-1].Over = isOver(f.Incident, r)
		if f.Severity != analyze.Notice && !isOver(f.Incident, r) {
			t.Brief = append(t.Brief, t.Findings[len(t.Findings)-1])
		}
	}
	t.Known = report.KnownWords(r, about.Zone)
	t.UsageWords = usageWords(p.Usage[r.Tenant])
	for _, u := range p.Usage[r.Tenant] {
		t.Usage = append(t.Usage, newPageUsage(u))
	}
	t.Many = t.Violations > 0 && r.Verdict != analyze.Pass
	for k := range r.Incidents {
		if v := newPageIncident(p, &r.Incidents[k], r, c); v.Open || k == 0 {
			t.First = append(t.First, v)
		} else {
			t.Earlier = append(t.Earlier, v)
		}
	}
	if limit := r.Egress.Cap; limit.Bytes > 0 {
		t.Source = text.Clean(string(limit.Source))
		t.Cap, t.Bounds, t.Used = measure.Bytes(limit.Bytes), capBounds(limit), measure.Percent(t.Share)
		t.PeakShare = measure.Percent(float64(r.Egress.Peak) / float64(limit.Bytes))
	}
	f := forecastOf(p, r.Tenant)
	t.expect(f, overSince(daysOf(p, r.Tenant), r.Egress.Cap.Bytes), c)
	var err error
	t.Data, err = dataOf(fmt.Sprintf("d%d", i), newTenantData(p, r, about, f, d))
	return t, err
}

func newPageFinding(f analyze.Finding, tenant string, c clock) pageFinding {
	return pageFinding{
		Severity: f.Severity, Rule: text.Clean(f.Rule), Count: measure.Grouped(f.Count),
		First: both(c, f.First), Last: both(c, f.Last),
		Detail: text.Clean(f.Detail), Advice: text.Clean(f.Advice), Section: report.BasisWords(&f),
		Rows: report.RowIDs(f), Explain: report.ExplainCommand(f, tenant),
	}
}

func both(c clock, us int64) string {
	if utc := c.utc(us); utc != "" {
		return c.local(us) + " (" + utc + ")"
	}
	return c.local(us)
}

func capBounds(limit egress.Cap) string {
	switch {
	case limit.Low > 0 && limit.High > 0 && limit.Low != limit.High:
		return "between " + measure.Bytes(limit.Low) + " and " + measure.Bytes(limit.High)
	case limit.Low > 0 && limit.High == 0:
		return "at least " + measure.Bytes(limit.Low)
	}
	return ""
}

// order is a time as a number to sort by; "" for none.
func order(us int64) string {
	if us == 0 {
		return ""
	}
	return strconv.FormatInt(us, 10)
}

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
	limit, usual, still := t.Egress.Cap.Bytes, time.Time{}, time.Time{}
	for i := range f.Days {
		if f.Days[i].Quantile(.5) < float64(limit) {
			usual = f.Days[i].At
			break
		}
	}
	left := f.Current
	for _, h := range f.Room {
		if left -= h.Bytes; left < limit {
			still = h.At
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
	if !still.IsZero() {
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

// vendorRules are the policy's rules in words.
func vendorRules(p *limits.Policy) (all []pageRule) {
	if p == nil {
		return nil
	}
	if f := p.Frequency; f.MinInterval > 0 {
		all = append(
			all,
			pageRule{
				text.Clean(f.Section),
				fmt.Sprintf("Requests of class %s start at least %s s apart, per tenant. %s",
					text.Clean(f.Class), measure.Decimal(f.MinInterval.Seconds()), text.Clean(f.BestPractice)),
			},
		)
	}
	if e := p.Egress; e.Window > 0 {
		all = append(
			all,
			pageRule{
				text.Clean(e.Section),
				fmt.Sprintf("The answers of class %s are capped in bytes, summed over any %s, per tenant.",
					text.Clean(e.Class), measure.Span(e.Window)),
			},
		)
	}
	for _, s := range p.Statuses {
		all = append(
			all,
			pageRule{
				strings.TrimSpace(fmt.Sprintf("%d %s", s.Code, text.Clean(s.Name))),
				"Expected as an answer to " + text.Clean(strings.Join(s.Methods, ", ")) + ".",
			},
		)
	}
	return all
}

func pageNotes(p *report.Picture) []string {
	return append(report.Notes(p.Audit),
		"Days are UTC days. A range counts the requests that start in it; rolling sums look back past its beginning, as the vendor's do.",
		"The gap before the first request of a range, and a download repeated from before it, do not count in the range. Other findings count on the day of the request that made them fire, with what was known at the moment of the report.",
		"How full the window is, what the forecast expects and how long nothing was pulled is said of the moment of the report only; the verdict of a range leaves them out.",
		"Sizes are decimal: 1 GB is 1,000,000,000 bytes, as sent on the wire.")
}

func dayText(day int) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }
