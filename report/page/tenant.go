package page

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

// share is the utilization for a meter; it is negative where the cap is unknown.
func share(e analyze.Egress) float64 {
	if s, ok := e.Utilization(); ok {
		return s
	}
	return -1
}

type pageTenant struct {
	Verdict      analyze.Verdict
	Name         string
	Requests     int64
	Egress       analyze.Egress
	Audio, Peak  int64  // of what is counted: bytes, and the largest sum
	Source       string // of the cap; "" where it is unknown
	Used         string // share of the cap
	Findings     []pageFinding
	Known        []string       // the resets, where no incident tells them
	First        []pageIncident // open ones, or the latest
	Earlier      []pageIncident
	UsageCommand string  // what tells the use where the page does not
	UsageWords   string  // how much of the API was used, in a sentence
	Share        float64 // negative where the cap is unknown
	Cap          string
	CapWords     string // how the cap is known, and how much of it is used
	PeakShare    string
	Hit          string // when the cap is expected to be reached, or since when the sum is over it
	HitNote      string
	HitOrder     string        // sorts by Hit, soonest first; "" where there is none
	LastOrder    string        // sorts by LastPull
	Brief        []pageFinding // those that weigh, for a tenant's card among many
	Soon         bool          // the cap is reached, or expected to be
	Outlook      []string
	LastPull     string
	LastPullUTC  string
	Blind        string
	Violations   int64
	HitsNote     string // in how many requests Violations are, and that all are over
	Many         bool   // the violations count against now
	Zone         string
	Data         template.HTML
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

func newPageTenant(p *report.Picture, i int, d *pageData) (pageTenant, error) {
	r, about := &p.Audit.Tenants[i], aboutOf(p, p.Audit.Tenants[i].Tenant)
	c := clock{about.Zone}
	t := pageTenant{
		Verdict: r.Verdict, Name: text.Clean(r.Tenant), Requests: r.Requests, Egress: r.Egress,
		Audio:     r.Audio,
		Used:      measure.None,
		LastOrder: order(r.LastPull), Share: share(r.Egress), Cap: "unknown",
		LastPull: c.local(r.LastPull), LastPullUTC: c.utc(r.LastPull),
		Violations: report.Violations(r), HitsNote: hitsNote(r), Zone: text.Clean(about.Zone.String()),
		Blind: blind(0, r.Opaque, r.Foreign),
	}
	for _, f := range r.Findings {
		t.Findings = append(t.Findings, newPageFinding(f, r.Tenant, c))
		t.Findings[len(t.Findings)-1].Over = isOver(f.Incident, r)
		if f.Severity != analyze.Notice && !isOver(f.Incident, r) {
			t.Brief = append(t.Brief, t.Findings[len(t.Findings)-1])
		}
	}
	t.CapWords = capWords(r)
	if name, ok := text.ShellQuote(r.Tenant); ok && p.Usage == nil && r.Requests > 0 {
		t.UsageCommand = "headroom usage --tenant " + name
	}
	t.UsageWords = usageWords(p.Usage[r.Tenant])
	t.Many = t.Violations > 0 && r.Verdict != analyze.Pass
	for k := range r.Incidents {
		if v := newPageIncident(p, &r.Incidents[k], r, c); v.Open || k == 0 {
			t.First = append(t.First, v)
		} else {
			t.Earlier = append(t.Earlier, v)
		}
	}
	if !slices.ContainsFunc(t.First, func(i pageIncident) bool { return i.Egress }) {
		before := resetWords(r, c)
		for _, reset := range before {
			t.Known = append(t.Known, "Reset of the egress window: "+reset)
		}
		if before == nil {
			t.Known = append(t.Known, "Reset of the egress window: none is recorded here")
		}
	}
	t.Peak = peak(p, r)
	if limit := r.Egress.Cap; limit.Bytes > 0 {
		t.Source = text.Clean(string(limit.Source))
		t.Cap, t.Used = measure.Bytes(limit.Bytes), measure.Percent(t.Share)
		t.PeakShare = measure.Percent(float64(t.Peak) / float64(limit.Bytes))
	}
	f := forecastOf(p, r.Tenant)
	t.expect(f, c)
	var err error
	t.Data, err = dataOf(fmt.Sprintf("d%d", i), newTenantData(p, r, about, f, d))
	return t, err
}

// hitsNote says in how many requests a tenant's violations are, where that is another number than
// theirs, and that the incidents of all of them have ended, where they have.
func hitsNote(r *analyze.Result) string {
	var notes []string
	if r.Violating > 0 && r.Violating != report.Violations(r) {
		notes = append(notes, "in "+measure.Count(r.Violating, "request"))
	}
	if !slices.ContainsFunc(r.Findings, func(f analyze.Finding) bool {
		return f.Severity == analyze.Violation && !isOver(f.Incident, r)
	}) {
		notes = append(notes, "all over")
	}
	return strings.Join(notes, ", ")
}

// peak is the largest sum of the days that the page opens with.
func peak(p *report.Picture, r *analyze.Result) (most int64) {
	days := daysOf(p, r.Tenant)
	if days == nil {
		return r.Egress.Peak
	}
	for i := range days.Days {
		if d := &days.Days[i]; p.Audit.Since.IsZero() ||
			int64(d.Day) >= p.Audit.Since.Unix()/86400 {
			most = max(most, d.Peak)
		}
	}
	return most
}

func newPageFinding(f analyze.Finding, tenant string, c clock) pageFinding {
	return pageFinding{
		Severity: f.Severity, Rule: text.Clean(f.Rule), Count: measure.Grouped(f.Count),
		First: both(c, f.First), Last: both(c, f.Last),
		Detail: sentence(text.Clean(f.Detail)), Advice: text.Clean(f.Advice),
		Section: report.BasisWords(&f),
		Rows:    report.RowIDs(f), Explain: report.ExplainCommand(f, tenant),
	}
}

// exactly is both to the second, for what is looked up in another log.
func exactly(c clock, us int64) string {
	local := measure.StampMicros(us, c.zone)
	if c.utc(us) == "" {
		return local
	}
	return local + " (" + measure.StampMicros(us, nil) + ")"
}

func both(c clock, us int64) string {
	if utc := c.utc(us); utc != "" {
		return c.local(us) + " (" + utc + ")"
	}
	return c.local(us)
}

// capWords say what the cap is, how it is known and how much of it is used now.
func capWords(r *analyze.Result) string {
	limit := r.Egress.Cap
	if limit.Bytes <= 0 {
		return "The cap is unknown."
	}
	s := report.ToldWords(r)
	if s == "" {
		s = "Cap " + measure.Bytes(limit.Bytes) + ", " + text.Clean(string(limit.Source))
	}
	if bounds := capBounds(limit); bounds != "" {
		s += ", " + bounds
	}
	return s + "; " + measure.Percent(share(r.Egress)) + " of it used now."
}

func capBounds(limit egress.Cap) string {
	switch {
	case limit.Low > 0 && limit.High > 0 && limit.Low != limit.High:
		return "between " + measure.Bytes(limit.Low) + " and " + measure.Bytes(limit.High)
	case limit.Low > 0 && limit.High == 0 && limit.Low >= limit.Bytes:
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
