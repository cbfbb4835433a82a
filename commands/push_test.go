package commands

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
)

// addTo appends requests to a log.
func addTo(t *testing.T, db string, requests []store.Request) {
	t.Helper()
	log, err := openLog(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Append(t.Context(), requests); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// rowsIn are a log's requests by ID.
func rowsIn(t *testing.T, db string) (all []store.Request) {
	t.Helper()
	log, err := openLog(t.Context(), db, nil, readOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	snap, err := log.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for q, err := range snap.Rows(t.Context(), "", store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, q)
	}
	return all
}

// What is wrong with a push is one line, with nothing sent; --every goes on.
func TestPushRefuses(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir := t.TempDir()
	t.Chdir(dir)
	url := pgtest.Schema(t)
	a, b := filepath.Join(dir, "a.db"), filepath.Join(dir, "b.db")
	rows := randomLog(rand.New(rand.NewPCG(2, 2)), 100)
	addTo(t, a, rows[:60])
	copyFile(t, a, b)
	addTo(t, a, rows[60:])
	runMain(t, a, "push", "--to", url)
	addTo(t, b, append([]store.Request(nil), rows[:90]...))
	if line := failMain(t, b, "push", "--to", url); !strings.Contains(line, "went on by itself") ||
		strings.Count(line, "\n") != 1 {
		t.Error(line)
	}
	for want, args := range map[string][]string{
		"--to: is needed":        {"push"},
		"must begin with":        {"push", "--to", "mysql://u:hunter2@h/d"},
		"flag --every":           {"push", "--to", url, "--every", "soon"},
		"a second or more":       {"push", "--to", url, "--every", "1ms"},
		"argument \"x\"":         {"push", "--to", url, "x"},
		"the server does not an": {"push", "--to", "postgres://u:hunter2@127.0.0.1:1/d"},
	} {
		if line := failMain(t, a, args...); !strings.Contains(line, want) || strings.Contains(line, "hunter2") {
			t.Errorf("%v: %s", args, line)
		}
	}
	if line := failMain(t, url, "push", "--to", url); !strings.Contains(line, "what is pushed is a file") {
		t.Error(line)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var errs bytes.Buffer
	again := writer(func(b []byte) (int, error) {
		if errs.Write(b); strings.Count(errs.String(), "the next attempt is in") == 2 {
			cancel()
		}
		return len(b), nil
	})
	code := Main(ctx, []string{"headroom", "--db", b, "push", "--to", url, "--every", "1s"}, strings.NewReader(""), again, again)
	if code != exitDone || strings.Count(errs.String(), "the next attempt is in") < 2 {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
