package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

// memoryLog is a Log in memory.
type memoryLog struct {
	mu         sync.Mutex
	recordings map[string]store.Recording
	ledger     []store.LedgerEntry
	fail       error // what AddLedger fails with
	downloaded map[uint64]bool
}

func newMemoryLog() *memoryLog { return &memoryLog{recordings: map[string]store.Recording{}} }

func (m *memoryLog) Recordings(_ context.Context, tenant string, from, to int64) (list []store.Recording, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.recordings {
		if r.Tenant == tenant && r.StartedAt >= from && r.StartedAt < to {
			list = append(list, r)
		}
	}
	return list, nil
}

func (m *memoryLog) AddRecordings(_ context.Context, list []store.Recording) (added int64, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range list {
		if _, ok := m.recordings[r.Tenant+r.Key]; !ok {
			m.recordings[r.Tenant+r.Key] = r
			added++
		}
	}
	return added, nil
}

func (m *memoryLog) Ledger(_ context.Context, tenant string, from, to int64) (list []store.LedgerEntry, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.ledger {
		if e.Tenant == tenant && e.StartedAt >= from && e.StartedAt < to {
			list = append(list, e)
		}
	}
	return list, nil
}

func (m *memoryLog) AddLedger(_ context.Context, entries []store.LedgerEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.ledger = append(m.ledger, entries...)
	return nil
}

func (m *memoryLog) Downloaded(context.Context, string, int64) (map[uint64]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.downloaded, nil
}

func policy(t testing.TB) *limits.Policy {
	t.Helper()
	p, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world is a simulated vendor with one tenant, acme, whose time only moves when somebody waits.
type world struct {
	t      testing.TB
	clock  *sim.Clock
	vendor *sim.Vendor
	rt     http.RoundTripper
	token  string
	log    *memoryLog
	dir    string
}

// monday is the morning after a day with calls.
var monday = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, c sim.Config) *world {
	t.Helper()
	w := &world{t: t, clock: sim.NewClock(monday), log: newMemoryLog(), dir: t.TempDir()}
	c.Name, c.Now = "acme", w.clock.Now
	if c.Agents == 0 {
		c.Agents = 2
	}
	if c.MeanCall == 0 {
		c.MeanCall = 20 * time.Minute // a few recordings a day, since each is flushed to the disk
	}
	if c.BytesPerSecond == 0 {
		c.BytesPerSecond = 25
	}
	var err error
	if w.vendor, err = sim.NewVendor(c); err != nil {
		t.Fatal(err)
	}
	server, err := sim.Start(w.vendor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	w.rt = api.WithoutReplays(server.Transport())
	w.token = w.vendor.AddUser("acme", "Recording Export")
	return w
}

func (w *world) tenant() Tenant {
	w.t.Helper()
	c, err := api.New("acme", w.token, api.WithTransport(w.rt), api.WithClock(w.clock.Now, w.clock.Sleep))
	if err != nil {
		w.t.Fatal(err)
	}
	return Tenant{Name: "acme", API: c}
}

// run pulls the tenant, after change changed the options.
func (w *world) run(tn Tenant, change func(*Options)) Result {
	w.t.Helper()
	o := Options{Policy: policy(w.t), Log: w.log, To: Folder(w.dir), Now: w.clock.Now, Sleep: w.clock.Sleep}
	if change != nil {
		change(&o)
	}
	results, err := Run(w.t.Context(), []Tenant{tn}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	res := results[0]
	if sum := res.Already + res.Stored + res.Excused + len(res.Missing); res.Err == nil && sum != res.Listed {
		w.t.Errorf("listed %d, but already %d + stored %d + excused %d + missing %d = %d",
			res.Listed, res.Already, res.Stored, res.Excused, len(res.Missing), sum)
	}
	return res
}

// files are the recordings on the disk by key, with their sizes. It checks every manifest.
func (w *world) files() map[string]int64 {
	w.t.Helper()
	found := map[string]int64{}
	err := filepath.WalkDir(w.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		switch filepath.Base(name) {
		case sumsName:
			w.checkSums(name)
			return nil
		case manifestName:
			return nil
		}
		if strings.HasSuffix(name, sidecarEnding) || strings.HasSuffix(name, partial) {
			return nil
		}
		st, err := e.Info()
		key := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		if _, twice := found[key]; twice {
			w.t.Errorf("%s is there twice", key)
		}
		found[key] = st.Size()
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// checkSums does what sha256sum -c does.
func (w *world) checkSums(name string) {
	w.t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		sum, file, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		body, err := os.ReadFile(filepath.Join(filepath.Dir(name), file))
		if got := sha256.Sum256(body); !ok || err != nil || hex.EncodeToString(got[:]) != sum {
			w.t.Errorf("%s: %s does not hold (%v)", name, line, err)
		}
	}
}

// checkAll compares the disk with what the vendor has of the window, each recording once and whole.
func (w *world) checkAll(from, before time.Time) {
	w.t.Helper()
	files := w.files()
	for _, r := range w.vendor.Recordings("acme", from, before) {
		size, ok := files[r.RecordingKey]
		if !ok || size != r.Size {
			w.t.Errorf("%s: on the disk %v with %d bytes, at the vendor %d", r.RecordingKey, ok, size, r.Size)
		}
		delete(files, r.RecordingKey)
	}
	for key := range files {
		w.t.Errorf("%s is on the disk, but not at the vendor", key)
	}
}

// errorBody is longer than the error bodies that faults send.
const errorBody = 100

// completes counts how often each recording was downloaded whole, and answers by status.
func (w *world) completes() (byPath map[string]int, byStatus map[int]int) {
	byPath, byStatus = map[string]int{}, map[int]int{}
	for _, e := range w.vendor.Log("acme") {
		byStatus[e.Status]++
		if e.Class == sim.ClassAudio && e.Status == 200 && e.Complete && e.Bytes > errorBody {
			byPath[e.Path]++
		}
	}
	return byPath, byStatus
}
