package store

import (
	"context"
	"errors"
	"time"
)

// ErrLeaseLost says that a lease expired and another process has the tenant now. What was to be
// written was not.
var ErrLeaseLost = errors.New("another process has taken over the tenant")

// Leaser is a log that lets one process at a time work on a tenant, among all machines that share
// it. A log in a file has no need of it: there the system's locks do.
type Leaser interface {
	// TakeLease takes a tenant for the time ttl; ok is false where another process has it. While the
	// lease is held, AddLedger of this log fails with ErrLeaseLost for the tenant once another process
	// has taken it.
	TakeLease(ctx context.Context, tenant string, ttl time.Duration) (l Lease, ok bool, err error)
}

// Lease is the right to work on a tenant.
type Lease interface {
	// Renew makes the lease last for its ttl from now on. It fails with ErrLeaseLost where another
	// process has the tenant; any other error may pass.
	Renew(ctx context.Context) error
	// NoteRefusal notes that the vendor refused the tenant for egress just now, for whoever takes the
	// tenant next: this process may be killed before the log has the request's row.
	NoteRefusal(ctx context.Context) error
	// Refused is when that was last noted before the lease was taken, by this machine's clock; the
	// zero time means never.
	Refused() time.Time
	// Release gives the tenant back.
	Release(ctx context.Context) error
}
