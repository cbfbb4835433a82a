package report

import (
	"io"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// TenantRow is what is known of a tenant.
type TenantRow struct {
	Tenant   string
	Requests int64
	// First and Last are the starts of the first and the last request, microseconds since 1970 UTC; 0
	// without requests.
	First, Last int64
	// Agents is the number of licensed recorded agents; 0 means unknown.
	Agents int
	Cap    egress.Cap
	// Window is when recordings should be pulled, as it is configured; "" means any time.
	Window string
	// Zone is the tenant's time zone; "" means UTC.
	Zone string
	// Ignored says that the config leaves the tenant out of what is told, and that it was asked for.
	Ignored bool
}

// tenantsDoc is the JSON of Tenants.
type tenantsDoc struct {
	Schema  string           `json:"schema"`
	Tenants []knownTenantDoc `json:"tenants"`
}

type knownTenantDoc struct {
	Tenant    string           `json:"tenant"`
	Requests  int64            `json:"requests"`
	First     *string          `json:"first"`
	Last      *string          `json:"last"`
	Agents    *int64           `json:"agents"`
	Cap       *int64           `json:"cap_bytes"`
	CapSource egress.CapSource `json:"cap_source"`
	CapLow    *int64           `json:"cap_low_bytes"`
	CapHigh   *int64           `json:"cap_high_bytes"`
	Window    *string          `json:"window"`
	Zone      string           `json:"time_zone"`
	Ignored   bool             `json:"ignored"`
}

// Tenants lists tenants in the order given. It returns an error that is ErrFormat for an unknown
// format, and w's.
func Tenants(w io.Writer, rows []TenantRow, o Options) error {
	l := &listing{
		what: "tenants", empty: "No tenants are known: none is recorded and none is configured.",
		columns: []column{
			{head: "Tenant", wrap: true},
			{head: "Requests", right: true},
			{head: "First", spare: 1},
			{head: "Last"},
			{head: "Agents", right: true},
			{head: "Cap", wrap: true},
			{head: "Bounds", wrap: true},
			{head: "Window", wrap: true},
			{head: "Zone", wrap: true},
		},
		// tenant, bounds, cap, window, zone
		squeeze: []squeeze{{0, 20}, {6, 9}, {5, 8}, {7, 11}, {8, 16}, {0, 10}, {8, 8}, {7, 6}},
		head: []string{
			"tenant",
			"requests",
			"first",
			"last",
			"agents",
			"cap_bytes",
			"cap_source",
			"cap_low_bytes",
			"cap_high_bytes",
			"window",
			"time_zone",
			"ignored",
		},
	}
	doc := tenantsDoc{Schema: "headroom.tenants/v1", Tenants: []knownTenantDoc{}}
	for i := range rows {
		doc.Tenants = append(doc.Tenants, newKnownTenantDoc(&rows[i]))
		l.rows = append(l.rows, knownTenantCells(&rows[i], o.location()))
		l.records = append(l.records, knownTenantRecord(&rows[i]))
	}
	l.doc = doc
	return l.write(w, o)
}

func newKnownTenantDoc(t *TenantRow) knownTenantDoc {
	d := knownTenantDoc{
		Tenant: t.Tenant, Requests: t.Requests, First: microsOrNull(t.First), Last: microsOrNull(t.Last),
		Agents: positiveOrNull(int64(t.Agents)),
		Cap:    positiveOrNull(t.Cap.Bytes), CapSource: capSource(t.Cap),
		CapLow:  positiveOrNull(t.Cap.Low),
		CapHigh: positiveOrNull(t.Cap.High),
		Zone:    zone(t.Zone),
		Ignored: t.Ignored,
	}
	if t.Window != "" {
		d.Window = &t.Window
	}
	return d
}

func zone(name string) string {
	if name == "" {
		return "UTC"
	}
	return name
}

func knownTenantCells(t *TenantRow, loc *time.Location) []string {
	agents, limit, window := measure.None, "unknown", "any time"
	name := text.ShortenMiddle(text.Clean(t.Tenant), text.MaxName)
	if t.Ignored {
		name += " (ignored)"
	}
	if t.Agents > 0 {
		agents = measure.Grouped(int64(t.Agents))
	}
	if t.Cap.Bytes > 0 {
		limit = measure.Bytes(t.Cap.Bytes) + " " + string(capSource(t.Cap))
	}
	if t.Window != "" {
		window = t.Window
	}
	return []string{
		name, measure.Brief(t.Requests),
		measure.DateMicros(t.First, loc), measure.DateMicros(t.Last, loc), agents, limit, bounds(t.Cap),
		window, zone(t.Zone),
	}
}

// bounds tells between what the cap must lie.
func bounds(c egress.Cap) string {
	switch {
	case c.Low > 0 && c.Low == c.High:
		return "exact"
	case c.Low > 0 && c.High > 0:
		return measure.Bytes(c.Low) + " – " + measure.Bytes(c.High)
	case c.Low > 0:
		return "≥ " + measure.Bytes(c.Low)
	case c.High > 0:
		return "≤ " + measure.Bytes(c.High)
	}
	return measure.None
}

func knownTenantRecord(t *TenantRow) map[string]cell {
	return map[string]cell{
		"tenant": words(t.Tenant), "requests": whole(t.Requests), "first": instant(t.First),
		"last":   instant(t.Last),
		"agents": known(int64(t.Agents)), "cap_bytes": known(t.Cap.Bytes),
		"cap_source":    words(string(capSource(t.Cap))),
		"cap_low_bytes": known(t.Cap.Low), "cap_high_bytes": known(t.Cap.High), "window": words(t.Window),
		"time_zone": words(zone(t.Zone)), "ignored": truth(t.Ignored),
	}
}
