package pagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/config"
)

func TestFirstScreenAnswersForTwentyTenants(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 20, 30, plainName)
	file, _ := write(t, p)
	b.load(file, "")
	if bottom := eval[float64](b, "Math.max(...[...document.querySelectorAll('#overview tbody tr')].map((r) => r.getBoundingClientRect().bottom))"); bottom > 800 {
		t.Errorf("the last of 20 tenants ends at %v of 800 pixels", bottom)
	}
	if w := eval[int](b, "document.documentElement.scrollWidth"); w > 1280 {
		t.Errorf("the page is %d pixels wide", w)
	}
}

func TestNarrowPageShowsAllFiguresOfATenant(t *testing.T) {
	t.Parallel()
	b := open(t, 390, 844)
	file, _ := write(t, made(t, 20, 30, func(i int) string {
		return fmt.Sprintf("a-contact-centre-with-a-very-long-name-without-any-blank-%03d", i)
	}))
	b.load(file, "")
	if n := eval[int](b, "[...document.querySelectorAll('#overview tbody tr:first-child > *')].filter((c) => { const r = c.getBoundingClientRect(); return r.width === 0 || r.left < 0 || r.right > 390; }).length"); n != 0 {
		t.Errorf("%d of the first tenant's figures are beyond the screen", n)
	}
	b.show(0, 1)
	if w := eval[int](b, "document.documentElement.scrollWidth"); w > 390 {
		t.Errorf("the page is %d pixels wide on a screen of 390", w)
	}
	b.clean(1)
}

// A chart without anything to draw says so instead of showing empty axes.
func TestEmptyChartsSayWhy(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 1, 30, plainName)
	p.Audit.Tenants[0].Spacing = analyze.Spacing{MinInterval: 3 * time.Second, Min: -1}
	p.Days.Tenants[0].Days = []analyze.Day{{
		Day: p.Days.Tenants[0].Days[0].Day, Requests: 1, Into: -1, Least: -1, Answers: []analyze.Tally{{Of: 2, N: 1}},
	}, {Day: p.Days.Tenants[0].Days[29].Day, Into: -1, Least: -1}}
	file, _ := write(t, p)
	b.load(file, "")
	b.show(0, 5)
	for chart, empty := range map[string]bool{"rolling": true, "gaps": true, "timeline": true, "answers": false, "hours": true} {
		text := b.text(fmt.Sprintf("#t0 figure[data-chart=%s] .empty", chart))
		drawn := eval[bool](b, fmt.Sprintf("document.querySelector('#t0 figure[data-chart=%s] svg') !== null && getComputedStyle(document.querySelector('#t0 figure[data-chart=%s] .chart')).display !== 'none'", chart, chart))
		if empty != (text != "") || empty == drawn {
			t.Errorf("%s: empty %v, but it says %q and is drawn: %v", chart, empty, text, drawn)
		}
	}
	b.clean(1)
}

// The frame of the nightly window lies on the edges of its hours.
func TestWindowFrameLiesOnItsHours(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 3000)
	p := made(t, 1, 30, plainName)
	window, err := config.ParseWindow("01:00-05:00")
	if err != nil {
		t.Fatal(err)
	}
	p.About = func(string) egress.Tenant { return egress.Tenant{Window: window} }
	file, _ := write(t, p)
	b.load(file, "")
	b.show(0, 5)
	off := eval[[]float64](b, `(() => {
		const all = [...document.querySelectorAll('#t0 figure[data-chart=hours] .chart path')], frame = all.find((p) => p.getAttribute('stroke-dasharray')).getBBox();
		const cells = all.filter((p) => !p.getAttribute('stroke-dasharray') && p.getBBox().width > 15 && p.getBBox().width < 60).map((p) => p.getBBox()).sort((a, b) => a.x - b.x || a.y - b.y);
		return [frame.x - cells[1 * 7].x, frame.x + frame.width - cells[5 * 7].x];
	})()`)
	for _, d := range off {
		if d < -2 || d > 2 {
			t.Errorf("the frame is %v pixels off", off)
		}
	}
	b.clean(1)
}

