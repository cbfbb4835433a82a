package outlook_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// listedNights is a snapshot of so many nights: 30 calls a day of 1,000 bytes and 6 minutes each are listed, and each night
// those that pulled says yes to are downloaded. It ends in the morning after the last night.
func listedNights(t *testing.T, nights int, pulled func(night, call int) bool) (store.Snapshot, time.Time) {
	t.Helper()
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "listed.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	first := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio"}
	var all []store.Request
	var list []store.Recording
	for night := range nights {
		for call := range 30 {
			at := first.AddDate(0, 0, night).Add(9*time.Hour + time.Duration(call)*15*time.Minute)
			key := fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%06x%06x-%d", night, call, at.UnixMilli())
			list = append(list, store.Recording{Tenant: "acme", Key: key, StartedAt: at.UnixMicro(), Duration: 360e6, Bytes: 1000})
			if pulled(night, call) {
				all = append(all, store.Request{
					Tenant: "acme", Route: route, Source: &store.Source{Kind: "transport"}, Key: key, Status: 200, ResponseBytes: 1000,
					StartedAt: first.AddDate(0, 0, night+1).Add(2*time.Hour + time.Duration(call)*4*time.Second).UnixMicro(),
				})
			}
		}
	}
	if err := st.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if _, err := st.AddRecordings(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	snap, err := st.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap, first.AddDate(0, 0, nights).Add(8 * time.Hour)
}

func projectAcme(t *testing.T, snap store.Snapshot, asOf time.Time) outlook.Projection {
	t.Helper()
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	r, err := outlook.Project(t.Context(), snap, outlook.Options{Policy: policy, AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	return r.Tenants[0]
}

// TestOverdueRecordings: what is listed and was due last night comes with the next pull, and does not make that night a quiet one;
// what is left out for good does not come.
func TestOverdueRecordings(t *testing.T) {
	const nights = 40
	everything := func(int, int) bool { return true }
	snap, asOf := listedNights(t, nights, everything)
	whole := projectAcme(t, snap, asOf)
	for _, c := range []struct {
		name   string
		pulled func(night, call int) bool
		note   string
		more   float64 // than the usual night, on the first day
		lost   float64 // labelled as missing from the last night
	}{
		{"all", everything, "", 0, 0},
		{"a third of the last night left", func(night, call int) bool { return night < nights-1 || call >= 10 },
			"10.0 kB are listed and overdue", 0, 10_000}, // 10,000 fewer are in the window, and come
		{"one in six never", func(_, call int) bool { return call%6 != 0 }, "were not downloaded within 5 days", -5000 * 5, 0},
	} {
		snap, asOf := listedNights(t, nights, c.pulled)
		p := projectAcme(t, snap, asOf)
		notes := strings.Join(p.Notes, "\n")
		if c.note == "" && strings.Contains(notes, "listed") || !strings.Contains(notes, c.note) {
			t.Errorf("%s: notes %q", c.name, notes)
		}
		if more := p.Days[0].Point - whole.Days[0].Point; more < c.more-1500 || more > c.more+1500 {
			t.Errorf("%s: the first day's sum is %.0f more, not %.0f", c.name, more, c.more)
		}
		var lost float64
		for _, f := range p.Series.Faults {
			if f.Day == len(p.Series.Bytes)-1 && f.Kind == forecast.MissedNight {
				lost += f.Bytes
			}
		}
		if lost != c.lost {
			t.Errorf("%s: %.0f bytes are labelled as missing from the last night, not %.0f", c.name, lost, c.lost)
		}
	}
}

// TestCapIsMeasured: the size of a recorded hour comes from the list unless somebody said it, or said the cap.
func TestCapIsMeasured(t *testing.T) {
	snap, asOf := listedNights(t, 10, func(int, int) bool { return true })
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		facts  egress.CapFacts
		asOf   time.Time
		source egress.CapSource
		bytes  int64
	}{
		{egress.CapFacts{Agents: 10}, asOf, egress.CapMeasured, 10 * 8 * 5 * 10_000 * 2},
		{egress.CapFacts{Agents: 10}, asOf.AddDate(0, 0, 60), egress.CapAssumed, policy.Egress.Cap(10, 0)}, // the list is too old
		{egress.CapFacts{Agents: 10, BytesPerHour: 20_000}, asOf, egress.CapMeasured, 10 * 8 * 5 * 20_000 * 2},
		{egress.CapFacts{Agents: 10, Told: 777_777}, asOf, egress.CapTold, 777_777},
		{egress.CapFacts{}, asOf, egress.CapUnknown, 0},
	} {
		about := func(string) egress.Tenant { return egress.Tenant{Cap: c.facts, Chance: -1} }
		r, _, err := analyze.Run(t.Context(), snap, analyze.Options{Policy: policy, AsOf: c.asOf, About: about})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Tenants[0].Egress.Cap; got.Source != c.source || got.Bytes != c.bytes {
			t.Errorf("%+v: cap %+v, want %d %s", c.facts, got, c.bytes, c.source)
		}
		f, err := outlook.Project(t.Context(), snap, outlook.Options{Policy: policy, AsOf: c.asOf, About: about})
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Tenants[0].Cap; got.Source != c.source || got.Bytes != c.bytes {
			t.Errorf("%+v: the forecast's cap is %+v, want %d %s", c.facts, got, c.bytes, c.source)
		}
	}
}
