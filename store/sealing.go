package store

import (
	"context"
	"errors"
	"iter"
)

// Forwardable is a log whose rows can be sent on to one that many machines share.
type Forwardable interface {
	Log
	// Machine is the log's own name among those that are sent to one place, 16 bytes that mean nothing
	// else. A copy of the log has the same.
	Machine(ctx context.Context) ([16]byte, error)
	// LedgerAfter gives the entries of all tenants with an ID above after, by ID, at most limit.
	LedgerAfter(ctx context.Context, after int64, limit int) ([]LedgerEntry, error)
}

// ErrSealedMeanwhile says that another process sealed since the seals were read. Read them again.
var ErrSealedMeanwhile = errors.New("another process sealed the log meanwhile")

// ErrStamped says that a run has a time stamp already.
var ErrStamped = errors.New("the seal has another time stamp already")

// Sealable is a log that can be sealed: package evidence makes a Merkle log of each tenant's rows,
// and the store keeps what of it does not follow from the rows. A store that cannot write can still
// be read.
type Sealable interface {
	// Seals opens the rows and their seals as they are now, for reading. It must be closed.
	Seals(ctx context.Context) (Seals, error)
	// AddSeal adds a run in one transaction. It fails with ErrSealedMeanwhile where run.N is not the
	// next number, and then adds nothing.
	AddSeal(ctx context.Context, run *SealRun, heads []SealHead) error
	// TellSeal notes that the line of a run left this machine.
	TellSeal(ctx context.Context, n int64) error
	// AddStamp keeps what a time stamping authority answered about a run. It fails with ErrStamped
	// where the run has another answer.
	AddStamp(ctx context.Context, n int64, answer []byte) error
	// Prune removes rows and adds what stays of them, in one transaction. It fails with
	// ErrSealedMeanwhile where p.After is no longer the last run. With nil it removes nothing, but
	// sees to it that what an earlier, killed prune removed is not left in the file.
	Prune(ctx context.Context, p *Pruning) error
}

// SealRun is one seal: it covers the logs of all tenants, with all rows up to some numbers.
type SealRun struct {
	// N numbers the runs from 1.
	N int64
	// SealedAt is when it was made, in microseconds since 1970 UTC, later than the run before.
	SealedAt int64
	// Upto are the last rows that the run covers.
	Upto RowIDs
	// Pad and TextSum are of the seal's text: the secret that fills it, and its SHA-256.
	Pad     [32]byte
	TextSum [32]byte
	// Told says that the seal line left this machine.
	Told bool
}

// RowIDs are numbers of rows, one of each kind that is sealed.
type RowIDs struct{ Request, Event, Recording, Capture int64 }

// SealLog is a tenant's log: its random ID and the key that signs it, an Ed25519 public key.
type SealLog struct {
	ID        [16]byte
	PublicKey [32]byte
}

// SealHead is what a run did to one tenant's log.
type SealHead struct {
	Tenant string
	Run    int64
	// Log is the tenant's. AddSeal stores it with the tenant's first head.
	Log SealLog
	// Size is how many leaves the log has, Checkpoint its signed head.
	Size       int64
	Checkpoint []byte
	// Peaks are the hashes of the full subtrees over the log, 32 bytes each, the largest first. Hints
	// are the first 4 bytes of the hash of each leaf that the run added: they tell which leaf is not
	// the one that was sealed.
	Peaks []byte
	Hints []byte
	// Lines are the leaves of the run that no row says.
	Lines []SealLine
}

// SealLine is a leaf that no row says: its index in the tenant's log, and its line.
type SealLine struct {
	Seq  int64
	Line string
}

// PrunedHash stays of leaves whose rows were removed: a leaf's hash (Level 0, N its index), or that
// of a full subtree of 256 leaves (Level 8, N their first index divided by 256).
type PrunedHash struct {
	Level int
	N     int64
	Hash  [32]byte
}

// Seals are a log's rows and seals as they were at one moment. It is for one goroutine, and one of
// its sequences at a time.
type Seals interface {
	// Format is the file format of the log, Tenants are all its tenants by name.
	Format() int
	Tenants() []string
	// Last are the numbers of the last rows.
	Last() RowIDs
	// Run gives one run, or the newest where n is 0; its N is 0 where there is none. Runs gives all
	// from one number on.
	Run(ctx context.Context, n int64) (SealRun, error)
	Runs(ctx context.Context, from int64) ([]SealRun, error)
	// Stamp gives what a time stamping authority answered about a run; nil where it has no time stamp.
	Stamp(ctx context.Context, n int64) ([]byte, error)
	// Heads gives the heads of a run, by tenant. NewestHeads gives each tenant's newest head up to a
	// run, without Hints and Lines.
	Heads(ctx context.Context, run int64) ([]SealHead, error)
	NewestHeads(ctx context.Context, run int64) ([]SealHead, error)
	// TenantHeads gives all heads of one tenant in their order, without Hints and Lines.
	TenantHeads(ctx context.Context, tenant string) ([]SealHead, error)
	// Lines gives the leaves of a tenant that no row says, from one index on.
	Lines(ctx context.Context, tenant string, from int64) ([]SealLine, error)
	// Pruned gives the hashes that stayed of a tenant's removed rows, in the order of the leaves.
	Pruned(ctx context.Context, tenant string) ([]PrunedHash, error)
	// Requests, Events, Listed and Captures give rows by ID, from above after up to and with upto: of
	// one tenant (events of no tenant included), or of all where tenant is "". A *Request is valid
	// until the next.
	Requests(ctx context.Context, tenant string, after, upto int64) iter.Seq2[*Request, error]
	Events(ctx context.Context, tenant string, after, upto int64) ([]Event, error)
	Listed(ctx context.Context, tenant string, after, upto int64) iter.Seq2[ListedRecording, error]
	Captures(ctx context.Context, after, upto int64) ([]Capture, error)
	// FirstIn gives the first rows of a tenant, by ID, whose time lies in [from, to), microseconds
	// since 1970 UTC; 0 where there is none. It does not look at captures.
	FirstIn(ctx context.Context, tenant string, from, to int64) (RowIDs, error)
	// Close ends the reading.
	Close() error
}

// ListedRecording is a row of the list of recordings.
type ListedRecording struct {
	ID int64
	// ListedAt is when it was added, in microseconds since 1970 UTC; 0 means unknown.
	ListedAt int64
	Recording
}

// Pruning is what Prune does.
type Pruning struct {
	// After is the last run that the caller knows.
	After int64
	// Before is the time, in microseconds since 1970 UTC, before which all requests, listed recordings
	// and events go.
	Before int64
	// Upto are the last rows that are sealed: rows after them stay, however old.
	Upto RowIDs
	// Keep are the hashes that stay, by tenant; the older ones of a tile that is whole now go.
	Keep map[string][]PrunedHash
	// Run and Heads are the seal that tells of it.
	Run   *SealRun
	Heads []SealHead
}
