//go:build unix

package commands

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// evidenceMachine is a machine's folders with a log in them, for programs that are killed.
type evidenceMachine struct {
	dir, db string
	env     []string
}

func newEvidenceMachine(t *testing.T, rows int) *evidenceMachine {
	t.Helper()
	dir := t.TempDir()
	m := &evidenceMachine{dir: dir, db: filepath.Join(dir, "headroom.db")}
	for _, name := range []string{"config", "runtime", "out"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.env = append(os.Environ(), "XDG_CONFIG_HOME="+filepath.Join(dir, "config"),
		"XDG_RUNTIME_DIR="+filepath.Join(dir, "runtime"))
	input := filepath.Join(dir, "log.jsonl")
	if err := os.WriteFile(input, []byte(records("acme", rows, 3)), 0o666); err != nil {
		t.Fatal(err)
	}
	m.run(t, "import", input)
	return m
}

func (m *evidenceMachine) command(args ...string) *exec.Cmd {
	cmd := exec.Command("headroom", append([]string{"--db", m.db}, args...)...)
	cmd.Env, cmd.Dir = m.env, filepath.Join(m.dir, "out")
	return cmd
}

// run lets a command end, which must go well, and gives what it printed.
func (m *evidenceMachine) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := m.command(args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// files are all files below the machine's folders whose names do not begin with one of those that are
// to be there.
func (m *evidenceMachine) files(t *testing.T, known ...string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(m.dir, path)
		for _, k := range known {
			if strings.HasPrefix(name, k) {
				return err
			}
		}
		if err == nil && !d.IsDir() {
			left = append(left, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// A bundle is there whole or not at all, and what a killed program leaves in other places is gone
// after the next.
func TestKilledEvidence(t *testing.T) {
	m := newEvidenceMachine(t, 1500)
	args := []string{
		"evidence", "--tenant", "acme", "--since", "2026-10-01", "--until", "2026-12-01", "--as-of", "2026-12-01",
		"-o", "ticket.zip",
	}
	begin := time.Now()
	m.run(t, args...)
	took := time.Since(begin)
	ticket := filepath.Join(m.dir, "out", "ticket.zip")
	want, err := os.ReadFile(ticket)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(ticket); err != nil {
		t.Fatal(err)
	}
	n := 4
	if os.Getenv("HEADROOM_PROOF") == "full" {
		n = 100
	}
	for range n {
		cmd := m.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took))))
		_ = cmd.Process.Kill() // it may just have ended
		_ = cmd.Wait()
		got, err := os.ReadFile(ticket)
		if err == nil && !bytes.Equal(got, want) || err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("a bundle of %d bytes, not %d: %v", len(got), len(want), err)
		}
	}
	m.run(t, args...)
	if got, err := os.ReadFile(ticket); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after %d kills another bundle is made: %v", n, err)
	}
	if out := m.run(t, "verify"); !strings.Contains(out, "self-signed: ") {
		t.Error(out)
	}
	known := []string{"headroom.db", "log.jsonl", "out/ticket.zip", "config/headroom/evidence.key", "runtime/headroom/lock"}
	if left := m.files(t, known...); left != nil {
		t.Errorf("%d kills leave %q", n, left)
	}
}

// A log of format 2, in which nothing was sealed, is migrated, and says since when it is.
func TestSealsAnOlderLog(t *testing.T) {
	m := newEvidenceMachine(t, 1)
	old, err := os.ReadFile("../store/sqlite/testdata/schema/v2.sql")
	if err != nil {
		t.Fatal(err)
	}
	m.db = filepath.Join(m.dir, "old.db")
	db, err := sql.Open("sqlite3", m.db)
	if err == nil {
		_, err = db.Exec(string(old))
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	audit, _ := m.command("audit", "--as-of", "1970-01-02").CombinedOutput() // it may find something
	if !strings.Contains(string(audit), "\nheadroom seal 20") ||
		!strings.Contains(string(audit), "this is the log's first seal: until now its rows could be changed") {
		t.Errorf("the audit says\n%s", audit)
	}
	today := time.Now().UTC().Format("2006-01")
	out := m.run(t, "verify")
	for _, want := range []string{
		"self-signed: ", "sealed since     " + today, "what was recorded before could be changed until then",
		"not yet sealed   0 rows",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	again, _ := m.command("audit", "--as-of", "1970-01-02").CombinedOutput()
	if strings.Contains(string(again), "first seal") {
		t.Errorf("the second audit says\n%s", again)
	}
}

// After the clock was set back, a bundle still has the rows that were recorded since.
func TestEvidenceWithAClockSetBack(t *testing.T) {
	m := newEvidenceMachine(t, 10)
	st, err := sqlite.Open(m.db)
	if err != nil {
		t.Fatal(err)
	}
	key, err := evidence.LoadKey(filepath.Join(m.dir, "config", "headroom", "evidence.key"))
	for _, hours := range []time.Duration{-1, 1} { // the second is what the clock said before it was set back
		err = errors.Join(err, st.Append(context.Background(), oneRequest(hours)))
		now := time.Now().Add(hours * time.Hour).UnixMicro()
		if err == nil {
			_, err = evidence.Seal(context.Background(), st, evidence.SealOptions{Key: key, Now: now})
		}
	}
	err = errors.Join(err, st.Append(context.Background(), oneRequest(0)), st.Close())
	if err != nil {
		t.Fatal(err)
	}
	m.run(t, "evidence", "acme", "--since", "2026-10-01", "-o", "ticket.zip")
	if out := m.run(t, "verify", "ticket.zip"); !strings.Contains(out, "requests         13: ") {
		t.Errorf("the bundle is\n%s", out)
	}
}

// oneRequest is a request that began so many hours from now.
func oneRequest(hours time.Duration) []store.Request {
	return []store.Request{{
		Tenant: "acme", StartedAt: time.Now().Add(hours * time.Hour).UnixMicro(), Status: 200,
		Route:  &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/x", Class: "other"},
		Source: &store.Source{Kind: "transport", Name: "test"},
	}}
}
