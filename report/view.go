package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// view is a report in words, for the formats that people read. All of it is clean; none is escaped
// for a format.
type view struct {
	Title  string
	Range  string // "" for all requests
	New    bool   // it is about what was not told yet
	Origin string // program, database and rows; "" where they are not told
	Policy string
	Tally  string
	// Verdicts counts all tenants that Tenants were chosen from.
	Verdicts map[analyze.Verdict]int64
	Window   string // length of the rolling window: "5 days"
	Tenants  []tenantView
	Notes    []string
}

type tenantView struct {
	Verdict  analyze.Verdict
	Name     string
	Requests int64
	Spacing  analyze.Spacing
	Egress   analyze.Egress
	Source   string // of the cap
	Used     string // share of the cap
	PeakAt   string
	Answers  []string // unexpected or bad ones: "429×12"
	LastPull string
	Ago      string
	Statuses []analyze.StatusCount
	Findings []findingView
	// Known has who told the cap and when, and the resets; Incidents come before the findings. Figures
	// are the others that JSON has, where the report is about this tenant alone.
	Known     []string
	Figures   []string
	Nights    *listing // nil without any
	Incidents []incidentView
}

type findingView struct {
	Severity                               analyze.Severity
	Rule, Count, First, Last               string
	Detail, Advice, Section, Rows, Explain string
}

// Sign says a verdict or a severity without colour.
func Sign(word string) string {
	switch word {
	case string(analyze.Fail), string(analyze.Violation):
		return "✗"
	case string(analyze.Warn), string(analyze.NoData), string(analyze.Warning):
		return "!"
	case string(analyze.Pass):
		return "✓"
	}
	return "i"
}

func newView(r *analyze.Report, o Options) *view {
	loc := o.location()
	v := &view{
		Title: "Audit as of " + measure.Stamp(r.AsOf, loc), Range: Selected(r, loc),
		Policy: text.Clean(strings.TrimSpace(r.PolicyName + " " + r.PolicyVersion)),
		New:    aboutOf(r) == analyze.AboutNew,
		Origin: OriginWords(o), Verdicts: verdicts(r.Tenants, o.Of), Window: "window", Notes: Notes(r),
	}
	for i := range r.Tenants {
		t := &r.Tenants[i]
		one := newTenantView(t, r.AsOf.UnixMicro(), loc)
		for k := range one.Incidents {
			one.Incidents[k].Counts = one.Incidents[k].Open || aboutOf(r) != analyze.AboutNow
		}
		if len(r.Tenants) == 1 && t.Requests > 0 {
			one.Figures = figures(t, loc)
		}
		if t.Nights != nil {
			one.Nights = nightsListing(t)
		}
		v.Tenants = append(v.Tenants, one)
	}
	if len(r.Tenants) > 0 && r.Tenants[0].Egress.Window > 0 {
		v.Window = measure.Span(r.Tenants[0].Egress.Window)
	}
	v.Tally = v.tally()
	return v
}

// Selected says which requests the report is about.
func Selected(r *analyze.Report, loc *time.Location) string {
	var parts []string
	if aboutOf(r) == analyze.AboutNew {
		return newWords(r, loc)
	}
	if aboutOf(r) == analyze.AboutNow && !r.Since.IsZero() {
		return "Counts since " + measure.Stamp(r.Since, loc) + ", the last " + measure.Count(
			analyze.NowNights, "night")
	}
	if !r.Since.IsZero() {
		parts = append(parts, "since "+measure.Stamp(r.Since, loc))
	}
	if !r.Until.IsZero() {
		parts = append(parts, "until "+measure.Stamp(r.Until, loc))
	}
	if parts == nil {
		return ""
	}
	return "Requests " + strings.Join(parts, " ")
}

// newWords say of an audit about what is new that nothing is; "" where something is.
func newWords(r *analyze.Report, loc *time.Location) string {
	for i := range r.Tenants {
		if len(r.Tenants[i].Incidents) > 0 {
			return ""
		}
	}
	if r.ToldAt.IsZero() {
		return "Nothing new: no incident to tell of"
	}
	return "Nothing new since " + measure.Stamp(r.ToldAt, loc) + ", when incidents were last told of"
}

