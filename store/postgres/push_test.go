package postgres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// file opens the log of a machine.
func file(tb testing.TB, path string, opts ...sqlite.Option) *sqlite.Store {
	tb.Helper()
	if path == "" {
		path = filepath.Join(tb.TempDir(), "machine.db")
	}
	f, err := sqlite.Open(path, opts...)
	must(tb, err)
	tb.Cleanup(func() { f.Close() })
	return f
}

// work makes a machine record n random requests, and what else a log holds.
func work(tb testing.TB, f *sqlite.Store, r *rand.Rand, n int) {
	tb.Helper()
	var batch []store.Request
	for range n {
		q := request(r.Int64N(1e12))
		q.Tenant = fmt.Sprint("tenant-", r.IntN(12))
		q.Key, q.ResponseBytes = fmt.Sprint("key-", r.IntN(500)), r.Int64N(1e6)
		q.Duration = r.Int64N(1e6)
		batch = append(batch, q)
		if r.IntN(10) == 0 {
			batch = append(batch, q)
		}
	}
	must(tb, f.Append(ctx, batch))
	tenant, at := batch[0].Tenant, r.Int64N(50)
	_, err := f.AddRecordings(ctx, []store.Recording{{Tenant: tenant, Key: fmt.Sprint("k", at), StartedAt: at}})
	must(tb, err)
	must(tb, f.AddEvent(ctx, store.Event{Kind: store.EventReset, Tenant: tenant, At: at}))
	must(tb, f.AddEvent(ctx, store.Event{Kind: store.EventTold, At: at, Note: "for this file's reader"}))
	must(tb, f.AddCapture(ctx, store.Capture{Span: r.Int64(), Kind: store.CaptureBeat, At: at, Version: "v"}))
	must(tb, f.AddLedger(ctx, []store.LedgerEntry{{
		Tenant: tenant, Key: "k", StartedAt: at, At: at, State: store.LedgerStored, Bytes: 3,
	}}))
}

// flat is everything of a request but its number, as text.
func flat(q store.Request) string {
	route, source := *q.Route, *q.Source
	q.Identify()
	q.ID, q.Route, q.Source, route.ID, source.ID = 0, nil, nil, 0, 0
	return fmt.Sprintf("%+v %+v %+v", q, route, source)
}

func flatRows(tb testing.TB, logs ...store.Log) (all []string) {
	tb.Helper()
	for _, log := range logs {
		n, err := log.Snapshot(ctx)
		must(tb, err)
		for q, err := range n.Rows(ctx, "", store.Range{}) {
			must(tb, err)
			all = append(all, flat(q))
		}
		must(tb, n.Close())
	}
	slices.Sort(all)
	return all
}

// sameRows: the database holds the rows of all files, each once.
func sameRows(tb testing.TB, s *Store, files ...*sqlite.Store) {
	tb.Helper()
	var logs []store.Log
	var events, captures, ledger int
	recordings := map[string]bool{}
	for _, f := range files {
		logs = append(logs, f)
		in, err := f.Seals(ctx)
		must(tb, err)
		last := in.Last()
		all, err := in.Events(ctx, "", 0, last.Event)
		must(tb, err)
		for _, e := range all {
			if e.Kind == store.EventReset {
				events++
			}
		}
		for r, err := range in.Listed(ctx, "", 0, last.Recording) {
			must(tb, err)
			recordings[fmt.Sprint(r.Tenant, r.StartedAt, r.Key)] = true
		}
		captures += int(last.Capture)
		must(tb, in.Close())
		entries, err := f.LedgerAfter(ctx, 0, 1e6)
		must(tb, err)
		ledger += len(entries)
	}
	if got, want := flatRows(tb, s), flatRows(tb, logs...); !slices.Equal(got, want) {
		tb.Fatalf("the database has %d requests, the files %d, or others", len(got), len(want))
	}
	for table, want := range map[string]int{
		"event": events, "capture": captures, "ledger": ledger, "recording": len(recordings),
	} {
		var got int
		must(tb, s.pool.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&got))
		if got != want {
			tb.Errorf("the database has %d rows of %s, the files %d", got, table, want)
		}
	}
}

