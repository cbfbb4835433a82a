package sim

import (
	"context"
	"sync"
	"time"
)

// Clock is a simulated clock. It stands still until someone moves it, never goes back, and counts
// whole microseconds. It may be used by several goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows start.
func NewClock(start time.Time) *Clock {
	return &Clock{now: start.UTC().Truncate(time.Microsecond)}
}

// Now returns the simulated time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on by d; a negative d does nothing.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now = c.now.Add(d).Truncate(time.Microsecond)
	}
}

// Set moves the clock on to t; a t that has passed does nothing.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t = t.UTC().Truncate(time.Microsecond); t.After(c.now) {
		c.now = t
	}
}

// Sleep moves the clock on by d at once. It returns the error of a context that is already done,
// and then does not move.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Advance(d)
	return nil
}
