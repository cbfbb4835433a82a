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
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/report/reporttest"
	"github.com/6dcca832/headroom/report/text"
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

func sampleRows() []ExplainedRow {
	route := &store.Route{Method: "GET", Origin: "https://acme.example", Template: "/recordings/{+key}/audio", Class: "recording_audio"}
	return []ExplainedRow{
		{Request: store.Request{ID: 12, Tenant: "acme", StartedAt: reporttest.At("2026-11-01 02:00:07.000001"), Route: route, Key: "3f2c", Status: 200, ResponseBytes: 9_111_000, Client: "export.py"}, Why: "2.1 s after request 11, under 3 s"},
		{Request: store.Request{ID: 1500, Tenant: "acme", StartedAt: reporttest.At("2026-11-01 02:00:09"), Route: route, Key: "aa|b", Query: "a=1&b=2"}, Why: "0.5 s after request 12, under 3 s"},
	}
}

func sampleTenants() []TenantRow {
	return []TenantRow{
		{
			Tenant: "acme", Requests: 1_234_567, First: reporttest.At("2026-10-01 02:00:00"), Last: reporttest.At("2026-11-06 02:00:00"), Agents: 120, Window: "22:00-05:00", Zone: "America/Chicago",
			Cap: egress.Cap{Bytes: 34_500_000_000, Low: 34_000_000_000, High: 35_000_000_000, Source: egress.CapLearned},
		},
		{Tenant: "new"},
		{Tenant: "told", Agents: 12, Cap: egress.Cap{Bytes: 3_450_000_000, Low: 3_450_000_000, High: 3_450_000_000, Source: egress.CapTold}},
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
		brief := o
		brief.Brief = true
		if format == "table" || format == "markdown" {
			add("brief."+format, func(b *bytes.Buffer) error { return Audit(b, r, brief) })
		}
		add("explain."+format, func(b *bytes.Buffer) error { return Explain(b, rows, o) })
		add("tenants."+format, func(b *bytes.Buffer) error { return Tenants(b, tenants, o) })
	}
	return out
}

// TestSilentTenantsAreNamed: a pass of a tenant without a request to judge is no good news.
func TestSilentTenantsAreNamed(t *testing.T) {
	r := reporttest.Sample()
	for _, n := range Notes(r) {
		if strings.Contains(n, "says nothing") {
			t.Fatalf("all tenants have requests, yet: %s", n)
		}
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		r.Tenants = append(r.Tenants, analyze.Result{Tenant: name, Verdict: analyze.Pass})
	}
	if all := strings.Join(Notes(r), "\n"); !strings.Contains(all, "says nothing: a, b, c and 1 more.") {
		t.Errorf("the notes are\n%s", all)
	}
}

func TestGolden(t *testing.T) {
	for name, got := range outputs(t, reporttest.Sample(), sampleRows(), sampleTenants(), Options{Program: "v1.0.0", Database: &Database{ID: "3f2c", Rows: 5213, FirstRow: 1, LastRow: 5213}}) {
		golden(t, name, got)
	}
	ranged := reporttest.Sample()
	ranged.Since, ranged.Until = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 6, 0, 0, 0, 0, time.UTC)
	ranged.Tenants = ranged.Tenants[2:]
	for name, got := range outputs(t, ranged, nil, nil, Options{Color: true, Width: 80, Location: time.FixedZone("", 3600)}) {
		golden(t, "ranged-"+name, got)
	}
}

func TestSameTwice(t *testing.T) {
	first := outputs(t, reporttest.Sample(), sampleRows(), sampleTenants(), Options{Color: true})
	for name, again := range outputs(t, reporttest.Sample(), sampleRows(), sampleTenants(), Options{Color: true}) {
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
		for _, name := range []string{"audit.table", "audit.markdown"} {
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
	if err := json.Unmarshal(outputs(t, reporttest.Sample(), nil, nil, Options{})["audit.json"], &doc); err != nil {
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
	for _, err := range []error{Audit(&b, reporttest.Sample(), o), Explain(&b, nil, o), Tenants(&b, nil, o)} {
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
	for _, err := range []error{Audit(broken{}, reporttest.Sample(), Options{}), WritePicture(broken{}, &Picture{Audit: reporttest.Sample()}, Options{Format: "json"})} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("error %v", err)
		}
	}
}

func TestWidths(t *testing.T) {
	long := reporttest.Sample()
	for i := range long.Tenants {
		r := &long.Tenants[i]
		r.Tenant = strings.Repeat("tenant-with-a-long-name.", 20)
		r.Spacing.Violations, r.Spacing.Indeterminate, r.Requests = 999_999, 999_999, 999_999
		r.Egress.Cap = egress.Cap{Bytes: 999_400_000_000, Source: egress.CapMeasured}
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
		for _, r := range []*analyze.Report{reporttest.Sample(), long} {
			for name, got := range outputs(t, r, rows, tenants, Options{Width: columns}) {
				if !strings.HasSuffix(name, ".table") {
					continue
				}
				for line := range strings.Lines(string(got)) {
					if w := text.Width(strings.TrimSuffix(line, "\n")); w > columns {
						t.Errorf("%s: a line takes %d of %d columns: %s", name, w, columns, line)
					}
				}
			}
		}
	}
}

func TestManyTenants(t *testing.T) {
	r := reporttest.Sample()
	pass := r.Tenants[2]
	for i := range 250 {
		pass.Tenant = fmt.Sprintf("tenant-%03d", i)
		r.Tenants = append(r.Tenants, pass)
	}
	table := string(outputs(t, r, nil, nil, Options{})["audit.table"])
	if n := strings.Count(table, "tenant-"); n != mostPassing-1 || !strings.Contains(table, "… and 226 more tenants that pass:") {
		t.Errorf("%d lines for 251 passing tenants in %s", n, table)
	}
	if n := strings.Count(table, "\n"); n > mostPassing+55 {
		t.Errorf("the table takes %d lines", n)
	}
	if !strings.Contains(table, "251 notices about tenants that pass") {
		t.Error("the table hides notices without saying so")
	}
}

func TestColor(t *testing.T) {
	for color, want := range map[bool]bool{false: false, true: true} {
		got := outputs(t, reporttest.Sample(), nil, nil, Options{Color: color})
		if strings.Contains(string(got["audit.table"]), red) != want {
			t.Errorf("Color %t: the table has colour: %t", color, !want)
		}
	}
}

// TestFormatWithoutARenderer: a kind of thing that has no such format is refused, and says which it has.
func TestFormatWithoutARenderer(t *testing.T) {
	var b bytes.Buffer
	r := renderers{"json": func(*bytes.Buffer) error { return nil }}
	for _, format := range []string{"", "table", "csv", "yaml"} {
		err := r.write(&b, "thing", Options{Format: format})
		if !errors.Is(err, ErrFormat) || !strings.HasSuffix(err.Error(), "it must be one of json") {
			t.Errorf("format %q: %v", format, err)
		}
	}
}
