package report_test

import (
	"fmt"
	"os"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/report"
)

// An audit as a table; analyze.Run makes the Report.
func ExampleAudit() {
	r := &analyze.Report{
		AsOf: time.Date(2026, 11, 6, 8, 0, 0, 0, time.UTC), PolicyName: "xima", PolicyVersion: "2026.1",
		Tenants: []analyze.Result{{
			Tenant: "acme", Verdict: analyze.Pass, Requests: 2151, LastPull: time.Date(2026, 11, 6, 4, 0, 0, 0, time.UTC).UnixMicro(),
			Spacing: analyze.Spacing{Class: "recording_audio", Requests: 2068, MinInterval: 3 * time.Second, Min: 3_000_074, P50: 3_203_554, P95: 3_384_715},
			Egress: analyze.Egress{
				Window: 120 * time.Hour, Current: 6_913_961, Peak: 10_108_356, Cap: egress.Cap{Bytes: 58_222_080, Low: 58_222_080, High: 58_222_080, Source: egress.CapTold},
			},
		}},
	}
	if err := report.Audit(os.Stdout, r, report.Options{Format: "table"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Audit as of 2026-11-06 08:00:00Z, policy xima 2026.1
	// 1 tenant: 0 fail, 0 warn, 1 pass
	//
	//                             Too     Gap  Egress in 5 days                Bad      Pulled
	//         Tenant  Requests  close     p50  of cap                    Peak  answers     ago
	// ────────────────────────────────────────────────────────────────────────────────────────
	// ✓ pass  acme       2,151      0  3.20 s  6.91/58.2 MB 11% told  10.1 MB              4 h
	//
	// acme: pass
	//   2,151 requests, 0 at fault, the last pull at 2026-11-06 04:00:00Z
	//   Gaps between 2,068 recording_audio requests: shortest 3.00 s, p50 3.20 s, p95 3.38 s; 0 under
	//     3 s
	//
	// Cap told: as the vendor's support said.
}
