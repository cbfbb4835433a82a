package analyze

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestClockHourIsTheZones compares the remembered hour with the zone's own, around changes of clocks
// by an hour, half an hour and odd minutes.
func TestClockHourIsTheZones(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for name, change := range map[string]string{
		"Europe/Berlin":       "2026-10-25T01:00:00Z",
		"America/New_York":    "2026-03-08T07:00:00Z",
		"Australia/Lord_Howe": "2026-04-04T15:00:00Z",
		"Asia/Kathmandu":      "1985-12-31T18:30:00Z",
		"Africa/Monrovia":     "1972-01-07T00:44:30Z",
		"UTC":                 "2026-01-01T00:00:00Z",
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		around, err := time.Parse(time.RFC3339, change)
		if err != nil {
			t.Fatal(err)
		}
		var h clockHour
		turns := 0
		for at := around.Add(-5 * time.Hour); at.Before(around.Add(5 * time.Hour)); {
			if h.turn(at.UnixMicro(), zone) {
				turns++
			}
			want := at.In(zone)
			if h.local.Hour() != want.Hour() || h.local.Weekday() != want.Weekday() {
				t.Fatalf("%s, %s: hour %d, want %d", name, at, h.local.Hour(), want.Hour())
			}
			at = at.Add(time.Duration(r.Int64N(int64(7 * time.Minute))))
		}
		if turns < 10 || turns > 14 {
			t.Errorf("%s: looked up %d times in ten hours", name, turns)
		}
	}
}
