package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// rights are those of user postgres or nobody where the test runs as root. A server whose test was
// killed ends, too.
func rights() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if uid, gid, ok := other(); ok {
		attr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return attr
}

// other is the user whose rights are taken; not ok where the test's own will do.
func other() (uid, gid uint32, ok bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		id, err := strconv.ParseUint(u.Uid, 10, 32)
		group, groupErr := strconv.ParseUint(u.Gid, 10, 32)
		if err == nil && groupErr == nil {
			return uint32(id), uint32(group), true
		}
	}
	return 0, 0, false
}

// giveAway makes the folder that of the server's user.
func giveAway(folder string) error {
	uid, gid, ok := other()
	if !ok {
		return nil
	}
	if err := os.Chown(folder, int(uid), int(gid)); err != nil {
		return fmt.Errorf("give the server its folder: %w", err)
	}
	return nil
}

// start starts a command from a thread that lives as long as the command: the signal on its
// parent's death comes when the thread ends.
func start(c *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- c.Start()
		select {}
	}()
	return <-started
}
