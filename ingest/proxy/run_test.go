//go:build unix

package proxy_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRunStopsAtAnyTime sends signals while run is still getting ready: nothing is left behind, and the program does not
// go on as if nothing had been.
func TestRunStopsAtAnyTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &arrivals{at: map[string][]time.Time{}})
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		if signal.Ignored(sig) {
			continue // these tests run in the background, or under nohup
		}
		for wait := range 8 {
			cmd := w.headroom("run", "--", "sleep", "20")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // away from a terminal
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(wait) * 8 * time.Millisecond)
			cmd.Process.Signal(sig)
			cmd.Wait()
			if cmd.ProcessState.Success() {
				t.Errorf("%v after %d was ignored", sig, wait)
			}
		}
	}
	if left := w.folders(); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// TestRunIgnoresWhatWasIgnored is about nohup.
func TestRunIgnoresWhatWasIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &arrivals{at: map[string][]time.Time{}})
	cmd := exec.Command("sh", "-c", `trap '' HUP; exec "$0" run -- sh -c 'kill -HUP $PPID $$; echo alive'`, os.Args[0])
	cmd.Env, cmd.Dir = w.env, w.dir
	if out := output(t, cmd); !strings.HasPrefix(out, "alive\n") {
		t.Errorf("%q", out)
	}
}

// TestRunInsideRun records each call once.
func TestRunInsideRun(t *testing.T) {
	t.Parallel()
	const call = `"$0" call --no-token GET https://acme.xima.cloud/media/1`
	for script, want := range map[string][]string{
		call: {"outer"}, `"$0" run --client inner -- sh -c '` + call + `' "$0"`: {"outer"},
		`"$0" --db other.db run -- "$0" --db other.db call --no-token GET https://acme.xima.cloud/media/1`: {"outer"},
		`"$0" run --pace -- ` + call + ` && exit 1; true`:                                                  nil,
	} {
		a := &arrivals{at: map[string][]time.Time{}}
		w := newWorld(t, a)
		said := output(t, w.headroom("run", "--client", "outer", "--", "sh", "-e", "-c", script, os.Args[0]))
		var clients []string
		for _, r := range w.rows(t) {
			clients = append(clients, r.Client)
			if r.Route.Class == "opaque" {
				t.Errorf("%s: %+v", script, r)
			}
		}
		if got := len(a.at["acme.xima.cloud media"]); strings.Join(clients, " ") != strings.Join(want, " ") || got != len(want) {
			t.Errorf("%s: %v, and %d requests: %s", script, clients, got, said)
		}
	}
}

// TestCallIntoFullDisk: what fails is call's own side, and not told as the vendor's.
func TestCallIntoFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil && os.Getenv("HEADROOM_CI") == "" {
		t.Skip("there is no /dev/full here")
	}
	w := newWorld(t, nil)
	cmd := exec.Command("sh", "-c", `"$0" call --no-token GET https://acme.xima.cloud`+largePath+` >/dev/full 2>said; echo $? >code`, os.Args[0])
	cmd.Env, cmd.Dir = w.env, w.dir
	output(t, cmd)
	code, _ := os.ReadFile(filepath.Join(w.dir, "code"))
	said, _ := os.ReadFile(filepath.Join(w.dir, "said"))
	if string(code) != "2\n" || !strings.HasPrefix(string(said), "headroom: call: write output: ") || strings.Count(string(said), "\n") != 1 {
		t.Errorf("exit code %q, %q", code, said)
	}
}

// TestPipesThatNobodyReads closes the streams that run and call write to: what they did is recorded, and what they started
// ends as it would without them.
func TestPipesThatNobodyReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	tmp := filepath.Join(w.dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	script := `"$0" call --no-token GET https://acme.xima.cloud` + largePath + ` 2>&1 | head -c 9 >/dev/null
		{ "$0" run -- sh -c 'sleep 0.2; exit 5'; echo $? >code; } 2>&1 | true
		{ "$0" run -- sh -c 'sleep 0.2; echo; echo' ; echo $? >piped; } | true; sleep 0.5`
	cmd := exec.Command("sh", "-c", script, os.Args[0])
	cmd.Env, cmd.Dir = append(w.env, "TMPDIR="+tmp), w.dir
	output(t, cmd)
	for name, want := range map[string]string{"code": "5\n", "piped": "141\n"} {
		if got, _ := os.ReadFile(filepath.Join(w.dir, name)); string(got) != want {
			t.Errorf("%s: exit code %q, not %q", name, got, want)
		}
	}
	if rows := w.rows(t); len(rows) != 1 || !rows[0].CutShort || rows[0].ResponseBytes < 9 {
		t.Errorf("%+v", rows)
	}
	if left := w.folders(); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
