package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

func TestRunFetchesEachRecordingOnce(t *testing.T) {
	w := newWorld(t, sim.Config{})
	first := w.run(w.tenant(), nil)
	if first.Err != nil || !first.Complete() || first.Stored == 0 || first.Stored != first.Listed {
		t.Fatalf("first run: %+v", first)
	}
	w.checkAll(first.From, first.Before)
	second := w.run(w.tenant(), nil)
	if !second.Complete() || second.Stored != 0 || second.Already != second.Listed {
		t.Fatalf("second run: %+v", second)
	}
	whole, statuses := w.completes()
	for path, n := range whole {
		if n != 1 {
			t.Errorf("%s was downloaded %d times", path, n)
		}
	}
	if statuses[429] > 0 {
		t.Errorf("%d requests came too soon", statuses[429])
	}
}

// Recordings that appear up to two days late are fetched by a later night.
func TestRunFindsLateRecordings(t *testing.T) {
	w := newWorld(t, sim.Config{Late: 48 * time.Hour})
	start := w.clock.Now()
	for range 4 {
		if res := w.run(w.tenant(), nil); !res.Complete() {
			t.Fatalf("%+v", res)
		}
		w.clock.Set(w.clock.Now().Truncate(24 * time.Hour).Add(27 * time.Hour))
	}
	late := start.Add(-5 * 24 * time.Hour)
	files := w.files()
	for _, r := range w.vendor.Recordings("acme", late, start) {
		if _, ok := files[r.RecordingKey]; !ok {
			t.Errorf("%s, which appeared late, is missing", r.RecordingKey)
		}
	}
}

// Whatever goes wrong, in the end every recording is there once and whole, and the vendor counted
// nothing that could have been avoided.
func TestRunUnderFaults(t *testing.T) {
	faults := []sim.Fault{
		{Class: sim.ClassAudio, Share: .05, Status: 503},
		{Class: sim.ClassAudio, Share: .05, Status: 500},
		{Class: sim.ClassAudio, Share: .05, Status: 429, RetryAfter: 7 * time.Second},
		{Class: sim.ClassAudio, Share: .05},
		{Class: sim.ClassAudio, Share: .05, CutAfter: 700},
		{Class: sim.ClassAudio, Share: .05, Body: `{"status":500,"message":"the vendor has a bad day"}`},
		{Class: sim.ClassAudio, Share: .03, Status: 202},
		{Class: sim.ClassList, Share: .05, Status: 503, RetryAfter: time.Minute},
	}
	for i := range faults {
		faults[i].Until = monday.Add(4 * 24 * time.Hour)
	}
	w := newWorld(t, sim.Config{Agents: 4, Late: 48 * time.Hour, Mislisted: .05, Faults: faults})
	var last Result
	for range 7 {
		last = w.run(w.tenant(), nil)
		if last.Err != nil {
			t.Logf("a night failed: %v", last.Err)
		}
		w.clock.Set(w.clock.Now().Truncate(24 * time.Hour).Add(27 * time.Hour))
	}
	if !last.Complete() {
		t.Fatalf("after two nights without faults: %+v", last)
	}
	for key, size := range w.files() {
		for _, r := range w.vendor.Recordings("acme", monday.Add(-6*24*time.Hour), w.clock.Now()) {
			if r.RecordingKey == key && r.Size != size {
				t.Errorf("%s: %d bytes on the disk, %d at the vendor", key, size, r.Size)
			}
		}
	}
	twice := 0
	whole, _ := w.completes()
	for _, n := range whole {
		if n > 2 {
			t.Errorf("a recording was downloaded %d times", n)
		}
		if n == 2 {
			twice++
		}
	}
	if twice > len(whole)/6 { // those whose listed size is wrong, and no others
		t.Errorf("%d of %d recordings were downloaded twice", twice, len(whole))
	}
	for i, e := range w.vendor.Log("acme") {
		if e.Status == 429 && i > 0 && e.Bytes > 0 && avoidable(w.vendor.Log("acme"), i) {
			t.Errorf("request %d came too soon after the one before", i)
		}
	}
}

