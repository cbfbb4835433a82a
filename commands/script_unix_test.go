//go:build unix

package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestUnprivilegedScripts is about permissions, which do not bind root: under root, a copy of this program that nobody
// may run does it.
func TestUnprivilegedScripts(t *testing.T) {
	const folder = "testdata/unprivileged"
	if os.Geteuid() != 0 {
		runScripts(t, folder)
		return
	}
	place, err := os.MkdirTemp("", "commands-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(place)
	program, err := os.ReadFile(os.Args[0])
	err = errors.Join(err, os.CopyFS(filepath.Join(place, folder), os.DirFS(folder)), os.Chmod(place, 0o755),
		os.WriteFile(filepath.Join(place, "test"), program, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(place, "test"), "-test.run", "^TestUnprivilegedScripts$")
	cmd.Dir, cmd.Env = place, []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GORACE=" + os.Getenv("GORACE")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
