package commands

import (
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/config"
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
