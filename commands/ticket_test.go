package commands

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/evidence"
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
	newLog(t, repeatedPulls())
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

// crossedPulls are two programs' downloads of different recordings in two nights, one second apart, some refused.
func crossedPulls() (all []store.Request) {
	for night := range 2 {
		for i := range 20 {
			r := repeatedPulls()[i]
			r.StartedAt = time.Date(2026, 11, 2+night, 3, 0, i, 0, time.UTC).UnixMicro()
			r.Client = []string{"export-a/1", "export-b/1"}[i%2]
			r.Key = fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-1793000000000", 100*night+i)
			if i%5 == 4 {
				r.Status, r.ResponseBytes = 429, 55
			}
			all = append(all, r)
		}
	}
	return all
}

// newLog makes a.db of requests, in a folder of its own.
func newLog(t *testing.T, requests []store.Request) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	log, err := sqlite.Open("a.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.Append(t.Context(), requests), log.Close()); err != nil {
		t.Fatal(err)
	}
}

// An incident whose cause rests on the clients' names, which a bundle withholds, stays an incident: it is told as what
// the rest shows, and the sender is told so.
func TestTicketWithoutTheClients(t *testing.T) {
	newLog(t, crossedPulls())
	for _, c := range []struct{ with, incident, title string }{
		{"", "acme-2026-11-01-spacing", "# acme: Recordings were requested faster than"},
		{"client", "acme-2026-11-01-interleaved", "# acme: Two programs pulled the same tenant at once"},
	} {
		var out, errs bytes.Buffer
		args := []string{
			"headroom", "--db", "a.db", "evidence", "acme", "--incident", "acme-2026-11-01-interleaved",
			"--as-of", "2026-11-03T12:00:00Z", "-o", "t.zip", "--with", c.with,
		}
		if code := Main(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitDone {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		if told := strings.Contains(errs.String(), "--with client"); told != (c.with == "") {
			t.Errorf("with %q: %s", c.with, errs.String())
		}
		files := unzip(t, "t.zip")
		if !strings.HasPrefix(files["TICKET.md"], c.title) {
			t.Errorf("with %q:\n%s", c.with, files["TICKET.md"])
		}
		for _, name := range []string{"bundle.json", "audit.json", "report.html"} {
			if !strings.Contains(files[name], c.incident) {
				t.Errorf("with %q, %s does not name %s", c.with, name, c.incident)
			}
		}
		rows, err := csv.NewReader(strings.NewReader(files["requests.csv"])).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range rows[1:] {
			if strings.Contains(r[len(r)-1], "spacing") {
				n++
			}
		}
		if n != 38 {
			t.Errorf("with %q, %d requests broke spacing, want 38", c.with, n)
		}
		if out := runMain(t, "a.db", "verify", "t.zip"); !strings.HasPrefix(out, "self-signed: ") {
			t.Errorf("with %q: %s", c.with, out)
		}
		if !strings.Contains(files["report.html"], "Row is the number in requests.csv") {
			t.Error("the page does not say whose rows it names")
		}
	}
}

// While what fills the window goes on, no reset is asked for as if it were mended; only the sender knows what was done.
// What was sealed after the moment that the bundle is about is counted nowhere, which is said.
func TestTicketWhileItGoesOn(t *testing.T) {
	newLog(t, repeatedPulls())
	var out, errs bytes.Buffer
	args := []string{"headroom", "--db", "a.db", "evidence", "acme", "--as-of", "2026-11-04T12:00:00Z", "-o", "t.zip"}
	if code := Main(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	ticket := unzip(t, "t.zip")["TICKET.md"]
	if strings.Contains(ticket, "please reset") {
		t.Errorf("it asks for a reset:\n%s", ticket)
	}
	for _, want := range []string{
		"still goes on", "\n- What we did about it: " + evidence.TicketBlank + "\n", "so it would fill again.\n",
		"\n- What your page says of it: A reset may be asked for", "\n5 of them began after 2026-11-04T12:00:00 (UTC)",
	} {
		if !strings.Contains(ticket, want) {
			t.Errorf("no %q in\n%s", want, ticket)
		}
	}
	if !strings.Contains(errs.String(), "has a blank for what you changed") {
		t.Errorf("standard error: %s", errs.String())
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

// TestInterruptedVerifyAccusesNobody: what keeps this machine from checking a bundle does not make it altered.
func TestInterruptedVerifyAccusesNobody(t *testing.T) {
	newLog(t, repeatedPulls())
	runMain(t, "a.db", "evidence", "acme", "--as-of", "2026-11-06T12:00:00Z", "-o", "ticket.zip")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := Main(ctx, []string{"headroom", "verify", "ticket.zip"}, strings.NewReader(""), &out, &errs)
	if code != exitFailed || out.Len() > 0 || errs.String() != "headroom: verify: interrupted\n" {
		t.Errorf("exit code %d, %q, on stdout %q", code, errs.String(), out.String())
	}
}
