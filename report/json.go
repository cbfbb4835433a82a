package report

import (
	"encoding/json"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// auditDoc is the audit of schema headroom.audit/v2, see FORMATS.md. The order of the fields is
// that of the keys.
type auditDoc struct {
	Schema      string        `json:"schema"`
	About       analyze.About `json:"about"`
	FromCache   bool          `json:"from_cache"`
	GeneratedAt string        `json:"generated_at"`
	AsOf        string        `json:"as_of"`
	Since       *string       `json:"since"`
	Until       *string       `json:"until"`
	Policy      policyDoc     `json:"policy"`
	Program     programDoc    `json:"program"`
	Database    *databaseDoc  `json:"database"`
	// Dropped are requests that could not be recorded, Later those after AsOf, which are left out.
	Dropped int64       `json:"dropped"`
	Later   int64       `json:"later"`
	Pruned  *prunedDoc  `json:"pruned"`
	Left    int64       `json:"left"` // tenants that are not shown
	Notes   []string    `json:"notes"`
	Tenants []tenantDoc `json:"tenants"`
}

type prunedDoc struct {
	Before   string `json:"before"`
	Requests int64  `json:"requests"`
	Bytes    int64  `json:"bytes"`

	Nights []prunedNightDoc `json:"nights"`
}

type prunedNightDoc struct {
	Tenant   string `json:"tenant"`
	Night    string `json:"night"`
	Requests int64  `json:"requests"`
	Refused  int64  `json:"refused"`
	Bytes    int64  `json:"bytes"`
}

type policyDoc struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type programDoc struct {
	Version *string `json:"version"`
}

type databaseDoc struct {
	ID       *string `json:"id"`
	Rows     int64   `json:"rows"`
	FirstRow *int64  `json:"first_row"`
	LastRow  *int64  `json:"last_row"`
}

type tenantDoc struct {
	Tenant       string          `json:"tenant"`
	Verdict      analyze.Verdict `json:"verdict"`
	Requests     int64           `json:"requests"`
	Audio        int64           `json:"audio_bytes"`
	AtFault      int64           `json:"at_fault"`
	FirstRequest *string         `json:"first_request"`
	LastRequest  *string         `json:"last_request"`
	LastPull     *string         `json:"last_pull"`
	Opaque       int64           `json:"opaque"`
	Foreign      int64           `json:"foreign"`
	Redirected   int64           `json:"redirected"`
	Storage      int64           `json:"storage"`
	Held         int64           `json:"held"`
	Spacing      spacingDoc      `json:"spacing"`
	Statuses     []statusDoc     `json:"statuses"`
	Egress       egressDoc       `json:"egress"`
	Cap          capDoc          `json:"cap"`
	Resets       []resetDoc      `json:"resets"`
	Incidents    []incidentDoc   `json:"incidents"`
	Findings     []findingDoc    `json:"findings"`
	Nights       []nightDoc      `json:"nights,omitempty"`
}

// nightDoc is a night; Findings has how often each rule fired.
type nightDoc struct {
	Night      string           `json:"night"`
	Requests   int64            `json:"requests"`
	Recordings int64            `json:"recordings"`
	Bytes      int64            `json:"bytes"`
	Refused    int64            `json:"refused"`
	Min        *json.Number     `json:"min_s"`
	Findings   map[string]int64 `json:"findings"`
}

type capDoc struct {
	Bytes  *int64           `json:"bytes"`
	Source egress.CapSource `json:"source"`
	Low    *int64           `json:"low"`
	High   *int64           `json:"high"`
	Agents *int64           `json:"agents"`
	ToldOn *string          `json:"told_on"`
	ToldBy *string          `json:"told_by"`
}

type resetDoc struct {
	At   string `json:"at"`
	Note string `json:"note"`
}

type incidentDoc struct {
	ID          string           `json:"id"`
	Cause       string           `json:"cause"`
	State       string           `json:"state"`
	First       string           `json:"first"`
	Last        string           `json:"last"`
	Nights      int              `json:"nights"`
	CleanNights *int             `json:"clean_nights"`
	ResetAt     *string          `json:"reset_at"`
	Requests    int64            `json:"requests"`
	Refused     int64            `json:"refused"`
	Wasted      int64            `json:"wasted_bytes"`
	Severity    analyze.Severity `json:"severity"`
	Title       string           `json:"title"`
	Rules       []string         `json:"rules"`
	Counts      []int64          `json:"counts"`
}

type spacingDoc struct {
	Class         string       `json:"class"`
	Requests      int64        `json:"requests"`
	MinInterval   json.Number  `json:"min_interval_s"`
	Violations    int64        `json:"violations"`
	Indeterminate int64        `json:"indeterminate"`
	Tolerated     int64        `json:"tolerated"`
	Min           *json.Number `json:"min_s"`
	P50           *json.Number `json:"p50_s"`
	P95           *json.Number `json:"p95_s"`
}

type statusDoc struct {
	Method   string `json:"method"`
	Class    string `json:"class"`
	Status   int    `json:"status"`
	Requests int64  `json:"requests"`
	Expected bool   `json:"expected"`
}

type egressDoc struct {
	Window      json.Number      `json:"window_h"`
	Current     int64            `json:"current_bytes"`
	Peak        int64            `json:"peak_bytes"`
	PeakAt      *string          `json:"peak_at"`
	Cap         *int64           `json:"cap_bytes"`
	CapSource   egress.CapSource `json:"cap_source"`
	CapLow      *int64           `json:"cap_low_bytes"`
	CapHigh     *int64           `json:"cap_high_bytes"`
	Utilization *json.Number     `json:"utilization"`
	Total       int64            `json:"total_bytes"`
}

type findingDoc struct {
	Rule     string           `json:"rule"`
	Severity analyze.Severity `json:"severity"`
	Count    int64            `json:"count"`
	First    string           `json:"first"`
	Last     string           `json:"last"`
	Detail   string           `json:"detail"`
	Advice   string           `json:"advice"`
	Section  string           `json:"section"`
	Page     *string          `json:"page"`
	Basis    string           `json:"basis"`
	Requests []int64          `json:"requests"`
	Incident *string          `json:"incident"`
}

func newAuditDoc(r *analyze.Report, o Options) auditDoc {
	doc := auditDoc{
		Schema: "headroom.audit/v2", About: aboutOf(r), FromCache: r.FromCache,
		GeneratedAt: measure.Exact(r.AsOf), AsOf: measure.Exact(r.AsOf),
		Since: timeOrNull(r.Since), Until: timeOrNull(r.Until),
		Policy:  policyDoc{Name: r.PolicyName, Version: r.PolicyVersion},
		Program: programDoc{textOrNull(o.Program)}, Database: newDatabaseDoc(o.Database),
		Dropped: r.Dropped, Later: r.Later, Left: int64(len(o.Of) - len(r.Tenants)),
		Notes: append([]string{}, Notes(r)...), Tenants: []tenantDoc{},
	}
	doc.Left = max(doc.Left, 0)
	if gone := r.Pruned; !gone.Before.IsZero() {
		doc.Pruned = &prunedDoc{
			measure.Exact(gone.Before), gone.Requests, gone.Bytes, []prunedNightDoc{},
		}
		for _, n := range gone.Nights {
			doc.Pruned.Nights = append(doc.Pruned.Nights, prunedNightDoc{
				n.Tenant, n.Night.Format(time.DateOnly), n.Requests, n.Refused, n.Bytes,
			})
		}
	}
	for i := range r.Tenants {
		doc.Tenants = append(doc.Tenants, newTenantDoc(&r.Tenants[i]))
	}
	return doc
}

// newDatabaseDoc is null where the database is not told.
func newDatabaseDoc(d *Database) *databaseDoc {
	if d == nil {
		return nil
	}
	return &databaseDoc{
		ID: textOrNull(d.ID), Rows: d.Rows,
		FirstRow: positiveOrNull(d.FirstRow), LastRow: positiveOrNull(d.LastRow),
	}
}

// aboutOf is what a report is about, whose zero value means now, or a range where it has one.
func aboutOf(r *analyze.Report) analyze.About {
	switch {
	case r.About != "":
		return r.About
	case r.Since.IsZero() && r.Until.IsZero():
		return analyze.AboutNow
	}
	return analyze.AboutRange
}

func newTenantDoc(t *analyze.Result) tenantDoc {
	doc := tenantDoc{
		Tenant: t.Tenant, Verdict: t.Verdict, Requests: t.Requests, Audio: t.Audio, AtFault: t.AtFault,
		FirstRequest: microsOrNull(t.FirstRequest), LastRequest: microsOrNull(t.LastRequest),
		LastPull: microsOrNull(t.LastPull), Spacing: newSpacingDoc(t.Spacing),
		Opaque: t.Opaque, Foreign: t.Foreign, Redirected: t.Redirected, Storage: t.Storage, Held: t.Held,
		Egress: newEgressDoc(t.Egress), Cap: newCapDoc(t), Statuses: []statusDoc{}, Resets: []resetDoc{},
		Incidents: []incidentDoc{}, Findings: []findingDoc{},
	}
	for _, s := range t.Statuses {
		doc.Statuses = append(doc.Statuses, statusDoc(s))
	}
	for _, r := range t.Resets {
		doc.Resets = append(doc.Resets, resetDoc{measure.ExactMicros(r.At), r.Note})
	}
	for i := range t.Incidents {
		doc.Incidents = append(doc.Incidents, newIncidentDoc(&t.Incidents[i]))
	}
	for _, f := range t.Findings {
		doc.Findings = append(doc.Findings, findingDoc{
			Rule: f.Rule, Severity: f.Severity, Count: f.Count,
			First: measure.ExactMicros(f.First), Last: measure.ExactMicros(f.Last),
			Detail: f.Detail, Advice: f.Advice, Section: f.Section, Page: textOrNull(f.Page),
			Basis:    basisWord(f.Section, f.Page, f.Basis),
			Requests: append([]int64{}, f.Requests...), Incident: textOrNull(f.Incident),
		})
	}
	for i := range t.Nights {
		doc.Nights = append(doc.Nights, newNightDoc(&t.Nights[i]))
	}
	return doc
}

func newNightDoc(n *analyze.NightCount) nightDoc {
	doc := nightDoc{
		Night: n.Date.Format(time.DateOnly), Requests: n.Requests, Recordings: n.Recordings,
		Bytes: n.Bytes, Refused: n.Refused, Min: gapOrNull(n.Least), Findings: map[string]int64{},
	}
	for _, f := range n.Findings {
		doc.Findings[rules.Names()[f.Of]] = f.N
	}
	return doc
}

// basisWord is a basis for programs: "vendor", "our reading" or "ours". What names neither section
// nor page is ours, unless it is called a reading.
func basisWord(section, page string, b limits.Basis) string {
	switch {
	case b != limits.BasisStated:
		return string(b)
	case section == "" && page == "":
		return string(limits.BasisOurs)
	}
	return "vendor"
}

func newCapDoc(t *analyze.Result) capDoc {
	c := t.Egress.Cap
	doc := capDoc{
		Bytes: positiveOrNull(c.Bytes), Source: capSource(c), Low: positiveOrNull(c.Low),
		High: positiveOrNull(c.High), Agents: positiveOrNull(int64(t.Facts.Agents)),
		ToldBy: textOrNull(t.Facts.ToldBy),
	}
	if !t.Facts.ToldOn.IsZero() {
		on := measure.Date(t.Facts.ToldOn, t.Facts.ToldOn.Location())
		doc.ToldOn = &on
	}
	return doc
}

// The states of an incident.
const stateOpen, stateEnded = "open", "ended"

func stateOf(open bool) string {
	if open {
		return stateOpen
	}
	return stateEnded
}

func newIncidentDoc(i *analyze.Incident) incidentDoc {
	doc := incidentDoc{
		ID: i.ID, Cause: i.Cause, State: stateOf(i.Open), First: measure.ExactMicros(i.First),
		Last: measure.ExactMicros(i.Last), Nights: i.Nights, ResetAt: microsOrNull(i.ResetAt),
		Requests: i.Requests, Refused: i.Refused, Wasted: i.WastedBytes, Severity: i.Severity,
		Title: i.Title, Rules: append([]string{}, i.Rules...), Counts: append([]int64{}, i.Counts...),
	}
	if i.CleanNights >= 0 {
		doc.CleanNights = &i.CleanNights
	}
	return doc
}

func newSpacingDoc(s analyze.Spacing) spacingDoc {
	return spacingDoc{
		Class: s.Class, Requests: s.Requests,
		MinInterval: json.Number(measure.DecimalSeconds(s.MinInterval.Microseconds())),
		Violations:  s.Violations, Indeterminate: s.Indeterminate, Tolerated: s.Slips,
		Min: gapOrNull(s.Min),
		P50: gapOrNull(s.P50), P95: gapOrNull(s.P95),
	}
}

func newEgressDoc(e analyze.Egress) egressDoc {
	doc := egressDoc{
		Window: json.Number(measure.Decimal(e.Window.Hours())), Current: e.Current, Peak: e.Peak,
		PeakAt: microsOrNull(e.PeakAt),
		Cap:    positiveOrNull(e.Cap.Bytes), CapSource: capSource(e.Cap),
		CapLow:  positiveOrNull(e.Cap.Low),
		CapHigh: positiveOrNull(e.Cap.High),
		Total:   e.Total,
	}
	if share, ok := e.Utilization(); ok {
		n := json.Number(measure.Decimal(share))
		doc.Utilization = &n
	}
	return doc
}

// capSource is the source of a cap, whose zero value means unknown.
func capSource(c egress.Cap) egress.CapSource {
	if c.Source == "" {
		return egress.CapUnknown
	}
	return c.Source
}

func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := measure.Exact(t)
	return &s
}

func microsOrNull(us int64) *string {
	if us == 0 {
		return nil
	}
	s := measure.ExactMicros(us)
	return &s
}

func positiveOrNull(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}

func gapOrNull(us int64) *json.Number {
	if us < 0 {
		return nil
	}
	n := json.Number(measure.DecimalSeconds(us))
	return &n
}
