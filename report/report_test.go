package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares what was written with testdata/golden/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (run with -update if that is meant):\n%s", file, got)
	}
}

func at(s string) int64 {
	v, err := time.Parse("2006-01-02 15:04:05.999999", s)
	if err != nil {
		panic(err)
	}
	return v.UnixMicro()
}

// sample has a tenant of each verdict, and what is null in JSON.
func sample() *analyze.Report {
	return &analyze.Report{
		AsOf: time.Date(2026, 11, 6, 8, 0, 0, 0, time.UTC), PolicyName: "xima", PolicyVersion: "2026-10", Later: 1, Dropped: 4,
		Tenants: []analyze.Result{failing(), warning(), {
			Tenant: "cedar", Verdict: analyze.Pass, Requests: 1_234_567, LastPull: at("2026-11-06 02:00:07"),
			Spacing:  analyze.Spacing{Class: "recording_audio", Requests: 900_000, MinInterval: 3 * time.Second, Min: 3_000_001, P50: 3_100_000, P95: 4_000_000},
			Statuses: []analyze.StatusCount{{Method: "GET", Class: "recording_audio", Status: 200, Requests: 1_234_567, Expected: true}},
			Egress: analyze.Egress{
				Window: 120 * time.Hour, Current: 1_500_000_000, Peak: 2_000_000_000, PeakAt: at("2026-11-03 02:10:00"), Total: 9_000_000_000,
				Cap: analyze.Cap{Bytes: 34_600_000_000, Source: analyze.CapTold},
			},
			Findings: []analyze.Finding{{
				Rule: analyze.RuleCutShort, Severity: analyze.Notice, Count: 1, First: at("2026-11-03 02:10:00"), Last: at("2026-11-03 02:10:00"),
				Detail: "1 downloads ended before their end and cost 10 bytes", Advice: "Resume downloads.", Requests: []int64{7},
			}},
		}},
	}
}

func failing() analyze.Result {
	ids := make([]int64, analyze.MaxIDs)
	for i := range ids {
		ids[i] = int64(12 + 3*i)
	}
	return analyze.Result{
		Tenant: "acme", Verdict: analyze.Fail, Requests: 5210, LastPull: at("2026-11-05 02:00:07"),
		Spacing: analyze.Spacing{
			Class: "recording_audio", Requests: 5000, MinInterval: 3 * time.Second, Violations: 1129, Indeterminate: 88, Min: 120_000, P50: 2_999_999, P95: 3_000_001,
		},
		Statuses: []analyze.StatusCount{
			{Method: "GET", Class: "recording_audio", Status: 200, Requests: 4800, Expected: true},
			{Method: "GET", Class: "recording_audio", Status: 429, Requests: 190, Expected: true},
			{Method: "GET", Class: "recording_audio", Status: 509, Requests: 10, Expected: true},
			{Method: "GET", Class: "recording_list", Status: 0, Requests: 2},
			{Method: "POST", Class: "other", Status: 418, Requests: 208},
		},
		Egress: analyze.Egress{
			Window: 120 * time.Hour, Current: 34_499_000_000, Peak: 34_600_000_001, PeakAt: at("2026-11-05 02:00:07.000001"), Total: 80_000_000_000,
			Cap: analyze.Cap{Bytes: 34_500_000_000, Low: 34_000_000_000, High: 35_000_000_000, Source: analyze.CapLearned},
		},
		Findings: []analyze.Finding{
			{
				Rule: analyze.RuleSpacing, Severity: analyze.Violation, Count: 1129, First: at("2026-11-01 02:00:07"), Last: at("2026-11-05 02:10:00"),
				Detail:  "1129 of 4999 gaps between recording_audio requests were under 3 s; the shortest was 0.12 s; 88 more cannot be decided at the log's resolution",
				Advice:  "Start recording downloads one after the other, with the minimum interval between two starts; one program per tenant.",
				Section: "Request Frequency Limit", Requests: ids,
			},
			{
				Rule: analyze.RuleEgressNear, Severity: analyze.Warning, Count: 1, First: at("2026-11-06 08:00:00"), Last: at("2026-11-06 08:00:00"),
				Detail: "34499000000 bytes in the last 120 h are 100 % of the cap", Advice: "Plan the next nights.", Section: "Rolling Egress Limit",
			},
		},
	}
}

func warning() analyze.Result {
	return analyze.Result{
		Tenant: "birch & sons", Verdict: analyze.Warn, Requests: 3,
		Spacing:  analyze.Spacing{Class: "recording_audio", MinInterval: 3 * time.Second, Min: -1, P50: -1, P95: -1},
		Statuses: nil,
		Egress:   analyze.Egress{Window: 120 * time.Hour, Cap: analyze.Cap{Source: analyze.CapUnknown}},
		Findings: []analyze.Finding{{
			Rule: analyze.RuleAuth, Severity: analyze.Warning, Count: 3, First: at("2026-11-01 02:00:07"), Last: at("2026-11-01 02:00:09"),
			Detail: "3 requests were refused for their token or its rights, up to 3 in a row", Advice: "Check that the token is current.",
			Section: "Expected Response Statuses", Requests: []int64{1, 2, 3},
		}},
	}
}

