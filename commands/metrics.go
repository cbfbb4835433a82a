package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/internal/safefile"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Metrics follow Prometheus's conventions: base units, times as timestamps and not as ages (an age
// says nothing when it is no longer updated), each state of a verdict as a series of 0 or 1, and
// counters that only grow while the log does.

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("headroom_"+name, help, labels, nil)
}

func tenantMetric(name, help string, labels ...string) *prometheus.Desc {
	return metric(name, help, append([]string{"tenant"}, labels...)...)
}

var (
	descBuild = metric("build_info", "1, with the versions of the program, of Go and of the policy.",
		"version", "goversion", "policy", "policy_version")
	descAudited = metric("audit_timestamp_seconds", "The moment that these figures are as of.")
	descDropped = metric("dropped_requests_total",
		"Requests that could not be recorded, as far as the log knows.")

	descSeal = metric("seal_info",
		"1, with the line of the newest seal; absent where nothing is sealed.", "line")
	descSealed = metric("seal_timestamp_seconds",
		"When the newest seal was made; absent where nothing is sealed.")

	descVerdict = tenantMetric("verdict",
		"1 for the verdict of the audit about now, 0 for the others.", "verdict")
	descOpen = tenantMetric("open_incidents", "Incidents that still go on, by their likely cause.",
		"cause", "severity")
	descHits = tenantMetric("open_incident_hits",
		"What the rules of incidents that still go on have counted, by the likely cause.",
		"cause", "severity")
	descFinding = tenantMetric("findings", "What a rule counts in the nights of the audit about now.",
		"rule", "severity")
	descLast = tenantMetric("last_request_timestamp_seconds", "Start of the last request.")
	descPull = tenantMetric("last_pull_timestamp_seconds",
		"Start of the last request for a recording's audio.")
	descSuccess = tenantMetric("last_success_timestamp_seconds",
		"Start of the last request for a recording's audio that was served whole.")
	descUsed  = tenantMetric("egress_used_bytes", "Bytes in the rolling egress window that ends now.")
	descLimit = tenantMetric("egress_limit_bytes",
		"The rolling egress cap; absent where it is unknown.")
	descLeft = tenantMetric("egress_remaining_bytes",
		"Bytes to the rolling egress cap, 0 where it is reached; absent where it is unknown.")
	descCap = tenantMetric("egress_limit_info",
		"1, with how the cap is known: told (on that day, else empty), learned, measured or assumed.",
		"source", "told_on")
	descChance = tenantMetric("forecast_cap_probability",
		"Forecast probability of reaching the cap within 7 days; absent without a forecast.")
	descTonight = tenantMetric("forecast_tonight_bytes",
		"Bytes that may be pulled tonight; absent without a forecast.")
	descCounter = tenantMetric("requests_total",
		"Requests recorded, by the policy's class and the answer's status, 0 for none.", "class",
		"status")
)

var descriptions = []*prometheus.Desc{
	descBuild, descAudited, descDropped, descSeal, descSealed, descVerdict, descOpen, descHits,
	descFinding, descLast, descPull,
	descSuccess, descUsed,
	descLimit, descLeft, descCap, descChance, descTonight, descCounter,
}

// metrics are the figures of one audit and forecast. They implement prometheus.Collector.
type metrics struct {
	audit    *analyze.Report
	forecast *outlook.Report
	counts   *requestCounts
	seal     string // the line of the newest seal; "" where nothing is sealed
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	c := collector{out}
	c.gauge(descBuild, 1, version(), runtime.Version(), m.audit.PolicyName, m.audit.PolicyVersion)
	c.gauge(descAudited, seconds(m.audit.AsOf.UnixMicro()))
	c.counter(descDropped, float64(m.audit.Dropped))
	if held, err := evidence.ParseSealLine(m.seal); err == nil {
		c.gauge(descSeal, 1, m.seal)
		c.gauge(descSealed, seconds(held.At))
	}
	for i := range m.audit.Tenants {
		c.tenant(&m.audit.Tenants[i])
	}
	for i := range m.forecast.Tenants {
		c.projection(&m.forecast.Tenants[i])
	}
	for tenant, of := range m.counts.tenants {
		for k, n := range of.requests {
			c.counter(descCounter, float64(n), label(tenant), label(k.class), strconv.Itoa(k.status))
		}
		if of.lastSuccess > 0 {
			c.gauge(descSuccess, seconds(of.lastSuccess), label(tenant))
		}
	}
}

// collector passes figures on to Prometheus.
type collector struct{ out chan<- prometheus.Metric }

