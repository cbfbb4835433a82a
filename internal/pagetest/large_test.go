package pagetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
)

// made is a picture of that many tenants and days, as nights of pulls leave it.
func made(t testing.TB, tenants, days int, name func(int) string) *report.Picture {
	t.Helper()
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	end := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	p := &report.Picture{Policy: policy, Audit: &analyze.Report{AsOf: end, PolicyName: "xima"}, Days: &analyze.Daily{}}
	for _, share := range []float64{.1, .25, .5, .75, .9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 60, 1200} {
		p.Days.Edges = append(p.Days.Edges, int64(3e6*share))
	}
	for i := range tenants {
		d := analyze.TenantDays{Tenant: name(i), Kinds: []analyze.StatusCount{
			{Method: "GET", Class: "recording_audio", Status: 200, Expected: true}, {Method: "GET", Class: "recording_audio", Status: 429, Expected: true},
			{Method: "GET", Class: "recording_list", Status: 200, Expected: true}, {Method: "POST", Class: "historical_report", Status: 418},
		}}
		for k := range days {
			d.Days = append(d.Days, oneDay(r, int(end.Unix()/86400)-days+1+k))
		}
		for k := range int64(20) {
			d.Largest = append(d.Largest, analyze.Download{ID: 1000 + k, At: end.UnixMicro() - k*3e9, Bytes: 9e6 - k*1000, Status: 200})
			d.Repeated = append(d.Repeated, analyze.Repeat{FirstID: k, FirstAt: end.UnixMicro() - 9e10, LastID: k + 9, LastAt: end.UnixMicro() - k*3e9, Downloads: 3, Wasted: 4e6})
		}
		d.Origins = []analyze.Origin{{Kind: "transport", Source: "nightly", Client: name(i), Requests: int64(days) * 140}}
		p.Days.Tenants = append(p.Days.Tenants, d)
		p.Audit.Tenants = append(p.Audit.Tenants, result(name(i), i, requestsOf(&d, days), end))
	}
	return p
}

// requestsOf are those of a tenant's last days.
func requestsOf(d *analyze.TenantDays, days int) (n int64) {
	for _, day := range d.Days[max(0, len(d.Days)-days):] {
		n += day.Requests
	}
	return n
}

func oneDay(r *rand.Rand, day int) analyze.Day {
	n := 100 + r.Int64N(80)
	d := analyze.Day{
		Day: day, Requests: n + 1, Paced: n, Bytes: n * 321_987, Peak: 5 * n * 321_987, PeakAt: int64(day)*86400e6 + 7900e6, Into: 80_000_123_456, Least: 3_000_000 + r.Int64N(9999),
		Answers: []analyze.Tally{{Of: 0, N: n - 1}, {Of: 1, N: 1}, {Of: 2, N: 1}}, Hours: []analyze.Tally{{Of: day%7*24 + 2, N: n}},
		Gaps: []analyze.Tally{{Of: 6, N: n - 9}, {Of: 7, N: 8}, {Of: 15, N: 1}}, Findings: []analyze.Tally{{Of: 1, N: 1}},
	}
	if r.IntN(10) == 0 {
		d.Violations = 3
		d.Gaps = append([]analyze.Tally{{Of: 2, N: 3}}, d.Gaps...)
		d.Findings = append([]analyze.Tally{{Of: 0, N: 3}}, d.Findings...)
	}
	return d
}

func result(name string, i int, requests int64, end time.Time) analyze.Result {
	r := analyze.Result{
		Tenant: name, Verdict: []analyze.Verdict{analyze.Fail, analyze.Warn, analyze.Pass}[min(2, i/3)], Requests: requests, LastPull: end.UnixMicro() - 36e9,
		Spacing: analyze.Spacing{Class: "recording_audio", Requests: 4170, MinInterval: 3 * time.Second, Violations: 12, Min: 1e6, P50: 3.1e6, P95: 4e6},
		Egress:  analyze.Egress{Window: 120 * time.Hour, Current: 2e8, Peak: 2.4e8, PeakAt: end.UnixMicro() - 9e10, Total: 1.3e9, Cap: egress.Cap{Bytes: 5e8, Low: 2e8, Source: egress.CapAssumed}},
	}
	for _, rule := range []string{rules.Spacing, rules.RateLimited} {
		r.Findings = append(r.Findings, analyze.Finding{
			Rule: rule, Severity: analyze.Violation, Count: 12, First: end.UnixMicro() - 9e10, Last: end.UnixMicro() - 8e10, Detail: "12 gaps of " + name, Advice: "Wait.", Section: "Request Frequency Limit", Requests: []int64{1, 2, 3},
		})
	}
	return r
}

func plainName(i int) string { return fmt.Sprintf("tenant-%03d", i) }

func write(t testing.TB, p *report.Picture) (file string, bytesWritten int) {
	t.Helper()
	var b bytes.Buffer
	if err := page.Write(&b, p); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return file, b.Len()
}

func TestPageOfTwentyTenantsIsSmall(t *testing.T) {
	t.Parallel()
	if _, size := write(t, made(t, 20, 30, plainName)); size >= 1_200_000 {
		t.Errorf("%d bytes for 20 tenants and 30 days, want under 1.2 MB", size)
	}
}

