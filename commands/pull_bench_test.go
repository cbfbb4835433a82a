//go:build linux

package commands

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
)

// BenchmarkPull compares a pull without an interval with curl, which fetches the same recordings of
// some 500 kB over the same loopback, one after the other, on one connection, and writes them into
// files. Both are processes of their own; the simulator takes its part of the machine in both cases.
// curl flushes nothing; pull hashes and flushes each file and writes row, sidecar, ledger and
// manifest. So it is also compared with curl and a sync of the file system after it, and with the
// floor: the same files written and flushed one after the other, out of memory. Its metrics are of
// megabytes a second, of processor time (user and system), and of the largest memory that the
// process had. 40 agents are 10,000 recordings, 5 GB.
//
// What flushing costs is the disk's matter: TMPDIR says on which it is measured. In /dev/shm there is
// none, and two things bind: the hash of each file, a fifth of pull's processor time, which it
// shares with the simulator; and the way from one request to the next, which net/http hands from
// goroutine to goroutine, each of which a virtual machine wakes slowly. There, on two processors,
// pull moves 76 to 78 % of what curl does: 380 to 400 MB/s, a recording each 1.3 ms.
func BenchmarkPull(b *testing.B) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		b.Skip("there is no curl to compare with")
	}
	for _, agents := range []int{1, 4, 40} {
		b.Run(fmt.Sprint("agents=", agents), func(b *testing.B) {
			for range b.N {
				comparePull(b, curl, agents)
			}
		})
	}
}

// cost is what a process took.
type cost struct {
	wall, cpu time.Duration
	memory    int64 // bytes
}

func comparePull(b *testing.B, curl string, agents int) {
	b.StopTimer()
	dir := b.TempDir()
	c := sim.Config{Name: "acme", Agents: agents, MeanCall: 198 * time.Second, Weekend: 1, Interval: 1, CapBytes: 1e15}
	vendor, err := sim.NewVendor(c)
	if err != nil {
		b.Fatal(err)
	}
	server, err := sim.Start(vendor)
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	token := vendor.AddUser("acme", "Recording Export")
	text, err := limits.BuiltinText("xima")
	if err != nil {
		b.Fatal(err)
	}
	quick := withoutFrequency(string(text))
	now := time.Now()
	var list strings.Builder
	var size int64
	recordings := slices.DeleteFunc(vendor.Recordings("acme", now.Add(-5*24*time.Hour), now),
		func(r sim.Recording) bool { return r.End().After(now) })
	for i, r := range recordings {
		size += r.Size
		fmt.Fprintf(&list, "url = https://acme.xima.cloud/rest/api/v2/recordings/%s\noutput = %s\n",
			r.RecordingKey, filepath.Join(dir, "curl", fmt.Sprint(i, ".wav")))
	}
	for name, data := range map[string]string{
		"quick.toml": quick, "ca.pem": string(server.CA()), "headroom.toml": "[tenants.acme]\n",
		"list": list.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for _, folder := range []string{"curl", "calls"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			b.Fatal(err)
		}
	}
	fetch := exec.Command(curl, "-sS", "--fail", "--cacert", "ca.pem", "--connect-to", "::"+server.Addr(),
		"-H", "Authorization: Bearer "+token, "-K", "list")
	pull := exec.Command(os.Args[0], "pull", "--dest", "calls", "--upstream", "https://"+server.Addr(),
		"--upstream-ca", "ca.pem", "acme")
	pull.Args[0] = "headroom"
	pull.Env = []string{
		"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "HEADROOM_POLICY=quick.toml", "HEADROOM_TOKEN=" + token,
		"PATH=" + os.Getenv("PATH"),
	}
	synced := exec.Command("sh", "-c", `"$0" "$@" && sync -f curl`)
	synced.Args = append(synced.Args, fetch.Args...)
	b.StartTimer()
	theirs := spend(b, dir, fetch)
	b.StopTimer()
	renew(b, filepath.Join(dir, "curl")) // in /dev/shm they would take the memory that pull's files need
	b.StartTimer()
	ours := spend(b, dir, pull)
	b.StopTimer()
	renew(b, filepath.Join(dir, "calls"))
	durable := spend(b, dir, synced)
	renew(b, filepath.Join(dir, "curl"))
	floor := flushEach(b, filepath.Join(dir, "curl"), len(recordings), size/int64(len(recordings)))
	rate := func(c cost) float64 { return float64(size) / 1e6 / c.wall.Seconds() }
	b.ReportMetric(float64(len(recordings)), "recordings")
	b.ReportMetric(rate(theirs), "curl-MB/s")
	b.ReportMetric(rate(durable), "curl+sync-MB/s")
	b.ReportMetric(rate(cost{wall: floor}), "floor-MB/s")
	b.ReportMetric(rate(ours), "pull-MB/s")
	b.ReportMetric(100*rate(ours)/rate(theirs), "%-of-curl")
	b.ReportMetric(100*rate(ours)/rate(durable), "%-of-curl+sync")
	b.ReportMetric(100*rate(ours)/rate(cost{wall: floor}), "%-of-floor")
	b.ReportMetric(100*ours.cpu.Seconds()/theirs.cpu.Seconds(), "%-of-curl's-CPU")
	b.ReportMetric(float64(ours.memory)/1e6, "pull-MB")
	b.StartTimer()
}

// renew empties a folder.
func renew(b *testing.B, dir string) {
	b.Helper()
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		b.Fatal(err)
	}
}

// flushEach writes n files of a size and flushes each, and gives the time that takes.
func flushEach(b *testing.B, dir string, n int, size int64) time.Duration {
	b.Helper()
	data := bytes.Repeat([]byte("headroom"), int(size/8+1))[:size]
	syscall.Sync() // what others left to be written is not ours
	begun := time.Now()
	for i := range n {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint("floor", i)))
		if err != nil {
			b.Fatal(err)
		}
		_, err = f.Write(data)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begun)
}

// withoutFrequency is a policy's text without its rule of frequency: an interval of 0.
func withoutFrequency(policy string) string {
	before, rest, _ := strings.Cut(policy, "[frequency]\n")
	_, after, _ := strings.Cut(rest, "\n\n")
	return before + after
}

// spend runs a program to its end.
func spend(b *testing.B, dir string, cmd *exec.Cmd) cost {
	b.Helper()
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	syscall.Sync() // what others left to be written is not ours
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%.2000s", cmd.Args[0], err, out.Bytes())
	}
	st := cmd.ProcessState
	c := cost{wall: time.Since(begun), cpu: st.UserTime() + st.SystemTime()}
	if u, ok := st.SysUsage().(*syscall.Rusage); ok {
		c.memory = u.Maxrss * 1024
	}
	return c
}