// A push sends what is new; again, nothing; equal requests stay two.
func TestPush(t *testing.T) {
	s := openTest(t, pgtest.Schema(t))
	f := file(t, "")
	r := rand.New(rand.NewPCG(1, 2))
	if p, err := s.Push(ctx, f, PushOptions{}); err != nil || p.Requests != 0 {
		t.Errorf("an empty file: %+v, %v", p, err)
	}
	must(t, s.Append(ctx, []store.Request{request(5)})) // a number of its own, beside the machine's
	for i := range 3 {
		work(t, f, r, 300)
		p, err := s.Push(ctx, f, PushOptions{Name: "pull-1"})
		must(t, err)
		if p.Requests < 300 || p.Events != 1 || p.Captures != 1 || p.Ledger != 1 || !p.OtherKey {
			t.Errorf("push %d: %+v", i, p)
		}
		if p, err = s.Push(ctx, f, PushOptions{}); err != nil || p.Requests+p.Events+p.Ledger != 0 {
			t.Errorf("push %d again: %+v, %v", i, p, err)
		}
	}
	must(t, s.Refresh(ctx))
	extra := file(t, "")
	must(t, extra.Append(ctx, []store.Request{request(5)}))
	sameRows(t, s, f, extra)
	all, err := s.Machines(ctx)
	must(t, err)
	if len(all) != 1 || all[0].Name != "pull-1" || all[0].Requests < 900 || !all[0].OtherKey {
		t.Errorf("machines are %+v", all)
	}
}

// More than a batch is sent in several.
func TestPushOfManyRows(t *testing.T) {
	s := openTest(t, pgtest.Schema(t))
	f := file(t, "")
	was := pushBatch
	pushBatch = 300
	defer func() { pushBatch = was }()
	work(t, f, rand.New(rand.NewPCG(3, 4)), 700)
	_, err := s.Push(ctx, f, PushOptions{})
	must(t, err)
	sameRows(t, s, f)
	var batches int
	must(t, s.pool.QueryRow(ctx, "SELECT count(*) FROM push").Scan(&batches))
	if batches != 3 {
		t.Errorf("%d batches", batches)
	}
}

// The machine's clock is compared with the server's; the first who comes can give the log its key.
func TestPushTellsClockAndKey(t *testing.T) {
	url := pgtest.Schema(t)
	f := file(t, "")
	s := openTest(t, url, WithHashKey(f.HashKey()))
	ahead := func() time.Time { return time.Now().Add(90 * time.Second) }
	work(t, f, rand.New(rand.NewPCG(1, 1)), 5)
	p, err := s.Push(ctx, f, PushOptions{Now: ahead})
	must(t, err)
	if off := p.Ahead - 90*time.Second; off.Abs() > 80*time.Second || p.OtherKey {
		t.Errorf("a clock that is 90 s ahead is told as %v; other key %v", p.Ahead, p.OtherKey)
	}
	second := file(t, "", sqlite.WithHashKey(s.HashKey()))
	if p, err := s.Push(ctx, second, PushOptions{}); err != nil || p.OtherKey {
		t.Errorf("a file made with the log's key: %+v, %v", p, err)
	}
	all, err := s.Machines(ctx)
	must(t, err)
	if len(all) != 1 || (all[0].Ahead-p.Ahead).Abs() > time.Millisecond {
		t.Errorf("machines are %+v", all)
	}
}

// A file that was put back from a backup lacks rows, or has others in their place: nothing is sent.
func TestPushOfAnOlderFile(t *testing.T) {
	s := openTest(t, pgtest.Schema(t))
	path := filepath.Join(t.TempDir(), "machine.db")
	f := file(t, path)
	r := rand.New(rand.NewPCG(5, 6))
	work(t, f, r, 100)
	must(t, f.Close())
	backup, err := os.ReadFile(path)
	must(t, err)
	f = file(t, path)
	_, err = s.Push(ctx, f, PushOptions{})
	must(t, err)
	work(t, f, r, 50)
	_, err = s.Push(ctx, f, PushOptions{})
	must(t, err)
	sameRows(t, s, f)
	before := flatRows(t, s)

	older := filepath.Join(t.TempDir(), "machine.db")
	must(t, os.WriteFile(older, backup, 0o600))
	back := file(t, older)
	if _, err := s.Push(ctx, back, PushOptions{}); err == nil {
		t.Error("a file that lacks its last rows was pushed")
	} else if !errors.Is(err, ErrOlder) || !strings.Contains(err.Error(), "export") {
		t.Error(err)
	}
	work(t, back, r, 20)
	if _, err := s.Push(ctx, back, PushOptions{}); !errors.Is(err, ErrOlder) {
		t.Errorf("it grew, not as far: %v", err)
	}
	work(t, back, r, 200)
	if _, err := s.Push(ctx, back, PushOptions{}); !errors.Is(err, ErrForked) {
		t.Errorf("it grew beyond: %v", err)
	}
	if !slices.Equal(before, flatRows(t, s)) {
		t.Error("something was sent")
	}
}

