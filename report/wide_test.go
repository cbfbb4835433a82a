package report

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
)

// TestNamesOfAnyScriptLineUp: with names in umlauts, combining marks and wide characters, a table is the one with names
// of as many plain letters, and no wider than a terminal.
func TestNamesOfAnyScriptLineUp(t *testing.T) {
	// Each name with one of as many columns, counted by hand.
	names := [][2]string{{"größe-köln", "xxxxxxxxxx"}, {"東京支店", "yyyyyyyy"}, {"cafe\u0301", "zzzz"}, {"한국-1", "wwwwww"}}
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	limit := egress.Cap{Bytes: 43.7e6, Low: 40e6, High: 50e6, Source: egress.CapMeasured}
	tables := map[string]func(io.Writer, func(i int) string, Options) error{
		"tenants": func(w io.Writer, name func(int) string, o Options) error {
			var rows []TenantRow
			for i := range names {
				rows = append(rows, TenantRow{Tenant: name(i), Requests: 12345, First: at.UnixMicro(), Last: at.UnixMicro(),
					Agents: 120, Cap: limit, Window: "22:00-05:00", Zone: "Europe/Berlin"})
			}
			return Tenants(w, rows, o)
		},
		"usage": func(w io.Writer, name func(int) string, o Options) error {
			r := &analyze.UsageReport{By: analyze.ByTenant, AsOf: at}
			for i := range names {
				r.Rows = append(r.Rows, analyze.UsageRow{Name: name(i), Requests: 4321, ResponseBytes: 1e9, Errors: 12})
			}
			r.Total = r.Rows[0]
			return Usage(w, r, o)
		},
		"forecast": func(w io.Writer, name func(int) string, o Options) error {
			r := &outlook.Report{AsOf: at, Horizon: 14}
			for i := range names {
				r.Tenants = append(r.Tenants, outlook.Projection{Tenant: name(i), AsOf: at, Cap: limit, Current: 1e6, Chance: .3})
			}
			return Forecast(w, r, false, o)
		},
		"audit": func(w io.Writer, name func(int) string, o Options) error {
			r := &analyze.Report{AsOf: at, PolicyName: "xima", PolicyVersion: "1"}
			for i := range names {
				r.Tenants = append(r.Tenants, analyze.Result{Tenant: name(i), Verdict: analyze.Pass, Requests: 4321})
			}
			return Audit(w, r, o)
		},
	}
	for what, write := range tables {
		for _, width := range []int{80, 100} {
			render := func(form int) string {
				var b bytes.Buffer
				if err := write(&b, func(i int) string { return names[i][form] }, Options{Width: width}); err != nil {
					t.Fatal(err)
				}
				return b.String()
			}
			got, want := render(0), render(1)
			for _, pair := range names {
				if !strings.Contains(got, pair[0]) {
					t.Errorf("%s: no %q in\n%s", what, pair[0], got)
				}
				got = strings.ReplaceAll(got, pair[0], pair[1])
			}
			if got != want {
				t.Errorf("%s in %d columns:\n%s\nwith plain letters:\n%s", what, width, got, want)
			}
			for line := range strings.Lines(want) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width {
					t.Errorf("%s: %d columns: %s", what, n, line)
				}
			}
		}
	}
}
