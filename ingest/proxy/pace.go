package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Slots hands out the right to start a request to all processes that share it; *store.Store does.
type Slots interface {
	TakeSlot(ctx context.Context, tenant, class string, lease time.Duration) (s store.Slot, wait time.Duration, ok bool, err error)
	SettleSlot(ctx context.Context, s store.Slot, next time.Time) error
}

const (
	// answerPatience is how long an answer's header may keep the next request waiting beyond the interval; it is also how
	// long others wait for a process that died.
	answerPatience = 30 * time.Second
	// poll is how often a process looks whether another has settled its slot.
	poll = 20 * time.Millisecond
	// settlePatience is how long settling may take once the request is over or its client gone.
	settlePatience = 10 * time.Second
)

// Pacer holds requests of the policy's paced class back, so that they never arrive at the vendor in less than the least
// interval, per tenant, whichever of the processes on one database sends them.
//
// A request may start when the interval has passed since the header of the answer to the one before came in: a request
// arrives somewhere between its start and its answer, so only that makes sure. It costs the time to the first byte of
// each request. An answer that takes longer than the interval and 30 s no longer holds the next request.
//
// Requests that were sent without pacing are not seen.
type Pacer struct {
	slots    Slots
	class    string
	interval time.Duration

	mu    sync.Mutex
	turns map[string]*turn // by tenant
	held  map[string]Held
}

// turn is where a tenant's requests of this process wait in line. The slots go by the machine's clock; next goes by one
// that nobody sets.
type turn struct {
	mine chan struct{}
	next time.Time
}

// Held tells how many requests of a tenant were held back, and for how long in all.
type Held struct {
	Requests int64
	Time     time.Duration
}

// NewPacer makes a Pacer for the policy's frequency rule; nil where it has none.
func NewPacer(p *limits.Policy, s Slots) *Pacer {
	if p.Frequency.MinInterval <= 0 {
		return nil
	}
	return &Pacer{
		slots: s, class: p.Frequency.Class, interval: p.Frequency.MinInterval, turns: map[string]*turn{}, held: map[string]Held{},
	}
}

// Held is what was held back so far, by tenant. Requests that need not wait are not in it.
func (p *Pacer) Held() map[string]Held {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := make(map[string]Held, len(p.held))
	for tenant, h := range p.held {
		held[tenant] = h
	}
	return held
}

// roundTrip sends a request through rt, after its time has come where it is of the paced class.
func (p *Pacer) roundTrip(policy *limits.Policy, rt http.RoundTripper, r *http.Request) (*http.Response, error) {
	m, err := policy.Match(strings.ToUpper(r.Method), r.URL.Scheme+"://"+r.URL.Host+r.URL.EscapedPath())
	if err != nil || m.Class != p.class || m.Tenant == "" {
		return rt.RoundTrip(r)
	}
	slot, err := p.take(r.Context(), m.Tenant)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, fmt.Errorf("pace request: %w", err)
	}
	resp, err := rt.RoundTrip(r)
	p.settle(r.Context(), p.turn(m.Tenant), slot)
	return resp, err
}

// take waits for the tenant's slot: first for its turn in this process, then for other processes.
func (p *Pacer) take(ctx context.Context, tenant string) (store.Slot, error) {
	start := time.Now()
	turn := p.turn(tenant)
	select {
	case turn.mine <- struct{}{}:
		defer func() { <-turn.mine }()
	case <-ctx.Done():
		return store.Slot{}, ctx.Err()
	}
	for asked := 1; ; asked++ {
		// Each time anew: the request before may have been answered since, and the machine's clock been set.
		if err := sleep(ctx, p.untilNext(turn)); err != nil {
			return store.Slot{}, err
		}
		slot, wait, ok, err := p.slots.TakeSlot(ctx, tenant, p.class, p.interval+answerPatience)
		if err != nil {
			return slot, err
		}
		if ok {
			if waited := time.Since(start); asked > 1 || waited > poll {
				p.note(tenant, waited)
			}
			return slot, nil
		}
		if wait > p.interval { // somebody has the slot, and may settle it at any moment
			wait = poll
		}
		if err := sleep(ctx, wait); err != nil {
			return store.Slot{}, err
		}
	}
}

// settle opens the slot for the next request, an interval from now.
func (p *Pacer) settle(ctx context.Context, turn *turn, slot store.Slot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer cancel()
	next := time.Now().Add(p.interval)
	p.mu.Lock()
	turn.next = next
	p.mu.Unlock()
	// One that cannot be settled expires: the next request waits longer, which does no harm.
	_ = p.slots.SettleSlot(ctx, slot, next)
}

func (p *Pacer) turn(tenant string) *turn {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.turns[tenant]
	if !ok {
		t = &turn{mine: make(chan struct{}, 1)}
		p.turns[tenant] = t
	}
	return t
}

// untilNext is how long the interval since the tenant's last request of this process still lasts.
func (p *Pacer) untilNext(t *turn) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(t.next)
}

func (p *Pacer) note(tenant string, waited time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[tenant]
	p.held[tenant] = Held{h.Requests + 1, h.Time + waited}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
