package ingest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Slots hands out the right to start a request to all processes that share it; an open store does.
type Slots interface {
	TakeSlot(ctx context.Context, tenant, class string,
		lease time.Duration) (s store.Slot, wait time.Duration, ok bool, err error)
	SettleSlot(ctx context.Context, s store.Slot, next time.Time) error
}

const (
	// answerPatience is how long an answer's header may keep the next request waiting beyond the
	// interval.
	answerPatience = 30 * time.Second
	// slotLease is how long, beyond the interval, others wait for a process that died. One that lives
	// renews its slot every slotRenewal.
	slotLease   = 2 * time.Second
	slotRenewal = time.Second
	// slotPoll is how often a process looks whether another has settled its slot.
	slotPoll = 20 * time.Millisecond
	// slotsPatience is how long the Slots may take to answer. Then the pacer goes on without them.
	slotsPatience = 2 * time.Second
	// slotsRest is how long slots that failed are not asked again.
	slotsRest = time.Minute
)

// Pacer holds requests of the policy's paced class back, so that they never arrive at the vendor in
// less than the least interval, per tenant, whichever of the processes that share its Slots sends
// them. It does not retry anything.
//
// A request may start when the interval has passed since the header of the answer to the one before
// came in: a request arrives somewhere between its start and its answer, so only that makes sure.
// It costs the time to the first byte of each request. An answer that takes longer than the
// interval and 30 s no longer holds the next request.
//
// Where the Slots fail or do not answer within two seconds, the Pacer keeps the interval in this
// process alone and asks them again after a minute: trouble with a database never decides whether a
// call succeeds.
//
// Requests that were sent without pacing are not seen. A Pacer may be shared by several Transports.
type Pacer struct {
	slots    Slots
	class    string
	interval time.Duration
	patience time.Duration // slotsPatience, but for tests

	mu      sync.Mutex // guards the rest
	turns   map[string]*turn
	held    map[string]Held
	trouble func(error) // nil once it was called
	restEnd time.Time   // no slot is asked for before
}

// turn is where a tenant's requests of this process wait in line. The slots go by the machine's
// clock; next goes by one that nobody sets.
type turn struct {
	mine chan struct{}
	next time.Time
}

// Held tells how many requests of a tenant were held back, and for how long in all.
type Held struct {
	Requests int64
	Time     time.Duration
}

// NewPacer makes a Pacer for the policy's frequency rule; nil where it has none. The function
// trouble is called once, the first time that the slots fail; nil means that nobody is told.
func NewPacer(p *limits.Policy, s Slots, trouble func(error)) *Pacer {
	if p.Frequency.MinInterval <= 0 {
		return nil
	}
	return &Pacer{
		slots: s, class: p.Frequency.Class, interval: p.Frequency.MinInterval, patience: slotsPatience,
		turns: map[string]*turn{}, held: map[string]Held{}, trouble: trouble,
	}
}

// WithPacer holds requests back by a Pacer that several Transports share; nil holds nothing back.
func WithPacer(p *Pacer) Option { return func(t *Transport) { t.pacer = p } }

// WithPace holds requests of the policy's paced class back until the least interval has passed
// since the one before, in all processes that share the slots, such as those on one open store. A
// request whose context ends while it waits fails with the context's error; it was not sent, so it
// is not recorded. The function trouble is as in NewPacer. By default, nothing is held back.
func WithPace(s Slots, trouble func(error)) Option {
	return func(t *Transport) {
		t.pace = func(p *limits.Policy) *Pacer {
			return NewPacer(p, s, trouble)
		}
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

// start waits until a request may start. It returns what must be called once the answer's header is
// there, or no answer will come. A nil Pacer and requests of other classes wait for nothing.
func (p *Pacer) start(req *http.Request, class, tenant string) (answered func(), err error) {
	if p == nil || class != p.class {
		return func() {}, nil
	}
	slot, err := p.take(req.Context(), tenant)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper closes it, also on errors
		}
		return nil, fmt.Errorf("pace request: %w", err)
	}
	if slot == nil {
		return func() { p.settle(req.Context(), tenant, nil) }, nil
	}
	release := p.hold(*slot)
	return func() {
		slot := release()
		p.settle(req.Context(), tenant, &slot)
	}, nil
}

