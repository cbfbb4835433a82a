package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
)

// The proof of the nightly pull: real processes pull from the simulator over TCP and TLS, night after
// night, while everything goes wrong that is known to go wrong, and processes are killed. The
// vendor's days pass as fast as the processes can pull them: its clock jumps from night to night, and
// its interval is 20 ms. Three processes work at once on one database: one lists the trailing window,
// two fetch the weeks in which the clocks change, as a backfill.
//
// HEADROOM_PROOF=full is the proof at its full size, which takes minutes; HEADROOM_PROOF=paced is
// five minutes at the real interval of 3 s, without kills.

// proofSize is how much of it is done.
type proofSize struct {
	trailing, side int // tenants of the trailing window, and of each backfill
	agents         int
	call           time.Duration // the mean length of a call; the shorter, the more recordings
	nights, clean  int           // nights with faults, then nights without
	rounds         int           // a night: times that all processes are killed
	interval       time.Duration
	most           string // --max-duration, "" for none
}

func sizeOfProof() proofSize {
	s := proofSize{trailing: 8, side: 1, agents: 1, call: 55 * time.Minute, nights: 2, clean: 1, rounds: 1,
		interval: 20 * time.Millisecond}
	switch os.Getenv("HEADROOM_PROOF") {
	case "full":
		s.trailing, s.side, s.agents, s.nights, s.clean, s.rounds = 44, 3, 4, 5, 2, 4
		s.call = 22 * time.Minute // some 300 recordings each
	case "paced":
		s.trailing, s.nights, s.clean, s.rounds, s.interval, s.most = 10, 0, 1, 0, 3*time.Second, "5m"
		s.call = 10 * time.Minute
	}
	return s
}

// shiftedClock is the machine's clock, moved.
type shiftedClock struct{ by atomic.Int64 }

func (c *shiftedClock) Now() time.Time { return time.Now().UTC().Add(time.Duration(c.by.Load())) }

func (c *shiftedClock) move(d time.Duration) { c.by.Add(int64(d)) }

// proofGroup are the tenants that one process pulls.
type proofGroup struct {
	name     string
	clock    *shiftedClock
	args     []string // what distinguishes the process from the others
	from, to time.Time
	tenants  []string
	kills    []proofKill
}

// proofKill is when a process was killed, by the vendor's clock of its tenants: between the two.
type proofKill struct{ after, before time.Time }

type proof struct {
	*testing.T
	size   proofSize
	dir    string
	vendor *sim.Vendor
	groups []*proofGroup
	proxy  string

	again map[string]int // recordings that a tenant was sent whole again
	full  string         // the key of the recording for which there was no room

	mu     sync.Mutex
	tokens map[string]string // by tenant
	all    []string          // tokens there ever were
	said   bytes.Buffer      // by all processes
}

const proofLookback = 10 // days

func newProof(t *testing.T) *proof {
	p := &proof{T: t, size: sizeOfProof(), dir: t.TempDir(), tokens: map[string]string{}}
	p.again = map[string]int{}
	now := time.Now().UTC()
	day := 24 * time.Hour
	trailing := &proofGroup{name: "trailing", args: []string{"--lookback", fmt.Sprint(proofLookback, "d")}}
	trailing.from, trailing.to = now.Add(-proofLookback*day+time.Hour), now.Add(-50*time.Hour)
	spring := backfill("spring", time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC))
	autumn := backfill("autumn", time.Date(2026, 10, 29, 0, 0, 0, 0, time.UTC))
	p.groups = []*proofGroup{trailing, spring, autumn}
	last := time.Duration(p.size.nights+p.size.clean-1) * day // from the first night to the last
	for i, g := range p.groups {
		g.clock = &shiftedClock{}
		if i == 0 {
			g.clock.move(-last)
		} else {
			g.clock.move(g.to.Add(2*day - last).Sub(now))
		}
	}
	denver, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	var configs []sim.Config
	for i := range p.size.trailing {
		configs = append(configs, p.tenant(trailing, i, time.UTC))
	}
	for i := range p.size.side {
		configs = append(configs, p.tenant(spring, i, denver), p.tenant(autumn, i, denver))
	}
	p.start(configs)
	return p
}

