package commands

import (
	"math"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// A nightly window ends by the clock on the wall, in the nights too in which that is set.
func TestWindowEndsByTheClockOnTheWall(t *testing.T) {
	settings := "[tenants.acme]\nwindow = \"22:00-05:00\"\ntime_zone = \"Europe/London\"\n"
	c, err := config.Parse("headroom.toml", []byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	s := &session{config: c}
	for now, want := range map[string]string{
		"2026-03-28T23:00:00Z": "2026-03-29T04:00:00Z", // clocks go on at 01:00
		"2026-03-29T00:30:00Z": "2026-03-29T04:00:00Z",
		"2026-10-24T22:00:00Z": "2026-10-25T05:00:00Z", // and back
		"2026-10-25T00:30:00Z": "2026-10-25T05:00:00Z",
		"2026-11-01T12:00:00Z": "0001-01-01T00:00:00Z", // not in the window
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.windowEnd("acme", at).UTC().Format(time.RFC3339); got != want {
			t.Errorf("at %s it ends at %s, not %s", now, got, want)
		}
	}
}

// A pull lists a day more on either side of its window. What it does not fetch of that is not
// listed for the audit either, which would find it missing.
func TestListBeyondTheWindowIsNotKept(t *testing.T) {
	day := time.Now().UTC().Truncate(24 * time.Hour)
	from, to := day.AddDate(0, 0, -9), day.AddDate(0, 0, -6)
	for _, c := range []struct {
		args         []string
		from, before time.Time
	}{
		{[]string{"--lookback", "3d"}, time.Now().AddDate(0, 0, -3), time.Now().Add(time.Hour)},
		{[]string{"--backfill", from.Format(time.DateOnly) + ".." + to.Format(time.DateOnly)}, from, to},
	} {
		s := newPullSite(t, sim.Config{Agents: 4, MeanCall: time.Hour, BytesPerSecond: 1})
		if said, code := s.run(s.upstream(append([]string{"plan"}, c.args...)...)...); code != exitDone {
			t.Fatalf("exit code %d\n%s", code, said)
		}
		n := 0
		for _, r := range listed(t, "headroom.db", "acme") {
			n++
			if at := time.UnixMicro(r.StartedAt); at.Before(c.from) || !at.Before(c.before) {
				t.Errorf("%v: the log lists a recording of %s", c.args, at.UTC())
			}
		}
		if n == 0 {
			t.Errorf("%v: nothing is listed", c.args)
		}
	}
}

// listed are the recordings that a log lists of a tenant.
func listed(t *testing.T, db, tenant string) []store.Recording {
	t.Helper()
	st, err := sqlite.Open(db, sqlite.ReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	snap, err := st.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	all, err := snap.Recordings(t.Context(), tenant, 0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
