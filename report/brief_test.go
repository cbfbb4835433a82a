package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/report/reporttest"
)

func rendered(t *testing.T, r *analyze.Report, o Options) string {
	t.Helper()
	o.Format = "table"
	var b bytes.Buffer
	if err := Audit(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBriefTellsWhatCounts: of an audit about now what is open, else what has ended, too; always with what it came to,
// when, the command that shows more, and the names of the others.
func TestBriefTellsWhatCounts(t *testing.T) {
	const command = "headroom audit --explain acme-2026-10-31-spacing"
	r := reporttest.Sample()
	r.About = analyze.AboutNow
	line, _, _ := strings.Cut(rendered(t, r, Options{Brief: true}), "\n")
	for _, want := range []string{
		"in the nights from 31 Oct to 5 Nov", "spacing ×3: 3 gaps under 3 s", "the shortest was 0.12 s; from 2026-11-01 02:00:07Z to ",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is not in %q", want, line)
		}
	}
	if !strings.HasSuffix(line, command) {
		t.Errorf("now, %q ends not with the command alone", line)
	}
	r.About = analyze.AboutRange
	line, _, _ = strings.Cut(rendered(t, r, Options{Brief: true}), "\n")
	if !strings.HasSuffix(line, command+" (1 more: acme-2026-10-20-duplicate-download ended)") {
		t.Errorf("of a range, %q does not name the other incident", line)
	}
	r.Tenants[0].Incidents = r.Tenants[0].Incidents[1:]
	line, _, _ = strings.Cut(rendered(t, r, Options{Brief: true}), "\n")
	if !strings.Contains(line, "Recordings were downloaded again") || !strings.Contains(line, "--explain acme-2026-10-20-") {
		t.Errorf("of an ended one: %q", line)
	}
}

// TestNothingNewIsSaid: before the table, and in the line of those that pass.
func TestNothingNewIsSaid(t *testing.T) {
	r := &analyze.Report{
		About: analyze.AboutNew, AsOf: time.UnixMicro(reporttest.At("2026-11-06 12:00:00")),
		Tenants: []analyze.Result{{Tenant: "acme", Verdict: analyze.Pass, Requests: 3}},
	}
	if got := rendered(t, r, Options{}); !strings.Contains(got, "Nothing new: no incident to tell of\n") {
		t.Errorf("the first time: %s", got)
	}
	r.ToldAt = time.UnixMicro(reporttest.At("2026-11-05 06:05:00"))
	if got := rendered(t, r, Options{}); !strings.Contains(got, "Nothing new since 2026-11-05 06:05:00Z") {
		t.Errorf("later: %s", got)
	}
	if got := rendered(t, r, Options{Brief: true}); got != "✓ pass 1 tenant, nothing new\n" {
		t.Errorf("in brief: %q", got)
	}
}

// TestBoundsOfACapThatTellNothingAreLeftOut: a sum far under an assumed cap that was served is no bound of use.
func TestBoundsOfACapThatTellNothingAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		cap  egress.Cap
		want string
	}{
		{egress.Cap{Bytes: 87e9, Low: 6e6, Source: egress.CapAssumed}, ""},
		{egress.Cap{Bytes: 87e9, Low: 87e9, High: 87e9, Source: egress.CapTold}, ""},
		{egress.Cap{Bytes: 35e9, Low: 34e9, High: 35e9, Source: egress.CapLearned}, "with 35.0 GB a request was refused, with 34.0 GB one was still served"},
	} {
		r := &analyze.Report{Tenants: []analyze.Result{{
			Tenant: "acme", Verdict: analyze.Pass, Requests: 1,
			Egress: analyze.Egress{Window: 120 * time.Hour, Peak: 6e6, PeakAt: reporttest.At("2026-11-05 06:05:00"), Cap: c.cap},
		}}}
		got := rendered(t, r, Options{Width: 400})
		if strings.Contains(got, "?") || strings.Contains(got, "request was refused") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s", c.cap, got)
		}
	}
}