func (c collector) gauge(d *prometheus.Desc, v float64, labels ...string) {
	c.out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (c collector) counter(d *prometheus.Desc, v float64, labels ...string) {
	c.out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func (c collector) tenant(t *analyze.Result) {
	name := label(t.Tenant)
	for _, v := range []analyze.Verdict{analyze.Fail, analyze.Warn, analyze.NoData, analyze.Pass} {
		is := 0.
		if v == t.Verdict {
			is = 1
		}
		c.gauge(descVerdict, is, name, string(v))
	}
	for kind, n := range openIncidents(t) {
		c.gauge(descOpen, float64(n.incidents), name, kind.cause, kind.severity)
		c.gauge(descHits, float64(n.hits), name, kind.cause, kind.severity)
	}
	for _, f := range t.Findings {
		c.gauge(descFinding, float64(f.Count), name, f.Rule, string(f.Severity))
	}
	for d, at := range map[*prometheus.Desc]int64{descLast: t.LastRequest, descPull: t.LastPull} {
		if at != 0 {
			c.gauge(d, seconds(at), name)
		}
	}
	c.gauge(descUsed, float64(t.Egress.Current), name)
	if limit := t.Egress.Cap.Bytes; limit > 0 {
		c.gauge(descLimit, float64(limit), name)
		c.gauge(descLeft, float64(max(0, limit-t.Egress.Current)), name)
		toldOn := ""
		if !t.Facts.ToldOn.IsZero() {
			toldOn = t.Facts.ToldOn.Format(time.DateOnly)
		}
		c.gauge(descCap, 1, name, string(t.Egress.Cap.Source), toldOn)
	}
}

type incidentKind struct{ cause, severity string }

// openCount is how many incidents of a kind still go on, and what their rules counted.
type openCount struct{ incidents, hits int64 }

// openIncidents counts those that still go on. A tenant without any has one series of 0, so that an
// alert can end.
func openIncidents(t *analyze.Result) map[incidentKind]openCount {
	open := map[incidentKind]openCount{}
	for i := range t.Incidents {
		if x := &t.Incidents[i]; x.Open {
			kind := incidentKind{x.Cause, string(x.Severity)}
			open[kind] = openCount{open[kind].incidents + 1, open[kind].hits + x.Hits}
		}
	}
	if len(open) == 0 {
		open[incidentKind{"", ""}] = openCount{}
	}
	return open
}

func (c collector) projection(p *outlook.Projection) {
	if p.Chance >= 0 && p.Method != "" {
		c.gauge(descChance, p.Chance, label(p.Tenant))
	}
	if p.Budget != nil {
		c.gauge(descTonight, float64(p.Budget.Tonight), label(p.Tenant))
	}
}

// label is a text that Prometheus takes.
func label(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// seconds are those since 1970 of a time in microseconds.
func seconds(micros int64) float64 { return float64(micros) / 1e6 }

// requestCounts counts all requests of a log. It is brought up to date at the cost of what was
// added.
type requestCounts struct {
	policy  *limits.Policy
	tenants map[string]*tenantCount
}

type tenantCount struct {
	requests    map[countKey]int64
	total       int64
	upto        int64 // StartedAt of the last request counted
	lastSuccess int64
}

type countKey struct {
	class  string
	status int
}

func newRequestCounts(p *limits.Policy) *requestCounts {
	return &requestCounts{policy: p, tenants: map[string]*tenantCount{}}
}

// update counts what came since the last time. Where something came that started before, the tenant
// is counted anew.
func (c *requestCounts) update(ctx context.Context, snap store.Snapshot, names []string) error {
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	for _, t := range snap.Tenants() {
		if names != nil && !wanted[t.Name] {
			continue
		}
		n := c.tenants[t.Name]
		if n == nil {
			n = &tenantCount{requests: map[countKey]int64{}}
			c.tenants[t.Name] = n
		}
		if n.total == t.Requests {
			continue
		}
		if err := c.count(ctx, snap, t.Name, n, n.upto+1); err != nil {
			return err
		}
		if n.total != t.Requests {
			*n = tenantCount{requests: map[countKey]int64{}}
			if err := c.count(ctx, snap, t.Name, n, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *requestCounts) count(
	ctx context.Context, snap store.Snapshot, tenant string, n *tenantCount, from int64,
) error {
	classes := map[*store.Route]string{}
	for batch, err := range snap.Scan(ctx, tenant, store.Range{From: from}) {
		if err != nil {
			return err
		}
		for i := range batch {
			call := &batch[i]
			class, ok := classes[call.Route]
			if !ok {
				class = egress.Class(c.policy, call.Route)
				classes[call.Route] = class
			}
			n.requests[countKey{class, call.Status}]++
			n.total++
			n.upto = call.StartedAt
			if egress.Counts(c.policy, class) && call.Status >= 200 && call.Status < 300 && !call.CutShort {
				n.lastSuccess = call.StartedAt
			}
		}
	}
	return nil
}

// textfileFlag names a file for writeMetrics.
func textfileFlag() cli.Flag {
	return &cli.StringFlag{
		Name:  "textfile",
		Usage: "write the metrics to this `FILE`, such as headroom.prom in the folder that the node exporter reads",
	}
}

// exportMetrics writes the metrics of an audit, with the forecast of the same tenants.
func (s *session) exportMetrics(
	ctx context.Context, snap store.Snapshot, sp span, names []string, r *analyze.Report, file string,
) error {
	o := s.outlook(sp, names)
	o.NoScores = true
	f, err := outlook.Project(ctx, snap, o)
	if err != nil {
		return err
	}
	counts := newRequestCounts(s.policy)
	if err := counts.update(ctx, snap, names); err != nil {
		return err
	}
	line, err := s.newestSeal(ctx)
	if err != nil {
		return err
	}
	return writeMetrics(file, &metrics{audit: r, forecast: f, counts: counts, seal: line})
}

// writeMetrics writes the figures as a file for the textfile collector of Prometheus's node
// exporter, which must find it whole.
func writeMetrics(name string, m *metrics) error {
	registry := prometheus.NewRegistry()
	if err := registry.Register(m); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	families, err := registry.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	var text bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return safefile.Replace(name, func(w io.Writer) error {
		_, err := text.WriteTo(w)
		return err
	})
}
