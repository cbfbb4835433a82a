// Package reporttest has the reports that the tests of package report and of its page share.
package reporttest

import (
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
)

// At is a time in UTC, written "2006-01-02 15:04:05.999999", as microseconds since 1970.
func At(s string) int64 {
	v, err := time.Parse("2006-01-02 15:04:05.999999", s)
	if err != nil {
		panic(err)
	}
	return v.UnixMicro()
}

// Sample has a tenant of each verdict, and what is null in JSON.
func Sample() *analyze.Report {
	return &analyze.Report{
		AsOf: time.Date(2026, 11, 6, 8, 0, 0, 0, time.UTC), PolicyName: "xima", PolicyVersion: "2026-10",
		Later: 1, Dropped: 4,
		Tenants: []analyze.Result{failing(), warning(), {
			Tenant: "cedar", Verdict: analyze.Pass, Requests: 1_234_567, Audio: 6_000_000_000, LastPull: At("2026-11-06 02:00:07"),
			Spacing: analyze.Spacing{
				Class:       "recording_audio",
				Requests:    900_000,
				MinInterval: 3 * time.Second,
				Min:         3_000_001,
				P50:         3_100_000,
				P95:         4_000_000,
			},
			Statuses: []analyze.StatusCount{
				{Method: "GET", Class: "recording_audio", Status: 200, Requests: 1_234_567, Expected: true},
			},
			Egress: analyze.Egress{
				Window: 120 * time.Hour, Current: 1_500_000_000, Peak: 2_000_000_000,
				PeakAt: At("2026-11-03 02:10:00"), Total: 9_000_000_000,
				Cap: egress.Cap{Bytes: 34_600_000_000, Source: egress.CapTold},
			},
			Findings: []analyze.Finding{{
				Rule: rules.CutShort, Severity: analyze.Notice, Count: 1, First: At("2026-11-03 02:10:00"),
				Last:   At("2026-11-03 02:10:00"),
				Detail: "1 downloads ended before their end and cost 10 bytes", Advice: "Resume downloads.",
				Requests: []int64{7},
			}},
		}},
	}
}

func failing() analyze.Result {
	ids := make([]int64, rules.MaxIDs)
	for i := range ids {
		ids[i] = int64(12 + 3*i)
	}
	return analyze.Result{
		Tenant: "acme", Verdict: analyze.Fail, Requests: 5210, Audio: 80_000_000_000, LastPull: At("2026-11-05 02:00:07"),
		AtFault: 1311, Violating: 1311, FirstRequest: At("2026-10-01 02:00:00"), LastRequest: At("2026-11-05 02:10:00"),
		Facts: egress.CapFacts{
			Agents: 120,
			ToldBy: "support",
			ToldOn: time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC),
		},
		Resets: []analyze.Reset{{At: At("2026-10-28 09:00:00"), Note: "ticket 4711"}},
		Incidents: []analyze.Incident{{
			ID: "acme-2026-10-31-spacing", Cause: "spacing", Open: true, First: At("2026-11-01 02:00:07"),
			Last:   At("2026-11-05 02:10:00"),
			Nights: 5, CleanNights: -1, Hits: 1319, Requests: 1311, Refused: 190,
			Severity: analyze.Violation,
			Title:    "Requests came too close together in the nights from 31 Oct to 5 Nov; 190 were refused.",
			Detail:   "3 gaps under 3 s, of 4,999 between recording_audio requests; the shortest was 0.12 s",
			Rules:    []string{"spacing", "rate-limited"}, Counts: []int64{3, 2},
		}, {
			ID: "acme-2026-10-20-duplicate-download", Cause: "duplicate-download",
			First: At("2026-10-20 02:00:07"), Last: At("2026-10-27 02:10:00"),
			Nights: 7, CleanNights: 4, ResetAt: At("2026-10-28 09:00:00"), Hits: 1000, Requests: 990,
			Refused: 10, WastedBytes: 3_200_000_000,
			Severity: analyze.Violation, Title: "Recordings were downloaded again in the nights from 20 to 27 Oct.",
			Rules: []string{"duplicate-download", "over-cap"}, Counts: []int64{12, 4},
		}},
		Spacing: analyze.Spacing{
			Class: "recording_audio", Requests: 5000, MinInterval: 3 * time.Second, Violations: 1129,
			Indeterminate: 88, Min: 120_000, P50: 2_999_999, P95: 3_000_001,
		},
		Statuses: []analyze.StatusCount{
			{Method: "GET", Class: "recording_audio", Status: 200, Requests: 4800, Expected: true},
			{Method: "GET", Class: "recording_audio", Status: 429, Requests: 190, Expected: true},
			{Method: "GET", Class: "recording_audio", Status: 509, Requests: 10, Expected: true},
			{Method: "GET", Class: "recording_list", Status: 0, Requests: 2},
			{Method: "POST", Class: "other", Status: 418, Requests: 208},
		},
		Egress: analyze.Egress{
			Window: 120 * time.Hour, Current: 34_499_000_000, Peak: 34_600_000_001,
			PeakAt: At("2026-11-05 02:00:07.000001"), Total: 80_000_000_000,
			Cap: egress.Cap{
				Bytes:  34_500_000_000,
				Low:    34_000_000_000,
				High:   35_000_000_000,
				Source: egress.CapLearned,
			},
		},
		Findings: []analyze.Finding{
			{
				Rule: rules.Spacing, Severity: analyze.Violation, Count: 1129, First: At("2026-11-01 02:00:07"),
				Last:    At("2026-11-05 02:10:00"),
				Detail:  "1129 of 4999 gaps between recording_audio requests were under 3 s; the shortest was 0.12 s; 88 more cannot be decided at the log's resolution",
				Advice:  "Start recording downloads one after the other, with the minimum interval between two starts; one program per tenant.",
				Section: "Request Frequency Limit", Requests: ids, Incident: "acme-2026-10-31-spacing",
			},
			{
				Rule: rules.EgressNear, Severity: analyze.Warning, Count: 1, First: At("2026-11-06 08:00:00"),
				Last:   At("2026-11-06 08:00:00"),
				Detail: "34499000000 bytes in the last 120 h are 100 % of the cap",
				Advice: "Plan the next nights.", Section: "Rolling Egress Limit",
			},
		},
	}
}

