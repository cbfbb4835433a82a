package commands

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
)

// verdict runs verify and gives its exit code and what it prints.
func verdict(t *testing.T, db string, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	all := append([]string{"headroom", "-q", "--db", db, "verify"}, args...)
	code := Main(t.Context(), all, strings.NewReader(""), &out, &out)
	return code, out.String()
}

// fromZip is a file of a bundle.
func fromZip(t *testing.T, bundle, name string) string {
	t.Helper()
	z, err := zip.OpenReader(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// statements runs SQL in the schema of a log, as its owner.
func statements(t *testing.T, url, sql string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql)
	return err
}

// recordNight makes a machine record requests, the list of them and a reset.
func recordNight(t *testing.T, db string, requests []store.Request) {
	t.Helper()
	addTo(t, db, requests)
	log, err := openLog(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	first, lately := requests[0].StartedAt, fleetNow.AddDate(0, 0, -5).UnixMicro()
	if _, err := log.AddRecordings(t.Context(), []store.Recording{
		{Tenant: "acme", Key: "k", StartedAt: first, Duration: 6e7, Bytes: 1e6},
	}); err != nil {
		t.Fatal(err)
	}
	if err := log.AddEvent(t.Context(),
		store.Event{Kind: store.EventReset, Tenant: "acme", At: lately, Note: "ticket 9"}); err != nil {
		t.Fatal(err)
	}
}

// A log in PostgreSQL is sealed, verified, pruned and proven as a file is. The same requests give
// the same audit in the bundle; what another machine pushes late is sealed after what was there; one
// machine seals.
func TestPostgresEvidence(t *testing.T) {
	sealer, pusher := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", sealer)
	dir := t.TempDir()
	t.Chdir(dir)
	url, file, late := pgtest.Schema(t), filepath.Join(dir, "a.db"), filepath.Join(dir, "late.db")
	t.Setenv("HEADROOM_PUSH_TO", url)
	asOf := fleetNow.Format("2006-01-02T15:04:05Z")
	all := randomLog(rand.New(rand.NewPCG(7, 13)), 900)
	recordNight(t, file, all[:600])
	runMain(t, file, "push")

	runMain(t, url, "audit", "--as-of", asOf)
	if code, out := verdict(t, url); code == 0 || !strings.Contains(out, "not sealed") {
		t.Errorf("an audit began to seal: %d %s", code, out)
	}
	runMain(t, file, "seal")
	first := strings.TrimSpace(runMain(t, url, "seal"))
	for _, db := range []string{file, url} {
		bundle := filepath.Join(dir, map[string]string{file: "file.zip", url: "pg.zip"}[db])
		runMain(t, db, "evidence", "--tenant", "acme", "--as-of", asOf, "--since", "2026-10-01", "-o", bundle)
		if code, out := verdict(t, file, bundle); code != 0 {
			t.Fatalf("%s: %s", bundle, out)
		}
	}
	for _, name := range []string{"audit.json", "report.html"} {
		if a, b := fromZip(t, "file.zip", name), fromZip(t, "pg.zip", name); a != b || len(a) < 1000 {
			t.Errorf("the same requests make another %s in PostgreSQL's bundle", name)
		}
	}

	// Another machine, with a key of its own, pushes what is older than what was sealed.
	t.Setenv("XDG_CONFIG_HOME", pusher)
	older := all[600:]
	for i := range older {
		older[i].StartedAt -= 20 * 86400e6
	}
	recordNight(t, late, older)
	runMain(t, late, "seal")
	runMain(t, late, "push")
	runMain(t, url, "audit", "--as-of", asOf)
	if line := failMain(t, url, "seal"); !strings.Contains(line, "sealed with another key") {
		t.Errorf("a second sealer: %s", line)
	}
	if code, out := verdict(t, url); code != 0 || !strings.Contains(out, "without the key") ||
		strings.Contains(out, "not yet sealed   0") {
		t.Errorf("verify without the key: %d %s", code, out)
	}
	t.Setenv("XDG_CONFIG_HOME", sealer)
	runMain(t, url, "audit", "--as-of", asOf)
	if code, out := verdict(t, url, "--against", first); code != 0 || !strings.HasPrefix(out, "held") ||
		!strings.Contains(out, "not yet sealed   0") {
		t.Errorf("after the second machine: %d %s", code, out)
	}
	cut := time.UnixMicro(all[300].StartedAt).UTC().Format(time.RFC3339)
	t.Run("Prune", func(t *testing.T) { testPostgresPrune(t, url, file, late, cut) })
	t.Run("Changed", func(t *testing.T) { testPostgresChanged(t, url) })
}

// testPostgresPrune: the seals hold, what was pruned does not come back, and pushes go on.
func testPostgresPrune(t *testing.T, url, file, late, cut string) {
	before := len(rowsIn(t, url))
	if out := runMain(t, url, "prune", "--before", cut); !strings.HasPrefix(out, "removed ") {
		t.Error(out)
	}
	after := len(rowsIn(t, url))
	if after >= before || after == 0 {
		t.Errorf("%d rows are left of %d", after, before)
	}
	if code, out := verdict(t, url); code != 0 || !strings.Contains(out, "pruned") {
		t.Errorf("after the prune: %d %s", code, out)
	}
	addTo(t, late, randomLog(rand.New(rand.NewPCG(8, 8)), 100))
	more := len(rowsIn(t, file)) + len(rowsIn(t, late)) - before
	for range 2 {
		runMain(t, file, "push")
		runMain(t, late, "push")
	}
	if got := len(rowsIn(t, url)); got != after+more {
		t.Errorf("%d rows after a push of %d to %d", got, more, after)
	}
	runMain(t, url, "seal")
	if code, out := verdict(t, url); code != 0 {
		t.Errorf("after the next push: %s", out)
	}
}

// testPostgresChanged: the triggers refuse changes, and whoever takes them down is found out.
func testPostgresChanged(t *testing.T, url string) {
	for _, change := range []string{
		"UPDATE request SET status = 200 WHERE id = 590", "DELETE FROM request WHERE id = 590",
		"UPDATE event SET at = at + 1", "DELETE FROM seal_run", "TRUNCATE seal_leaf", "DELETE FROM push",
	} {
		if err := statements(t, url, change); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", change, err)
		}
	}
	for _, c := range []struct{ table, change, back, place string }{
		{"request", "UPDATE request SET response_bytes = response_bytes + 1 WHERE id = 590",
			"UPDATE request SET response_bytes = response_bytes - 1 WHERE id = 590", "request 590 ("},
		{"request", "UPDATE request SET id = -id WHERE id = 590", "UPDATE request SET id = -id WHERE id = -590", "removed"},
		{"event", "UPDATE event SET note = 'ticket 8' WHERE note = 'ticket 9'",
			"UPDATE event SET note = 'ticket 9' WHERE note = 'ticket 8'", "event"},
		{"seal_head", "UPDATE seal_head SET size = size + 1 WHERE run = 2", "UPDATE seal_head SET size = size - 1 WHERE run = 2", "seal 2"},
	} {
		open := func(change string) {
			t.Helper()
			if err := statements(t, url, "ALTER TABLE "+c.table+" DISABLE TRIGGER append_only; "+change+
				"; ALTER TABLE "+c.table+" ENABLE TRIGGER append_only"); err != nil {
				t.Fatal(err)
			}
		}
		open(c.change)
		if code, out := verdict(t, url); code != exitFindings || !strings.HasPrefix(out, "altered") ||
			!strings.Contains(out, c.place) {
			t.Errorf("%s: %d %s", c.change, code, out)
		}
		open(c.back)
	}
	if code, out := verdict(t, url); code != 0 {
		t.Errorf("everything put back: %s", out)
	}
}