// A copy that went on by itself is told also where it has the same requests: the ledger, events, times
// of capture and listed recordings are compared, too.
func TestPushOfACopyWithTheSameRequests(t *testing.T) {
	for name, add := range map[string]func(f *sqlite.Store, n int64) error{
		"ledger entry": func(f *sqlite.Store, n int64) error {
			return f.AddLedger(ctx, []store.LedgerEntry{{
				Tenant: "tenant-1", Key: fmt.Sprint("k", n), StartedAt: n, At: n, State: store.LedgerStored, Bytes: 3,
			}})
		},
		"event": func(f *sqlite.Store, n int64) error {
			return f.AddEvent(ctx, store.Event{Kind: store.EventReset, Tenant: "tenant-1", At: n})
		},
		"capture": func(f *sqlite.Store, n int64) error {
			return f.AddCapture(ctx, store.Capture{Span: n, Kind: store.CaptureBeat, At: n, Version: "v"})
		},
		"listed recording": func(f *sqlite.Store, n int64) error {
			_, err := f.AddRecordings(ctx, []store.Recording{{Tenant: "tenant-1", Key: fmt.Sprint("k", n), StartedAt: n}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, pgtest.Schema(t))
			path := filepath.Join(t.TempDir(), "machine.db")
			f := file(t, path)
			work(t, f, rand.New(rand.NewPCG(7, 8)), 10)
			must(t, f.Close())
			data, err := os.ReadFile(path)
			must(t, err)
			other := filepath.Join(t.TempDir(), "machine.db")
			must(t, os.WriteFile(other, data, 0o600))
			f = file(t, path)
			must(t, add(f, 1000))
			_, err = s.Push(ctx, f, PushOptions{})
			must(t, err)
			copied := file(t, other)
			if _, err := s.Push(ctx, copied, PushOptions{}); !errors.Is(err, ErrOlder) {
				t.Errorf("a copy that lacks it: %v", err)
			}
			for n := range int64(2) {
				must(t, add(copied, 2000+n))
			}
			_, err = s.Push(ctx, copied, PushOptions{})
			if !errors.Is(err, ErrForked) || !strings.Contains(err.Error(), "its "+name) {
				t.Errorf("a copy that went on: %v", err)
			}
			must(t, add(f, 1001))
			if p, err := s.Push(ctx, f, PushOptions{}); err != nil {
				t.Errorf("the file itself: %+v, %v", p, err)
			}
		})
	}
}

// Two pushes of one file at once send each row once.
func TestPushAtOnce(t *testing.T) {
	url := pgtest.Schema(t)
	s := openTest(t, url)
	path := filepath.Join(t.TempDir(), "machine.db")
	f := file(t, path)
	r := rand.New(rand.NewPCG(7, 8))
	for range 4 {
		work(t, f, r, 1000)
		var group sync.WaitGroup
		for range 3 {
			own, to := file(t, path), openTest(t, url)
			group.Go(func() {
				if _, err := to.Push(ctx, own, PushOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		sameRows(t, s, f)
	}
}

// A network that swallows what is sent ends a push with a line after its patience, wherever it is; the
// next one sends each row once.
func TestPushInAMuteNetwork(t *testing.T) {
	url := pgtest.Schema(t)
	openTest(t, url)
	server := pgtest.Start(t)
	was, wasAnswer, wasBatch := pushPatience, answerPatience, pushBatch
	pushPatience, answerPatience, pushBatch = time.Second, 300*time.Millisecond, 100
	defer func() { pushPatience, answerPatience, pushBatch = was, wasAnswer, wasBatch }()
	f := file(t, "")
	work(t, f, rand.New(rand.NewPCG(12, 13)), 150)
	for _, word := range []string{"clock_timestamp", "PGCOPY", "COMMIT"} {
		mute := breakAt(t, server.Folder(), word)
		mute.mute = true
		to := openTest(t, strings.Replace(url, strings.ReplaceAll(server.Folder(), "/", "%2F"),
			strings.ReplaceAll(mute.folder, "/", "%2F"), 1))
		var err error
		mute.armed.Store(true)
		for n := 0; mute.armed.Load() && n < 20; n++ { // a slow machine may need its patience to get there
			_, err = to.Push(ctx, f, PushOptions{})
		}
		if mute.armed.Load() {
			t.Fatalf("%s never came", word)
		}
		// Where the answer to COMMIT is missing, another connection may tell it in time.
		if !errors.Is(err, store.ErrIO) && (err != nil || word != "COMMIT") {
			t.Errorf("after %s: %v", word, err)
		}
	}
	s := openTest(t, url)
	_, err := s.Push(ctx, f, PushOptions{})
	must(t, err)
	sameRows(t, s, f)
}
