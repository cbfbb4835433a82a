//go:build unix

package proxy_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRunNeedsAPrivateFolder: where there is none, nothing is run. Root always has one, in /run, so
// it is nobody who asks.
func TestRunNeedsAPrivateFolder(t *testing.T) {
	t.Parallel()
	place, err := os.MkdirTemp("", "run-test-") // t.TempDir's are root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(place) })
	program, err := os.ReadFile(os.Args[0])
	name, open := filepath.Join(place, "headroom"), filepath.Join(place, "open")
	err = errors.Join(err, os.WriteFile(name, program, 0o755), os.Mkdir(open, 0o700),
		os.Chmod(place, 0o755), os.Chmod(open, 0o777))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "--db", filepath.Join(open, "x.db"), "run", "--", "echo", "started")
	cmd.Dir = open
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "ACT_AS_HEADROOM=1", "XDG_RUNTIME_DIR=" + open,
		"XDG_CONFIG_HOME=" + filepath.Join(open, "settings"),
	}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || strings.Contains(string(out), "started") ||
		!strings.Contains(string(out), "XDG_RUNTIME_DIR") {
		t.Errorf("%d: %s", cmd.ProcessState.ExitCode(), out)
	}
}
