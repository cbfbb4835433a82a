// Package pool works through the tenants of a log on all processors.
package pool

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// Each calls f for 0 to n−1 on all processors and returns the first error. Each worker has an S of
// its own, which it uses again from one call to the next.
func Each[S any](ctx context.Context, n int, f func(i int, s *S) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			var s S
			for i := range next {
				if err := f(i, &s); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// Wrap says what failed; it is nil without an error.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