// avoidable says whether a 429 answered a request that came within 3 s of the recording before.
func avoidable(log []sim.Entry, i int) bool {
	for j := i - 1; j >= 0; j-- {
		if log[j].Class == sim.ClassAudio {
			return log[i].Time.Sub(log[j].Time) < 3*time.Second
		}
	}
	return false
}

func TestRunResumesAtARangeOrStartsOver(t *testing.T) {
	w := newWorld(t, sim.Config{Faults: []sim.Fault{{Class: sim.ClassAudio, Every: 2, CutAfter: 1000}}})
	res := w.run(w.tenant(), nil)
	if !res.Complete() {
		t.Fatalf("%+v", res)
	}
	w.checkAll(res.From, res.Before)
	if _, statuses := w.completes(); statuses[206] == 0 {
		t.Error("no body was resumed")
	}
	if res.Wasted != 0 {
		t.Errorf("%d bytes were wasted, though every resume went on", res.Wasted)
	}
}

func TestRunListsInHalvesWhereTheVendorCutsLists(t *testing.T) {
	w := newWorld(t, sim.Config{Agents: 8, MeanCall: 10 * time.Minute, ListLimit: 50})
	res := w.run(w.tenant(), nil)
	if !res.Complete() || res.Listed < 200 {
		t.Fatalf("listed %d, err %v, missing %d", res.Listed, res.Err, len(res.Missing))
	}
	w.checkAll(res.From, res.Before)
}

func TestRunStaysUnderTheCap(t *testing.T) {
	w := newWorld(t, sim.Config{Agents: 4, CapBytes: 300_000})
	tn := w.tenant()
	tn.Cap = 300_000
	res := w.run(tn, nil)
	if res.Complete() || res.Stopped == "" || res.Err != nil {
		t.Fatalf("%+v", res)
	}
	if res.Plan.Binds != BindsEgress || res.Plan.Fits != res.Stored {
		t.Errorf("planned %d (%s), stored %d", res.Plan.Fits, res.Plan.Binds, res.Stored)
	}
	if got := w.vendor.Rolling("acme"); got > 285_000 {
		t.Errorf("%d bytes were downloaded; the cap less the reserve is 285000", got)
	}
	if _, statuses := w.completes(); statuses[509] > 0 {
		t.Error("the vendor's cap was reached")
	}
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	if len(w.log.ledger) != res.Stored {
		t.Errorf("%d ledger rows for %d recordings", len(w.log.ledger), res.Stored)
	}
}

func TestRunStopsAtTheFirst509(t *testing.T) {
	w := newWorld(t, sim.Config{Agents: 4, CapBytes: 300_000})
	res := w.run(w.tenant(), nil) // whose cap is not known
	if res.Complete() || res.Err != nil || !strings.Contains(res.Stopped, "cap is reached") {
		t.Fatalf("%+v", res)
	}
	if _, statuses := w.completes(); statuses[509] != 1 {
		t.Errorf("%d requests were answered 509", statuses[509])
	}
}

func TestRunStopsAtARefusedToken(t *testing.T) {
	w := newWorld(t, sim.Config{})
	tn := w.tenant()
	w.vendor.RefreshToken("acme", "Recording Export")
	res := w.run(tn, nil)
	if res.Err == nil || res.Complete() {
		t.Fatalf("%+v", res)
	}
	if _, statuses := w.completes(); statuses[401] != 1 {
		t.Errorf("%d requests were answered 401", statuses[401])
	}
}

