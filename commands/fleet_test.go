package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// fleet is 150 tenants that pull for 60 nights. Six of them need somebody; fifty others had a slip or two that did no harm
// and is over.
type fleet struct {
	requests []store.Request
	routes   map[string]*store.Route
	source   *store.Source
	keys     int
}

var fleetNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const (
	fleetTenants = 150
	fleetNights  = 60
	fleetNightly = 12 // recordings
)

// pull adds a night's downloads: count of them, gap apart, with a status; night 0 is the last.
func (f *fleet) pull(tenant string, night, count int, gap time.Duration, status int) {
	at := fleetNow.AddDate(0, 0, -night).Add(-10 * time.Hour)
	for i := range count {
		f.add(tenant, at.Add(time.Duration(i)*gap), status, 1_000_000)
	}
}

func (f *fleet) add(tenant string, at time.Time, status int, size int64) {
	f.keys++
	if f.routes[tenant] == nil {
		f.routes[tenant] = &store.Route{
			Method: "GET", Origin: "https://" + tenant + ".xima.cloud",
			Template: "/rest/api/v2/recordings/{+recording_key}/audio", Class: "recording_audio",
		}
	}
	if status >= 400 {
		size = 0
	}
	f.requests = append(f.requests, store.Request{
		Tenant: tenant, Route: f.routes[tenant], Source: f.source, StartedAt: at.UnixMicro(), Status: status, ResponseBytes: size,
		Duration: 500_000, Key: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", f.keys, at.Add(-12*time.Hour).UnixMilli()),
	})
}

// problems are what the six do in their nights, by tenant; the name says what is wrong.
var problems = map[string]func(f *fleet, tenant string, night int){
	"zz-refused": func(f *fleet, tenant string, night int) {
		f.pull(tenant, night, fleetNightly, 4*time.Second, 200)
		if night < 3 { // a second program
			at := fleetNow.AddDate(0, 0, -night).Add(-10 * time.Hour)
			for i := range fleetNightly {
				f.add(tenant, at.Add(time.Duration(i)*4*time.Second+time.Second), 429, 0)
			}
		}
	},
	"zz-capped": func(f *fleet, tenant string, night int) {
		f.pull(tenant, night, fleetNightly, 4*time.Second, 200)
		if night < 2 {
			f.add(tenant, fleetNow.AddDate(0, 0, -night).Add(-9*time.Hour), 509, 0)
		}
	},
	"zz-token": func(f *fleet, tenant string, night int) {
		status := 200
		if night < 2 {
			status = 401
		}
		f.pull(tenant, night, fleetNightly, 4*time.Second, status)
	},
	"zz-stopped": func(f *fleet, tenant string, night int) {
		if night >= 8 {
			f.pull(tenant, night, fleetNightly, 4*time.Second, 200)
		}
	},
	"zz-hasty": func(f *fleet, tenant string, night int) {
		gap := 4 * time.Second
		if night < 10 {
			gap = 2 * time.Second
		}
		f.pull(tenant, night, fleetNightly, gap, 200)
	},
	"zz-growing": func(f *fleet, tenant string, night int) {
		f.pull(tenant, night, fleetNightly<<((fleetNights-night)/21), 4*time.Second, 200)
	},
}

func newFleet() *fleet {
	f := &fleet{routes: map[string]*store.Route{}, source: &store.Source{Kind: "transport"}}
	for night := fleetNights - 1; night >= 0; night-- {
		for i := range fleetTenants - len(problems) {
			tenant := fmt.Sprintf("tenant-%03d", i)
			f.pull(tenant, night, fleetNightly, 4*time.Second, 200)
			if slip := 4 + i%40; i < 50 && (night == slip || i%2 == 0 && night == slip+9) {
				f.add(tenant, fleetNow.AddDate(0, 0, -night).Add(-10*time.Hour+fleetNightly*4*time.Second-time.Second), 200, 1_000_000)
			}
		}
		for tenant, do := range problems {
			do(f, tenant, night)
		}
	}
	slices.SortStableFunc(f.requests, func(a, b store.Request) int { return int(a.StartedAt - b.StartedAt) })
	return f
}

// write makes the database and the config of a fleet.
func (f *fleet) write(t *testing.T) (db, config string) {
	t.Helper()
	dir := t.TempDir()
	db, config = filepath.Join(dir, "headroom.db"), filepath.Join(dir, "headroom.toml")
	st, err := sqlite.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	for batch := range slices.Chunk(f.requests, 5000) {
		if err := st.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for tenant := range f.routes {
		fmt.Fprintf(&b, "[tenants.%s]\ncap = \"1GB\"\n", tenant)
	}
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return db, config
}

// The six who need somebody come first, whatever slips the others had, and the short form is a screen.
func TestFleetTellsTheSixFirst(t *testing.T) {
	db, config := newFleet().write(t)
	run := func(args ...string) (string, int) {
		var out, errs bytes.Buffer
		all := append([]string{"headroom", "--db", db, "--config", config}, args...)
		code := Main(t.Context(), all, strings.NewReader(""), &out, &errs)
		if code == exitFailed {
			t.Fatalf("%v: %s", args, errs.String())
		}
		return out.String(), code
	}
	asOf := fleetNow.Format(time.RFC3339)
	text, code := run("audit", "--as-of", asOf, "--format", "json")
	if code != exitFindings {
		t.Errorf("exit code %d", code)
	}
	var doc struct {
		Tenants []struct{ Tenant, Verdict string }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Tenants) != fleetTenants {
		t.Fatalf("%d tenants", len(doc.Tenants))
	}
	for i, tenant := range doc.Tenants {
		if planted := problems[tenant.Tenant] != nil; planted != (i < len(problems)) || planted == (tenant.Verdict == "pass") {
			t.Errorf("row %d: %s %s", i+1, tenant.Tenant, tenant.Verdict)
		}
	}
	first := []string{doc.Tenants[0].Tenant, doc.Tenants[1].Tenant, doc.Tenants[2].Tenant}
	slices.Sort(first)
	if want := []string{"zz-capped", "zz-refused", "zz-token"}; !slices.Equal(first, want) {
		t.Errorf("requests are refused of %v, and first are %v", want, first)
	}
	if brief, _ := run("audit", "--as-of", asOf, "--brief"); strings.Count(brief, "\n") > 24 || strings.Contains(brief, "tenant-") {
		t.Errorf("the short form:\n%s", brief)
	}
	checkParity(t, []string{"--db", db, "--config", config}, asOf, []string{"zz-refused", "zz-growing", "zz-stopped", "tenant-003"})
	// A week of mornings: each problem is told once, on the morning after it began.
	told := 0
	for range 2 {
		news, code := run("audit", "--as-of", asOf, "--new", "--brief")
		if (code == exitFindings) != (told == 0) {
			t.Errorf("exit code %d on morning %d:\n%s", code, told+1, news)
		}
		told++
	}
}
