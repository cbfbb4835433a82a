package story

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
)

var end = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// told is the whole story, told once for the tests that only look at it.
var told = sync.OnceValues(func() (*Story, error) {
	s, err := New(end, 42)
	if err != nil {
		return nil, err
	}
	return s, s.Run(context.Background(), nil)
})

func whole(t *testing.T) *Story {
	t.Helper()
	s, err := told()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tell(t *testing.T, end time.Time, tales []tale) *Story {
	t.Helper()
	s, err := newStory(end, 42, tales)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTruthAgainstVendorsLog(t *testing.T) {
	s := whole(t)
	total := 0
	for i, truth := range s.Truth() {
		total += truth.Requests
		log := s.Vendor().Log(truth.Tenant)
		if len(log) != truth.Requests {
			t.Fatalf("%s: sent %d requests, vendor logged %d", truth.Tenant, truth.Requests, len(log))
		}
		for k, e := range log {
			if got := s.tenants[i].events[k]; !sameRequest(got, e) {
				t.Fatalf("%s: request %d: program saw %+v, vendor %+v", truth.Tenant, k, got, e)
			}
		}
		t.Logf("%s: %d requests, %v, peak %.2f of cap, %d audio bytes", truth.Tenant, truth.Requests, truth.Counts,
			float64(truth.PeakBytes)/float64(truth.CapBytes), truth.AudioBytes)
	}
	if total < 8_000 || total > 20_000 {
		t.Errorf("the story has %d requests", total)
	}
}

// sameRequest compares what both ends say. A refused token leaves the vendor's log without a class.
func sameRequest(got event, e sim.Entry) bool {
	class := e.Class == got.class || e.Status == http.StatusUnauthorized
	return got.at.Equal(e.Time) && class && got.status == e.Status && got.bytes == e.Bytes && e.Complete
}

func TestEachTenantDoesItsOwnWrong(t *testing.T) {
	want := map[string][]string{
		"acme":     {},
		"borealis": {"interleaved", "no-backoff", "rate-limited", "spacing"},
		"cobalt":   {"after-509", "duplicate-download", "egress-cap", "over-cap"},
		"dunmore":  {"auth"},
		"elmwood":  {"lost-report"},
	}
	for _, truth := range whole(t).Truth() {
		got := slices.Sorted(maps.Keys(truth.Counts))
		if !slices.Equal(got, want[truth.Tenant]) {
			t.Errorf("%s broke %v, want %v", truth.Tenant, truth.Counts, want[truth.Tenant])
		}
	}
}

func TestSameSeedSameStory(t *testing.T) {
	a, b := whole(t), tell(t, end, tales)
	for i := range a.tenants {
		if !slices.Equal(a.tenants[i].events, b.tenants[i].events) {
			t.Errorf("%s: two runs differ", a.tenants[i].name)
		}
	}
	if !reflect.DeepEqual(a.Truth(), b.Truth()) {
		t.Error("the truth of two runs differs")
	}
}

// The bug must meet the cap whatever day of the week the story ends on, and be forgiven before it ends.
func TestCapIsReachedOnAnyWeekday(t *testing.T) {
	if testing.Short() {
		t.Skip("tells a story seven times")
	}
	for day := range 7 {
		s := tell(t, end.AddDate(0, 0, day), []tale{tales[2]})
		truth := s.Truth()[0]
		if truth.Counts["egress-cap"] < 100 || len(truth.Resets) != 1 {
			t.Errorf("ends %d days later: %d answers of 509, %d resets", day, truth.Counts["egress-cap"], len(truth.Resets))
		}
		last := s.tenants[0].events[len(s.tenants[0].events)-1]
		if last.status != http.StatusOK || !last.at.After(truth.Resets[0].At) {
			t.Errorf("ends %d days later: last request %+v", day, last)
		}
	}
}

func TestWrapSeesEveryRequestOnSimulatedTime(t *testing.T) {
	s, err := newStory(end, 1, []tale{tales[3]})
	if err != nil {
		t.Fatal(err)
	}
	var seen []time.Time
	err = s.Run(t.Context(), func(tenant, client string, clock func() time.Time, base http.RoundTripper) http.RoundTripper {
		if tenant != "dunmore" || client != "Recording Export" {
			t.Errorf("wrapped %q of %q", client, tenant)
		}
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			seen = append(seen, clock())
			resp, err := base.RoundTrip(r)
			if took := clock().Sub(seen[len(seen)-1]); took < 60*time.Millisecond || took > 10*time.Second {
				t.Errorf("an answer took %v", took)
			}
			return resp, err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range s.Vendor().Log("dunmore") {
		if !e.Time.Equal(seen[i]) {
			t.Fatalf("request %d: sent at %v, arrived at %v", i, seen[i], e.Time)
		}
	}
}

func TestRunReportsFailure(t *testing.T) {
	s, err := newStory(end, 1, tales[:2])
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context(), func(string, string, func() time.Time, http.RoundTripper) http.RoundTripper {
		return roundTrip(func(*http.Request) (*http.Response, error) { return nil, http.ErrHandlerTimeout })
	})
	if err == nil {
		t.Error("a story without answers was told")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
