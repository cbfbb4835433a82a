package commands

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// repeatedPulls are downloads of the same recordings in three nights, which were refused in the third, and a good
// night afterwards.
func repeatedPulls() (all []store.Request) {
	route := &store.Route{
		Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}/audio", Class: "recording_audio",
	}
	source := &store.Source{Kind: "transport"}
	pull := func(night, first, count, status int) {
		at := time.Date(2026, 11, 2+night, 3, 0, first, 0, time.UTC)
		for i := range count {
			size := int64(5000 + first + i)
			if status >= 400 {
				size = 82
			}
			all = append(all, store.Request{
				Tenant: "acme", Route: route, Source: source, StartedAt: at.Add(time.Duration(i) * 4 * time.Second).UnixMicro(),
				Status: status, ResponseBytes: size, Duration: 500_000,
				Key: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-1793000000000", first+i),
			})
		}
	}
	pull(0, 0, 30, 200)
	pull(1, 0, 30, 200)
	pull(2, 0, 10, 200)
	pull(2, 1000, 9, 509)
	pull(3, 2000, 5, 200)
	return all
}

// The ticket's rows are those of requests.csv; cause, effect and what came after are told in this order, each repeat
// with its first download; the column incident says of all requests what they broke.
func TestTicketNamesTheRowsOfTheIncident(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	log, err := sqlite.Open("a.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), repeatedPulls()); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	runMain(t, "a.db", "evidence", "acme", "--as-of", "2026-11-06T12:00:00Z", "-o", "ticket.zip")
	files := unzip(t, "ticket.zip")
	rows, err := csv.NewReader(strings.NewReader(files["requests.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	ticket := files["TICKET.md"]
	line := regexp.MustCompile(`(?m)^\| (\d+) \| (\S+ \S+) \| (\d+) \| (\d+) \| (\S+) \|(.*)$`)
	found := line.FindAllStringSubmatch(ticket, -1)
	if len(found) != 6+6+2 {
		t.Fatalf("%d requests are named in\n%s", len(found), ticket)
	}
	for i, m := range found {
		row := rows[slices.IndexFunc(rows, func(r []string) bool { return r[0] == m[1] })]
		at := strings.Replace(row[column("started_at")][:19], "T", " ", 1)
		got := []string{at, row[column("status")], row[column("response_bytes")], row[column("recording_key")]}
		if !slices.Equal(got, m[2:6]) {
			t.Errorf("row %s of requests.csv is %v, the ticket says %v", m[1], got, m[2:6])
		}
		broke := row[column("incident")]
		switch {
		case i < 6 && (broke != "duplicate-download" || !strings.Contains(m[6], "first downloaded 2026-11-02 03:")):
			t.Errorf("a row of the cause broke %q: %s", broke, m[0])
		case i >= 6 && i < 12 && !strings.Contains(broke, "egress-cap"):
			t.Errorf("a row of the effect broke %q: %s", broke, m[0])
		case i >= 12 && broke != "":
			t.Errorf("a row of afterwards broke %q: %s", broke, m[0])
		}
	}
	again := 0
	for _, r := range rows[1:] {
		if r[column("incident")] == "duplicate-download" {
			again++
		}
	}
	for _, want := range []string{"(duplicate-download: 40 times;", "(egress-cap: 9 times;", "1 clean night since", "### After it"} {
		if !strings.Contains(ticket, want) {
			t.Errorf("no %q in\n%s", want, ticket)
		}
	}
	if again != 40 {
		t.Errorf("requests.csv says of %d requests that they came again, want 40", again)
	}
}

// unzip reads the files of a bundle.
func unzip(t *testing.T, name string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(filepath.Clean(name))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := io.Copy(&b, r); err != nil {
			t.Fatal(err)
		}
		files[f.Name] = b.String()
	}
	return files
}
