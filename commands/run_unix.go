//go:build unix

package commands

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that the program is to get.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGCONT,
}

// fromKeyboard says that a terminal has sent a signal to the program, too; sent once more by us, it
// would count twice. A terminal sends to the group of processes in its foreground.
func fromKeyboard(sig os.Signal) bool {
	if sig != syscall.SIGINT && sig != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false // cron has none
	}
	defer tty.Close()
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}
