package analyze_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

const testDay = 86400e6

// fortnight is a log of two weeks whose nights run over midnight, from two clients and a coarse and a fine clock.
func fortnight(r *rand.Rand) []store.Request {
	audio := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}/audio", Class: "recording_audio"}
	list := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings", Class: "recording_list"}
	fine, coarse := &store.Source{Kind: "transport", Name: "a"}, &store.Source{Kind: "combined", Name: "b", Resolution: 1e6}
	var all []store.Request
	for night := range int64(14) {
		at := 1767225600e6 + night*testDay + 86400e6 - r.Int64N(3600e6)
		for range 20 + r.IntN(300) {
			at += []int64{3e6, 3e6, 3.1e6, 2e6, 1e6, 0, 40e6}[r.IntN(7)]
			q := store.Request{
				Tenant: "acme", Route: audio, Source: fine, StartedAt: at, Status: 200, ResponseBytes: 1 + r.Int64N(1e6), Duration: 5e5,
				Key: fmt.Sprintf("6f9619ff-8b86-4011-b42d-%012x-1767225600000", r.IntN(1500)), Client: []string{"a", "b"}[r.IntN(2)],
			}
			switch r.IntN(20) {
			case 0:
				q.Status, q.ResponseBytes = 429, 0
			case 1:
				q.Route, q.Key = list, ""
			case 2:
				q.CutShort = true
			case 3:
				q.Status = 302
			case 4:
				q.Status, q.ResponseBytes, q.Error = 0, 0, "reset"
			case 5, 6:
				q.Source, q.StartedAt = coarse, at-at%1e6
			}
			all = append(all, q)
		}
	}
	return all
}

func snapshotOf(t *testing.T, all []store.Request) store.Snapshot {
	t.Helper()
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "days.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	recorder := store.NewRecorder(st)
	for _, q := range all {
		recorder.Record(q)
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	snap, err := st.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap
}

// together is what a reader makes of a range of days.
type together struct {
	requests, bytes, peak, peakAt, violations, indeterminate, least int64
	answers                                                         map[string]int64
	findings                                                        map[string]int64
}

func put(d *analyze.TenantDays, from, to int) together {
	s := together{least: -1, answers: map[string]int64{}, findings: map[string]int64{}}
	first := true
	shortest := func(gap int64) {
		if gap >= 0 && (s.least < 0 || gap < s.least) {
			s.least = gap
		}
	}
	for _, d1 := range d.Days {
		if d1.Day < from || d1.Day >= to {
			continue
		}
		s.requests += d1.Requests
		s.bytes += d1.Bytes
		if d1.PeakAt != 0 && (s.peakAt == 0 || d1.Peak > s.peak) {
			s.peak, s.peakAt = d1.Peak, d1.PeakAt
		}
		s.violations += d1.Violations
		s.indeterminate += d1.Indeterminate
		shortest(d1.Least)
		for _, f := range d1.Findings {
			s.findings[rules.Names()[f.Of]] += f.N
		}
		for _, a := range d1.Again {
			if a.Since < from {
				s.findings[rules.DuplicateDownload] -= a.N
			}
		}
		if d1.Paced > 0 && first {
			s.leaveOut(&d1)
			first = false
		} else if d1.Paced > 0 {
			shortest(d1.Into)
		}
		for _, a := range d1.Answers {
			k := d.Kinds[a.Of]
			s.answers[fmt.Sprint(k.Method, k.Class, k.Status, k.Expected)] += a.N
		}
	}
	return s
}

// leaveOut takes away the gap that leads into the range.
func (s *together) leaveOut(d *analyze.Day) {
	if d.IntoViolates {
		s.violations--
		s.findings[rules.Spacing]--
	}
	if d.IntoUnclear {
		s.indeterminate--
	}
	if d.IntoMixed {
		s.findings[rules.Interleaved]--
	}
}

func TestDaysAddUpToAnAuditOfAnyRange(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 4))
		snap := snapshotOf(t, fortnight(r))
		o := analyze.Options{Policy: policy, AsOf: time.UnixMicro(1767225600e6 + 20*testDay).UTC(), About: func(string) egress.Tenant {
			return egress.Tenant{Chance: -1, Cap: egress.CapFacts{Told: 90e6}}
		}}
		days := daysOf(t, snap, o)
		for range 20 {
			from := 20454 + r.IntN(12)
			compareRange(t, snap, o, days, from, from+1+r.IntN(8))
		}
		compareRange(t, snap, o, days, 0, 30000)
	}
}

func daysOf(t *testing.T, snap store.Snapshot, o analyze.Options) *analyze.Daily {
	t.Helper()
	o.Days = true
	r, _, err := analyze.Run(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	return r.Days
}

func compareRange(t *testing.T, snap store.Snapshot, o analyze.Options, days *analyze.Daily, from, to int) {
	t.Helper()
	o.Since, o.Until = time.UnixMicro(int64(from)*testDay).UTC(), time.UnixMicro(int64(to)*testDay).UTC()
	audit, _, err := analyze.Run(context.Background(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	a, s := audit.Tenants[0], put(&days.Tenants[0], from, to)
	got := fmt.Sprint(s.requests, s.bytes, s.peak, s.peakAt, s.violations, s.indeterminate, s.least)
	want := fmt.Sprint(a.Requests, a.Egress.Total, a.Egress.Peak, a.Egress.PeakAt, a.Spacing.Violations, a.Spacing.Indeterminate, a.Spacing.Min)
	if got != want {
		t.Errorf("days %d to %d: %s\nthe audit says %s", from, to, got, want)
	}
	for _, st := range a.Statuses {
		key := fmt.Sprint(st.Method, st.Class, st.Status, st.Expected)
		if s.answers[key] != st.Requests {
			t.Errorf("days %d to %d: %d answers %s, want %d", from, to, s.answers[key], key, st.Requests)
		}
	}
	same := []string{
		rules.Spacing, rules.Interleaved, rules.RateLimited, rules.OverCap, rules.UnexpectedStatus,
		rules.NoAnswer, rules.CutShort, rules.DuplicateDownload,
	}
	for _, f := range a.Findings {
		if slices.Contains(same, f.Rule) && s.findings[f.Rule] != f.Count {
			t.Errorf("days %d to %d: %d × %s, want %d", from, to, s.findings[f.Rule], f.Rule, f.Count)
		}
	}
}

func TestDaysNameWhatWasLargestAndRepeated(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	log := fortnight(rand.New(rand.NewPCG(1, 1)))
	snap := snapshotOf(t, log)
	days := daysOf(t, snap, analyze.Options{Policy: policy, AsOf: time.UnixMicro(1767225600e6 + 20*testDay)})
	d := days.Tenants[0]
	slices.SortFunc(log, func(a, b store.Request) int { return int(b.ResponseBytes - a.ResponseBytes) })
	want := 0
	for _, q := range log {
		if q.Route.Class != "recording_audio" {
			continue
		}
		if d.Largest[want].Bytes != q.ResponseBytes {
			t.Errorf("largest %d has %d bytes, want %d", want, d.Largest[want].Bytes, q.ResponseBytes)
		}
		if want++; want == len(d.Largest) {
			break
		}
	}
	if len(d.Largest) != rules.MaxIDs || len(d.Repeated) != rules.MaxIDs || d.Repeated[0].Wasted < d.Repeated[1].Wasted {
		t.Errorf("largest %v, repeated %v", d.Largest, d.Repeated)
	}
	if len(d.Origins) != 4 {
		t.Errorf("origins %v, want two sources with two clients each", d.Origins)
	}
}
