package commands

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/6dcca832/headroom/internal/sim"
)

// killPulls is kills N COMMAND…: it starts the command N times and kills it at a random moment,
// then lets it run to its end. Every recording must then be on the disk once and whole, and the
// vendor may have sent each only once, but for the one that was under way at each kill.
func killPulls(ts *testscript.TestScript, _ bool, args []string) {
	kills, err := strconv.Atoi(args[0])
	ts.Check(err)
	for i := range kills {
		cmd := scriptCommand(ts, args[1:])
		ts.Check(cmd.Start())
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case <-time.After(time.Duration(300+rand.N(1500)) * time.Millisecond):
			ts.Check(cmd.Process.Kill())
			<-done
		case <-done:
			ts.Logf("pull %d ended before it was killed", i)
		}
	}
	out, err := scriptCommand(ts, args[1:]).CombinedOutput()
	if err != nil {
		ts.Fatalf("after %d kills: %v\n%s", kills, err, out)
	}
	checkPulled(ts, kills)
}

// scriptCommand is a program of the script that can be killed.
func scriptCommand(ts *testscript.TestScript, args []string) *exec.Cmd {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if name := filepath.Join(dir, args[0]); fileExists(name) {
			cmd := exec.Command(name, args[1:]...)
			cmd.Dir = ts.MkAbs(".")
			for _, env := range []string{"PATH", "HOME", "HEADROOM_TOKEN", "HEADROOM_POLICY", "TMPDIR"} {
				cmd.Env = append(cmd.Env, env+"="+ts.Getenv(env))
			}
			return cmd
		}
	}
	ts.Fatalf("there is no program %s", args[0])
	return nil
}

// checkPulled compares the folder calls with what the vendor of the script has and sent.
func checkPulled(ts *testscript.TestScript, kills int) {
	vendor := ts.Value(vendorKey{}).(*vendorOf)
	sizes := map[string]int64{}
	files, err := filepath.Glob(ts.MkAbs("calls/tenant=acme/date=*/*.wav"))
	ts.Check(err)
	for _, f := range files {
		st, err := os.Stat(f)
		ts.Check(err)
		sizes[strings.TrimSuffix(filepath.Base(f), ".wav")] = st.Size()
	}
	now := time.Now()
	for _, r := range vendor.Recordings("acme", now.Add(-119*time.Hour), now.Add(-2*time.Hour)) {
		if sizes[r.RecordingKey] != r.Size {
			ts.Fatalf("%s has %d bytes on the disk, and %d at the vendor", r.RecordingKey, sizes[r.RecordingKey], r.Size)
		}
	}
	sent := map[string]int{}
	for _, e := range vendor.Log("acme") {
		if e.Class == sim.ClassAudio && e.Complete {
			sent[e.Path]++
		}
		if e.Status == 429 {
			ts.Logf("a request came too soon at %v", e.Time)
		}
	}
	again := 0
	for _, n := range sent {
		again += n - 1
	}
	// At a kill one recording is under way; what came whole before is not asked for again.
	if again > kills {
		ts.Fatalf("%d recordings were sent again for %d kills", again, kills)
	}
	ts.Logf("%d recordings, %d sent again, %d kills", len(sent), again, kills)
}
