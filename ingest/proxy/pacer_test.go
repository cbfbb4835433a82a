package proxy

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// lenient are slots that are always free, as after the machine's clock was set forward.
type lenient struct{}

func (lenient) TakeSlot(context.Context, string, string, time.Duration) (store.Slot, time.Duration, bool, error) {
	return store.Slot{}, 0, true, nil
}

func (lenient) SettleSlot(context.Context, store.Slot, time.Time) error { return nil }

// TestPaceKeepsItsOwnTime has a process that keeps the interval between its own requests, whatever the slots say.
func TestPaceKeepsItsOwnTime(t *testing.T) {
	policy := policyFor(t, "{tenant}.voice.example")
	p := NewPacer(policy, lenient{})
	var mu sync.Mutex
	var at []time.Time
	vendor := roundTripper(func(*http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, time.Now())
		return &http.Response{}, nil
	})
	for range 3 {
		r, _ := http.NewRequest("GET", "https://acme.voice.example/media", nil)
		if _, err := p.roundTrip(policy, vendor, r); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < len(at); i++ {
		if gap := at[i].Sub(at[i-1]); gap < policy.Frequency.MinInterval {
			t.Errorf("gap %d is %v", i, gap)
		}
	}
	if h := p.Held()["acme"]; h.Requests != 2 || h.Time <= 0 {
		t.Errorf("held %+v", h)
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
	policy := policyFor(t, "{tenant}.voice.example")
	p := NewPacer(policy, &stepped{})
	answered := make(chan time.Time, 2)
	var started []time.Time
	vendor := roundTripper(func(*http.Request) (*http.Response, error) {
		started = append(started, time.Now()) // one after the other
		time.Sleep(3 * poll)
		answered <- time.Now()
		return &http.Response{}, nil
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			r, _ := http.NewRequest("GET", "https://acme.voice.example/media", nil)
			if _, err := p.roundTrip(policy, vendor, r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if gap := started[1].Sub(<-answered); gap < policy.Frequency.MinInterval {
		t.Errorf("started %v after the answer to the one before", gap)
	}
}