// backfill is a group that fetches eight days.
func backfill(name string, from time.Time) *proofGroup {
	to := from.AddDate(0, 0, 8)
	dates := from.Format(time.DateOnly) + ".." + to.Format(time.DateOnly)
	return &proofGroup{name: name, from: from, to: to, args: []string{"--backfill", dates}}
}

// The tenants of the trailing window that are something special, by their number.
const (
	refreshedTenant = 1 // its token is replaced while a process uses it
	tightTenant     = 2 // its cap is smaller than what is listed, and told
	refusedTenant   = 3 // it is answered 509 in the second night
	fullTenant      = 4 // its disk is full in the first night
	mislistedTenant = 5 // some listed sizes are wrong
)

// tenant makes the i-th tenant of a group. Each meets two kinds of fault, but for the special ones.
func (p *proof) tenant(g *proofGroup, i int, zone *time.Location) sim.Config {
	c := sim.Config{
		Name: fmt.Sprint(g.name, i), Agents: p.size.agents, Now: g.clock.Now, Location: zone, Weekend: 1,
		MeanCall: p.size.call, BytesPerSecond: 25, Interval: p.size.interval, Late: 48 * time.Hour,
		Seed: uint64(i), CountRefused: i%2 == 1,
	}
	g.tenants = append(g.tenants, c.Name)
	ends := g.clock.Now().Add(time.Duration(p.size.nights) * 24 * time.Hour).Add(-6 * time.Hour)
	share := 0.03
	if p.size.agents == 1 {
		share = 0.04 // of few requests

	}
	kinds := []sim.Fault{
		{Class: sim.ClassAudio, Status: 503}, {Class: sim.ClassAudio, Status: 500},
		{Class: sim.ClassAudio, Status: 429}, {Class: sim.ClassAudio}, // a connection that breaks
		{Class: sim.ClassAudio, CutAfter: 1700}, {Class: sim.ClassAudio, Pause: 30 * time.Millisecond},
		{Class: sim.ClassAudio, Body: `{"status":500,"message":"the vendor has a bad day"}`},
		{Class: sim.ClassAudio, Status: 202}, {Class: sim.ClassAudio, Status: 429, RetryAfter: 2 * time.Second},
		{Class: sim.ClassList, Status: 503}, {Class: sim.ClassList},
	}
	for _, k := range []int{2 * i, 2*i + 1} {
		f := kinds[k%len(kinds)]
		f.Share, f.Until = share, ends
		c.Faults = append(c.Faults, f)
	}
	if g != p.groups[0] {
		return c
	}
	c.Storage = i%4 == 0
	night := g.clock.Now().Add(24 * time.Hour)
	switch i {
	case tightTenant:
		c.CapBytes = tightCap
	case mislistedTenant:
		c.Mislisted = .1
	case refusedTenant:
		c.Faults = append(c.Faults, sim.Fault{
			Class: sim.ClassAudio, Status: 509, From: night.Add(-time.Hour), Until: night.Add(time.Hour),
		})
	}
	return c
}

// tightCap is too small for a tenant of one agent already, whose recordings are some 60,000 bytes
// each.
const tightCap = 600_000

