package commands

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
)

// runMain runs a command on a database and gives what it prints; it must not fail.
func runMain(t *testing.T, db string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	all := append([]string{"headroom", "-q", "--db", db}, args...)
	if code := Main(t.Context(), all, strings.NewReader(""), &out, &errs); code == exitFailed {
		t.Fatalf("%v: %s", args, errs.String())
	}
	return out.String()
}

// failMain runs a command that must fail, and gives the line that says why.
func failMain(t *testing.T, db string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	all := append([]string{"headroom", "--db", db}, args...)
	if code := Main(t.Context(), all, strings.NewReader(""), &out, &errs); code != exitFailed {
		t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
	}
	return errs.String()
}

// randomLog makes requests of three tenants' nights as they arrive: most in order, some late, some
// equal.
func randomLog(r *rand.Rand, n int) (all []store.Request) {
	var routes []*store.Route
	for _, tenant := range []string{"acme", "borealis", "cobalt"} {
		origin := "https://" + tenant + ".xima.cloud"
		routes = append(routes,
			&store.Route{Method: "GET", Origin: origin, Class: "recording_audio",
				Template: "/rest/api/v2/recordings/{+recording_key}/audio"},
			&store.Route{Method: "GET", Origin: origin, Template: "/rest/api/v2/recordings", Class: "recordings"},
			&store.Route{Method: "POST", Origin: origin, Template: "/rest/api/v2/reports", Class: "reports"})
	}
	sources := []*store.Source{
		{Kind: "transport", Name: "a"}, {Kind: "combined", Name: "access.log", Resolution: 1e6},
	}
	statuses := []int{200, 200, 200, 200, 200, 200, 429, 509, 401, 500, 202, 404, 0, 206}
	at := fleetNow.AddDate(0, 0, -40).UnixMicro()
	for range n {
		at += r.Int64N(5e6)
		if r.IntN(200) == 0 {
			at += r.Int64N(86400e6)
		}
		tenant := r.IntN(3)
		route := routes[tenant*3+r.IntN(3)*r.IntN(2)]
		q := store.Request{
			Tenant: []string{"acme", "borealis", "cobalt"}[tenant], Route: route, StartedAt: at,
			Source: sources[r.IntN(2)], Status: statuses[r.IntN(len(statuses))],
			ResponseBytes: r.Int64N(9e6), Duration: r.Int64N(3e6),
			Client: []string{"", "cron", "curl/8"}[r.IntN(3)], CutShort: r.IntN(20) == 0,
			RetryAfter: int64(r.IntN(2) * r.IntN(30)),
		}
		if strings.Contains(route.Template, "{+") {
			q.Key = fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", r.IntN(n), at/1000-r.Int64N(9e7))
		} else {
			q.Query = fmt.Sprint("page=", r.IntN(9))
		}
		if r.IntN(30) == 0 {
			q.StartedAt -= r.Int64N(3 * 86400e6)
		}
		all = append(all, q)
		if r.IntN(40) == 0 {
			all = append(all, q)
		}
	}
	return all
}

// The same requests in a file and in PostgreSQL, in the same random parts, with audits in between:
// audit, forecast, usage and export say the same, byte for byte.
func TestPostgresAnswersAsSQLite(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	asOf := fleetNow.Format("2006-01-02T15:04:05Z")
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 13))
		file, url := filepath.Join(t.TempDir(), "a.db"), pgtest.Schema(t)
		var logs []store.Log
		for _, db := range []string{file, url} {
			log, err := openLog(t.Context(), db, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			logs = append(logs, log)
		}
		both := func(f func(store.Log) error) {
			for _, log := range logs {
				if err := f(log); err != nil {
					t.Fatal(err)
				}
			}
		}
		same := func(args ...string) {
			t.Helper()
			a, b := withoutID(runMain(t, file, args...)), withoutID(runMain(t, url, args...))
			if a != b {
				t.Fatalf("seed %d: %v: the file says\n%s\nPostgreSQL says\n%s", seed, args, a, b)
			}
			if len(a) < 100 {
				t.Errorf("%v says only %q", args, a)
			}
		}
		all := randomLog(r, 4000)
		for len(all) > 0 {
			n := min(len(all), 1+r.IntN(1500))
			both(func(log store.Log) error {
				return log.Append(context.Background(), append([]store.Request(nil), all[:n]...))
			})
			all = all[n:]
			if r.IntN(3) == 0 {
				at := fleetNow.AddDate(0, 0, -r.IntN(30)).UnixMicro()
				both(func(log store.Log) error {
					return log.AddEvent(context.Background(),
						store.Event{Kind: store.EventReset, Tenant: "acme", At: at, Note: "ticket 1"})
				})
			}
			if r.IntN(3) == 0 {
				same("audit", "--as-of", asOf, "--format", "json")
			}
		}
		same("audit", "--as-of", asOf, "--format", "json")
		same("audit", "--as-of", asOf, "--format", "json", "--since", "20d", "--no-cache")
		same("forecast", "--as-of", asOf, "--format", "json")
		same("usage", "--as-of", asOf, "--by", "client", "--format", "json")
		same("export")
	}
}

// What is not there yet says so, and what to do.
func TestPostgresWithoutTables(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	if line := failMain(t, pgtest.Schema(t), "audit"); !strings.Contains(line, "headroom push") {
		t.Errorf("audit of no tables: %s", line)
	}
}

// No command tells the password of its database.
func TestPostgresPasswordIsNotTold(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	for _, url := range []string{
		"postgres://u:hunter2@127.0.0.1:1/db", "postgres://u:hunter2%zz@h/db", "postgres://u:hun/hunter2@h/db",
	} {
		for _, args := range [][]string{{"audit"}, {"-v", "audit"}, {"import", "x.log"}, {"tenants"}, {"pull", "--dest", "c", "a"}} {
			if line := failMain(t, url, args...); strings.Contains(line, "hunter2") {
				t.Errorf("%v: %s", args, line)
			}
		}
	}
	url := strings.Replace(pgtest.Schema(t), "headroom@", "headroom:hunter2@", 1)
	var out, errs bytes.Buffer
	Main(t.Context(), []string{"headroom", "-v", "--db", url, "run", "--", "true"}, strings.NewReader(""), &out, &errs)
	Main(t.Context(), []string{"headroom", "-v", "--db", url, "audit"}, strings.NewReader(""), &out, &errs)
	if all := out.String() + errs.String(); strings.Contains(all, "hunter2") || !strings.Contains(all, "postgres://") {
		t.Error(all)
	}
}
