package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/reporttest"
	"github.com/6dcca832/headroom/store"
)

var (
	scriptElement = regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`)
	styleElement  = regexp.MustCompile(`(?s)<style>.*?</style>`)
	hashes        = regexp.MustCompile(`sha256-[A-Za-z0-9+/=&#;]+`)
)

// readable writes the page without what only a browser reads: what remains must be understood without script.
func readable(w io.Writer, r *analyze.Report) error {
	var b bytes.Buffer
	if err := Write(&b, &report.Picture{Audit: r}); err != nil {
		return err
	}
	text := styleElement.ReplaceAllString(scriptElement.ReplaceAllString(b.String(), ""), "")
	_, err := io.WriteString(w, hashes.ReplaceAllString(text, "sha256-…"))
	return err
}

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden compares what the page says without its script.
func TestGolden(t *testing.T) {
	ranged := reporttest.Sample()
	ranged.Since, ranged.Until = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC)
	ranged.Tenants = ranged.Tenants[2:]
	for name, r := range map[string]*analyze.Report{"page.html": reporttest.Sample(), "ranged.html": ranged} {
		var b bytes.Buffer
		if err := readable(&b, r); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", "golden", name)
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s differs (run with -update if that is meant):\n%s", file, b.Bytes())
		}
	}
}

func TestHostile(t *testing.T) {
	for _, name := range reporttest.HostileNames {
		checkHostile(t, name)
	}
}

func FuzzHostile(f *testing.F) {
	for _, name := range reporttest.HostileNames {
		f.Add(name)
	}
	f.Fuzz(checkHostile)
}

func checkHostile(t *testing.T, name string) {
	t.Helper()
	var b bytes.Buffer
	if err := readable(&b, reporttest.Spoil(name)); err != nil {
		t.Fatal(err)
	}
	for i, r := range b.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("the page holds %U at %d", r, i)
		}
	}
	checkHTML(t, b.Bytes())
}

// checkHTML reads the page as XML, which it is on purpose: what is not closed or not escaped fails.
func checkHTML(t *testing.T, got []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(got))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("page: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local == "link" && len(e.Attr) == 2 && e.Attr[1].Value == "data:," {
			continue // the icon that is none
		}
		switch e.Name.Local {
		case "script", "img", "iframe", "object", "link", "base", "b":
			t.Errorf("the page has an element %q", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "src" || a.Name.Local == "style" || a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") {
				t.Errorf("the page has an attribute %s=%q", a.Name.Local, a.Value)
			}
		}
	}
}

