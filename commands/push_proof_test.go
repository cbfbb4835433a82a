package commands

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
)

// TestPushProof has three machines with files of their own, whose clocks are off, record the nights of
// many tenants and push them over a network that is cut, or swallows what is sent in one direction or
// both, to a server that is stopped at once again and again, by processes that are killed. One machine
// seals meanwhile. In the end every row is there once, the audit is that of one file with everything,
// and the seals hold.
//
// HEADROOM_PROOF=full is the proof at its full size: 60 tenants, 30 nights.
func TestPushProof(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir := t.TempDir()
	t.Chdir(dir)
	p := &pushProof{t: t, dir: dir, tenants: 6, nights: 2, rows: 12, r: rand.New(rand.NewPCG(31, 7))}
	if os.Getenv("HEADROOM_PROOF") == "full" {
		p.tenants, p.nights, p.rows = 60, 30, 25
	}
	p.server, p.url = pgtest.Start(t), pgtest.Schema(t)
	p.relay = newRelay(t, filepath.Join(p.server.Folder(), ".s.PGSQL.5432"))
	schema := p.url[strings.LastIndex(p.url, "=")+1:]
	through := fmt.Sprintf("postgres://headroom@%s/headroom?sslmode=disable&search_path=%s", p.relay.address(), schema)
	t.Setenv("HEADROOM_PUSH_TO", through)
	for i := range 3 {
		p.machines = append(p.machines, &proofMachine{
			proof: p, file: filepath.Join(dir, fmt.Sprintf("machine%d.db", i)),
			skew: time.Duration(i-1) * 40 * time.Second, r: rand.New(rand.NewPCG(uint64(i), 17)),
		})
		runMain(t, p.machines[i].file, "push", "--machine", fmt.Sprint("pull-", i)) // makes file and tables
	}
	runMain(t, p.url, "import", p.oneRequest()) // so that there is something to seal
	runMain(t, p.url, "seal")
	begin := time.Now()
	for night := range p.nights {
		p.night(night)
	}
	p.relay.set(relayPasses)
	p.settle()
	t.Logf("%d requests of %d tenants in %d nights; pushes: %d done, %d failed, %d killed; the server was stopped "+
		"%d times, the network cut %d times and mute %d times; %v", len(rowsIn(t, p.url)), p.tenants, p.nights,
		p.done.Load(), p.failed.Load(), p.killed.Load(), p.stops, p.relay.cuts, p.relay.mutes,
		time.Since(begin).Round(time.Second))
	if p.killed.Load()+p.failed.Load() == 0 || p.relay.cuts+p.relay.mutes == 0 {
		t.Error("nothing ever failed")
	}
	p.compare()
}

type pushProof struct {
	t                     *testing.T
	dir, url              string
	tenants, nights, rows int // rows: about as many of a tenant's night
	r                     *rand.Rand
	server                *pgtest.Server
	relay                 *relay
	machines              []*proofMachine

	done, failed, killed atomic.Int64
	stops                int
}

// proofMachine is a machine that records and pushes.
type proofMachine struct {
	proof *pushProof
	file  string
	skew  time.Duration
	r     *rand.Rand
}