// start serves the vendor and writes what the processes read.
func (p *proof) start(configs []sim.Config) {
	p.Helper()
	var err error
	if p.vendor, err = sim.NewVendor(configs...); err != nil {
		p.Fatal(err)
	}
	server, err := sim.Start(p.vendor)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = server.Close() })
	p.proxy = everythingTo(p.T, server.Addr())
	text, err := limits.BuiltinText("xima")
	if err != nil {
		p.Fatal(err)
	}
	quick := strings.Replace(string(text), `min_interval  = "3s"`,
		fmt.Sprintf(`min_interval = "%s"`, p.size.interval), 1)
	var config strings.Builder
	config.WriteString("[pull]\ndest = \"calls\"\nparallel = 64\n")
	for _, c := range configs {
		p.newToken(c.Name, p.vendor.AddUser(c.Name, "Recording Export"))
		fmt.Fprintf(&config, "[tenants.%s]\ntoken_env = %q\n", c.Name, tokenVariable(c.Name))
		told := c.CapBytes
		if p.special(c.Name, refusedTenant) { // else its cap is learned from the refusal, and binds
			told = 10e9
		}
		if told > 0 {
			fmt.Fprintf(&config, "cap = %d\ncap_told_on = 2026-01-01\ncap_told_by = \"support\"\n", told)
		}
	}
	for name, data := range map[string][]byte{
		"quick.toml": []byte(quick), "ca.pem": server.CA(), "headroom.toml": []byte(config.String()),
	} {
		if err := os.WriteFile(filepath.Join(p.dir, name), data, 0o600); err != nil {
			p.Fatal(err)
		}
	}
}

func tokenVariable(tenant string) string { return "TOKEN_" + strings.ToUpper(tenant) }

func (p *proof) newToken(tenant, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens[tenant] = token
	p.all = append(p.all, token)
}

// everythingTo is a proxy that tunnels to one address, whatever host is asked for.
func everythingTo(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", addr)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			there.Close()
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(there, here)
			there.Close()
		}()
		_, _ = io.Copy(here, there)
		here.Close()
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
}

// command is headroom as a process of its own.
func (p *proof) command(args ...string) *exec.Cmd {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Args[0] = "headroom"
	cmd.Dir = p.dir
	cmd.Env = []string{
		"HOME=" + p.dir, "XDG_CONFIG_HOME=" + filepath.Join(p.dir, ".config"), "HEADROOM_POLICY=quick.toml",
		"HTTPS_PROXY=" + p.proxy, "PATH=" + os.Getenv("PATH"), "GORACE=" + os.Getenv("GORACE"),
	}
	for tenant, token := range p.tokens {
		cmd.Env = append(cmd.Env, tokenVariable(tenant)+"="+token)
	}
	return cmd
}

// pulled is what a process says that it did.
type pulled struct {
	code    int
	stderr  string
	Tenants []struct {
		Tenant                           string
		Complete                         bool
		Listed, Stored, Excused, Already int
		AlreadyStored                    int `json:"already_stored"`
		Missing, Findings                []struct{ Key, Why string }
		Stopped, Error                   string
	}
}

