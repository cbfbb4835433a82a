package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
)

// auditDoc is the audit of schema headroom.audit/v1, see FORMATS.md. The order of the fields is that of the keys.
type auditDoc struct {
	Schema      string      `json:"schema"`
	GeneratedAt string      `json:"generated_at"`
	AsOf        string      `json:"as_of"`
	Since       *string     `json:"since"`
	Until       *string     `json:"until"`
	Policy      policyDoc   `json:"policy"`
	Tenants     []tenantDoc `json:"tenants"`
}

type policyDoc struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type tenantDoc struct {
	Tenant   string          `json:"tenant"`
	Verdict  analyze.Verdict `json:"verdict"`
	Requests int64           `json:"requests"`
	Spacing  spacingDoc      `json:"spacing"`
	Statuses []statusDoc     `json:"statuses"`
	Egress   egressDoc       `json:"egress"`
	Findings []findingDoc    `json:"findings"`
}

type spacingDoc struct {
	Class         string       `json:"class"`
	Requests      int64        `json:"requests"`
	MinInterval   json.Number  `json:"min_interval_s"`
	Violations    int64        `json:"violations"`
	Indeterminate int64        `json:"indeterminate"`
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
	Requests []int64          `json:"requests"`
}

func newAuditDoc(r *analyze.Report) auditDoc {
	doc := auditDoc{
		Schema: "headroom.audit/v1", GeneratedAt: measure.Exact(r.AsOf), AsOf: measure.Exact(r.AsOf), Since: timeOrNull(r.Since), Until: timeOrNull(r.Until),
		Policy: policyDoc{Name: r.PolicyName, Version: r.PolicyVersion}, Tenants: []tenantDoc{},
	}
	for i := range r.Tenants {
		doc.Tenants = append(doc.Tenants, newTenantDoc(&r.Tenants[i]))
	}
	return doc
}

func newTenantDoc(t *analyze.Result) tenantDoc {
	doc := tenantDoc{
		Tenant: t.Tenant, Verdict: t.Verdict, Requests: t.Requests, Spacing: newSpacingDoc(t.Spacing), Egress: newEgressDoc(t.Egress),
		Statuses: []statusDoc{}, Findings: []findingDoc{},
	}
	for _, s := range t.Statuses {
		doc.Statuses = append(doc.Statuses, statusDoc(s))
	}
	for _, f := range t.Findings {
		doc.Findings = append(doc.Findings, findingDoc{
			Rule: f.Rule, Severity: f.Severity, Count: f.Count, First: measure.ExactMicros(f.First), Last: measure.ExactMicros(f.Last),
			Detail: f.Detail, Advice: f.Advice, Section: f.Section, Requests: append([]int64{}, f.Requests...),
		})
	}
	return doc
}

func newSpacingDoc(s analyze.Spacing) spacingDoc {
	return spacingDoc{
		Class: s.Class, Requests: s.Requests, MinInterval: json.Number(measure.DecimalSeconds(s.MinInterval.Microseconds())),
		Violations: s.Violations, Indeterminate: s.Indeterminate, Min: gapOrNull(s.Min), P50: gapOrNull(s.P50), P95: gapOrNull(s.P95),
	}
}

func newEgressDoc(e analyze.Egress) egressDoc {
	doc := egressDoc{
		Window: json.Number(measure.Decimal(e.Window.Hours())), Current: e.Current, Peak: e.Peak, PeakAt: microsOrNull(e.PeakAt),
		Cap: positiveOrNull(e.Cap.Bytes), CapSource: capSource(e.Cap), CapLow: positiveOrNull(e.Cap.Low), CapHigh: positiveOrNull(e.Cap.High),
		Total: e.Total,
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

// numberLists are the lists of row ids, which are easier to read on one line. Text cannot look like one: in JSON it has
// no line ends.
var numberLists = regexp.MustCompile(`\[\n\s+\d+(,\n\s+\d+)*\n\s+\]`)

func oneLine(list string) string {
	return strings.NewReplacer("[ ", "[", " ]", "]").Replace(strings.Join(strings.Fields(list), " "))
}

// writeJSON writes v indented. Characters that would act on a terminal are escaped; they can only stand inside strings.
func writeJSON(b *bytes.Buffer, v any) error {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	for _, r := range numberLists.ReplaceAllStringFunc(plain.String(), oneLine) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	return nil
}
