package pagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
)

// names are those of the rows that are shown, in their order.
func (b *browser) names() []string {
	b.t.Helper()
	return eval[[]string](b, "[...document.querySelectorAll('#overview tbody tr')].filter((r) => !r.hidden).map((r) => r.cells[1].textContent)")
}

// press clicks on the first element that a selector finds.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.do(chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).click()", selector), nil))
}

// TestManyTenantsTakeFewScreens: of 150 tenants the ones that pass are folded, and half of them failing
// still fit on 20 screens.
func TestManyTenantsTakeFewScreens(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 150, 30, plainName)
	for i := range p.Audit.Tenants {
		p.Audit.Tenants[i].Verdict = []analyze.Verdict{analyze.Fail, analyze.Pass}[min(1, i/75)]
	}
	file, _ := write(t, p)
	b.load(file, "")
	if n := len(b.names()); n != 75 {
		t.Errorf("%d rows are shown, want the 75 that fail", n)
	}
	if screens := eval[float64](b, "document.documentElement.scrollHeight / 800"); screens > 20 {
		t.Errorf("150 tenants take %.1f screens", screens)
	}
	b.press("#folder button")
	if n := len(b.names()); n != 150 {
		t.Errorf("%d rows are shown once unfolded", n)
	}
	b.press("#overview a[href='#t149']")
	b.do(chromedp.Poll("document.querySelector('#t149 .facts table')", nil))
	b.clean(1)
}

// TestTenantsThatPassAreShownWhereNoneFails: nothing is folded then, for the table would be empty.
func TestTenantsThatPassAreShownWhereNoneFails(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 12, 30, plainName)
	for i := range p.Audit.Tenants {
		p.Audit.Tenants[i].Verdict = analyze.Pass
	}
	file, _ := write(t, p)
	b.load(file, "")
	if n := len(b.names()); n != 12 {
		t.Errorf("%d rows are shown, want all 12", n)
	}
	if !eval[bool](b, "document.getElementById('folder').hidden") {
		t.Error("the page offers to fold what is not folded")
	}
	b.clean(1)
}

// TestPageOfARangeDoesNotSayNow: its own days have a button, called what they are.
func TestPageOfARangeDoesNotSayNow(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 2, 30, plainName)
	p.Audit.About, p.Audit.Since = analyze.AboutRange, p.Audit.AsOf.AddDate(0, 0, -10)
	file, _ := write(t, p)
	b.load(file, "")
	if got := b.text("[data-days='-1']") + ": " + b.text("#status"); !strings.HasPrefix(got, "Range: ") || strings.Contains(got, "Now") || !strings.Contains(got, "In these days") {
		t.Errorf("the page of a range says %q", got)
	}
	if got := eval[[]string](b, "[...document.querySelectorAll('[aria-pressed=true]')].map((e) => e.textContent)"); !slices.Equal(got, []string{"Range"}) {
		t.Errorf("pressed: %q", got)
	}
	b.clean(1)
}

// TestCardsFollowTheRange: also those that are closed. One says what the tenant's row says, and tells
// of no incident that lies outside the range.
func TestCardsFollowTheRange(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 12, 30, plainName)
	for i := range p.Audit.Tenants {
		p.Audit.Tenants[i].Verdict = analyze.Pass
		for k := range p.Days.Tenants[i].Days {
			p.Days.Tenants[i].Days[k].Violations, p.Days.Tenants[i].Days[k].Findings = 0, nil
		}
	}
	spacing := []analyze.Tally{{Of: slices.Index(rules.Names(), rules.Spacing), N: 3}}
	p.Days.Tenants[7].Days[10].Violations, p.Days.Tenants[7].Days[10].Findings = 3, spacing
	last := p.Audit.AsOf.UnixMicro()
	p.Audit.Tenants[0].Verdict = analyze.Fail
	p.Audit.Tenants[0].Incidents = []analyze.Incident{{ID: "i", Cause: rules.Spacing, Open: true, First: last, Last: last, Title: "It was fast."}}
	file, _ := write(t, p)
	b.load(file, "")
	shown := func(i int) string {
		return eval[string](b, fmt.Sprintf(`[...document.querySelectorAll('#t%d h2, #t%d .brief')].filter((e) => e.getClientRects().length > 0).map((e) => e.innerText.trim()).join(' | ')`, i, i))
	}
	if got := shown(0); !strings.HasPrefix(got, "✗ fail tenant-000 | ") || !strings.Contains(got, "It was fast.") {
		t.Errorf("now the first card says %q", got)
	}
	b.do(chromedp.Evaluate("location.hash = '#from=2026-10-10&to=2026-10-15'", nil), chromedp.Poll("document.getElementById('question').textContent.startsWith('Were ')", nil))
	if got := shown(7); got != "✗ fail tenant-007" {
		t.Errorf("in the range the card of a tenant that passes now says %q", got)
	}
	b.do(chromedp.Evaluate("location.hash = '#from=2026-10-10&to=2026-10-15&tenant=tenant-000'", nil), chromedp.Poll("!document.querySelector('#t0').hidden", nil))
	if got := shown(0); got != "✓ pass tenant-000" {
		t.Errorf("in the range the first card says %q", got)
	}
	b.clean(1)
}

