//go:build unix

package proxy_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// pacePolicy is of a vendor that allows five recordings a second.
const pacePolicy = `
name = "quick"
version = "1"
hosts = ["{tenant}.xima.cloud"]
[[route]]
class = "media"
path = "/media/{id}"
[frequency]
class = "media"
min_interval = "200ms"
backoff_max = "1s"
[[status]]
code = 200
name = "OK"
methods = ["GET"]
role = "ok"
meaning = "Done."
`

// arrivals is a vendor that notes when requests come in.
type arrivals struct {
	mu sync.Mutex
	at map[string][]time.Time // by path
}

func (a *arrivals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	a.mu.Lock()
	a.at[r.Host+" "+kind] = append(a.at[r.Host+" "+kind], time.Now())
	a.mu.Unlock()
}

// TestPaceAcrossProcesses has two processes that pull one tenant, each with several requests at once, so that some of each
// must be held back however busy the machine is. A request arrives before it is answered, so the gaps between arrivals hold on a
// busy machine, too.
func TestPaceAcrossProcesses(t *testing.T) {
	needs(t, "curl")
	a := &arrivals{at: map[string][]time.Time{}}
	w := newWorld(t, a)
	policy := filepath.Join(w.dir, "quick.toml")
	if err := os.WriteFile(policy, []byte(pacePolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	const calls, runs = 6, 2
	script := "curl -sS --fail --parallel --parallel-immediate"
	for i := range calls {
		script += fmt.Sprintf(" https://acme.xima.cloud/media/%d https://acme.xima.cloud/list/%[1]d", i)
	}
	var wg sync.WaitGroup
	said := make([]string, runs)
	for i := range said {
		wg.Go(func() {
			out, err := w.headroom("--policy", policy, "run", "--pace", "--", "sh", "-e", "-c", script).CombinedOutput()
			if said[i] = string(out); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	media := a.at["acme.xima.cloud media"]
	slices.SortFunc(media, time.Time.Compare)
	if len(media) != runs*calls || len(a.at["acme.xima.cloud list"]) != runs*calls {
		t.Fatalf("%d and %d requests arrived", len(media), len(a.at["acme.xima.cloud list"]))
	}
	for _, line := range said {
		if strings.Contains(line, "headroom: --pace:") { // the machine was too busy for the database's two seconds
			t.Skipf("pacing fell back to this process: %s", line)
		}
		if !strings.Contains(line, "held back for") {
			t.Errorf("said %q", line)
		}
	}
	for i := 1; i < len(media); i++ {
		if gap := media[i].Sub(media[i-1]); gap < 200*time.Millisecond {
			t.Errorf("gap %d is %v", i, gap)
		}
	}
	w.checkHeld(t)
}

// checkHeld reads what pacing left in the log.
func (w *world) checkHeld(t *testing.T) {
	s, err := sqlite.Open(w.db, sqlite.ReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	events, err := snap.Events(context.Background())
	if err != nil || len(events) != 2 {
		t.Fatalf("%+v, %v", events, err)
	}
	for _, e := range events {
		if e.Kind != store.EventPaced || e.Tenant != "acme" || e.Count == 0 || !strings.HasPrefix(e.Note, "held for ") {
			t.Errorf("%+v", e)
		}
	}
}

// TestRunPassesOn checks what a program notices of run: nothing.
func TestRunPassesOn(t *testing.T) {
	w := newWorld(t, &arrivals{at: map[string][]time.Time{}})
	cmd := w.headroom("run", "--", "sh", "-c", "cat; echo error >&2; exit 7")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("input"), &stdout, &stderr
	cmd.Run()
	if cmd.ProcessState.ExitCode() != 7 || stdout.String() != "input" || !strings.HasPrefix(stderr.String(), "error\nheadroom: 0 requests") {
		t.Errorf("exit code %d, %q, %q", cmd.ProcessState.ExitCode(), stdout.String(), stderr.String())
	}
}

// TestRunForwardsSignals has a program that ends in its own way, and one that does not catch the signal.
func TestRunForwardsSignals(t *testing.T) {
	for script, code := range map[string]int{
		"trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done": 9, "echo ready; exec sleep 60": 128 + 15,
	} {
		w := newWorld(t, &arrivals{at: map[string][]time.Time{}})
		cmd := w.headroom("run", "--", "sh", "-c", script)
		stdout, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stdout.Read(make([]byte, 6))
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("%q: exit code %d, not %d", script, got, code)
		}
	}
}

// TestRunLeavesNothing looks for the folder with the certificate, who may read it, and who could make it anew.
func TestRunLeavesNothing(t *testing.T) {
	w := newWorld(t, &arrivals{at: map[string][]time.Time{}})
	out := strings.Fields(output(t, w.headroom("run", "--", "sh", "-c", `dirname "$SSL_CERT_FILE"; stat -c %a "$(dirname "$SSL_CERT_FILE")"`)))
	if out[1] != "700" || !strings.HasPrefix(out[0], w.runtime+"/") {
		t.Errorf("mode %s of %s", out[1], out[0])
	}
	if _, err := os.Stat(out[0]); err == nil {
		t.Errorf("%s is still there", out[0])
	}
}
