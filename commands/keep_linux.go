package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/6dcca832/headroom/ingest/proxy"
)

// What a program leaves running still holds the variables of the run. Without the proxy its calls
// would fail, and another user could take the port and get what it sends. So when the program ends
// before all that it started, run ends with its exit code as always, and a second process takes the
// port, the folder and the certificate over until the last one ends.

// keepVariable tells this program that it is such a second process.
const keepVariable = "HEADROOM_KEEP"

const (
	// keepLook is how often the second process looks whether it is still needed.
	keepLook = time.Second
	// keepReady is how long it may take to begin.
	keepReady = 10 * time.Second
)

// The files of the second process beyond the usual three.
const (
	keepListener = 3 + iota
	keepOrders
	keepAnswer
	keepLock
)

// keepOrder is what the second process is told.
type keepOrder struct {
	Folder    string `json:"folder"`
	Secret    string `json:"secret"`
	Authority []byte `json:"authority"` // with its key, which goes through a pipe and into no file
}

// carriers are the processes whose environment names the folder of a run: they would go on calling
// through its proxy.
func carriers(folder string) (pids []int) {
	names, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range names {
		environ, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(environ, []byte(folder)) {
			continue // ended, or somebody else's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// pidList names a few processes.
func pidList(pids []int) string {
	const few = 5
	names := make([]string, min(few, len(pids)))
	for i := range names {
		names[i] = strconv.Itoa(pids[i])
	}
	if len(pids) > few {
		names = append(names, "…")
	}
	return "PID " + strings.Join(names, ", ")
}

// handOver starts the second process and says whether it serves now. Where it does not, the reason
// is told.
func (c *capture) handOver(folder *runFolder, authority *proxy.Authority) bool {
	if err := c.startKeeper(folder, authority); err != nil {
		c.warn("headroom: what the program left running is not recorded from now on: %v", err)
		return false
	}
	return true
}

func (c *capture) startKeeper(folder *runFolder, authority *proxy.Authority) error {
	key, err := authority.Export()
	if err != nil {
		return err
	}
	order, err := json.Marshal(keepOrder{folder.path, c.secret, key})
	if err != nil {
		return err
	}
	port, err := c.listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer port.Close()
	orders, give, err := os.Pipe()
	if err != nil {
		return err
	}
	defer orders.Close()
	defer give.Close()
	take, answer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer take.Close()
	defer answer.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), keepVariable+"=1")
	cmd.ExtraFiles = []*os.File{port, orders, answer, folder.lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // the terminal is none of its business
	if err := cmd.Start(); err != nil {
		return err
	}
	answer.Close()
	if _, err := give.Write(order); err != nil { // a few kB: they fit the pipe
		return err
	}
	give.Close()
	take.SetReadDeadline(time.Now().Add(keepReady)) //nolint:errcheck // a pipe can have one
	if _, err := take.Read(make([]byte, 1)); err != nil {
		_ = cmd.Process.Kill() // it would come too late
		return fmt.Errorf("the process that was to go on did not start: %w", err)
	}
	return cmd.Process.Release()
}

// keep is the second process: it serves until nobody needs it any more, and prints nothing.
func (s *session) keep(ctx context.Context, o runOptions) error {
	os.Unsetenv(keepVariable)
	orders, answer := os.NewFile(keepOrders, "orders"), os.NewFile(keepAnswer, "answer")
	var order keepOrder
	if err := json.NewDecoder(orders).Decode(&order); err != nil {
		return err
	}
	orders.Close()
	authority, err := proxy.ImportAuthority(order.Authority)
	if err != nil {
		return err
	}
	port := os.NewFile(keepListener, "port")
	l, err := net.FileListener(port)
	if err != nil {
		return err
	}
	port.Close()
	folder := &runFolder{path: order.Folder, lock: os.NewFile(keepLock, "lock")}
	defer folder.remove() //nolint:errcheck // the next run tries again
	o.addHosts(s.config)
	capture, err := s.startCapture(o.captureOptions,
		captureAt{name: "run", listener: l, authority: authority, secret: order.Secret})
	if err != nil {
		return err
	}
	if _, err := answer.Write([]byte{1}); err != nil {
		return err
	}
	answer.Close()
	for look := time.NewTicker(keepLook); len(carriers(folder.path)) > 0 && ctx.Err() == nil; {
		select {
		case <-look.C:
		case <-ctx.Done():
		}
	}
	return capture.stop(runGrace)
}
