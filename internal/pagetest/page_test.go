package pagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

func TestPageLoadsNothingAndComplainsOfNothing(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	b.load(filepath.Join(demo(t), "report.html"), "")
	for i := range 5 {
		b.show(i, 2)
	}
	b.clean(1)
}

// pictures is where the screenshots go; CI keeps them.
func pictures(t *testing.T) string {
	dir := filepath.Join(os.TempDir(), "headroom-screenshots")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestScreenshots(t *testing.T) {
	t.Parallel()
	dir, file := pictures(t), filepath.Join(demo(t), "report.html")
	for _, look := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"wide", 1280, 800, false}, {"narrow", 390, 844, false}, {"dark", 1280, 800, true}} {
		b := open(t, look.width, look.height)
		b.prefer(map[bool]string{false: "light", true: "dark"}[look.dark])
		b.load(file, "#compare=1&from=2026-10-18")
		b.keep(filepath.Join(dir, look.name+".png"), false)
		b.show(1, 1)
		b.do(chromedp.Evaluate("document.getElementById('t1').scrollIntoView()", nil), emulation.SetDeviceMetricsOverride(look.width, 3600, 1, false))
		b.show(1, 5)
		b.keep(filepath.Join(dir, look.name+"-tenant.png"), false)
		b.clean(1)
	}
	b := open(t, 1280, 800)
	b.load(file, "")
	b.do(chromedp.ActionFunc(func(c context.Context) error {
		pdf, _, err := page.PrintToPDF().WithPrintBackground(false).WithPreferCSSPageSize(true).Do(c)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "printed.pdf"), pdf, 0o666)
	}))
	b.clean(1)
}

// paper is how many pixels lie between the margins of A4.
const paper = 688

func TestPrintedPageIsWhole(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	b.load(filepath.Join(demo(t), "report.html"), "")
	b.show(0, 1) // so that one chart is wider than paper
	b.do(chromedp.Evaluate("document.querySelector('#t0 details').open = true", nil))
	b.do(chromedp.Evaluate("window.dispatchEvent(new Event('beforeprint'))", nil))
	if n := eval[int](b, "[...document.querySelectorAll('figure:not(.nothing)')].filter((f) => { const w = Number(f.querySelector('.chart svg').getAttribute('width')); return w !== 680 && (w !== 330 || !['gaps', 'timeline'].includes(f.dataset.chart)); }).length"); n != 0 {
		t.Errorf("%d charts are not as wide as their place on paper", n)
	}
	if n := eval[int](b, "document.querySelectorAll('.chart svg').length"); n != 21 {
		t.Errorf("%d charts are drawn, want 5 of each of 5 tenants but the 4 that have no gap under the limit", n)
	}
	if n := eval[int](b, "document.querySelectorAll('.notes details:not([open])').length"); n != 0 {
		t.Errorf("%d notes are closed on paper", n)
	}
	if n := eval[int](b, "document.querySelectorAll('.tenant details:not([open])').length"); n != 0 {
		t.Errorf("%d sections are closed on paper", n)
	}
	// What is wider than the paper would make a browser shrink every page.
	b.do(emulation.SetEmulatedMedia().WithMedia("print"), emulation.SetDeviceMetricsOverride(paper, 1000, 1, false))
	if w := eval[int](b, "document.documentElement.scrollWidth"); w > paper+paper/100 {
		t.Errorf("on paper of %d pixels the page is %d wide", paper, w)
	}
	b.do(emulation.SetEmulatedMedia().WithMedia(""), emulation.SetDeviceMetricsOverride(1280, 800, 1, false))
	b.do(chromedp.Evaluate("window.dispatchEvent(new Event('afterprint'))", nil))
	if n := eval[int](b, "document.querySelectorAll('details[open]').length"); n != 1 {
		t.Errorf("%d sections are open afterwards, want the one that was before", n)
	}
	b.clean(1)
}