func TestEmptyPageSaysWhy(t *testing.T) {
	var b bytes.Buffer
	if err := readable(&b, &analyze.Report{Later: 3}); err != nil {
		t.Fatal(err)
	}
	if want := "all requests start later"; !strings.Contains(b.String(), want) {
		t.Errorf("the page does not say %q", want)
	}
	if strings.Contains(b.String(), "0 tenants") || strings.Contains(b.String(), `href="#verdicts"`) {
		t.Error("the page of nothing asks about 0 tenants, or leads to verdicts")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriterFails(t *testing.T) {
	if err := Write(broken{}, &report.Picture{Audit: reporttest.Sample()}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func pageOf(t *testing.T, p *report.Picture) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageLetsOnlyItsOwnScriptsRun(t *testing.T) {
	page := strings.ReplaceAll(pageOf(t, &report.Picture{Audit: reporttest.Sample()}), "&#43;", "+")
	code := 0
	if !strings.Contains(page, `<script type="text/plain" id="licences">`) {
		t.Error("the page lacks the licences of its parts")
	}
	for _, m := range scriptElement.FindAllStringSubmatch(page, -1) {
		if strings.Contains(m[1], "application/json") {
			if strings.ContainsAny(m[2], "<>&") || !json.Valid([]byte(m[2])) {
				t.Errorf("data %.60q… is no safe JSON", m[2])
			}
			continue
		}
		if strings.Contains(m[1], "text/plain") {
			checkLicences(t, m[2])
			continue
		}
		code++
		sum := sha256.Sum256([]byte(m[2]))
		if hash := "sha256-" + base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(page, hash) {
			t.Errorf("the policy lacks %s of script %.60q…", hash, m[2])
		}
	}
	if code != len(loadAssets().scripts) || !strings.Contains(page, "default-src &#39;none&#39;") || strings.Contains(page, "connect-src") {
		t.Errorf("%d scripts; the policy must forbid everything else", code)
	}
	if live := pageOf(t, &report.Picture{Audit: reporttest.Sample(), Live: "/pulse"}); !strings.Contains(live, "connect-src &#39;self&#39;") {
		t.Error("the live page may not ask its own server")
	}
}

func checkLicences(t *testing.T, all string) {
	t.Helper()
	for _, want := range []string{
		"Copyright 2017-2026 The Apache Software Foundation", "Apache License\n                           Version 2.0",
		"Copyright (c) 2017, Baidu Inc.", "Mike Bostock",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the licences lack %q", want)
		}
	}
}

func TestPageIsTheSameTwice(t *testing.T) {
	p := &report.Picture{Audit: reporttest.Sample(), Forecast: &outlook.Report{}}
	first := pageOf(t, p)
	if second := pageOf(t, p); first != second {
		t.Error("two renderings differ")
	}
}

func TestAnswerCountsTenants(t *testing.T) {
	of := func(verdicts ...analyze.Verdict) string {
		r := &analyze.Report{}
		for _, v := range verdicts {
			r.Tenants = append(r.Tenants, analyze.Result{Verdict: v})
		}
		return answer(r)
	}
	for want, got := range map[string]string{
		"": of(), "Yes: 2 tenants kept all rules.": of(analyze.Pass, analyze.Pass), "Yes, but 1 of 2 tenants should change something.": of(analyze.Warn, analyze.Pass),
		"No: 1 of 2 tenants broke a rule, 1 is fine.":                                  of(analyze.Fail, analyze.Pass),
		"No: 1 of 4 tenants broke a rule, 1 more should change something, 2 are fine.": of(analyze.Fail, analyze.Warn, analyze.Pass, analyze.Pass),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestClockShowsUTCBesideOnlyWhereItDiffers(t *testing.T) {
	zone, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 2, 30, 0, 0, time.UTC).UnixMicro()
	if got := both(clock{zone}, at); got != "2026-10-31 20:30 MDT (11-01 02:30 UTC)" {
		t.Errorf("in Denver: %q", got)
	}
	if got := both(clock{time.UTC}, at); got != "2026-11-01 02:30 UTC" {
		t.Errorf("in UTC: %q", got)
	}
	if got := both(clock{zone}, 0); got != measure.None {
		t.Errorf("never: %q", got)
	}
}

func TestPageSaysWhatCouldNotBeJudged(t *testing.T) {
	r := reporttest.Sample()
	r.Dropped, r.Tenants[1].Opaque, r.Tenants[1].Foreign = 4, 3, 1
	page := pageOf(t, &report.Picture{Audit: r})
	for _, want := range []string{
		"! Not judged: 4 requests dropped while recording, 3 connections that could not be looked into, 1 request to hosts that the policy does not know.",
		"! Not judged: 3 connections that could not be looked into, 1 request to hosts that the policy does not know.",
	} {
		if strings.Count(page, want) != 1 {
			t.Errorf("the page does not say once: %s", want)
		}
	}
	r.Dropped, r.Tenants[1].Opaque, r.Tenants[1].Foreign = 0, 0, 0
	if strings.Contains(pageOf(t, &report.Picture{Audit: r}), "Not judged") {
		t.Error("the page warns where all was seen")
	}
}

func TestPageMarksACapThatIsExpectedToBeReached(t *testing.T) {
	zone, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	of := func(current int64, f *outlook.Projection) pageTenant {
		v := pageTenant{Egress: analyze.Egress{Current: current, Cap: egress.Cap{Bytes: 100}}}
		v.expect(f, clock{zone})
		return v
	}
	likely := time.Date(2026, 11, 8, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		got       pageTenant
		hit, note string
		soon      bool
	}{
		{of(10, &outlook.Projection{Chance: .6, Likely: likely}), "2026-11-08 01:00 MST", "08:00 UTC, 60% in 7 days", true},
		{of(10, &outlook.Projection{Chance: .2}), "not expected", "20% in 7 days", false},
		{of(100, nil), "over now", "", true},
		{of(10, nil), measure.None, "", false},
	} {
		if c.got.Hit != c.hit || c.got.HitNote != c.note || c.got.Soon != c.soon {
			t.Errorf("%q, %q, marked %v; want %q, %q, %v", c.got.Hit, c.got.HitNote, c.got.Soon, c.hit, c.note, c.soon)
		}
	}
}

// TestZoneClocks: a zone's clocks on the page are the program's, each from where it begins.
func TestZoneClocks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	change := time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC).Unix()
	got := zoneClocks(berlin, day(10, 1), day(12, 1))
	if want := []zoneClock{{day(10, 1).Unix(), 7200, "CEST"}, {change, 3600, "CET"}}; !slices.Equal(got, want) {
		t.Errorf("Berlin: %v, want %v", got, want)
	}
	if got := zoneClocks(time.UTC, day(1, 1), day(12, 1)); !slices.Equal(got, []zoneClock{{day(1, 1).Unix(), 0, "UTC"}}) {
		t.Errorf("UTC: %v", got)
	}
}

// TestIncidentIsToldFirst: with its days, its requests, and whether it is over, before the findings.
func TestIncidentIsToldFirst(t *testing.T) {
	day := int(reporttest.At("2026-11-01 00:00:00") / 86400e6)
	index := slices.Index(rules.Names(), "spacing")
	refused := slices.Index(rules.Names(), "rate-limited")
	p := &report.Picture{Audit: reporttest.Sample(), Days: &analyze.Daily{Tenants: []analyze.TenantDays{{Tenant: "acme", Days: []analyze.Day{
		{Day: day - 1, Requests: 5}, {Day: day, Requests: 5, Findings: []analyze.Tally{{Of: index, N: 3}}},
		{Day: day + 1, Requests: 5, Findings: []analyze.Tally{{Of: refused, N: 2}}},
	}}}}, Examples: map[string][]analyze.Example{"acme-2026-10-31-spacing": {
		{Request: store.Request{ID: 12, StartedAt: reporttest.At("2026-11-01 02:00:07.25"), Key: "3f2c", Status: 429, ResponseBytes: 55, VendorID: "req-9"}, Part: analyze.PartCause, Rule: "spacing", Why: "too soon"},
		{Request: store.Request{ID: 19, StartedAt: reporttest.At("2026-11-01 02:00:09"), Key: "77aa", Status: 200, ResponseBytes: 9_000_000}, Part: analyze.PartAfter},
	}}}
	page := pageOf(t, p)
	for _, want := range []string{
		`class="cause" x="42"`, "2026-11-01: spacing ×3", `class="effect" x="56"`, "2026-11-02: rate-limited ×2",
		`class="clean" x="28"`, `class="none" x="0"`, "2026-11-01 02:00:07.250Z", "3f2c", "vendor’s id req-9", "<td>too soon</td>",
		`>Likely cause: Recordings were requested faster than the minimum interval allows</th>`, "times are UTC.",
		`>After it: the first requests that were served</th>`, `<tr><th scope="row">2026-11-01 02:00:09.000Z`, "9.00 MB", "✗ Not over</span>", "yes, 4 clean nights since",
		"Reset of the egress window: 2026-10-28 09:00 UTC, ticket 4711.", "for 120 agents",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Index(page, "Requests came too close together") > strings.Index(page, ">Findings</h3>") {
		t.Error("findings come before the incident")
	}
}

// TestOverTheCapIsToldSinceWhen: in the forecast's words, and when the sum falls under it again.
func TestOverTheCapIsToldSinceWhen(t *testing.T) {
	v := pageTenant{Egress: analyze.Egress{Current: 130, Cap: egress.Cap{Bytes: 100}}}
	f := &outlook.Projection{
		Over: time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC), Under: time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC), Current: 130,
		Notes: []string{"At or over its cap since about 4 Nov."},
		Room: []outlook.RoomHour{
			{At: time.Date(2026, 11, 7, 3, 0, 0, 0, time.UTC), Bytes: 20}, {At: time.Date(2026, 11, 8, 3, 0, 0, 0, time.UTC), Bytes: 40},
		},
		Days: make([]outlook.Day, 3),
	}
	v.expect(f, clock{time.UTC})
	want := []string{f.Notes[0], "If nothing more is pulled, the sum is under the cap at 2026-11-08 03:00 UTC."}
	if v.Hit != "over since about 4 Nov" || v.HitNote != "under again about 9 Nov" || !v.Soon || !slices.Equal(v.Outlook, want) {
		t.Errorf("%q, %q, %q", v.Hit, v.HitNote, v.Outlook)
	}
	f.Under = time.Time{}
	if v.expect(f, clock{time.UTC}); v.HitNote != "not under again in 3 days" {
		t.Errorf("%q", v.HitNote)
	}
}

// TestUsageOfATenantIsOnItsPage: as a sentence and as tables.
func TestUsageOfATenantIsOnItsPage(t *testing.T) {
	row := analyze.UsageRow{Name: "recording_audio", Requests: 7, BusyShare: -1, Duration: analyze.Percentiles{N: 7, P50: 400_000, P95: 900_000}}
	total := row
	total.BusyShare, total.WastedRequests, total.WastedBytes = .5, 2, 3_000
	p := &report.Picture{Audit: reporttest.Sample(), Usage: map[string][]*analyze.UsageReport{
		"acme": {{By: analyze.ByClass, Rows: []analyze.UsageRow{row}, Total: total}},
	}}
	page := pageOf(t, p)
	for _, want := range []string{
		"7 requests, 0 B down; wasted (refused, downloaded again or repeated in vain): 2 requests, 3.00 kB; half of the answers within 0.40 s, 95% within 0.90 s; the nightly window is busy for 50%.",
		`"use":[{"t":"by class of request","h":["Class","Requests",`, `"r":[["recording_audio","7",`,
	} {
		if strings.Count(page, want) != 1 {
			t.Errorf("the page does not say once %q", want)
		}
	}
}

// Of many tenants the hours, whose tables are long, are left out; where nothing is told, the command
// that tells it is.
func TestUsageOfManyTenantsIsShort(t *testing.T) {
	p := &report.Picture{Audit: &analyze.Report{}, Usage: map[string][]*analyze.UsageReport{}}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		p.Audit.Tenants = append(p.Audit.Tenants, analyze.Result{Tenant: name, Requests: 1})
		p.Usage[name] = []*analyze.UsageReport{{By: analyze.ByClass}, {By: analyze.ByClient, Rows: make([]analyze.UsageRow, 1)}, {By: analyze.ByHour}}
	}
	page := pageOf(t, p)
	if !strings.Contains(page, "by class of request") || strings.Contains(page, "by hour of the week") || strings.Contains(page, `"by client"`) {
		t.Error("of nine tenants the hours or their only client are told, or the classes are not")
	}
	p.Usage = nil
	if page := pageOf(t, p); strings.Count(page, "headroom usage --tenant ") != 9 {
		t.Error("where no use is told, the command is not")
	}
}