// TestTableSortsByItsHeads: numbers begin with the largest, names with the first; what is not known is last.
func TestTableSortsByItsHeads(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 5, 30, plainName)
	for i, share := range []int64{30, 10, 50, 40, 20} {
		p.Audit.Tenants[i].Egress.Current = share * 5e6
		p.Audit.Tenants[i].LastPull -= share * 1e6
	}
	p.Audit.Tenants[1].Egress.Cap.Bytes = 0
	file, _ := write(t, p)
	b.load(file, "")
	order := func() string {
		all := ""
		for _, name := range b.names() {
			all += name[len(name)-1:]
		}
		return all
	}
	click := func(key string) { b.press(fmt.Sprintf("#overview th[data-s=%s] button", key)) }
	for _, step := range []struct{ click, want, sort string }{
		{"", "01234", ""}, {"share", "23041", "descending"}, {"share", "40321", "ascending"},
		{"name", "01234", "ascending"}, {"name", "43210", "descending"}, {"last", "14032", "descending"},
	} {
		if step.click != "" {
			click(step.click)
		}
		if got := order(); got != step.want {
			t.Errorf("after a click on %q the order is %s, want %s", step.click, got, step.want)
		}
		if step.click == "" {
			continue
		}
		if got := eval[string](b, fmt.Sprintf("document.querySelector('#overview th[data-s=%s]').ariaSort", step.click)); got != step.sort {
			t.Errorf("%q is marked %q, want %q", step.click, got, step.sort)
		}
	}
	before := order()
	b.do(chromedp.Reload(), chromedp.WaitReady("html[data-ready]"))
	if after := order(); after != before {
		t.Errorf("after a reload the order is %s, was %s", after, before)
	}
	b.clean(2)
}

// TestHeadlineAndFindingsFollowTheRange: on a night without violations, the headline says so, and on one
// with, the finding tells the days.
func TestHeadlineAndFindingsFollowTheRange(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	p := made(t, 1, 30, plainName)
	for k := range p.Days.Tenants[0].Days {
		d := &p.Days.Tenants[0].Days[k]
		d.Violations, d.Findings = 0, nil
		if k == 10 || k == 12 {
			d.Violations, d.Findings = 3, []analyze.Tally{{Of: slices.Index(rules.Names(), "spacing"), N: int64(k)}}
		}
	}
	file, _ := write(t, p)
	b.load(file, "")
	now := b.text("#answer")
	if now != "No: tenant-000 broke a rule." {
		t.Errorf("now: %q", now)
	}
	b.do(chromedp.Evaluate("location.hash = '#from=2026-10-20&to=2026-10-22'", nil), chromedp.Poll("document.getElementById('question').textContent.startsWith('Was ')", nil))
	if got := b.text("#answer"); got != "Yes: tenant-000 kept all rules." {
		t.Errorf("on clean days: %q", got)
	}
	b.do(chromedp.Evaluate("location.hash = '#from=2026-10-10&to=2026-10-20'", nil), chromedp.Poll("document.getElementById('answer').textContent.startsWith('No')", nil))
	b.show(0, 0)
	if got, want := b.text("#t0 article[data-rule=spacing] .detail p"), "22 on 2 days, 2026-10-13 to 2026-10-15; most on 2026-10-15: 12."; got != want {
		t.Errorf("the finding says %q, want %q", got, want)
	}
	b.press("[data-days='-1']")
	if got := b.text("#answer"); got != now {
		t.Errorf("back to now: %q", got)
	}
	b.clean(1)
}

// TestWholePagePictureHasAllCharts: nobody scrolls, and yet every chart is drawn.
func TestWholePagePictureHasAllCharts(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	file, _ := write(t, made(t, 4, 30, plainName))
	b.load(file, "")
	b.do(chromedp.Poll("document.querySelectorAll('.tenant figure').length === 20 && [...document.querySelectorAll('.tenant figure')].every((f) => f.matches('.nothing') || f.querySelector('.chart svg'))", nil))
	b.clean(1)
}

// TestComparisonFits: with a period to compare with, the page is no wider than a small screen.
func TestComparisonFits(t *testing.T) {
	t.Parallel()
	b := open(t, 1280, 800)
	file, _ := write(t, made(t, 20, 60, plainName))
	b.load(file, "#compare=1&from=2026-10-18")
	b.show(0, 1)
	if w := eval[int](b, "document.documentElement.scrollWidth"); w > 1280 {
		t.Errorf("the page is %d pixels wide", w)
	}
	b.clean(1)
}