// OriginWords say what wrote the report, and of which rows: "headroom v1.0, database 3f2c with
// 1,478 rows, 1 to 1,478".
func OriginWords(o Options) string {
	var parts []string
	if o.Program != "" {
		parts = append(parts, "headroom "+text.Clean(o.Program))
	}
	if d := o.Database; d != nil {
		name := "database"
		if d.ID != "" {
			name += " " + text.Clean(d.ID)
		}
		if d.Rows > 0 {
			name += " with " + measure.Count(d.Rows, "row")
		}
		if d.LastRow > 0 {
			name += ", " + measure.Grouped(d.FirstRow) + " to " + measure.Grouped(d.LastRow)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// verdicts counts all tenants that those shown were chosen from.
func verdicts(shown, of []analyze.Result) map[analyze.Verdict]int64 {
	n := map[analyze.Verdict]int64{}
	if len(of) < len(shown) {
		of = shown
	}
	for i := range of {
		n[of[i].Verdict]++
	}
	return n
}

// tally says "200 tenants: 2 fail, 1 warn, 197 pass", and how many are shown where not all are.
func (v *view) tally() string {
	n, all := v.Verdicts, v.all()
	s := fmt.Sprintf("%s: %s fail, %s warn, ", measure.Count(all, "tenant"),
		measure.Grouped(n[analyze.Fail]), measure.Grouped(n[analyze.Warn]))
	if without := n[analyze.NoData]; without > 0 {
		s += measure.Grouped(without) + " without data, "
	}
	s += measure.Grouped(n[analyze.Pass]) + " pass"
	if shown := int64(len(v.Tenants)); shown < all {
		s += "; " + measure.Grouped(shown) + " shown"
	}
	return s
}

// all is how many tenants those shown were chosen from.
func (v *view) all() (n int64) {
	for _, count := range v.Verdicts {
		n += count
	}
	return n
}

// firstFew names the first few tenants: "a, b, c and 4 more".
func firstFew(names []string) string {
	const few = 3
	s := strings.Join(names[:min(few, len(names))], ", ")
	if more := len(names) - few; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

func newTenantView(t *analyze.Result, asOf int64, loc *time.Location) tenantView {
	v := tenantView{
		Verdict: t.Verdict, Name: text.Clean(t.Tenant), Requests: t.Requests, Spacing: t.Spacing,
		Egress: t.Egress,
		Source: text.Clean(string(capSource(t.Egress.Cap))), Used: measure.None,
		PeakAt:  measure.StampMicros(t.Egress.PeakAt, loc),
		Answers: badAnswers(t.Statuses), LastPull: measure.StampMicros(t.LastPull, loc),
		Ago: measure.Ago(asOf, t.LastPull), Statuses: cleanStatuses(t.Statuses),
	}
	if share, ok := t.Egress.Utilization(); ok {
		v.Used = measure.Percent(share)
	}
	for _, f := range t.Findings {
		v.Findings = append(v.Findings, newFindingView(f, t.Tenant, loc))
	}
	v.Known = knownWords(t, loc)
	for i := range t.Incidents {
		v.Incidents = append(v.Incidents, newIncidentView(&t.Incidents[i], loc))
	}
	return v
}

// figures are what a single tenant's audit tells beside the table: gaps, answers, times, bytes.
func figures(t *analyze.Result, loc *time.Location) (all []string) {
	words := fmt.Sprintf("%s, %s at fault", measure.Count(t.Requests, "request"),
		measure.Grouped(t.AtFault))
	for _, at := range []struct {
		us   int64
		word string
	}{
		{t.FirstRequest, "the first of the log"}, {t.LastRequest, "the last"},
		{t.LastPull, "the last pull"},
	} {
		if at.us != 0 {
			words += ", " + at.word + " at " + measure.StampMicros(at.us, loc)
		}
	}
	all = append(all, words)
	if s := t.Spacing; s.Requests > 0 {
		words = fmt.Sprintf("Gaps between %s %s requests: shortest %s, p50 %s, p95 %s; %s under %s",
			measure.Grouped(s.Requests), text.Clean(s.Class), measure.Duration(s.Min),
			measure.Duration(s.P50), measure.Duration(s.P95), measure.Grouped(s.Violations),
			measure.Span(s.MinInterval))
		if s.Slips > 0 {
			words += ", " + measure.Grouped(s.Slips) + " more within the tolerance"
		}
		if s.Indeterminate > 0 {
			words += ", " + measure.Grouped(s.Indeterminate) + " indeterminate"
		}
		all = append(all, words)
	}
	e := t.Egress
	audio := measure.Bytes(t.Audio)
	if e.Total != t.Audio {
		audio += ", " + measure.Bytes(e.Total) + " in the whole log"
	}
	words = fmt.Sprintf("Audio: %s, %s in the last %s; at most %s, at %s", audio,
		measure.Bytes(e.Current), measure.Hours(e.Window),
		measure.Bytes(e.Peak), measure.StampMicros(e.PeakAt, loc))
	if c := e.Cap; c.High > 0 && c.Low != c.High {
		words += "; with " + measure.Bytes(c.High) + " a request was refused"
		if c.Low > 0 {
			words += ", with " + measure.Bytes(c.Low) + " one was still served"
		}
	}
	if e.PeakAt != 0 {
		all = append(all, words)
	}
	if len(t.Statuses) == 0 {
		return all
	}
	answers := make([]string, len(t.Statuses))
	for i, s := range t.Statuses {
		answers[i] = fmt.Sprintf("%s %s %s ×%s", text.Clean(s.Method), text.Clean(s.Class),
			statusWord(s.Status), measure.Grouped(s.Requests))
		if !s.Expected {
			answers[i] += " (not listed)"
		}
	}
	return append(all, "Answers: "+strings.Join(answers, ", "))
}

// knownWords are who told the cap, when and for how many agents, and the resets of the egress
// window.
func knownWords(t *analyze.Result, loc *time.Location) (all []string) {
	if s := ToldWords(t); s != "" {
		all = append(all, s)
	}
	for _, r := range t.Resets {
		s := "Reset of the egress window at " + measure.StampMicros(r.At, loc)
		if r.Note != "" {
			s += ": " + text.Clean(r.Note)
		}
		all = append(all, s)
	}
	return all
}

// ToldWords say how the cap is known: "Cap 43.7 MB, told by support on 2026-10-20, for 6 agents".
// It is "" where nothing but its source is known.
func ToldWords(t *analyze.Result) string {
	c, f := t.Egress.Cap, t.Facts
	if c.Bytes <= 0 || f.Agents <= 0 && f.ToldBy == "" && f.ToldOn.IsZero() {
		return ""
	}
	s := "Cap " + measure.Bytes(c.Bytes) + ", " + text.Clean(string(capSource(c)))
	if c.Source == egress.CapTold {
		if f.ToldBy != "" {
			s += " by " + text.Clean(f.ToldBy)
		}
		if !f.ToldOn.IsZero() {
			s += " on " + measure.Date(f.ToldOn, f.ToldOn.Location())
		}
	}
	if f.Agents > 0 {
		s += ", for " + measure.Count(int64(f.Agents), "agent")
	}
	return s
}