func warning() analyze.Result {
	return analyze.Result{
		Tenant: "birch & sons", Verdict: analyze.Warn, Requests: 3,
		Spacing: analyze.Spacing{
			Class:       "recording_audio",
			MinInterval: 3 * time.Second,
			Min:         -1,
			P50:         -1,
			P95:         -1,
		},
		Statuses: nil,
		Egress:   analyze.Egress{Window: 120 * time.Hour, Cap: egress.Cap{Source: egress.CapUnknown}},
		Findings: []analyze.Finding{{
			Rule: rules.Auth, Severity: analyze.Warning, Count: 3, First: At("2026-11-01 02:00:07"),
			Last:    At("2026-11-01 02:00:09"),
			Detail:  "3 requests were refused for their token or its rights, up to 3 in a row",
			Advice:  "Check that the token is current.",
			Section: "Expected Response Statuses", Requests: []int64{1, 2, 3},
		}},
	}
}

// HostileNames are what someone may put into a name to act on a reader's terminal, spreadsheet or
// browser.
var HostileNames = []string{
	"</script><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`,
	"it's `$(reboot)`; rm -rf ~", "acme\u202egpj.exe\u2066", "\u200fחברה\u200e",
	"\x1b[2J\x1b[31mred\x1b]0;title\x07", "\u009b2J", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)",
	"\t=1+1", "\r=1", "\n=1", " =1", "\u200b=1", "\u00a0@x", "＝1", "＋1", "－1", "＠x",
	"a|b\n|c|\n# head\n[x](javascript:alert(1)) *b* _i_ <b> &lt;", `back\slash\|`, "\xff\xfe broken",
	strings.Repeat("x", 10_000), strings.Repeat("e\u0301\u0302", 5_000),
	"https://evil.example/login", "@octocat, WWW.evil.example and me@evil.example #12 GH-3", "", " ",
	"--flag", "'quote'", "]]>", "<!--", "\x00", "\u2028\u2029", "\U000e0041", "👩‍💻", "\ufeffbom",
	"two  spaces",
}

// Spoil is Sample with the name wherever text from outside may stand.
func Spoil(name string) *analyze.Report {
	r := Sample()
	r.PolicyName, r.PolicyVersion = name, name
	for i := range r.Tenants {
		t := &r.Tenants[i]
		t.Tenant, t.Spacing.Class = name, name
		t.Facts.ToldBy = name
		for k := range t.Resets {
			t.Resets[k].Note = name
		}
		for k := range t.Incidents {
			t.Incidents[k].ID, t.Incidents[k].Cause = name, name
			t.Incidents[k].Title, t.Incidents[k].Rules = name, []string{
				name,
			}
		}
		for k := range t.Statuses {
			t.Statuses[k].Method, t.Statuses[k].Class = name, name
		}
		for k := range t.Findings {
			t.Findings[k].Detail, t.Findings[k].Advice, t.Findings[k].Section = name, name, name
		}
	}
	return r
}
