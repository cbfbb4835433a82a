package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/store"
)

// leaseTTL is how long a machine that is gone keeps others from pulling its tenants. It is a
// variable for tests only.
var leaseTTL = time.Minute

// leaseTenants takes the tenants in a log that several machines share, and keeps them. The context
// that it gives ends, with the reason as its cause, where another machine has taken one over, or
// the log did not answer for as long as the leases last.
func leaseTenants(
	ctx context.Context, log store.Leaser, names []string,
) (context.Context, *heldTenants, error) {
	var leases []store.Lease
	release := func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTTL)
		defer cancel()
		for _, l := range leases {
			_ = l.Release(within) // what cannot be given back expires
		}
	}
	h := &heldTenants{refused: map[string]time.Time{}}
	for _, name := range names {
		l, ok, err := log.TakeLease(ctx, name, leaseTTL)
		if err == nil && !ok {
			err = errBeingPulled(name)
		}
		if err != nil {
			release()
			return nil, nil, err
		}
		leases = append(leases, l)
		h.refused[name] = l.Refused()
	}
	held, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		keepLeases(held, leases, cancel)
	}()
	h.note = func(ctx context.Context, tenant string) error {
		return leases[slices.Index(names, tenant)].NoteRefusal(ctx)
	}
	h.free = func() {
		cancel(nil)
		<-done
		release()
	}
	return held, h, nil
}

// keepLeases renews the leases until ctx ends, or ends it.
func keepLeases(ctx context.Context, leases []store.Lease, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(leaseTTL / 4)
	defer tick.Stop()
	for good := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		var err error
		within, stop := context.WithDeadline(ctx, good.Add(leaseTTL)) // a mute network gives no answer
		for _, l := range leases {
			err = errors.Join(err, l.Renew(within))
		}
		stop()
		switch {
		case err == nil:
			good = began
		case errors.Is(err, store.ErrLeaseLost), time.Since(good) >= leaseTTL:
			cancel(fmt.Errorf("the lease of a tenant was lost, and the pull ended: %w", err))
			return
		}
	}
}

func errBeingPulled(tenant string) error {
	return fmt.Errorf("tenant %q is being pulled by another process; wait until it ends", tenant)
}