// oneRequest is a file with the log's first request.
func (p *pushProof) oneRequest() string {
	name := filepath.Join(p.dir, "first.jsonl")
	line := `{"tenant":"tenant-00","started_at":"2026-09-01T00:00:00Z","method":"GET",` +
		`"url":"https://tenant-00.xima.cloud/rest/api/v2/recordings","status":200}` + "\n"
	if err := os.WriteFile(name, []byte(line), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return name
}

// night has all machines record and push, while things break.
func (p *pushProof) night(night int) {
	over := make(chan struct{})
	var machines, faults sync.WaitGroup
	for _, m := range p.machines {
		machines.Go(func() { m.night(night) })
	}
	seed := p.r.Uint64()
	faults.Go(func() { p.breakNetwork(seed, over) })
	time.Sleep(time.Duration(500+p.r.IntN(1500)) * time.Millisecond)
	p.server.Stop()
	p.stops++
	time.Sleep(time.Duration(p.r.IntN(300)) * time.Millisecond)
	if err := p.server.Restart(); err != nil {
		p.t.Error(err)
	}
	p.process(&proofMachine{r: p.r}, p.url, "seal")
	machines.Wait()
	close(over)
	faults.Wait()
}

// breakNetwork changes what the network does until the night is over.
func (p *pushProof) breakNetwork(seed uint64, over chan struct{}) {
	r := rand.New(rand.NewPCG(seed, 3))
	for {
		select {
		case <-over:
			p.relay.set(relayPasses)
			return
		case <-time.After(time.Duration(100+r.IntN(1200)) * time.Millisecond):
			p.relay.set(relayMode(max(0, r.IntN(2*int(relayModes))-int(relayModes)))) // passes half the time
		}
	}
}

// night records the machine's part of a night, in parts, and pushes after each.
func (m *proofMachine) night(night int) {
	p := m.proof
	var batch []store.Request
	for tenant := range p.tenants {
		for range m.r.IntN(2 * p.rows * 2 / 3) { // three machines pull each tenant
			batch = append(batch, m.request(tenant, night))
		}
	}
	slices.SortFunc(batch, func(a, b store.Request) int { return int(a.StartedAt - b.StartedAt) })
	for len(batch) > 0 {
		n := min(len(batch), 1+m.r.IntN(p.tenants*p.rows))
		m.record(batch[:n])
		batch = batch[n:]
		p.process(m, m.file, "push")
		time.Sleep(time.Duration(m.r.IntN(800)) * time.Millisecond)
	}
}

// request makes a random one, whose time is by the machine's clock.
func (m *proofMachine) request(tenant, night int) store.Request {
	name := fmt.Sprintf("tenant-%02d", tenant)
	at := fleetNow.AddDate(0, 0, night-m.proof.nights).Add(time.Duration(m.r.Int64N(int64(6 * time.Hour))))
	q := store.Request{
		Tenant: name, StartedAt: at.Add(m.skew).UnixMicro(), Status: []int{200, 200, 200, 429, 509}[m.r.IntN(5)],
		ResponseBytes: m.r.Int64N(3e6), Duration: m.r.Int64N(2e6), Client: filepath.Base(m.file),
		Key: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", m.r.IntN(500), at.UnixMilli()-m.r.Int64N(9e7)),
		Route: &store.Route{Method: "GET", Origin: "https://" + name + ".xima.cloud", Class: "recording_audio",
			Template: "/rest/api/v2/recordings/{+recording_key}/audio"},
		Source: &store.Source{Kind: "transport", Name: "pull"},
	}
	return q
}

// record adds requests to the machine's file, some of them twice, and what else a pull writes.
func (m *proofMachine) record(requests []store.Request) {
	if m.r.IntN(3) == 0 {
		requests = append(slices.Clone(requests), requests[0])
	}
	log, err := openLog(m.proof.t.Context(), m.file, nil)
	if err != nil {
		m.proof.t.Error(err)
		return
	}
	defer log.Close()
	ctx, first := context.Background(), requests[0]
	err = log.Append(ctx, requests)
	if err == nil {
		_, err = log.AddRecordings(ctx, []store.Recording{{Tenant: first.Tenant, Key: "k", StartedAt: first.StartedAt / 3600e6}})
	}
	if err == nil {
		err = log.AddEvent(ctx, store.Event{Kind: store.EventReset, Tenant: first.Tenant, At: first.StartedAt, Note: m.file})
	}
	if err == nil {
		err = log.AddCapture(ctx, store.Capture{Span: 1, Kind: store.CaptureBeat, At: first.StartedAt, Version: m.file})
	}
	if err == nil {
		err = log.AddLedger(ctx, []store.LedgerEntry{{Tenant: first.Tenant, Key: first.Key, StartedAt: first.StartedAt,
			At: first.StartedAt, State: store.LedgerStored, Bytes: 1, Place: m.file}})
	}
	if err != nil {
		m.proof.t.Error(err)
	}
}

// process runs a command as a process of a machine, and may kill it anywhere.
func (p *pushProof) process(m *proofMachine, db string, args ...string) {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Duration(m.r.IntN(3000))*time.Millisecond)
	defer cancel()
	err := p.command(ctx, m, db, args...).Run()
	switch {
	case err == nil:
		p.done.Add(1)
	case ctx.Err() != nil:
		p.killed.Add(1)
	default:
		p.failed.Add(1)
	}
}