// hold renews a slot for as long as the answer may take. It returns what ends that, and gives the
// slot as it is then.
func (p *Pacer) hold(slot store.Slot) (release func() store.Slot) {
	var mu sync.Mutex
	var timer *time.Timer
	end := time.Now().Add(answerPatience)
	released := false
	renew := func() {
		mu.Lock()
		defer mu.Unlock()
		until := time.Now().Add(p.interval + slotLease)
		if released || until.After(end.Add(p.interval)) {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), p.patience)
		defer cancel()
		if p.slots.SettleSlot(ctx, slot, until) == nil {
			slot.Until = until.UnixMicro()
		}
		timer.Reset(slotRenewal)
	}
	mu.Lock()
	timer = time.AfterFunc(slotRenewal, renew)
	mu.Unlock()
	return func() store.Slot {
		mu.Lock()
		defer mu.Unlock()
		released = true
		timer.Stop()
		return slot
	}
}

// take waits for the tenant's slot: first for its turn in this process, then for other processes.
// The slot is nil where the request may start without one.
func (p *Pacer) take(ctx context.Context, tenant string) (*store.Slot, error) {
	start := time.Now()
	turn := p.turn(tenant)
	select {
	case turn.mine <- struct{}{}:
		defer func() { <-turn.mine }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for asked := 1; ; asked++ {
		// Each time anew: the request before may have been answered since, and the machine's clock been
		// set.
		if err := p.awaitNext(ctx, turn); err != nil {
			return nil, err
		}
		slot, wait, err := p.ask(ctx, tenant)
		if err != nil {
			return nil, err
		}
		if wait == 0 {
			if waited := time.Since(start); asked > 1 || waited > slotPoll {
				p.note(tenant, waited)
			}
			p.setNext(turn, time.Now().Add(p.interval+answerPatience)) // until it is answered
			return slot, nil
		}
		if wait > p.interval { // somebody has the slot, and may settle it at any moment
			wait = slotPoll
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// ask asks the slots for one; wait is 0 where the request may start. The slot is nil where the
// slots are in trouble: the interval is then kept in this process. The only error is the context's.
func (p *Pacer) ask(
	ctx context.Context, tenant string,
) (slot *store.Slot, wait time.Duration, err error) {
	if p.resting() {
		return nil, 0, nil
	}
	type answer struct {
		slot store.Slot
		wait time.Duration
		ok   bool
		err  error
	}
	said := make(chan answer, 1)
	left := make(chan struct{}) // closed when ask returns
	defer close(left)
	asking, cancel := context.WithTimeout(ctx, p.patience)
	go func() {
		defer cancel()
		var a answer
		a.slot, a.wait, a.ok, a.err = p.slots.TakeSlot(asking, tenant, p.class, p.interval+slotLease)
		said <- a
		<-left
		select {
		case a := <-said: // nobody waited for it any more
			if a.err == nil && a.ok {
				p.settleSlot(context.Background(), a.slot, time.Now().Add(p.interval))
			}
		default:
		}
	}()
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case a := <-said:
		switch {
		case a.err == nil && a.ok:
			return &a.slot, 0, nil
		case a.err == nil:
			return nil, max(a.wait, time.Millisecond), nil
		}
		err = a.err
	case <-timer.C:
		err = fmt.Errorf("no answer within %v", p.patience)
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	p.rest(err)
	return nil, 0, nil
}

// rest lets the slots alone for a while and tells of their trouble, the first time.
func (p *Pacer) rest(err error) {
	p.mu.Lock()
	p.restEnd = time.Now().Add(slotsRest)
	trouble := p.trouble
	p.trouble = nil
	p.mu.Unlock()
	if trouble != nil {
		trouble(
			fmt.Errorf("share the pace with other processes: %w; it is kept in this process alone", err))
	}
}

func (p *Pacer) resting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.restEnd)
}

// settle opens the slot for the next request, an interval from now.
func (p *Pacer) settle(ctx context.Context, tenant string, slot *store.Slot) {
	next := time.Now().Add(p.interval)
	p.setNext(p.turn(tenant), next)
	if slot == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.settleSlot(context.WithoutCancel(ctx), *slot, next)
	}()
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C: // it goes on without us
	}
}

// settleSlot settles a slot. One that cannot be settled expires: the next request waits longer,
// which does no harm.
func (p *Pacer) settleSlot(ctx context.Context, slot store.Slot, next time.Time) {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
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

// awaitNext waits until the interval since the tenant's last request of this process has passed.
func (p *Pacer) awaitNext(ctx context.Context, t *turn) error {
	for {
		p.mu.Lock()
		wait := time.Until(t.next)
		p.mu.Unlock()
		if wait <= 0 {
			return ctx.Err()
		}
		if wait > p.interval { // it is under way, and may be answered at any moment
			wait = slotPoll
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (p *Pacer) setNext(t *turn, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.next = next
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