func sampleRows() []ExplainedRow {
	route := &store.Route{Method: "GET", Origin: "https://acme.example", Template: "/recordings/{+key}/audio", Class: "recording_audio"}
	return []ExplainedRow{
		{Request: store.Request{ID: 12, Tenant: "acme", StartedAt: at("2026-11-01 02:00:07.000001"), Route: route, Key: "3f2c", Status: 200, ResponseBytes: 9_111_000, Client: "export.py"}, Why: "2.1 s after request 11, under 3 s"},
		{Request: store.Request{ID: 1500, Tenant: "acme", StartedAt: at("2026-11-01 02:00:09"), Route: route, Key: "aa|b", Query: "a=1&b=2"}, Why: "0.5 s after request 12, under 3 s"},
	}
}

func sampleTenants() []TenantRow {
	return []TenantRow{
		{
			Tenant: "acme", Requests: 1_234_567, First: at("2026-10-01 02:00:00"), Last: at("2026-11-06 02:00:00"), Agents: 120, Window: "22:00-05:00", Zone: "America/Chicago",
			Cap: analyze.Cap{Bytes: 34_500_000_000, Low: 34_000_000_000, High: 35_000_000_000, Source: analyze.CapLearned},
		},
		{Tenant: "new"},
		{Tenant: "told", Agents: 12, Cap: analyze.Cap{Bytes: 3_450_000_000, Low: 3_450_000_000, High: 3_450_000_000, Source: analyze.CapTold}},
	}
}

// outputs writes everything that the package can write.
func outputs(t testing.TB, r *analyze.Report, rows []ExplainedRow, tenants []TenantRow, o Options) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	add := func(name string, write func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b.Bytes()
	}
	for _, format := range Formats() {
		o.Format = format
		add("audit."+format, func(b *bytes.Buffer) error { return Audit(b, r, o) })
		add("explain."+format, func(b *bytes.Buffer) error { return Explain(b, rows, o) })
		add("tenants."+format, func(b *bytes.Buffer) error { return Tenants(b, tenants, o) })
	}
	add("page.html", func(b *bytes.Buffer) error { return readable(b, r) })
	return out
}

// TestSilentTenantsAreNamed: a pass of a tenant without a request to judge is no good news.
func TestSilentTenantsAreNamed(t *testing.T) {
	r := sample()
	for _, n := range notes(r) {
		if strings.Contains(n, "says nothing") {
			t.Fatalf("all tenants have requests, yet: %s", n)
		}
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		r.Tenants = append(r.Tenants, analyze.Result{Tenant: name, Verdict: analyze.Pass})
	}
	if all := strings.Join(notes(r), "\n"); !strings.Contains(all, "says nothing: a, b, c and 1 more.") {
		t.Errorf("the notes are\n%s", all)
	}
}

func TestGolden(t *testing.T) {
	for name, got := range outputs(t, sample(), sampleRows(), sampleTenants(), Options{}) {
		golden(t, name, got)
	}
	ranged := sample()
	ranged.Since, ranged.Until = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC)
	ranged.Tenants = ranged.Tenants[2:]
	for name, got := range outputs(t, ranged, nil, nil, Options{Color: true, Width: 80, Location: time.FixedZone("", 3600)}) {
		golden(t, "ranged-"+name, got)
	}
}

func TestSameTwice(t *testing.T) {
	first := outputs(t, sample(), sampleRows(), sampleTenants(), Options{Color: true})
	for name, again := range outputs(t, sample(), sampleRows(), sampleTenants(), Options{Color: true}) {
		if !bytes.Equal(first[name], again) {
			t.Errorf("%s: two renderings differ", name)
		}
	}
}

func TestEmpty(t *testing.T) {
	for _, c := range []struct {
		report analyze.Report
		want   string
	}{
		{analyze.Report{}, "no requests are recorded"},
		{analyze.Report{Later: 3}, "all requests start later"},
		{analyze.Report{Since: time.Unix(1, 0)}, "in the range"},
	} {
		out := outputs(t, &c.report, nil, nil, Options{})
		for _, name := range []string{"audit.table", "audit.markdown", "page.html"} {
			if !strings.Contains(string(out[name]), c.want) {
				t.Errorf("%s does not say %q:\n%s", name, c.want, out[name])
			}
		}
		if table := string(out["audit.table"]); strings.Count(table, "\n") != 1 {
			t.Errorf("an empty report takes more than a line: %q", table)
		}
		if !strings.Contains(string(out["audit.json"]), `"tenants": []`) {
			t.Errorf("JSON of an empty report: %s", out["audit.json"])
		}
	}
}

