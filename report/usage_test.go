package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/report/reporttest"
	"github.com/6dcca832/headroom/report/text"
)

func someUsage(name string) *analyze.UsageReport {
	row := analyze.UsageRow{
		Name: name, Requests: 1408, ResponseBytes: 32_143_336, Errors: 3, BytesPerSecond: 181_000, WastedRequests: 3,
		WastedBytes: 91_022, BusyShare: .35, Duration: analyze.Percentiles{N: 1400, P50: 412_000, P95: 1_900_000, P99: 3_200_000},
	}
	plain := analyze.UsageRow{Name: "other", Requests: 70, BusyShare: -1}
	total := row
	total.Name, total.Requests = "", 1478
	return &analyze.UsageReport{By: analyze.ByClient, AsOf: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), Rows: []analyze.UsageRow{row, plain}, Total: total}
}

func renderUsage(t *testing.T, r *analyze.UsageReport, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Usage(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestUsageNamesItsRows: by what is counted, and null where nothing is known.
func TestUsageNamesItsRows(t *testing.T) {
	var doc struct{ Rows []map[string]any }
	if err := json.Unmarshal([]byte(renderUsage(t, someUsage("export.py"), Options{Format: "json"})), &doc); err != nil {
		t.Fatal(err)
	}
	first, second := doc.Rows[0], doc.Rows[1]
	if first["client"] != "export.py" || first["class"] != nil || first["duration"].(map[string]any)["p50_s"] != .412 {
		t.Errorf("first row %v", first)
	}
	if second["bytes_per_s"] != nil || second["busy_share"] != nil || second["duration"].(map[string]any)["p99_s"] != nil {
		t.Errorf("second row %v", second)
	}
	table := renderUsage(t, someUsage("export.py"), Options{Width: 160})
	for _, want := range []string{"export.py", "1,408", "95.2%", "0.41 s", "181 kB/s", "35%", "all", "0.2%"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}

// TestUsageFitsAndIsClean: names are hostile, and a table keeps to its width.
func TestUsageFitsAndIsClean(t *testing.T) {
	if wide := renderUsage(t, someUsage("historical_report"), Options{Width: 80}); !strings.Contains(wide, "\nhistorical_report ") {
		t.Errorf("a name is broken although a column could go:\n%s", wide)
	}
	if md := renderUsage(t, someUsage("a"), Options{Format: "markdown"}); !strings.Contains(md, "| Error rate | p50 |") {
		t.Errorf("the head of the Markdown table is broken:\n%s", md)
	}
	for _, name := range reporttest.HostileNames {
		for _, format := range Formats() {
			shown := renderUsage(t, someUsage(name), Options{Format: format, Width: 80})
			checkPrintable(t, "usage."+format, shown)
			for line := range strings.Lines(shown) {
				if w := text.Width(strings.TrimSuffix(line, "\n")); format == "table" && w > 80 {
					t.Errorf("a line takes %d columns: %.100q", w, line)
				}
			}
		}
	}
}
