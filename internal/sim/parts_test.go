package sim

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRecordingsAreDeterministic(t *testing.T) {
	days := func(c Config) []Recording {
		v, err := NewVendor(c)
		if err != nil {
			t.Fatal(err)
		}
		v.Recordings(c.Name, monday, monday.Add(time.Hour)) // what was asked before must not matter
		return v.Recordings(c.Name, monday.AddDate(0, 0, -30), monday)
	}
	first := days(acme())
	if !slices.Equal(first, days(acme())) {
		t.Error("the same Config gives other recordings")
	}
	c := acme()
	c.Seed = 7
	if slices.Equal(first, days(c)) {
		t.Error("another seed gives the same recordings")
	}
	keys := map[string]bool{}
	for i, r := range first {
		if keys[r.RecordingKey] || i > 0 && r.StartTime < first[i-1].StartTime {
			t.Fatalf("recording %d is out of order or there twice", i)
		}
		keys[r.RecordingKey] = true
	}
}

func TestShapeOfTheWeek(t *testing.T) {
	v, err := NewVendor(Config{Name: "acme", Agents: 20})
	if err != nil {
		t.Fatal(err)
	}
	var recorded time.Duration
	for _, r := range v.Recordings("acme", monday.AddDate(0, 0, -28), monday) {
		if wd := r.Start().Weekday(); wd == time.Saturday || wd == time.Sunday {
			t.Fatalf("a recording on %v", wd)
		}
		if r.Start().Hour() < 9 || r.End().Hour() > 17 {
			t.Fatalf("recorded from %v to %v", r.Start(), r.End())
		}
		recorded += r.End().Sub(r.Start())
	}
	if share := recorded.Hours() / (20 * 8 * 20); share < 0.28 || share > 0.4 {
		t.Errorf("%.2f of the shifts are recorded, want about 0.35", share)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{}, {Name: "a"}, {Name: "a", Agents: 1, Occupancy: 1}, {Name: "a", Agents: 1, CapBytes: -1}} {
		if _, err := NewVendor(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	if _, err := NewVendor(acme(), acme()); err == nil {
		t.Error("two tenants of one name were accepted")
	}
}

func TestClock(t *testing.T) {
	c := NewClock(monday.Add(999 * time.Nanosecond))
	c.Advance(-time.Hour)
	c.Set(monday.Add(-time.Hour))
	if !c.Now().Equal(monday) {
		t.Errorf("the clock shows %v", c.Now())
	}
	if err := c.Sleep(t.Context(), time.Minute); err != nil || !c.Now().Equal(monday.Add(time.Minute)) {
		t.Errorf("after a minute's sleep (%v) it shows %v", err, c.Now())
	}
}

// A body takes as long as it is, however it is read.
func TestLineTakesSimulatedTime(t *testing.T) {
	took := func(size, step int) time.Duration {
		clock, vendor := NewClock(monday), NewClock(monday.Add(-time.Hour))
		line := NewLine(roundTrip(func(*http.Request) (*http.Response, error) {
			if !vendor.Now().Equal(monday) {
				t.Errorf("the vendor's clock shows %v", vendor.Now())
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size)))}, nil
		}), clock, vendor, 5)
		resp, err := line.RoundTrip(&http.Request{Method: "GET"})
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, step)
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		return clock.Now().Sub(monday)
	}
	small, long := took(1000, 1000), took(800_000, 1000)
	if long < small+2*time.Second || long != took(800_000, 70_001) {
		t.Errorf("1 kB took %v, 800 kB %v or %v", small, long, took(800_000, 70_001))
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