// All that a pointer reaches, the tab key reaches in the same order, and the focus can be seen.
func TestKeyboardReachesEverything(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	file, _ := write(t, made(t, 3, 30, plainName))
	b.load(file, "#name=tenant-001")
	var reached []string
	press := func(key string) string {
		b.do(chromedp.KeyEvent(key))
		return eval[string](b, "((e) => e.id || e.dataset.days || e.className || e.getAttribute('href') || e.tagName)(document.activeElement)")
	}
	for range 60 {
		at := press(kb.Tab)
		if !eval[bool](b, "document.activeElement === document.body || parseFloat(getComputedStyle(document.activeElement).outlineWidth) > 0") {
			t.Errorf("the focus on %q cannot be seen", at)
		}
		if at == "BODY" {
			break
		}
		reached = append(reached, at)
	}
	order := []string{"skip", "#notes", "from", "to", "1", "7", "30", "0", "compare", "name", "verdict", "#t1", "only", "facts", "SUMMARY"}
	for _, want := range order {
		i := slices.Index(reached, want)
		if i < 0 {
			t.Fatalf("%q is not reached, or not in order, in %q", want, reached)
		}
		reached = reached[i:]
	}
	b.do(chromedp.Focus("#overview tr:not([hidden]) a"))
	if at := press(kb.Enter); at != "h1" {
		t.Errorf("after Enter on a tenant's name the focus is at %q", at)
	}
	b.do(chromedp.Focus("#t1 summary"))
	press(kb.Enter)
	b.do(chromedp.Poll("document.querySelector('#t1 figure details[open] table')", nil, chromedp.WithPollingTimeout(2*time.Minute)))
	b.do(chromedp.Focus("[data-days='7']"))
	press(" ")
	if fragment := eval[string](b, "location.hash"); !strings.Contains(fragment, "from=2026-10-26") {
		t.Errorf("after a space on 7 days the fragment is %q", fragment)
	}
	b.clean(1)
}

// The script calls a zone what the program calls it.
func TestTimesNameTheirZone(t *testing.T) {
	t.Parallel()
	zones := []string{"Asia/Kolkata", "Europe/Berlin", "America/Denver", "Europe/London", "UTC"}
	b := open(t, 1280, 800)
	p := made(t, len(zones), 30, plainName)
	p.About = func(tenant string) egress.Tenant {
		zone, err := time.LoadLocation(zones[tenant[len(tenant)-1]-'0'])
		if err != nil {
			t.Fatal(err)
		}
		return egress.Tenant{Zone: zone}
	}
	file, _ := write(t, p)
	b.load(file, "#from=2026-10-31") // one of the last two days, after the clocks of Europe went back
	for i, want := range []string{" IST\n(", " CET\n(", " MDT\n(", " GMT", " UTC"} {
		b.show(i, 0)
		if at := b.text(fmt.Sprintf("#t%d tr[data-k=peakAt] td", i)); !strings.Contains(at, want) || strings.Contains(at, "+") {
			t.Errorf("in %s the time is %q, want %q", zones[i], at, want)
		}
	}
	b.clean(1)
}

// TestRowsHaveACellForEachHead: also of a single tenant that fails, whose cells that count against it are marked.
func TestRowsHaveACellForEachHead(t *testing.T) {
	t.Parallel()
	for _, tenants := range []int{1, 3} {
		p := made(t, tenants, 30, plainName)
		for i := range p.Audit.Tenants {
			r := &p.Audit.Tenants[i]
			r.Verdict, r.Violating = analyze.Fail, 5
			r.Findings = []analyze.Finding{{Rule: "spacing", Severity: analyze.Violation, Count: 7}}
			r.Egress.Cap, r.Egress.Current = egress.Cap{Bytes: 1000, Source: egress.CapTold}, 2000
		}
		file, _ := write(t, p)
		for _, width := range []int64{1280, 390} {
			b := open(t, width, 844)
			b.load(file, "")
			heads := eval[int](b, "document.querySelectorAll('#overview thead th').length")
			rows := eval[[]int](b, "[...document.querySelectorAll('#overview tbody tr')].map((r) => [...r.cells].filter((c) => c.getBoundingClientRect().width > 0).length)")
			for _, n := range rows {
				if n != heads || len(rows) != tenants {
					t.Errorf("%d tenants, %d pixels: %d cells can be seen in a row below %d heads", tenants, width, n, heads)
				}
			}
			hits := "document.querySelector('#overview [data-k=violations]').textContent.replace(/\\s+/g, ' ').trim()"
			if got := eval[string](b, hits); got != "7 hits in 5 requests" {
				t.Errorf("rules broken: %q", got)
			}
			b.press("#overview [data-k=violations] a")
			if at := eval[string](b, "document.activeElement.textContent"); at != "Findings" {
				t.Errorf("a click on the hits leads to %q", at)
			}
			b.clean(1)
		}
	}
}

// TestPagesOfPaperSayWhatTheyAre: below each stand its number and the tenant, whose name is quoted.
func TestPagesOfPaperSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	file, _ := write(t, made(t, 1, 3, func(int) string { return `a"; } * { display: none; } @x "é` }))
	b.load(file, "")
	rules := eval[[]string](b, "[...document.styleSheets].flatMap((s) => [...s.cssRules]).filter((r) => r instanceof CSSPageRule).map((r) => r.cssText)")
	all := strings.Join(rules, "\n")
	for _, want := range []string{`counter(page) " of " counter(pages)`, `headroom: a\"; } * { display: none; } @x \"é, as of 2026-`} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in %q", want, all)
		}
	}
	b.clean(1)
}