func TestPageStaysUsable(t *testing.T) {
	t.Parallel()
	for _, many := range []struct{ tenants, days int }{{20, 30}, {500, 365}} {
		if testing.Short() && many.tenants > 20 {
			continue
		}
		if raced {
			many.days = min(many.days, 60)
		}
		p := made(t, many.tenants, many.days, plainName)
		file, size := write(t, p)
		b := open(t, 1280, 800)
		b.load(file, "")
		var paint float64
		b.do(chromedp.Poll("performance.getEntriesByName('first-contentful-paint')[0]?.startTime", &paint))
		ready := eval[float64](b, "performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart")
		b.show(0, 1)
		var took []float64
		for _, days := range []int{7, 30} {
			took = append(took, b.lastDays(days))
			want := grouped(requestsOf(&p.Days.Tenants[0], days))
			if got := b.text("#t0 [data-k=requests] td"); got != want {
				t.Errorf("%d tenants: the first shows %s requests in %d days, want %s", many.tenants, got, days, want)
			}
		}
		t.Logf("%d tenants × %d days: %d kB, first paint %.0f ms, ready %.0f ms, first filter %.0f ms, second %.0f ms",
			many.tenants, many.days, size/1000, paint, ready, took[0], took[1])
		b.clean(1)
	}
}

// lastDays presses the button of so many days, waits until the first tenant shows them, and returns
// how many milliseconds the table of all tenants took.
func (b *browser) lastDays(days int) (took float64) {
	b.t.Helper()
	took = eval[float64](b, fmt.Sprintf(`(() => {
		const at = performance.now();
		document.querySelector('[data-days="%d"]').click();
		document.body.offsetHeight;
		return performance.now() - at;
	})()`, days))
	b.do(chromedp.Poll(fmt.Sprintf(`(() => {
		const [first, last] = document.querySelector('#t0').dataset.period.split(' ');
		return last - first + 1 === %d;
	})()`, days), nil))
	return took
}

func TestHostileNamesDoNoHarm(t *testing.T) {
	t.Parallel()
	names := []string{
		`</script><script>document.title='owned'</script>`, `"><img src=x onerror="document.title='owned'">`, "a\u202egnp.exe\u2066", `{{constructor.constructor('document.title=1')()}}`,
		strings.Repeat("long", 2500), "=cmd|' /C calc'!A0", "\x00\xff\r\n", `<!--<script>`, "'; DROP TABLE request; --", "__proto__",
	}
	b := open(t, 1280, 800)
	file, _ := write(t, made(t, len(names), 5, func(i int) string { return names[i] }))
	b.load(file, "#tenant="+strings.Repeat("%3Cscript%3E", 20)+"&name=%3Cimg&from=9999-99-99&to=x")
	if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "Headroom report") {
		t.Errorf("title %q", title)
	}
	b.choose("name", "")
	for i := range names {
		b.show(i, 1)
		b.do(chromedp.Evaluate(fmt.Sprintf("document.querySelectorAll('#t%d details').forEach((d) => { d.open = true; })", i), nil))
	}
	if n := eval[int](b, "document.querySelectorAll('img, iframe, object, #overview script').length"); n != 0 {
		t.Errorf("%d elements that the page does not have", n)
	}
	if w := eval[int](b, "document.documentElement.scrollWidth"); w > 1280 {
		t.Errorf("a name makes the page %d pixels wide", w)
	}
	if n := eval[int](b, "document.querySelectorAll('#overview tbody tr').length"); n != len(names) {
		t.Errorf("%d rows, want %d", n, len(names))
	}
	b.clean(1)
}

// axeVersion is the accessibility checker's.
const axeVersion = "4.14.1"

// axe is the checker's script, fetched once by npm into a folder of its own.
func axe(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "headroom-axe-"+axeVersion)
	file := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(file); err != nil {
		npm, err := exec.LookPath("npm")
		if err != nil {
			missing(t, "npm is not installed")
		}
		if out, err := exec.CommandContext(t.Context(), npm, "install", "--prefix", dir, "--no-audit", "--no-fund", "axe-core@"+axeVersion).CombinedOutput(); err != nil {
			missing(t, "install axe-core: %v: %s", err, out)
		}
	}
	script, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

func TestAccessibility(t *testing.T) {
	t.Parallel()
	script := axe(t)
	for _, look := range []struct {
		scheme string
		width  int64
	}{{"light", 1280}, {"dark", 1280}, {"light", 390}} {
		b := open(t, look.width, 800)
		b.prefer(look.scheme)
		b.load(filepath.Join(demo(t), "report.html"), "#compare=1&from=2026-10-18")
		b.show(1, 3)
		b.do(chromedp.Evaluate("document.querySelectorAll('#t1 details, .notes details').forEach((d) => { d.open = true; })", nil), chromedp.Evaluate(script, nil))
		found := eval[[]string](b, "(window.axeFound = null, axe.run().then((r) => { window.axeFound = r.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map((n) => n.target + ' ' + n.failureSummary).join(' | ')); }), [])")
		b.do(chromedp.Poll("window.axeFound", &found, chromedp.WithPollingTimeout(4*time.Minute)))
		for _, f := range found {
			t.Errorf("%s, %d pixels wide: %s", look.scheme, look.width, f)
		}
	}
}
