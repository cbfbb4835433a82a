package analyze

import (
	"slices"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Small logs of recording downloads, for what an audit tells of them.

const tellStart = 1_793_000_000e6

func tellPolicy(t *testing.T) *limits.Policy {
	t.Helper()
	p, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	own := *p
	return &own
}

// starts adds downloads of different recordings, so many microseconds after tellStart.
func (a *Auditor) starts(t *testing.T, status int, offsets ...int64) {
	t.Helper()
	route := &store.Route{
		Method: "GET", Origin: "https://acme.xima.cloud",
		Template: "/rest/api/v2/recordings/{+recording_key}/audio",
	}
	source := &store.Source{Kind: "transport"}
	for _, offset := range offsets {
		call := store.Call{
			ID: a.LastID + 1, StartedAt: tellStart + offset, Status: status, Route: route, Source: source,
			ItemHash: uint64(offset) + 1,
		}
		if err := a.Add(&call); err != nil {
			t.Fatal(err)
		}
	}
}

func counts(r Result, rule string) (n int64) {
	for _, f := range r.Findings {
		if f.Rule == rule {
			n += f.Count
		}
	}
	return n
}

// TestToleranceTellsSlips: a gap shorter by the tolerance or less is a slip, unless it was refused.
func TestToleranceTellsSlips(t *testing.T) {
	p := tellPolicy(t)
	p.Frequency.Tolerance = 100 * time.Millisecond
	least := p.Frequency.MinInterval.Microseconds()
	for _, c := range []struct {
		gap               int64
		status            int
		violations, slips int64
	}{
		{least, 200, 0, 0},
		{least - 1, 200, 0, 1},
		{least - 100_000, 200, 0, 1},
		{least - 100_001, 200, 1, 0},
		{least - 1, 429, 1, 0},
	} {
		a := NewAuditor(p, egress.Tenant{Name: "acme", Chance: -1})
		a.starts(t, 200, 0)
		a.starts(t, c.status, c.gap)
		s := a.Result(tellStart+60e6, AboutNow).Spacing
		if s.Violations != c.violations || s.Slips != c.slips {
			t.Errorf("a gap of %d µs, answered with %d: %d violations and %d slips, want %d and %d",
				c.gap, c.status, s.Violations, s.Slips, c.violations, c.slips)
		}
	}
}

// TestNeverPulled: it is told of a configured tenant without a download, and of no other.
func TestNeverPulled(t *testing.T) {
	for _, c := range []struct {
		configured, pulled bool
		want               int64
	}{{true, false, 1}, {true, true, 0}, {false, false, 0}, {false, true, 0}} {
		a := NewAuditor(tellPolicy(t), egress.Tenant{Name: "acme", Chance: -1})
		a.facts.Configured = c.configured
		if c.pulled {
			a.starts(t, 200, 0)
		}
		if got := counts(a.Result(tellStart+60e6, AboutNow), rules.NeverPulled); got != c.want {
			t.Errorf("%+v: told %d times", c, got)
		}
	}
}

// TestListedNotDownloaded: it is told from the fifth day on, and only where nine of ten were
// downloaded.
func TestListedNotDownloaded(t *testing.T) {
	const day = dayMicros
	asOf := int64(tellStart)
	for _, c := range []struct {
		name         string
		age          int64 // of those that were not downloaded
		listed, left int
		want         int
	}{
		{"nine of ten were", 10 * day, 10, 1, 1},
		{"eight of ten were", 10 * day, 10, 2, 0},
		{"the one listed was not", 10 * day, 1, 1, 0},
		{"not five days ago", 5*day - 1, 10, 1, 0},
		{"five days ago, to the microsecond", 5 * day, 10, 1, 0},
		{"more than five days ago", 5*day + 1, 10, 1, 1},
		{"too long ago", 33*day + 1, 10, 1, 0},
	} {
		l := listing{Missing: map[uint64]missing{}}
		l.Days = []listedDay{{(asOf - 10*day) / day, int64(c.listed)}}
		for i := range c.left {
			l.Missing[uint64(i+1)] = missing{At: asOf - c.age, Bytes: 7}
		}
		got := l.missing(asOf, nil)
		if len(got) != c.want {
			t.Errorf("%s: %d are told", c.name, len(got))
		}
		for _, m := range got {
			if m != (rules.Missing{ListedAt: asOf - c.age, Bytes: 7, Item: 1}) {
				t.Errorf("%s: told %+v", c.name, m)
			}
		}
	}
}

// TestNewTellsOnce: an incident is told once, again when it has grown, and the verdict is about what
// is told.
func TestNewTellsOnce(t *testing.T) {
	a := NewAuditor(tellPolicy(t), egress.Tenant{Name: "acme", Chance: -1})
	seen := map[string]int64{}
	ask := func(asOf int64) Result {
		r, _ := a.result(asOf, AboutNew, nil, seen)
		seen = r.seen
		return r
	}
	a.starts(t, 200, 0, 4e6, 5e6)
	for i, want := range []struct {
		verdict Verdict
		told    int
		hits    int64
	}{{Fail, 1, 1}, {Pass, 0, 0}} {
		r := ask(tellStart + 60e6)
		if r.Verdict != want.verdict || len(r.Incidents) != want.told || counts(r, rules.Spacing) != want.hits {
			t.Errorf("audit %d: %s, %d incidents, findings %+v", i+1, r.Verdict, len(r.Incidents), r.Findings)
		}
	}
	a.starts(t, 200, 70e6, 71e6) // the same night: the incident grows
	r := ask(tellStart + 120e6)
	if r.Verdict != Fail || len(r.Incidents) != 1 || r.Incidents[0].Hits != 2 {
		t.Errorf("after it has grown: %s, %+v", r.Verdict, r.Incidents)
	}
	if r := ask(tellStart + 120e6); r.Verdict != Pass || len(r.Incidents) != 0 {
		t.Errorf("told again: %s, %+v", r.Verdict, r.Incidents)
	}
}

// TestOrder: who must act first comes first; within a rank who was refused most, then who is at
// fault most, then how full the window is, then the name.
func TestOrder(t *testing.T) {
	open := func(severity rules.Severity, refused bool, names ...string) []Incident {
		return []Incident{{
			Severity: severity, Open: true, recentlyRefused: refused, Rules: names, Counts: []int64{1},
		}}
	}
	expected := open(rules.Warning, false, rules.EgressNear)
	expected[0].refusalLikely = true
	full := func(share int64) Egress { return Egress{Current: share, Cap: egress.Cap{Bytes: 100}} }
	recent := func(refused, fault int64) (r Result) {
		r.Recent.Refused, r.Recent.AtFault = refused, fault
		return r
	}
	want := []Result{
		{Tenant: "refused most", Incidents: open(rules.Violation, true, rules.RateLimited)},
		{Tenant: "refused", Incidents: open(rules.Warning, true, rules.RateLimited)},
		{Tenant: "at risk", Incidents: open(rules.Warning, false, rules.StalePull)},
		{Tenant: "refusals expected", Incidents: expected},
		{Tenant: "violation", Incidents: open(rules.Violation, false, rules.Spacing)},
		{Tenant: "warning, at fault", Incidents: open(rules.Warning, false, rules.Interleaved)},
		{Tenant: "warning, fuller", Incidents: open(rules.Warning, false, rules.Interleaved), Egress: full(90)},
		{Tenant: "warning, full", Incidents: open(rules.Warning, false, rules.Interleaved), Egress: full(80)},
		{Tenant: "no data", Verdict: NoData},
		{Tenant: "ended", Verdict: Pass, Incidents: []Incident{{Severity: rules.Violation}}, Egress: full(2)},
		{Tenant: "fine a", Verdict: Pass, Egress: full(1)},
		{Tenant: "fine b", Verdict: Pass, Egress: full(1)},
		{Tenant: "fine without a cap", Verdict: Pass},
	}
	want[0].Recent, want[1].Recent = recent(9, 0).Recent, recent(8, 20).Recent
	want[5].Recent = recent(0, 3).Recent
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareResults)
	for i := range want {
		if got[i].Tenant != want[i].Tenant {
			t.Errorf("row %d is %q, want %q", i+1, got[i].Tenant, want[i].Tenant)
		}
	}
}

