package store

import (
	"context"
	"iter"
	"time"
)

// Log is a request log that is open: what the program asks of a store. Package storetest tests that
// a store keeps what is said here. A Log is safe for use by several goroutines, and several
// processes may have the same log open.
type Log interface {
	Writer
	Pacer
	Sealable
	// Snapshot opens the log as it is now, for reading. It must be closed.
	Snapshot(ctx context.Context) (Snapshot, error)
	// SnapshotOfRows is Snapshot for those who believe nothing that was computed before: it reads
	// every row and leaves the cache as it is. All rows are in memory while it is open, 150 bytes
	// each.
	SnapshotOfRows(ctx context.Context) (Snapshot, error)
	// BeginImport starts the import of one file. It must be closed.
	BeginImport(ctx context.Context) (Importer, error)
	// Refresh brings the cache up to date with the rows, at the cost of what was added since the last
	// time. Reading works without it, only slower. It does nothing where the log cannot be written.
	Refresh(ctx context.Context) error
	// DropCache empties everything derived. The next Refresh makes it anew from the rows.
	DropCache(ctx context.Context) error
	// SaveStates keeps states that were computed from the snapshot, under key. It may keep nothing,
	// and does nothing where the log cannot be written.
	SaveStates(ctx context.Context, from Snapshot, key []byte, states []State) error
	// HashKey is the log's own random key: for hashes of request parameters that mean nothing outside
	// this log, and for DatabaseID.
	HashKey() []byte
	// Path names the log as it was given when it was opened.
	Path() string
	// ReadOnly says that the log cannot be written.
	ReadOnly() bool
	// Close releases the log. Close the recorders first.
	Close() error
}

// Writer adds to a log. Each call is one transaction: all of it is written, or nothing.
type Writer interface {
	// Append adds requests and sets their IDs. A request without tenant, route or source is refused.
	Append(ctx context.Context, requests []Request) error
	// AddRecordings adds those of the recordings that were not listed before, and says how many those
	// were. Recordings are the same when tenant, start and key are.
	AddRecordings(ctx context.Context, recordings []Recording) (added int64, err error)
	// AddLedger adds what a pull did about recordings.
	AddLedger(ctx context.Context, entries []LedgerEntry) error
	// AddEvent adds an event. A tenant that is not known yet is added too.
	AddEvent(ctx context.Context, e Event) error
	// AddCapture adds a time of capture; its ID is ignored.
	AddCapture(ctx context.Context, c Capture) error
}

// Importer adds the requests of one log file without counting any request twice: where the log has
// k requests equal to n of the file, max(0, n−k) are added. Requests are equal when tenant, client,
// StartedAt, method, URL as kept, Params, status and ResponseBytes are. It is for one goroutine.
type Importer interface {
	// Add adds those of the batch that are not in the log, and sets their IDs. The batch may be used
	// again after the call. After an error earlier batches stay, and the import can only be closed.
	Add(ctx context.Context, batch []Request) error
	// AddRecordings adds those of the recordings that were not listed before.
	AddRecordings(ctx context.Context, recordings []Recording) error
	// Added and Duplicates are how many requests and listed recordings were new, or there already.
	Added() int64
	Duplicates() int64
	// Rejected is how many requests of a HAR file are in the log as an earlier export of it had them,
	// with another status or size. They are neither added nor duplicates.
	Rejected() int64
	// Boundary says that all duplicates began at one time, in microseconds since 1970 UTC, of a log in
	// whole seconds: at the boundary of two files, equal lines cannot be told from an overlap.
	Boundary() (at int64, ok bool)
	// OnStored has f called by Add with the requests that a transaction added, after its end. Their
	// IDs follow each other, and all requests that were in the log before have IDs up to before. The
	// slice is reused after the call.
	OnStored(f func(ctx context.Context, before int64, requests []Request))
	// Close ends the import.
	Close(ctx context.Context) error
}

// Snapshot is the log as it was at one moment, whatever is written meanwhile. Its methods may be
// called by several goroutines.
type Snapshot interface {
	// Tenants gives all tenants by name, Routes and Sources what requests have, by ID.
	Tenants() []TenantInfo
	Routes() []*Route
	Sources() []*Source
	// Scan gives a tenant's calls in order of (StartedAt, ID), in batches that are valid until the
	// next one. An unknown tenant has none.
	Scan(ctx context.Context, tenant string, r Range) iter.Seq2[[]Call, error]
	// Rows gives whole requests in order of arrival (ID), of one tenant, or of all where tenant is "".
	// Until it ends, the loop must call none of the snapshot's methods that take a context.
	Rows(ctx context.Context, tenant string, r Range) iter.Seq2[Request, error]
	// Span gives the IDs of the first and the last request; 0 and 0 where there is none.
	Span(ctx context.Context) (first, last int64, err error)
	// ByID gives whole requests in the order of ids; ids that are not there are left out.
	ByID(ctx context.Context, ids []int64) ([]Request, error)
	// Events gives all events in order of (At, ID).
	Events(ctx context.Context) ([]Event, error)
	// Captures gives all times of capture in order of arrival.
	Captures(ctx context.Context) ([]Capture, error)
	// Recordings gives a tenant's recordings that began in [from, to), microseconds since 1970 UTC, in
	// order of time; Recorded sums them up.
	Recordings(ctx context.Context, tenant string, from, to int64) ([]Recording, error)
	Recorded(ctx context.Context, tenant string, from, to int64) (Recorded, error)
	// Ledger gives what pulls did about a tenant's recordings that began in [from, to), microseconds
	// since 1970 UTC, in order of arrival.
	Ledger(ctx context.Context, tenant string, from, to int64) ([]LedgerEntry, error)
	// States gives the states that were saved under key and still fit the rows, by tenant: a request
	// that arrived later but started before a state's end makes it stale.
	States(ctx context.Context, key []byte) (map[string]State, error)
	// History looks up a tenant's recordings. It is for one goroutine.
	History(ctx context.Context, tenant string) History
	// Close ends the snapshot.
	Close() error
}

// History answers whether a tenant's recordings were asked for before.
type History interface {
	// Find gives the tenant's calls with that ItemHash that started at or before the given time
	// (microseconds since 1970 UTC), in order, as Scan would.
	Find(item uint64, until int64) ([]Call, error)
}

// Pacer hands out the right to start a request of a tenant's class to all processes that share a
// log.
type Pacer interface {
	// TakeSlot takes the slot of a tenant's class. Only one process has it at a time. Where it is not
	// free, ok is false, and wait is the longest until it will be; it may become free sooner, so ask
	// again before. A slot that is never settled, because its process died, expires after lease.
	TakeSlot(ctx context.Context, tenant, class string,
		lease time.Duration) (s Slot, wait time.Duration, ok bool, err error)
	// SettleSlot says when the next request of the slot's class may start. A slot that has expired and
	// was taken by another is not touched.
	SettleSlot(ctx context.Context, s Slot, next time.Time) error
}

// Slot is the right to start one request of a tenant's class. Nobody else gets one until it is
// settled or expires.
type Slot struct {
	Tenant, Class string
	// Until is when the slot expires, in microseconds since 1970 UTC; it identifies the slot.
	Until int64
}

// TenantNames are the tenants of a snapshot, by name.
func TenantNames(s Snapshot) []string {
	all := s.Tenants()
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names
}
