//go:build unix

package commands

import (
	"os/exec"
	"syscall"
)

// inOwnGroup starts a command in a process group of its own. The function that it returns ends all
// that is left of it.
func inOwnGroup(cmd *exec.Cmd) (end func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly, nothing is left
		}
	}
}