// TestIncidentOrder: open incidents stand by the ranks of tenants, within one by harm; then those
// that ended, the latest first, whatever they weigh.
func TestIncidentOrder(t *testing.T) {
	open := func(id, rule string, severity rules.Severity, hits, refused, wasted int64) incident {
		return incident{Incident: Incident{
			ID: id, Open: true, Severity: severity, Rules: []string{rule}, Counts: []int64{hits},
			Hits: hits, Refused: refused, WastedBytes: wasted, recentlyRefused: rule == rules.RateLimited,
		}}
	}
	ended := func(id string, severity rules.Severity, last, came int64) incident {
		x := incident{Incident: Incident{ID: id, Severity: severity, Last: last}}
		x.episodes = []*episode{{until: came}}
		return x
	}
	want := []incident{
		open("refused most", rules.RateLimited, rules.Violation, 2, 9, 0),
		open("refused", rules.RateLimited, rules.Warning, 90, 8, 0),
		open("more lost", rules.ListedNotDownloaded, rules.Warning, 12, 0, 0),
		open("lost", rules.LostReport, rules.Violation, 3, 0, 0),
		open("refused long ago", rules.EgressCap, rules.Violation, 1, 7, 0),
		open("wasted", rules.After509, rules.Violation, 1, 0, 5),
		open("more slips", rules.Spacing, rules.Violation, 30, 0, 0),
		open("a slip", rules.Spacing, rules.Violation, 1, 0, 0),
		open("b slip", rules.Spacing, rules.Violation, 1, 0, 0),
		open("warning", rules.DuplicateDownload, rules.Warning, 474, 0, 99),
		ended("absence that ended last", rules.Warning, 10, 60),
		ended("then a warning", rules.Warning, 50, 0),
		ended("then a violation", rules.Violation, 40, 0),
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareIncidents)
	for i := range want {
		if got[i].ID != want[i].ID {
			t.Errorf("row %d is %q, want %q", i+1, got[i].ID, want[i].ID)
		}
	}
}