func TestJSONNulls(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(outputs(t, sample(), nil, nil, Options{})["audit.json"], &doc); err != nil {
		t.Fatal(err)
	}
	tenants := doc["tenants"].([]any)
	birch := tenants[1].(map[string]any)
	for section, keys := range map[string][]string{
		"spacing": {"min_s", "p50_s", "p95_s"}, "egress": {"peak_at", "cap_bytes", "cap_low_bytes", "cap_high_bytes", "utilization"},
	} {
		for _, key := range keys {
			if value, there := birch[section].(map[string]any)[key]; !there || value != nil {
				t.Errorf("%s.%s is %v, not null", section, key, value)
			}
		}
	}
	if s, ok := birch["statuses"].([]any); !ok || len(s) != 0 {
		t.Errorf("statuses is %v, not []", birch["statuses"])
	}
	if doc["since"] != nil || doc["until"] != nil {
		t.Errorf("since %v, until %v, not null", doc["since"], doc["until"])
	}
}

func TestFormatUnknown(t *testing.T) {
	var b bytes.Buffer
	o := Options{Format: "yaml"}
	for _, err := range []error{Audit(&b, sample(), o), Explain(&b, nil, o), Tenants(&b, nil, o)} {
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), `"yaml"`) {
			t.Errorf("error %v", err)
		}
	}
	if b.Len() > 0 {
		t.Errorf("wrote %q", b.String())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriterFails(t *testing.T) {
	for _, err := range []error{Audit(broken{}, sample(), Options{}), Page(broken{}, &Picture{Audit: sample()}), WritePicture(broken{}, &Picture{Audit: sample()}, Options{Format: "json"})} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("error %v", err)
		}
	}
}

func TestWidths(t *testing.T) {
	long := sample()
	for i := range long.Tenants {
		r := &long.Tenants[i]
		r.Tenant = strings.Repeat("tenant-with-a-long-name.", 20)
		r.Spacing.Violations, r.Spacing.Indeterminate, r.Requests = 999_999, 999_999, 999_999
		r.Egress.Cap = analyze.Cap{Bytes: 999_400_000_000, Source: analyze.CapMeasured}
		r.Egress.Current, r.Egress.Peak = 999_000_000_000, 999_499_999_999
		r.Statuses = append(r.Statuses, analyze.StatusCount{Status: 599, Requests: 999_999}, analyze.StatusCount{Status: 598, Requests: 9_999_999})
		for k := range r.Findings {
			r.Findings[k].Detail = strings.Repeat("word", 200) + " " + strings.Repeat("寬", 200)
		}
	}
	rows := sampleRows()
	rows[0].Request.ID, rows[0].Request.Key, rows[0].Request.Client = 12_345_678, strings.Repeat("k", 300), strings.Repeat("c", 300)
	tenants := sampleTenants()
	tenants[0].Tenant = strings.Repeat("t", 300)
	for _, columns := range []int{80, 90, 100, 120, 200} {
		for _, r := range []*analyze.Report{sample(), long} {
			for name, got := range outputs(t, r, rows, tenants, Options{Width: columns}) {
				if !strings.HasSuffix(name, ".table") {
					continue
				}
				for line := range strings.Lines(string(got)) {
					if w := width(strings.TrimSuffix(line, "\n")); w > columns {
						t.Errorf("%s: a line takes %d of %d columns: %s", name, w, columns, line)
					}
				}
			}
		}
	}
}

func TestManyTenants(t *testing.T) {
	r := sample()
	pass := r.Tenants[2]
	for i := range 250 {
		pass.Tenant = fmt.Sprintf("tenant-%03d", i)
		r.Tenants = append(r.Tenants, pass)
	}
	table := string(outputs(t, r, nil, nil, Options{})["audit.table"])
	if n := strings.Count(table, "tenant-"); n != mostPassing-1 || !strings.Contains(table, "… and 226 more tenants that pass:") {
		t.Errorf("%d lines for 251 passing tenants in %s", n, table)
	}
	if n := strings.Count(table, "\n"); n > mostPassing+45 {
		t.Errorf("the table takes %d lines", n)
	}
	if !strings.Contains(table, "251 notices about tenants that pass") {
		t.Error("the table hides notices without saying so")
	}
}

func TestColor(t *testing.T) {
	for color, want := range map[bool]bool{false: false, true: true} {
		got := outputs(t, sample(), nil, nil, Options{Color: color})
		if strings.Contains(string(got["audit.table"]), red) != want {
			t.Errorf("Color %t: the table has colour: %t", color, !want)
		}
	}
}