func TestHitsNoteSaysInHowManyRequests(t *testing.T) {
	spacing := analyze.Finding{Rule: "spacing", Severity: analyze.Violation, Count: 7, Incident: "i"}
	for want, r := range map[string]analyze.Result{
		"in 5 requests": {
			Violating: 5, Findings: []analyze.Finding{spacing}, Incidents: []analyze.Incident{{ID: "i", Open: true}},
		},
		"in 5 requests, all over": {
			Violating: 5, Findings: []analyze.Finding{spacing}, Incidents: []analyze.Incident{{ID: "i"}},
		},
		"all over": {Violating: 7, Findings: []analyze.Finding{spacing}, Incidents: []analyze.Incident{{ID: "i"}}},
		"":         {Violating: 7, Findings: []analyze.Finding{spacing}},
	} {
		if got := hitsNote(&r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestTenantsShareWhatTheyWereCapturedBy: a source is on the page once, and columns of days that are
// empty are not.
func TestTenantsShareWhatTheyWereCapturedBy(t *testing.T) {
	p := &report.Picture{Audit: &analyze.Report{}, Days: &analyze.Daily{}}
	origin := analyze.Origin{Kind: "jsonl", Source: "night-1.jsonl", Client: "nightly", Requests: 5}
	for i, name := range []string{"acme", "birch"} {
		p.Audit.Tenants = append(p.Audit.Tenants, analyze.Result{Tenant: name})
		p.Days.Tenants = append(p.Days.Tenants, analyze.TenantDays{
			Tenant: name, Origins: []analyze.Origin{origin},
			Days: []analyze.Day{{Day: 20_000, Requests: 5, Violations: int64(i)}},
		})
	}
	page := pageOf(t, p)
	for want, times := range map[string]int{
		"night-1.jsonl": 1, `"from":[0,5]`: 2, `"viol":[1]`: 1, `"viol"`: 1, `"auth":`: 0, `"fnd":`: 0, `"req":[5]`: 2,
	} {
		if n := strings.Count(page, want); n != times {
			t.Errorf("%q is on the page %d times, want %d", want, n, times)
		}
	}
}

// TestOverviewIsOfTheDaysShown: bytes and peak of the table are those of the days that the page opens with, not of all.
func TestOverviewIsOfTheDaysShown(t *testing.T) {
	day := int(reporttest.At("2026-11-01 00:00:00") / 86400e6)
	p := &report.Picture{
		Audit: &analyze.Report{Since: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)},
		Days:  &analyze.Daily{Tenants: []analyze.TenantDays{{Tenant: "acme", Days: []analyze.Day{{Day: day - 1, Peak: 900}, {Day: day, Peak: 300}, {Day: day + 1, Peak: 200}}}}},
	}
	if got := peak(p, &analyze.Result{Tenant: "acme", Egress: analyze.Egress{Peak: 900}}); got != 300 {
		t.Errorf("%d", got)
	}
	p.Audit.Since = time.Time{}
	if got := peak(p, &analyze.Result{Tenant: "acme"}); got != 900 {
		t.Errorf("without a bound %d", got)
	}
	if got := peak(&report.Picture{Audit: p.Audit}, &analyze.Result{Egress: analyze.Egress{Peak: 7}}); got != 7 {
		t.Errorf("without days %d", got)
	}
}

func TestSentence(t *testing.T) {
	for s, want := range map[string]string{"": "", "1 gap under 3 s": "1 gap under 3 s.", "the forecast": "The forecast.", "über": "Über."} {
		if got := sentence(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}