func (p *pushProof) command(ctx context.Context, m *proofMachine, db string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "skewed", append([]string{"-q", "--db", db}, args...)...)
	c.Env = append(os.Environ(), "CLOCK_SKEW="+m.skew.String())
	return c
}

// settle pushes what is left, now that nothing breaks any more, and seals.
func (p *pushProof) settle() {
	for _, m := range p.machines {
		if out, err := p.command(p.t.Context(), m, m.file, "push").CombinedOutput(); err != nil {
			p.t.Fatalf("the last push: %v\n%s", err, out)
		}
	}
	runMain(p.t, p.url, "seal")
}

// compare compares the database with the machines' files.
func (p *pushProof) compare() {
	t := p.t
	files := []string{filepath.Join(p.dir, "first.db")}
	runMain(t, files[0], "import", "first.jsonl")
	for _, m := range p.machines {
		files = append(files, m.file)
	}
	if got, want := requestLines(t, p.url), requestLines(t, files...); !slices.Equal(got, want) {
		t.Fatalf("%d requests of %d arrived, or others", len(got), len(want))
	}
	if got, want := p.others(p.url), p.others(files...); !slices.Equal(got, want) || len(got) < 4*p.nights {
		t.Errorf("%d other rows of %d arrived, or others", len(got), len(want))
	}
	one := filepath.Join(p.dir, "one.db")
	addTo(t, one, rowsIn(t, p.url)) // in the order of their arrival
	log, err := openLog(t.Context(), one, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, e := range p.events(p.url) {
		if err := log.AddEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	asOf := fleetNow.Format("2006-01-02T15:04:05Z")
	for _, args := range [][]string{
		{"audit", "--as-of", asOf, "--format", "json"}, {"forecast", "--as-of", asOf, "--format", "json"},
	} {
		a, b := withoutID(runMain(t, one, args...)), withoutID(runMain(t, p.url, args...))
		if a != b || len(a) < 500 {
			t.Errorf("%v: one file says\n%s\nthe shared log says\n%s", args, a, b)
		}
	}
	if code, out := verdict(t, p.url); code != 0 || !strings.Contains(out, "not yet sealed   0") {
		t.Errorf("verify: %d %s", code, out)
	}
	list := runMain(t, p.machines[0].file, "push", "--list")
	for _, want := range []string{`pull-0 .* -(39|40)\.`, `pull-1 .* -?0\.`, `pull-2 .* (39|40)\.`, "the log's"} {
		if !regexp.MustCompile(want).MatchString(list) {
			t.Errorf("the machines are, without %s,\n%s", want, list)
		}
	}
}

// requestLines are all requests of all logs, without numbers, sorted.
func requestLines(t *testing.T, dbs ...string) (all []string) {
	for _, db := range dbs {
		for _, q := range rowsIn(t, db) {
			route, source := *q.Route, *q.Source
			route.ID, source.ID, q.ID, q.Route, q.Source = 0, 0, 0, nil, nil
			q.Identify()
			all = append(all, fmt.Sprintf("%+v %+v %+v", q, route, source))
		}
	}
	slices.Sort(all)
	return all
}

// events are a log's resets, in order of arrival.
func (p *pushProof) events(db string) (resets []store.Event) {
	p.reading(db, func(in store.Seals) {
		all, err := in.Events(p.t.Context(), "", 0, in.Last().Event)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, e := range all {
			if e.Kind == store.EventReset {
				resets = append(resets, e)
			}
		}
	})
	return resets
}

// others are all rows that are no requests, of all logs, without numbers, sorted.
func (p *pushProof) others(dbs ...string) (all []string) {
	listed := map[string]bool{} // what several machines list is there once
	for _, db := range dbs {
		for _, e := range p.events(db) {
			all = append(all, fmt.Sprint("event ", e.Tenant, e.At, e.Note, e.RecordedAt))
		}
		p.reading(db, func(in store.Seals) {
			for r, err := range in.Listed(p.t.Context(), "", 0, in.Last().Recording) {
				if err != nil {
					p.t.Fatal(err)
				}
				listed[fmt.Sprint("listed ", r.Recording)] = true
			}
			captures, err := in.Captures(p.t.Context(), 0, in.Last().Capture)
			if err != nil {
				p.t.Fatal(err)
			}
			for _, c := range captures {
				all = append(all, fmt.Sprint("capture ", c.Span, c.Kind, c.At, c.Version))
			}
		})
		all = append(all, p.ledger(db)...)
	}
	for what := range listed {
		all = append(all, what)
	}
	slices.Sort(all)
	return all
}

func (p *pushProof) reading(db string, f func(store.Seals)) {
	log, err := openLog(p.t.Context(), db, nil, readOnly)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	in, err := log.Seals(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer in.Close()
	f(in)
}

func (p *pushProof) ledger(db string) (all []string) {
	log, err := openLog(p.t.Context(), db, nil, readOnly)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	snap, err := log.Snapshot(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer snap.Close()
	for _, tenant := range snap.Tenants() {
		entries, err := snap.Ledger(p.t.Context(), tenant.Name, 0, 1<<62)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, e := range entries {
			e.ID = 0
			all = append(all, fmt.Sprint("ledger ", e))
		}
	}
	return all
}

// relayMode is what the network does.
type relayMode int32

const (
	relayPasses  relayMode = iota
	relayCuts              // breaks all connections, once, and passes new ones
	relayMute              // swallows what is sent in both directions
	relayMuteIn            // swallows what the server sends: its answers, that of COMMIT too
	relayMuteOut           // swallows what is sent to the server
	relayModes
)

// relay passes TCP connections on to the server's socket.
type relay struct {
	listener    net.Listener
	server      string
	mode        atomic.Int32
	cuts, mutes int

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newRelay(t *testing.T, server string) *relay {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &relay{listener: listener, server: server, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listener.Close()
		w.set(relayCuts)
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go w.connect(client)
		}
	}()
	return w
}

func (w *relay) address() string { return w.listener.Addr().String() }

// set changes what the network does. What was swallowed never comes, so connections that missed
// something are cut once it passes again.
func (w *relay) set(m relayMode) {
	was := relayMode(w.mode.Swap(int32(m)))
	if m > relayCuts {
		w.mutes++
	}
	if m == relayCuts {
		w.cuts++
	}
	if m == relayCuts || was > relayCuts && was != m {
		w.mu.Lock()
		defer w.mu.Unlock()
		for c := range w.conns {
			c.Close()
		}
	}
}

func (w *relay) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", w.server)
	if err != nil {
		return
	}
	defer server.Close()
	w.mu.Lock()
	w.conns[client], w.conns[server] = true, true
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.pass(server, client, relayMuteOut) })
	both.Go(func() { w.pass(client, server, relayMuteIn) })
	both.Wait()
	w.mu.Lock()
	delete(w.conns, client)
	delete(w.conns, server)
	w.mu.Unlock()
}

// pass passes on in one direction, which a mode of its own mutes.
func (w *relay) pass(to, from net.Conn, mute relayMode) {
	defer to.Close()
	_, _ = io.Copy(writer(func(b []byte) (int, error) {
		if m := relayMode(w.mode.Load()); m == relayMute || m == mute {
			return len(b), nil
		}
		return to.Write(b)
	}), from)
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
