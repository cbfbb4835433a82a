package page

import (
	"slices"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report/reporttest"
)

// An incident about the egress window answers whether a reset was given before, and what one would
// do now.
func TestFactsTellOfResets(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	at := reporttest.At
	full := analyze.Result{Egress: analyze.Egress{Current: 3e9, Cap: egress.Cap{Bytes: 2e9, Source: egress.CapTold}}}
	spared := full
	spared.Egress.Current = 5e8
	spared.Resets = []analyze.Reset{{At: at("2026-10-19 11:00:00"), Note: "as agreed"}}
	f := &outlook.Projection{Current: 3e9, Room: []outlook.RoomHour{
		{At: time.UnixMicro(at("2026-10-21 08:00:00")), Bytes: 9e8},
		{At: time.UnixMicro(at("2026-10-22 08:00:00")), Bytes: 9e8},
	}}
	for _, c := range []struct {
		open bool
		r    *analyze.Result
		want []pageFact
	}{
		{true, &full, []pageFact{
			{"Reset before", "none is recorded here"},
			{"Reset now", "the window holds 3.00 GB, 150% of the cap, so requests are refused until " +
				"2026-10-22 08:00 UTC if nothing more is pulled. What filled it goes on, so it would fill again"},
		}},
		{false, &spared, []pageFact{
			{"Reset before", "2026-10-19 11:00 UTC, as agreed"},
			{"Reset now", "the window holds 500 MB, 25% of the cap, so nothing is refused and a reset would change nothing. What filled it is over"},
		}},
	} {
		got := resetFacts(&analyze.Incident{Open: c.open}, c.r, f, policy, clock{time.UTC})
		if len(got) != 3 || !slices.Equal(got[:2], c.want) || got[2].Name != "Vendor’s page" {
			t.Errorf("got %q, want %q and the vendor's page", got, c.want)
		}
	}
}

func TestFactsOfAnIncident(t *testing.T) {
	at := reporttest.At
	i := analyze.Incident{
		Cause: rules.DuplicateDownload, Rules: []string{rules.DuplicateDownload, rules.EgressCap},
		First: at("2026-10-13 08:00:00"), Last: at("2026-10-19 08:30:00"), Nights: 7, CleanNights: 13,
		Counts: []int64{2010, 1416}, ResetAt: at("2026-10-19 17:00:00"), Requests: 3478, Refused: 1416, WastedBytes: 45_000_000,
	}
	want := []pageFact{
		{"When", "2026-10-13 08:00:00Z to 2026-10-19 08:30:00Z, 7 nights"},
		{"Likely cause", "Recordings were downloaded again (duplicate-download ×2,010)"},
		{"Effects", "The rolling egress cap was reached (egress-cap ×1,416)"},
		{"Cost", "3,478 requests, 1,416 of them refused, 45.0 MB wasted"},
		{"Over", "yes, 13 clean nights since; the window was reset 2026-10-19 17:00 UTC"},
	}
	if got := incidentFacts(&i, clock{time.UTC}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	i.Open = true
	if got := overOf(&i, clock{time.UTC}); got != "no; its last request was 2026-10-19 08:30:00Z" {
		t.Errorf("an open one: %q", got)
	}
	near := analyze.Incident{
		Cause: rules.EgressNear, Rules: []string{rules.EgressNear}, Counts: []int64{1}, Open: true, Nights: 1,
		First: at("2026-10-19 12:00:00"), Last: at("2026-10-19 12:00:00"),
	}
	want = []pageFact{
		{"When", "as of 2026-10-19 12:00:00Z, 1 night"},
		{"Likely cause", "The rolling egress is close to its cap (egress-near ×1)"}, {"Over", "no"},
	}
	if got := incidentFacts(&near, clock{time.UTC}); !slices.Equal(got, want) {
		t.Errorf("of a forecast: got %q, want %q", got, want)
	}
	if !aboutEgress(&i) || aboutEgress(&analyze.Incident{Rules: []string{rules.Spacing}}) {
		t.Error("the wrong incident is about the egress window")
	}
}

// A page about one tenant calls it by its name.
func TestAnswerOfOneTenant(t *testing.T) {
	for verdict, want := range map[analyze.Verdict]string{
		analyze.Fail: "No: acme broke a rule.", analyze.Warn: "Yes, but acme should change something.",
		analyze.NoData: "Nothing is known of acme: no request was recorded.", analyze.Pass: "Yes: acme kept all rules.",
	} {
		r := &analyze.Report{Tenants: []analyze.Result{{Tenant: "acme", Verdict: verdict}}}
		if got := answer(r); got != want {
			t.Errorf("%s: %q, want %q", verdict, got, want)
		}
	}
}
