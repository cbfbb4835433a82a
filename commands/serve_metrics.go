package commands

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/report"
)

// gauges gives the audit of each tenant to Prometheus. It is computed when it is asked for, from the log.
type gauges struct{ site *site }

func tenantGauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("headroom_"+name, help, append([]string{"tenant"}, labels...), nil)
}

var (
	gaugeRolling    = tenantGauge("rolling_bytes", "Bytes in the rolling egress window that ends now.")
	gaugeCap        = tenantGauge("cap_bytes", "The rolling egress cap; absent where it is unknown. Source says how it is known.", "source")
	gaugeUsed       = tenantGauge("utilization_ratio", "Bytes in the rolling window as a share of the cap; absent where the cap is unknown.")
	gaugeViolations = tenantGauge("violations", "Counts of all findings that are violations, over the whole log.")
	gaugePullAge    = tenantGauge("last_pull_age_seconds", "Time since the last download of a recording; absent where there was none.")
	gaugeVerdict    = tenantGauge("verdict", "1 for the verdict of the audit: fail, warn or pass.", "verdict")
	gaugeDropped    = prometheus.NewDesc("headroom_dropped_requests", "Requests that could not be recorded, as far as the log knows.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{gaugeRolling, gaugeCap, gaugeUsed, gaugeViolations, gaugePullAge, gaugeVerdict, gaugeDropped} {
		out <- d
	}
}

// Collect implements prometheus.Collector. A log that cannot be read makes the scrape fail.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	p, _, err := g.site.current(context.Background())
	if err != nil {
		g.site.se.warn("headroom: metrics: %v", err)
		out <- prometheus.NewInvalidMetric(gaugeRolling, err)
		return
	}
	now := p.Audit.AsOf
	if g.site.o.asOf.IsZero() {
		now = time.Now()
	}
	out <- prometheus.MustNewConstMetric(gaugeDropped, prometheus.GaugeValue, float64(p.Audit.Dropped))
	for i := range p.Audit.Tenants {
		collectTenant(out, &p.Audit.Tenants[i], now)
	}
}

func collectTenant(out chan<- prometheus.Metric, t *analyze.Result, now time.Time) {
	name := strings.ToValidUTF8(t.Tenant, "\uFFFD")
	set := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{name}, labels...)...)
	}
	set(gaugeRolling, float64(t.Egress.Current))
	if t.Egress.Cap.Bytes > 0 {
		set(gaugeCap, float64(t.Egress.Cap.Bytes), string(t.Egress.Cap.Source))
	}
	if share, ok := t.Egress.Utilization(); ok {
		set(gaugeUsed, share)
	}
	set(gaugeViolations, float64(report.Violations(t)))
	if t.LastPull != 0 {
		set(gaugePullAge, now.Sub(time.UnixMicro(t.LastPull)).Seconds())
	}
	set(gaugeVerdict, 1, string(t.Verdict))
}