// audited is what the page must agree with.
type audited struct {
	Tenants []struct {
		Tenant   string `json:"tenant"`
		Verdict  string `json:"verdict"`
		Requests int64  `json:"requests"`
		Audio    int64  `json:"audio_bytes"`
		Spacing  struct {
			Requests      int64   `json:"requests"`
			Violations    int64   `json:"violations"`
			Indeterminate int64   `json:"indeterminate"`
			Min           float64 `json:"min_s"`
		} `json:"spacing"`
		Statuses []struct {
			Method, Class string
			Status        int
			Requests      int64
			Expected      bool
		} `json:"statuses"`
		Egress struct {
			Peak int64 `json:"peak_bytes"`
		} `json:"egress"`
		Findings []struct {
			Rule     string `json:"rule"`
			Severity string `json:"severity"`
			Count    int64  `json:"count"`
		} `json:"findings"`
	} `json:"tenants"`
}

func audit(t *testing.T, args ...string) (a audited) {
	t.Helper()
	out, _ := headroom(t, append(inDemo(t), append([]string{"audit", "--format", "json"}, args...)...)...)
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func inDemo(t *testing.T) []string {
	return []string{"--db", filepath.Join(demo(t), "headroom.db"), "--config", filepath.Join(demo(t), "headroom.toml")}
}

func TestRangesShowWhatTheAuditSays(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	b.load(filepath.Join(demo(t), "report.html"), "")
	compareWithAudit(t, b, audit(t, "--since", "2026-10-01", "--as-of", asOf))
	for _, r := range [][2]string{{"2026-10-10", "2026-10-20"}, {"2026-10-19", "2026-10-19"}, {"2026-10-05", "2026-10-31"}} {
		b.choose("from", "2026-10-03") // so that the second choice never moves the first
		b.choose("to", r[1])
		b.choose("from", r[0])
		day, err := time.Parse(time.DateOnly, r[1])
		if err != nil {
			t.Fatal(err)
		}
		compareWithAudit(t, b, audit(t, "--since", r[0], "--as-of", day.AddDate(0, 0, 1).Add(-time.Microsecond).Format(time.RFC3339Nano)))
		if fragment := eval[string](b, "location.hash"); fragment != "#from="+r[0]+"&to="+r[1] {
			t.Errorf("fragment %q for %v", fragment, r)
		}
	}
	b.clean(1)
}

// choose sets a field as a reader does.
func (b *browser) choose(id, value string) {
	b.t.Helper()
	b.do(chromedp.Evaluate(fmt.Sprintf("(() => { const e = document.getElementById(%q); e.value = %q; e.dispatchEvent(new Event('input', { bubbles: true })); e.dispatchEvent(new Event('change', { bubbles: true })); })()", id, value), nil))
}

// looked are rules whose findings do not depend on what came before a range.
var looked = []string{"spacing", "interleaved", "rate-limited", "egress-cap", "over-cap", "unexpected-status", "no-answer", "duplicate-download", "cut-short", "auth"}

func compareWithAudit(t *testing.T, b *browser, a audited) {
	t.Helper()
	for _, want := range a.Tenants {
		i := eval[int](b, fmt.Sprintf("[...document.querySelectorAll('#overview tbody tr')].find((r) => r.cells[1].textContent === %q).dataset.i * 1", want.Tenant))
		b.show(i, 1)
		section := fmt.Sprintf("#t%d ", i)
		exact := func(key string) int64 {
			return eval[int64](b, fmt.Sprintf("Number(document.querySelector('%s[data-k=%q] td').dataset.exact)", section, key))
		}
		got := fmt.Sprint(exact("requests"), exact("bytes"), exact("peak"), exact("paced"), exact("violations"), exact("unclear"), float64(exact("least"))/1e6)
		s := want.Spacing
		if w := fmt.Sprint(want.Requests, want.Audio, want.Egress.Peak, s.Requests, s.Violations, s.Indeterminate, s.Min); got != w {
			t.Errorf("%s: the page says %s, the audit %s", want.Tenant, got, w)
		}
		for _, f := range want.Findings {
			shown := eval[string](b, fmt.Sprintf("document.querySelector('%sarticle:not([hidden])[data-rule=%q] [data-k=count]')?.textContent || ''", section, f.Rule))
			if slices.Contains(looked, f.Rule) && strings.ReplaceAll(shown, ",", "") != fmt.Sprint(f.Count) {
				t.Errorf("%s: the page shows %q × %s, the audit %d", want.Tenant, shown, f.Rule, f.Count)
			}
		}
		compareAnswers(t, b, i, want.Tenant, a)
		verdict := b.text(fmt.Sprintf("#overview tr[data-i=\"%d\"] [data-k=verdict]", i))
		// Of a report that was deferred on the range's last day, an audit as of that day does not know yet that it is lost.
		lost := eval[bool](b, fmt.Sprintf("document.querySelector('%sarticle:not([hidden])[data-rule=lost-report]') !== null", section))
		if !strings.HasSuffix(verdict, want.Verdict) && !lost {
			t.Errorf("%s: verdict %q, want %q", want.Tenant, verdict, want.Verdict)
		}
	}
}

func compareAnswers(t *testing.T, b *browser, i int, tenant string, a audited) {
	t.Helper()
	b.do(chromedp.Evaluate(fmt.Sprintf("document.querySelector('#t%d [data-chart=answers] details').open = true", i), nil))
	b.do(chromedp.Poll(fmt.Sprintf("document.querySelector('#t%d [data-chart=answers] .cells table')", i), nil))
	rows := eval[[]string](b, fmt.Sprintf("[...document.querySelectorAll('#t%d [data-chart=answers] tbody tr')].map((r) => [...r.cells].map((c) => c.textContent).join(' '))", i))
	var want []string
	for _, x := range a.Tenants {
		for _, s := range x.Statuses {
			status, expected := fmt.Sprint(s.Status), "yes"
			if s.Status == 0 {
				status = "no answer"
			}
			if !s.Expected {
				expected = "! no"
			}
			if x.Tenant == tenant {
				want = append(want, fmt.Sprintf("%s %s %s %s %s", s.Method, s.Class, status, expected, grouped(s.Requests)))
			}
		}
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%s: the page lists %q, the audit %q", tenant, rows, want)
	}
}

func grouped(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}

func TestTenantFilterAndFragment(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	b.load(filepath.Join(demo(t), "report.html"), "#name=MORE&compare=1&from=2026-10-20")
	rows := func() []string {
		return eval[[]string](b, "[...document.querySelectorAll('#overview tbody tr')].filter((r) => !r.hidden).map((r) => r.cells[1].textContent)")
	}
	if got := rows(); !slices.Equal(got, []string{"dunmore"}) {
		t.Errorf("shown %q for a name that holds MORE", got)
	}
	if checked := eval[bool](b, "document.getElementById('compare').checked"); !checked || eval[string](b, "document.getElementById('from').value") != "2026-10-20" {
		t.Error("the fragment's comparison or first day was not taken")
	}
	b.choose("name", "")
	b.choose("verdict", "pass")
	b.do(chromedp.Click("[data-days='0']"))
	if got := rows(); !slices.Equal(got, []string{"acme"}) {
		t.Errorf("shown %q for those that pass", got)
	}
	before := eval[string](b, "location.hash")
	b.do(chromedp.Reload(), chromedp.WaitReady("html[data-ready]"))
	if after := eval[string](b, "location.hash"); after != before || !slices.Equal(rows(), []string{"acme"}) {
		t.Errorf("after a reload: fragment %q, was %q; shown %q", after, before, rows())
	}
	b.clean(2)
}

func TestPageWithoutScript(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	b.do(emulation.SetScriptExecutionDisabled(true), chromedp.Navigate("file://"+filepath.Join(demo(t), "report.html")))
	var verdicts, findings string
	b.do(chromedp.Text("#overview", &verdicts), chromedp.Text("#t0", &findings))
	if !strings.Contains(verdicts, "borealis") || !strings.Contains(findings, "spacing ×2,785") {
		t.Errorf("verdicts %q, findings %q", verdicts, findings)
	}
}

func TestSecondRenderingIsTheSame(t *testing.T) {
	t.Parallel()
	var pages [2][]byte
	for i := range pages {
		file := filepath.Join(t.TempDir(), "report.html")
		headroom(t, append(inDemo(t), "report", "--as-of", asOf, "--output", file)...)
		var err error
		if pages[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(pages[0], pages[1]) {
		t.Error("two renderings of the same log differ")
	}
}
