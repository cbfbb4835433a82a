package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store/sqlite"
)

// beginImport starts an import of standard input as a process of its own, feeds it and waits until the database holds
// some of it. The input stays open.
func beginImport(t *testing.T, db, input string) (cmd *exec.Cmd, stdin io.Closer, stdout *bytes.Buffer) {
	t.Helper()
	cmd = exec.Command("headroom", "--db", db, "import", "-")
	stdout = &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, &bytes.Buffer{}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	go io.WriteString(pipe, input) // ends with the process
	for deadline := time.Now().Add(time.Minute); storedRequests(t, db) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was stored")
		}
	}
	return cmd, pipe, stdout
}

// storedRequests is how many requests the database holds, 0 while there is none.
func storedRequests(t *testing.T, db string) (n int64) {
	t.Helper()
	st, err := sqlite.Open(db, sqlite.ReadOnly())
	if err != nil {
		return 0 // not there yet
	}
	defer st.Close()
	snap, err := st.Snapshot(context.Background())
	if err != nil {
		return 0
	}
	defer snap.Close()
	for _, info := range snap.Tenants() {
		n += info.Requests
	}
	return n
}

// importAgain imports the whole input and checks that old and new add up.
func importAgain(t *testing.T, db, input string, total, before int64) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "all.jsonl")
	if err := os.WriteFile(file, []byte(input), 0o666); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := Main(t.Context(), []string{"headroom", "--db", db, "import", file}, nil, &out, &errs); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	want := fmt.Sprintf("read %d = new %d + duplicate %d + rejected 0\n", total, total-before, before)
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
	if n := storedRequests(t, db); n != total {
		t.Errorf("the database holds %d requests, want %d", n, total)
	}
}

func TestKilledImportIsCompletedByTheNext(t *testing.T) {
	const total = 20_000
	db, input := filepath.Join(t.TempDir(), "headroom.db"), records("acme", total, 3)
	cmd, _, _ := beginImport(t, db, input[:len(input)*3/4])
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // it was killed
	before := storedRequests(t, db)
	if before == 0 || before > total*3/4 {
		t.Fatalf("%d requests were stored when it was killed", before)
	}
	importAgain(t, db, input, total, before)
}

func TestInterruptedImportSaysWhatIsIn(t *testing.T) {
	const total = 20_000
	db, input := filepath.Join(t.TempDir(), "headroom.db"), records("acme", total, 3)
	cmd, _, stdout := beginImport(t, db, input[:len(input)*3/4])
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // the exit code is looked at below
	if code := cmd.ProcessState.ExitCode(); code != exitPartly {
		t.Errorf("exit code %d, want %d", code, exitPartly)
	}
	if said := cmd.Stderr.(*bytes.Buffer).String(); strings.Contains(said, "context") || strings.Contains(said, "not sealed") {
		t.Errorf("standard error: %s", said)
	}
	before := storedRequests(t, db)
	if want := fmt.Sprintf("stdin: read %d = new %d + duplicate 0 + rejected 0\n", before, before); stdout.String() != want {
		t.Errorf("printed %q, want %q", stdout.String(), want)
	}
	importAgain(t, db, input, total, before)
}

// A store that cannot be written in the middle of an import must not be taken for a bad input.
func TestUnwritableOutputsFail(t *testing.T) {
	db := filepath.Join(t.TempDir(), "headroom.db")
	in := strings.NewReader(records("acme", 3, 3))
	var errs bytes.Buffer
	if code := Main(t.Context(), []string{"headroom", "--db", db, "import", "-"}, in, brokenWriter{}, &errs); code != exitFailed {
		t.Errorf("import: exit code %d, want %d", code, exitFailed)
	}
	for _, args := range []string{"audit", "tenants", "export", "version", "report --output -"} {
		errs.Reset()
		line := append([]string{"headroom", "--db", db}, strings.Fields(args)...)
		if code := Main(t.Context(), line, nil, brokenWriter{}, &errs); code != exitFailed || !strings.Contains(errs.String(), "broken") {
			t.Errorf("%s: exit code %d, message %q", args, code, errs.String())
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("the pipe is broken") }
