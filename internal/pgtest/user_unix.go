//go:build unix && !linux

package pgtest

import (
	"os/exec"
	"syscall"
)

// rights are those of the test: this system's tests do not run as root.
func rights() *syscall.SysProcAttr { return nil }

func giveAway(string) error { return nil }

func start(c *exec.Cmd) error { return c.Start() }
