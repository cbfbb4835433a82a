package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// quickPolicy is of a vendor that allows a recording each 50 ms.
func quickPolicy(t *testing.T) *limits.Policy {
	t.Helper()
	p, err := limits.Parse("quick.toml", []byte(`
name = "quick"
version = "1"
hosts = ["{tenant}.voice.example"]
[[route]]
class = "media"
path = "/media"
[frequency]
class = "media"
min_interval = "50ms"
backoff_max = "1s"
[[status]]
code = 200
name = "OK"
methods = ["GET"]
role = "ok"
meaning = "Done."
`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stamps is a vendor that notes when requests come in.
type stamps struct {
	mu   sync.Mutex
	at   []time.Time
	slow time.Duration
}

func (s *stamps) RoundTrip(*http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	s.mu.Unlock()
	time.Sleep(s.slow)
	return answer(200, http.NoBody, 0), nil
}

// checkGaps looks whether all requests came, at least the interval apart.
func (s *stamps) checkGaps(t *testing.T, n int, interval time.Duration) {
	t.Helper()
	if len(s.at) != n {
		t.Fatalf("%d requests, want %d", len(s.at), n)
	}
	for i := 1; i < n; i++ {
		if gap := s.at[i].Sub(s.at[i-1]); gap < interval {
			t.Errorf("gap %d is %v", i, gap)
		}
	}
}

// sendPaced sends n requests at once.
func sendPaced(t *testing.T, rt http.RoundTripper, path string, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		req := request(t, "GET", "https://acme.voice.example"+path, nil)
		wg.Go(func() {
			if _, err := rt.RoundTrip(req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// lenient are slots that are always free, as after the machine's clock was set forward.
type lenient struct{}

func (lenient) TakeSlot(context.Context, string, string, time.Duration) (store.Slot, time.Duration, bool, error) {
	return store.Slot{}, 0, true, nil
}

func (lenient) SettleSlot(context.Context, store.Slot, time.Time) error { return nil }

// TestPaceKeepsItsOwnTime has a process that keeps the interval between its own requests, whatever the slots say.
func TestPaceKeepsItsOwnTime(t *testing.T) {
	policy, vendor, rec := quickPolicy(t), &stamps{}, &recorded{}
	p := NewPacer(policy, lenient{}, nil)
	rt := NewTransport(vendor, rec, WithPolicy(policy), WithPacer(p))
	sendPaced(t, rt, "/media", 3)
	vendor.checkGaps(t, 3, policy.Frequency.MinInterval)
	if h := p.Held()["acme"]; h.Requests != 2 || h.Time <= 0 {
		t.Errorf("held %+v", h)
	}
	rows := rec.all() // they begin when the request was sent, not when it was asked for
	for i := 1; i < len(rows); i++ {
		if gap := rows[i].StartedAt - rows[i-1].StartedAt; gap < policy.Frequency.MinInterval.Microseconds() {
			t.Errorf("row %d begins %d µs after the one before", i, gap)
		}
	}
	sendPaced(t, rt, "/list", 5)
	if n := p.Held()["acme"].Requests; n != 2 {
		t.Errorf("%d requests were held back, some of another class", n)
	}
}

// stepped are slots whose clock is set forward during each request: a settled one is free at once.
type stepped struct{ taken atomic.Bool }

func (s *stepped) TakeSlot(context.Context, string, string, time.Duration) (store.Slot, time.Duration, bool, error) {
	return store.Slot{}, time.Minute, s.taken.CompareAndSwap(false, true), nil
}

func (s *stepped) SettleSlot(context.Context, store.Slot, time.Time) error {
	s.taken.Store(false)
	return nil
}

// TestPaceOutlivesItsClock has a request that waits for the slot of one under way, and the clock set meanwhile.
func TestPaceOutlivesItsClock(t *testing.T) {
	policy, vendor := quickPolicy(t), &stamps{slow: 3 * slotPoll}
	sendPaced(t, NewTransport(vendor, &recorded{}, WithPolicy(policy), WithPace(&stepped{}, nil)), "/media", 2)
	vendor.checkGaps(t, 2, vendor.slow+policy.Frequency.MinInterval)
}

// broken are slots that fail, at once or never.
type broken struct {
	hang  bool
	asked atomic.Int64
}

func (b *broken) TakeSlot(ctx context.Context, _, _ string, _ time.Duration) (store.Slot, time.Duration, bool, error) {
	b.asked.Add(1)
	if b.hang {
		time.Sleep(time.Second) // as SQLite does, whatever the context says
	}
	return store.Slot{}, 0, false, errors.New("disk full")
}

func (b *broken) SettleSlot(context.Context, store.Slot, time.Time) error {
	return errors.New("disk full")
}

// TestPaceWithoutSlots: trouble with the store neither fails nor stalls a call. The interval is kept in this process, also
// while a request is under way, and the trouble is told once.
func TestPaceWithoutSlots(t *testing.T) {
	for _, slots := range []*broken{{}, {hang: true}} {
		policy, vendor := quickPolicy(t), &stamps{slow: 40 * time.Millisecond}
		var told []error
		p := NewPacer(policy, slots, func(err error) { told = append(told, err) })
		p.patience = 100 * time.Millisecond
		sendPaced(t, NewTransport(vendor, &recorded{}, WithPolicy(policy), WithPacer(p)), "/media", 4)
		vendor.checkGaps(t, 4, vendor.slow+policy.Frequency.MinInterval)
		if len(told) != 1 || slots.asked.Load() != 1 {
			t.Errorf("hang %v: told %v, asked %d times", slots.hang, told, slots.asked.Load())
		}
	}
}

// late are slots that grant one when nobody waits any more.
type late struct{ settled chan time.Time }

func (l *late) TakeSlot(context.Context, string, string, time.Duration) (store.Slot, time.Duration, bool, error) {
	time.Sleep(100 * time.Millisecond)
	return store.Slot{}, 0, true, nil
}

func (l *late) SettleSlot(_ context.Context, _ store.Slot, next time.Time) error {
	l.settled <- next
	return nil
}

// TestPaceGivesLateSlotsBack: other processes need not wait until it expires.
func TestPaceGivesLateSlotsBack(t *testing.T) {
	policy, slots := quickPolicy(t), &late{settled: make(chan time.Time, 1)}
	p := NewPacer(policy, slots, nil)
	p.patience = 10 * time.Millisecond
	sendPaced(t, NewTransport(&stamps{}, &recorded{}, WithPolicy(policy), WithPacer(p)), "/media", 1)
	select {
	case <-slots.settled:
	case <-time.After(time.Minute):
		t.Error("the slot is never settled")
	}
}

// closeNoted is a request body that notes when it is closed.
type closeNoted struct{ closed bool }

func (c *closeNoted) Read([]byte) (int, error) { return 0, io.EOF }

func (c *closeNoted) Close() error {
	c.closed = true
	return nil
}

// TestPaceEndsWithTheContext: the call fails with the context's error, its body is closed, and nothing is recorded.
func TestPaceEndsWithTheContext(t *testing.T) {
	policy, rec := quickPolicy(t), &recorded{}
	rt := NewTransport(&stamps{}, rec, WithPolicy(policy), WithPace(&stepped{}, nil))
	rt.pacer.slots.(*stepped).taken.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	body := &closeNoted{}
	req := request(t, "POST", "https://acme.voice.example/media", body).WithContext(ctx)
	if _, err := rt.RoundTrip(req); !errors.Is(err, context.DeadlineExceeded) || !body.closed {
		t.Errorf("%v, closed %v", err, body.closed)
	}
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d rows of a request that was never sent", n)
	}
}

// TestPaceAcrossStores has two transports, each with its own connection to one file, as two processes have.
func TestPaceAcrossStores(t *testing.T) {
	policy, vendor := quickPolicy(t), &stamps{}
	file := filepath.Join(t.TempDir(), "headroom.db")
	var wg sync.WaitGroup
	for range 2 {
		st, err := sqlite.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		rt := NewTransport(vendor, &recorded{}, WithPolicy(policy), WithPace(st, func(err error) { t.Error(err) }))
		wg.Go(func() { sendPaced(t, rt, "/media", 3) })
	}
	wg.Wait()
	vendor.checkGaps(t, 6, policy.Frequency.MinInterval)
}

// An answer that takes longer than a lease still holds the requests of other processes back, since
// the one that waits for it renews its slot.
func TestPaceRenewsTheSlotOfASlowAnswer(t *testing.T) {
	t.Parallel()
	policy, vendor := quickPolicy(t), &stamps{slow: slotLease + time.Second}
	file := filepath.Join(t.TempDir(), "pace.db")
	var wg sync.WaitGroup
	for range 2 {
		st, err := sqlite.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		rt := NewTransport(vendor, &recorded{}, WithPolicy(policy), WithPace(st, nil))
		wg.Go(func() { sendPaced(t, rt, "/media", 1) })
	}
	wg.Wait()
	vendor.checkGaps(t, 2, vendor.slow+policy.Frequency.MinInterval)
}

// The slot of a process that was killed is free after the interval and a lease, not half a minute later.
func TestPaceForgetsAProcessThatDied(t *testing.T) {
	t.Parallel()
	policy, vendor := quickPolicy(t), &stamps{}
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "pace.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	died := NewPacer(policy, st, nil)
	if _, err := died.take(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	sendPaced(t, NewTransport(vendor, &recorded{}, WithPolicy(policy), WithPace(st, nil)), "/media", 1)
	if waited := time.Since(start); waited > answerPatience/2 {
		t.Errorf("the next request waited %v", waited)
	}
}
