package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var pullEvening = time.Date(2026, 11, 24, 21, 30, 0, 0, time.UTC)

// plannedNights are a good night, one that a cap cuts off, a backlog, a hopeless one, and tenants
// with nothing to do or to ask.
func plannedNights() []PullRow {
	at := pullEvening
	return []PullRow{
		{Tenant: "acme", Plan: PullPlan{
			Recordings: 1812, Bytes: 3.1e9, Fits: 1812, FitBytes: 3.1e9, Takes: 91 * time.Minute,
			SumAfter: 14.2e9, Share: .31, DoneOn: at, Nights: 1,
		}},
		{Tenant: "borealis", Plan: PullPlan{
			Recordings: 1812, Bytes: 3.1e9, Fits: 1240, FitBytes: 2.1e9, Takes: 62 * time.Minute,
			SumAfter: 43.2e9, Share: .949, Binds: "egress cap", RestFrom: at.Add(5 * time.Hour),
			DoneOn: at.AddDate(0, 0, 1), Nights: 2,
		}},
		{Tenant: "cobalt", Plan: PullPlan{
			Recordings: 61812, Bytes: 103e9, Fits: 9600, FitBytes: 21e9, Takes: 8 * time.Hour,
			SumAfter: 43.2e9, Share: .649, Binds: "nightly window", DoneOn: at.AddDate(0, 0, 12), Nights: 13,
		}},
		{Tenant: "dunmore-legal-services", Plan: PullPlan{
			Recordings: 61812, Bytes: 103e9, SumAfter: 43.2e9, Share: .95, Binds: "egress cap",
			RestFrom: at.Add(50 * time.Hour),
		}},
		{Tenant: "elmwood", Error: "the token is not accepted: answered 401 Unauthorized"},
		{Tenant: "fairview", Listed: 100, Already: 100},
		{Tenant: "grange", Plan: PullPlan{
			Recordings: 3, UnknownSizes: 3, Fits: 3, Takes: 9 * time.Second, DoneOn: at, Nights: 1,
		}},
	}
}

// A plan is read on a terminal of 80 columns, at seven in the morning.
func TestPullPlanAt80Columns(t *testing.T) {
	const want = `
Tenant    To fetch    Bytes     Takes  Rolling sum  Tonight
────────────────────────────────────────────────────────────────────────────
acme         1,812  3.10 GB  91.0 min  14.2 GB 31%  all of it fits
borealis     1,812  3.10 GB  62.0 min  43.2 GB 94%  1,240 fit, then the
                                                    egress cap binds; the
                                                    rest from 2026-11-25
                                                    02:30 UTC; done in night
                                                    2, 2026-11-25
cobalt      61,812   103 GB     8.0 h  43.2 GB 64%  9,600 fit, then the
                                                    nightly window binds;
                                                    done in night 13,
                                                    2026-12-06
dunmore-    61,812   103 GB       0 s  43.2 GB 95%  none fits: the egress
legal-                                              cap binds; the rest from
services                                            2026-11-26 23:30 UTC;
                                                    the backlog never ends
                                                    at this rate
elmwood          –        –         –            –  the token is not
                                                    accepted: answered 401
                                                    Unauthorized
fairview         0      0 B       0 s          0 B  nothing to fetch
grange           3      0 B       9 s          0 B  all of it fits; 3 of
                                                    unknown size
`
	comparePull(t, plannedNights(), true, want)
}

func TestPullAt80Columns(t *testing.T) {
	missing := func(n int, why string) (list []PullMissing) {
		for i := range n {
			list = append(list, PullMissing{Key: fmt.Sprint("key-", i), Start: pullEvening, Bytes: 100, Why: why})
		}
		return list
	}
	odd := missing(5, "the list says 100 bytes, 101 came")
	rows := []PullRow{
		{Tenant: "acme", Listed: 9000, Already: 7188, Stored: 1812, Bytes: 3.1e9},
		{
			Tenant: "borealis", Listed: 9000, Already: 7185, Stored: 1240, Excused: 3, Bytes: 2.1e9,
			Missing: missing(572, "the egress cap of 45.5 GB leaves no room before 02:10"),
		},
		{
			Tenant: "cobalt", Listed: 9, Stored: 5, Findings: odd, Wasted: 1e5, Bytes: 500,
			Missing: append(missing(1, "the body was JSON, not audio"), missing(3, "answered 500")...),
		},
		{Tenant: "elmwood", Error: "the token is not accepted: answered 401 Unauthorized"},
	}
	const want = `
Tenant    Listed    Had    New  Missing    Bytes  Why
────────────────────────────────────────────────────────────────────────────────
acme       9,000  7,188  1,812        0  3.10 GB
borealis   9,000  7,185  1,240      572  2.10 GB  572 missing: the egress cap of
                                                  45.5 GB leaves no room before
                                                  02:10
                                                  3 gone at the vendor or
                                                  excluded
cobalt         9      0      5        4    500 B  3 missing: answered 500
                                                  1 missing: the body was JSON,
                                                  not audio
                                                  stored, but the list says 100
                                                  bytes, 101 came: key-0
                                                  stored, but the list says 100
                                                  bytes, 101 came: key-1
                                                  stored, but the list says 100
                                                  bytes, 101 came: key-2
                                                  2 more stored that are odd;
                                                  --format json names each
                                                  100 kB downloaded in vain
elmwood        0      0      0        0      0 B  the token is not accepted:
                                                  answered 401 Unauthorized
`
	comparePull(t, rows, false, want)
}

func comparePull(t *testing.T, rows []PullRow, dry bool, want string) {
	t.Helper()
	var b bytes.Buffer
	if err := Pull(&b, rows, dry, Options{Format: "table", Width: 80}); err != nil {
		t.Fatal(err)
	}
	if got := "\n" + b.String(); got != want {
		t.Errorf("got %s", got)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
