package analyze_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// exampleLog adds a night's downloads of recordings, 4 s apart.
type exampleLog struct {
	route  *store.Route
	source *store.Source
	all    []store.Request
}

func (l *exampleLog) pull(night, first, count, status int) {
	at := time.Date(2026, 11, 1+night, 2, 0, 0, 0, time.UTC)
	for i := range count {
		key := first + i
		r := store.Request{
			Tenant: "acme", StartedAt: at.UnixMicro() + int64(i)*4e6, Status: status, Route: l.route, Source: l.source,
			Key: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-1793000000000", key), ResponseBytes: int64(1000 + key),
		}
		if status == 509 {
			r.ResponseBytes = 82
		}
		l.all = append(l.all, r)
	}
}

// TestExamplesTellTheStory: of an incident, the first repeats and those that cost most, each with the first download
// of its recording; the first and the last refusals that followed; and what was served afterwards.
func TestExamplesTellTheStory(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	l := &exampleLog{
		route: &store.Route{
			Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio",
		},
		source: &store.Source{Kind: "transport"},
	}
	l.pull(0, 0, 40, 200)
	l.pull(1, 0, 40, 200)   // again
	l.pull(2, 20, 20, 200)  // and again
	l.pull(2, 100, 8, 509)  // which was too much
	l.pull(9, 200, 10, 200) // and then it went well
	for i := range l.all {
		if l.all[i].Status == 509 {
			l.all[i].StartedAt += 3600e6
		}
	}
	snap := snapshotOf(t, l.all)
	o := analyze.Options{
		Policy: policy, AsOf: time.Date(2026, 11, 11, 12, 0, 0, 0, time.UTC), Examples: 1,
		About: func(string) egress.Tenant { return egress.Tenant{Chance: -1} },
	}
	report, _, err := analyze.Run(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Tenants[0].Incidents) != 1 {
		t.Fatalf("incidents %+v", report.Tenants[0].Incidents)
	}
	incident := report.Tenants[0].Incidents[0]
	var got []string
	for _, e := range report.Examples[incident.ID] {
		word := fmt.Sprintf("%s %d", e.Part, e.Request.ID)
		if e.Worst {
			word += "!"
		}
		got = append(got, word)
		if (e.Part == analyze.PartAfter) != (e.Why == "") {
			t.Errorf("%s: why %q", word, e.Why)
		}
		if e.Part != analyze.PartCause {
			if e.Before.ID != 0 {
				t.Errorf("%s: came before as %d", word, e.Before.ID)
			}
			continue
		}
		first := l.all[e.Before.ID-1]
		if first.Key != e.Request.Key || e.Before.At != first.StartedAt || e.Before.ID > 40 {
			t.Errorf("%s: first downloaded by %+v, not of %s", word, e.Before, e.Request.Key)
		}
	}
	// Rows 41 to 80 are again, 81 to 100 once more; the larger of a night come last.
	want := "cause 41, cause 42, cause 43, cause 80!, cause 100!, cause 79!, " +
		"effect 101, effect 102, effect 103, effect 106, effect 107, effect 108, after 109, after 110"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("examples %s\nwant     %s", s, want)
	}
	// Days and usage beside them change nothing.
	o.Days, o.Usage = true, []analyze.UsageBy{analyze.ByClass}
	again, _, err := analyze.Run(t.Context(), snap, o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprintf("%+v", report.Examples), fmt.Sprintf("%+v", again.Examples); a != b {
		// routes and sources are pointers of one snapshot, and the same
		t.Errorf("with days and usage, examples are others:\n%s\n%s", a, b)
	}
}
