package pagetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/rules"
)

// summed is what the page's script makes of a tenant's days in a range.
type summed struct {
	Requests, Bytes, Peak, PeakAt, Paced, Violations, Unclear, Least int64
	Rules                                                            map[string]int64
	// P50 and P95 are the edges between which those gaps lie, in seconds; the last bucket ends at 1e9.
	P50, P95 [2]float64
	Verdict  string
}

// sums asks the script for all tenants in days counted from the first.
func sums(b *browser, from, to int) map[string]summed {
	b.t.Helper()
	return eval[map[string]summed](b, fmt.Sprintf(`(() => {
		const shared = JSON.parse(document.getElementById('data').textContent), out = {};
		shared.index = Object.fromEntries(shared.rules.map((n, i) => [n, i]));
		const edges = [0, ...shared.edges, 1e9];
		document.querySelectorAll('section.tenant').forEach((section) => {
			const t = Sums.read(document.getElementById('d' + section.dataset.i).textContent), s = Sums.of(shared, t, %d, %d), bucket = (part) => { const i = Sums.bucketAt(s, part); return i < 0 ? [0, 0] : [edges[i], edges[i + 1]]; };
			out[t.name] = { ...s, rules: Object.fromEntries(shared.rules.map((n, i) => [n, s.rules[i]])), p50: bucket(.5), p95: bucket(.95) };
		});
		return out;
	})()`, from, to))
}

// spacings are what the audit says of gaps beside what audited has.
type spacings struct {
	Tenants []struct {
		Spacing struct {
			P50 float64 `json:"p50_s"`
			P95 float64 `json:"p95_s"`
		} `json:"spacing"`
		Egress struct {
			PeakAt *time.Time `json:"peak_at"`
		} `json:"egress"`
	} `json:"tenants"`
}

// A day's counts do not tell what only the moment of an audit does: how full the window is then, and how long nothing was
// pulled since.
var ofTheMoment = []string{rules.EgressNear, rules.StalePull}

func TestAnyRangeAddsUpToItsAudit(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	b.load(filepath.Join(demo(t), "report.html"), "")
	first := time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)
	if got := eval[string](b, "document.getElementById('from').min"); got != first.Format(time.DateOnly) {
		t.Fatalf("the page begins on %s", got)
	}
	r, ranges := rand.New(rand.NewPCG(4, 4)), 60
	if raced {
		ranges = 20
	}
	for range ranges {
		from, to := r.IntN(30), r.IntN(30)
		from, to = min(from, to), max(from, to)
		since, until := first.AddDate(0, 0, from).Format(time.DateOnly), first.AddDate(0, 0, to+1).Format(time.DateOnly)
		out, _ := headroom(t, append(inDemo(t), "audit", "--format", "json", "--since", since, "--until", until, "--as-of", asOf)...)
		var a audited
		var more spacings
		for _, v := range []any{&a, &more} {
			if err := json.Unmarshal([]byte(out), v); err != nil {
				t.Fatal(err)
			}
		}
		page := sums(b, from, to)
		for i := range a.Tenants {
			compareSums(t, since+" to "+until, page[a.Tenants[i].Tenant], &a, &more, i)
		}
	}
}

func compareSums(t *testing.T, when string, got summed, a *audited, more *spacings, i int) {
	t.Helper()
	want, s := &a.Tenants[i], a.Tenants[i].Spacing
	least, peakAt := "-1.000000", int64(0)
	if s.Requests > 1 {
		least = fmt.Sprintf("%.6f", s.Min)
	}
	if at := more.Tenants[i].Egress.PeakAt; at != nil {
		peakAt = at.Unix()
	}
	shown := fmt.Sprintf("%.6f", float64(got.Least)/1e6)
	if got.Least < 0 {
		shown = "-1.000000"
	}
	page := fmt.Sprint(got.Requests, got.Bytes, got.Peak, got.PeakAt, got.Paced, got.Violations, got.Unclear, shown)
	if audit := fmt.Sprint(want.Requests, want.Audio, want.Egress.Peak, peakAt, s.Requests, s.Violations, s.Indeterminate, least); page != audit {
		t.Errorf("%s %s: the page says %s, the audit %s", want.Tenant, when, page, audit)
	}
	if p := more.Tenants[i].Spacing; s.Requests > 1 && (p.P50 < got.P50[0] || p.P50 >= got.P50[1] || p.P95 < got.P95[0] || p.P95 >= got.P95[1]) {
		t.Errorf("%s %s: half of the gaps within %v and 95 %% within %v, the audit says %v and %v", want.Tenant, when, got.P50, got.P95, p.P50, p.P95)
	}
	audit, worst := map[string]int64{}, "pass"
	for _, f := range want.Findings {
		audit[f.Rule] = f.Count
		if severity := f.Severity; !slices.Contains(ofTheMoment, f.Rule) && severity == "violation" {
			worst = "fail"
		} else if !slices.Contains(ofTheMoment, f.Rule) && severity == "warning" && worst == "pass" {
			worst = "warn"
		}
	}
	for rule, n := range got.Rules {
		if !slices.Contains(ofTheMoment, rule) && n != audit[rule] {
			t.Errorf("%s %s: %s × %d on the page, %d in the audit", want.Tenant, when, rule, n, audit[rule])
		}
	}
	if got.Verdict != worst && got.Verdict != want.Verdict {
		t.Errorf("%s %s: verdict %s, want %s", want.Tenant, when, got.Verdict, worst)
	}
}

func TestComparisonIsWithTheDaysBefore(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	b.load(filepath.Join(demo(t), "report.html"), "#compare=1&from=2026-10-20&to=2026-10-26")
	for _, want := range audit(t, "--since", "2026-10-13", "--until", "2026-10-20", "--as-of", asOf).Tenants {
		i := eval[int](b, fmt.Sprintf("[...document.querySelectorAll('#overview tbody tr')].find((r) => r.cells[1].textContent === %q).dataset.i * 1", want.Tenant))
		b.show(i, 1)
		exact := func(key string) int64 {
			return eval[int64](b, fmt.Sprintf("Number(document.querySelector('#t%d [data-k=%q]').cells[2].dataset.exact)", i, key))
		}
		got := fmt.Sprint(exact("requests"), exact("bytes"), exact("peak"), exact("paced"), exact("violations"))
		if w := fmt.Sprint(want.Requests, want.Audio, want.Egress.Peak, want.Spacing.Requests, want.Spacing.Violations); got != w {
			t.Errorf("%s: before, the page says %s, the audit %s", want.Tenant, got, w)
		}
	}
	b.clean(1)
}