// A run that was killed after a file was kept, but before the ledger knew, does not fetch it again.
func TestRunTakesOverWhatAKilledRunKept(t *testing.T) {
	w := newWorld(t, sim.Config{})
	w.log.fail = errors.New("killed")
	if res := w.run(w.tenant(), nil); res.Err == nil || res.Complete() {
		t.Fatalf("%+v", res)
	}
	left := w.files()
	if len(left) == 0 {
		t.Fatal("nothing was kept")
	}
	if err := os.WriteFile(filepath.Join(w.dir, "tenant=acme", "x"+partial), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.log.fail = nil
	res := w.run(w.tenant(), nil)
	if !res.Complete() {
		t.Fatalf("%+v", res)
	}
	w.checkAll(res.From, res.Before)
	whole, _ := w.completes()
	for path, n := range whole {
		if _, kept := left[filepath.Base(path)]; kept && n != 1 {
			t.Errorf("%s was downloaded %d times", path, n)
		}
	}
}

func TestRunFollowsARedirectWithoutTheToken(t *testing.T) {
	w := newWorld(t, sim.Config{Storage: true})
	res := w.run(w.tenant(), nil)
	if !res.Complete() || res.Elsewhere != sim.StorageHost {
		t.Fatalf("%+v", res)
	}
	w.checkAll(res.From, res.Before)
}

// Nothing of who spoke, no token and no signature is in any file or name.
func TestRunKeepsNothingPersonal(t *testing.T) {
	w := newWorld(t, sim.Config{Storage: true})
	res := w.run(w.tenant(), nil)
	if !res.Complete() {
		t.Fatalf("%+v", res)
	}
	var all bytes.Buffer
	walk(t, w.dir, func(name string, data []byte) {
		if filepath.Ext(name) != ".wav" {
			all.WriteString(name)
			all.Write(data)
		}
	})
	fmt.Fprintf(&all, "%+v %+v", res, w.log.ledger)
	for _, mark := range sim.Canaries() {
		if strings.Contains(all.String(), mark) {
			t.Errorf("%q is in the files or the result", mark)
		}
	}
	personal := newWorld(t, sim.Config{})
	if res := personal.run(personal.tenant(), func(o *Options) { o.Personal = true }); !res.Complete() {
		t.Fatalf("%+v", res)
	}
	found := false
	walk(t, personal.dir, func(_ string, data []byte) { found = found || bytes.Contains(data, []byte("Canary")) })
	if !found {
		t.Error("with Personal, the files beside the recordings have no names")
	}
}

func walk(t *testing.T, dir string, f func(name string, data []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		f(name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fullDisk is a folder on a disk that is full.
type fullDisk struct {
	Destination
	free int64
}

func (f fullDisk) Free() int64 { return f.free }

func TestRunStopsOnAFullDisk(t *testing.T) {
	w := newWorld(t, sim.Config{})
	res := w.run(w.tenant(), func(o *Options) { o.To = fullDisk{o.To, 1000} })
	if !errors.Is(res.Err, errDisk) || res.Stored != 0 || len(res.Missing) != res.Listed {
		t.Fatalf("%+v", res)
	}
	if s := res.Err.Error(); !strings.Contains(s, "67.1 MB free") || s != res.Missing[0].Why {
		t.Errorf("error %q, missing for %q", s, res.Missing[0].Why)
	}
	if !errors.Is(diskError(&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), errDisk) {
		t.Error("ENOSPC is no full disk")
	}
}

func TestRunDryFetchesNothing(t *testing.T) {
	w := newWorld(t, sim.Config{Agents: 4})
	tn := w.tenant()
	tn.Cap = 300_000
	res := w.run(tn, func(o *Options) { o.DryRun = true })
	if res.Stored != 0 || len(w.files()) != 0 || len(w.log.ledger) != 0 {
		t.Fatalf("%+v", res)
	}
	p := res.Plan
	if p.Recordings != res.Listed || p.Fits == 0 || p.Fits >= p.Recordings || p.RestFrom.IsZero() {
		t.Errorf("%+v", p)
	}
	t.Log(p)
}

func TestRunExcludes(t *testing.T) {
	w := newWorld(t, sim.Config{})
	key := w.vendor.Recordings("acme", monday.Add(-48*time.Hour), monday)[0].RecordingKey
	res := w.run(w.tenant(), func(o *Options) { o.Exclude = map[string]bool{key: true} })
	if !res.Complete() || res.Excused != 1 {
		t.Fatalf("%+v", res)
	}
	if again := w.run(w.tenant(), nil); !again.Complete() || again.Excused != 1 {
		t.Fatalf("excluded is for good: %+v", again)
	}
}

// What a script downloaded before is not fetched again, where the user wants it so.
func TestRunSkipsWhatAnotherProgramDownloaded(t *testing.T) {
	w := newWorld(t, sim.Config{})
	recs := w.vendor.Recordings("acme", monday.Add(-48*time.Hour), monday)
	had := store.Recording{Key: recs[0].RecordingKey}
	w.log.downloaded = map[uint64]bool{had.ItemHash(): true}
	res := w.run(w.tenant(), func(o *Options) { o.SkipDownloaded = true })
	if !res.Complete() || res.Excused != 1 {
		t.Fatalf("%+v", res)
	}
	if _, ok := w.files()[had.Key]; ok {
		t.Error("it was fetched")
	}
}

// A recording that the list named once and that is gone now is excused and not asked for again.
func TestRunExcusesWhatIsGone(t *testing.T) {
	w := newWorld(t, sim.Config{})
	gone := "00000000-0000-4000-8000-000000000000-1795400000000"
	at := monday.Add(-12 * time.Hour).UnixMicro()
	w.log.recordings["acme"+gone] = store.Recording{Tenant: "acme", Key: gone, StartedAt: at}
	res := w.run(w.tenant(), nil)
	if !res.Complete() || res.Excused != 1 {
		t.Fatalf("%+v", res)
	}
	_, before := w.completes()
	w.run(w.tenant(), nil)
	if _, after := w.completes(); after[404] != before[404] {
		t.Error("it was asked for again")
	}
}

// The days around both changes of the clocks have 23 and 25 hours.
func TestRunAcrossClockChanges(t *testing.T) {
	zone, err := time.LoadLocation("America/Denver")
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []time.Time{
		time.Date(2026, 3, 8, 0, 0, 0, 0, zone), time.Date(2026, 11, 1, 0, 0, 0, 0, zone),
	} {
		w := newWorld(t, sim.Config{Location: zone, Weekend: 1})
		w.clock = sim.NewClock(day.AddDate(0, 0, -1))
		c := sim.Config{Name: "acme", Agents: 2, MeanCall: 20 * time.Minute, BytesPerSecond: 25, Location: zone, Weekend: 1, Now: w.clock.Now}
		if w.vendor, err = sim.NewVendor(c); err != nil {
			t.Fatal(err)
		}
		server, err := sim.Start(w.vendor)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		w.rt, w.token = api.WithoutReplays(server.Transport()), w.vendor.AddUser("acme", "x")
		for n := range 4 {
			w.clock.Set(time.Date(day.Year(), day.Month(), day.Day()+n, 2, 30, 0, 0, zone))
			if res := w.run(w.tenant(), nil); !res.Complete() {
				t.Fatalf("%+v", res)
			}
		}
		w.checkAll(day.AddDate(0, 0, -5), w.clock.Now().Truncate(time.Hour))
	}
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		mediaType, head, ending, refused string
	}{
		{"audio/wav", "RIFF\x24\x00\x00\x00WAVEfmt ", ".wav", ""},
		{"text/html", "OggS\x00\x02", ".ogg", ""},
		{"audio/mpeg", "\x00\x01\x02", ".mp3", ""},
		{"application/octet-stream", "\x00\xff\x02", ".audio", ""},
		{"", "\x00\xff\x02", ".audio", ""},
		{"audio/wav", `{"message":"token expired"}`, "", "JSON"},
		{"audio/wav", "  <html><body>Sign in", "", "HTML"},
		{"application/octet-stream", "Service unavailable\n", "", "text"},
		{"audio/wav", "", "", "empty"},
		{"audio/wav", "RIFF is no WAVE of ours: the quota is used up", "", "text"},
		{"audio/mpeg", "ID3 of the service: unknown", "", "text"},
		{"image/png", "\x89PNG\r\n\x1a\n\x00", "", "content type"},
		{"audio/wav", "Zugriff verweigert f\xc3\xbcr", "", "text"},
	} {
		ending, refused := gate(c.mediaType, []byte(c.head))
		if ending != c.ending || c.refused == "" && refused != "" || !strings.Contains(refused, c.refused) {
			t.Errorf("gate(%q, %q) = %q, %q", c.mediaType, c.head, ending, refused)
		}
	}
}

// movedStarts is a vendor that tells another start of each recording than it did at first.
type movedStarts struct {
	API
	by time.Duration
}

func (m movedStarts) EachRecording(
	ctx context.Context, from, to time.Time, f func(api.Recording) error,
) error {
	return m.API.EachRecording(ctx, from, to, func(r api.Recording) error {
		r.Start = r.Start.Add(m.by)
		return f(r)
	})
}

// A recording is known by its key, also where the list says later that it began on another day.
func TestRunKnowsRecordingsWhoseStartMoved(t *testing.T) {
	w := newWorld(t, sim.Config{})
	first := w.run(w.tenant(), nil)
	if !first.Complete() || first.Stored < 10 {
		t.Fatalf("%+v", first)
	}
	moved := w.tenant()
	moved.API = movedStarts{moved.API, 10 * time.Hour}
	res := w.run(moved, func(o *Options) { o.Lookback = 8 * 24 * time.Hour })
	if !res.Complete() {
		t.Fatalf("%+v", res)
	}
	downloads, _ := w.completes()
	for path, n := range downloads {
		if n != 1 {
			t.Errorf("%s was downloaded %d times", path, n)
		}
	}
}

// refusing is a vendor that has reached its cap.
type refusing struct{ API }

func (refusing) Audio(context.Context, string, int64) (*api.Audio, error) {
	return nil, &api.Error{Status: 509, Role: limits.RoleEgressCap}
}

// What a refusal says is in the log before anything else is done, so that it is known after a kill.
func TestRunFlushesRefusals(t *testing.T) {
	w := newWorld(t, sim.Config{})
	tn := w.tenant()
	tn.API = refusing{tn.API}
	flushes := 0
	res := w.run(tn, func(o *Options) {
		o.Flush = func(context.Context) error {
			flushes++
			return errors.New("the log is locked")
		}
	})
	if flushes != 1 || res.Err != nil || !strings.Contains(res.Stopped, "cap is reached") ||
		!strings.Contains(res.Stopped, "the log is locked") {
		t.Errorf("%d flushes, %+v", flushes, res)
	}
}

// Nothing is asked for before the vendor's last answers let it, and a run that is ended meanwhile asks for nothing.
func TestRunWaitsUntilItMayBegin(t *testing.T) {
	w := newWorld(t, sim.Config{})
	tn := w.tenant()
	tn.NotBefore = w.clock.Now().Add(time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, err := Run(ctx, []Tenant{tn}, Options{
		Policy: policy(t), Log: w.log, To: Folder(w.dir), Now: w.clock.Now,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	})
	if err != nil || !errors.Is(results[0].Err, ErrInterrupted) || len(w.vendor.Log("acme")) > 0 {
		t.Errorf("ended while it waited: %v, %+v, %d requests", err, results, len(w.vendor.Log("acme")))
	}
	res := w.run(tn, nil)
	log := w.vendor.Log("acme")
	if !res.Complete() || log[0].Time.Before(tn.NotBefore) || res.Started.Before(tn.NotBefore) {
		t.Errorf("%+v; the first request came at %v, not from %v on", res, log[0].Time, tn.NotBefore)
	}
}