// pull runs a group's process to its end, or until kill says so. It gives nil for one that was
// killed.
func (p *proof) pull(g *proofGroup, kill <-chan time.Time) *pulled {
	args := append([]string{"pull", "--upstream-ca", "ca.pem", "--format", "json"}, g.args...)
	if p.size.most != "" {
		args = append(args, "--max-duration", p.size.most)
	}
	cmd := p.command(append(args, g.tenants...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		p.Error(err)
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	killed := false
	select {
	case err = <-done:
	case <-kill:
		k := proofKill{after: g.clock.Now()}
		killed = cmd.Process.Kill() == nil
		err = <-done
		k.before = g.clock.Now()
		g.kills = append(g.kills, k)
	}
	p.mu.Lock()
	p.said.Write(stdout.Bytes())
	p.said.Write(stderr.Bytes())
	p.mu.Unlock()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.Error(err)
	}
	if killed {
		return nil
	}
	out := &pulled{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil && out.code != exitFailed {
		p.Errorf("%s: %v\n%s%s", g.name, err, stdout.Bytes(), stderr.Bytes())
	}
	return out
}

// together runs the processes of all groups at the same time.
func (p *proof) together(kill func() <-chan time.Time) []*pulled {
	results := make([]*pulled, len(p.groups))
	var wg sync.WaitGroup
	for i, g := range p.groups {
		wg.Go(func() { results[i] = p.pull(g, kill()) })
	}
	wg.Wait()
	return results
}

func (p *proof) run(want int, args ...string) string {
	p.Helper()
	out, err := p.command(args...).CombinedOutput()
	p.mu.Lock()
	p.said.Write(out)
	p.mu.Unlock()
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		p.Fatal(err)
	}
	if code != want {
		p.Errorf("headroom %s exited with %d:\n%s", strings.Join(args, " "), code, out)
	}
	return string(out)
}

// night is one night: kills, then a run to the end, of which accounts are checked.
func (p *proof) night(n int) []*pulled {
	trailing := p.groups[0]
	if n == 0 && p.size.nights > 0 && runtime.GOOS == "linux" { // a later night finishes what waits for room
		p.fillDisk(trailing)
	}
	for range p.size.rounds {
		p.together(func() <-chan time.Time {
			return time.After(time.Duration(100+rand.N(2900)) * time.Millisecond)
		})
	}
	if n == 1 {
		timer := time.AfterFunc(time.Duration(500+rand.N(500))*time.Millisecond, func() {
			p.newToken(trailing.tenants[refreshedTenant],
				p.vendor.RefreshToken(trailing.tenants[refreshedTenant], "Recording Export"))
		})
		defer timer.Stop()
	}
	second := make(chan *pulled, 1)
	if p.size.rounds > 0 {
		go func() { second <- p.pull(trailing, nil) }() // of two processes, one stands back
	} else {
		second <- nil
	}
	results := p.together(func() <-chan time.Time { return nil })
	other := <-second
	if other != nil && results[0].code == exitFailed {
		other, results[0] = results[0], other
	}
	if other != nil && other.code == exitFailed {
		// On a busy machine it may have told first that it waits for the database.
		said := strings.TrimPrefix(other.stderr,
			"headroom: waiting for another process to finish writing to the database\n")
		if !strings.Contains(said, "being pulled by another process") || strings.Count(said, "\n") != 1 {
			p.Errorf("the second process failed: %s", other.stderr)
		}
	}
	for i, r := range results {
		p.checkAccount(p.groups[i], r)
	}
	if n == 1 { // support was asked
		p.vendor.Reset(trailing.tenants[refusedTenant])
		p.run(exitDone, "reset", "--tenant", trailing.tenants[refusedTenant], "--at", time.Now().UTC().Format(time.RFC3339Nano),
			"--note", "ticket 4711")
	}
	return results
}

// fillDisk makes the place where a recording is to be written a device on which there is never room.
func (p *proof) fillDisk(g *proofGroup) {
	tenant := g.tenants[fullTenant]
	r := p.vendor.Recordings(tenant, g.from, g.clock.Now().Add(-50*time.Hour))[0]
	dir := filepath.Join(p.dir, "calls", "tenant="+tenant, "date="+r.Start().Format(time.DateOnly))
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.Symlink("/dev/full", filepath.Join(dir, r.RecordingKey+".partial"))
	}
	if err != nil {
		p.Fatal(err)
	}
	p.full = r.RecordingKey
}

func TestPullProof(t *testing.T) {
	if testing.Short() {
		t.Skip("several nights of pulls")
	}
	p := newProof(t)
	var results []*pulled
	for n := range p.size.nights + p.size.clean {
		if n > 0 {
			for _, g := range p.groups {
				g.clock.move(24 * time.Hour)
			}
		}
		begun := time.Now()
		results = p.night(n)
		t.Logf("night %d took %v", n, time.Since(begun).Round(time.Millisecond))
	}
	if p.size.most == "" {
		p.checkEnd(results)
	}
	begun := time.Now()
	p.checkDisk()
	p.checkVendor()
	p.checkAudit()
	p.checkCanaries()
	t.Logf("the checks took %v", time.Since(begun).Round(time.Millisecond))
}

// special says whether a tenant is the one of the trailing window with that number.
func (p *proof) special(tenant string, number int) bool {
	return slices.Index(p.groups[0].tenants, tenant) == number
}
