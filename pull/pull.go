package pull

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

const (
	// MinLookback is the least trailing window: recordings may appear two days late.
	MinLookback = 48 * time.Hour
	// DefaultReserve is the share of the cap that a pull leaves free.
	DefaultReserve = 0.05
	// RefusedWait is how long a refusal for egress holds: the audit calls requests within it
	// pointless.
	RefusedWait = rules.After509Wait
	// DefaultParallel is how many tenants are pulled at the same time.
	DefaultParallel = 16
)

// API is what a pull asks of the vendor for one tenant; *api.Client is one.
type API interface {
	EachRecording(ctx context.Context, from, to time.Time, f func(api.Recording) error) error
	Audio(ctx context.Context, key string, offset int64) (*api.Audio, error)
}

// Log is where a pull looks up what was done, and writes down what it did.
type Log interface {
	// Recordings are those that lists named so far and that began in [from, to), microseconds since
	// 1970 UTC; AddRecordings adds more.
	Recordings(ctx context.Context, tenant string, from, to int64) ([]store.Recording, error)
	AddRecordings(ctx context.Context, recordings []store.Recording) (added int64, err error)
	// Ledger gives the entries of recordings that began in [from, to), in order of arrival; AddLedger
	// adds more, all of them or none.
	Ledger(ctx context.Context, tenant string, from, to int64) ([]store.LedgerEntry, error)
	AddLedger(ctx context.Context, entries []store.LedgerEntry) error
	// Downloaded are the items (see store.Recording.ItemHash) that requests of any program downloaded
	// whole since a time, microseconds since 1970 UTC.
	Downloaded(ctx context.Context, tenant string, since int64) (map[uint64]bool, error)
}

// Tenant is one organisation to pull, and what is known of its limits.
type Tenant struct {
	Name string
	API  API
	// Cap is the rolling egress cap in bytes; 0 means unknown, and then nothing holds bytes back.
	Cap int64
	// CapKnown says in a few words how the cap is known and what ends it, "" where there is nothing to
	// say.
	CapKnown string
	// Spent are the bytes that count against the cap now, in order of time.
	Spent []Spend
	// Refused is when the vendor last refused for egress, by a status of the policy's role, with no
	// reset since: for RefusedWait nothing is asked for. The zero time means never.
	Refused time.Time
	// NotBefore is when the first request may be sent: until then the vendor's last answers, to this
	// program or another, ask to wait. The zero time means now.
	NotBefore time.Time
	// Until is when the tenant's nightly window ends; the zero time means no end.
	Until time.Time
}

// Spend is what one answer cost, in bytes, at its request's start.
type Spend struct {
	At    time.Time
	Bytes int64
}

// Order says which recordings are fetched first.
type Order string

// The orders. Whatever the order, those of the last night come before the backlog.
const (
	Oldest   Order = "oldest"
	Newest   Order = "newest"
	Smallest Order = "smallest"
)

// Cutoff says what happens to a recording that would pass a limit, in the words of rclone.
type Cutoff string

// The cutoff modes. None of them cuts a recording that was begun.
const (
	Cautious Cutoff = "cautious" // do not begin what would pass the limit
	Soft     Cutoff = "soft"     // begin while the limit is not reached
)

// Options say how to pull. Policy, Log and To must be set.
type Options struct {
	Policy *limits.Policy
	Log    Log
	To     Destination
	// Lookback is the trailing window that is listed. By default, and where it is longer, the policy's
	// egress window; never less than MinLookback.
	Lookback time.Duration
	// From and Before are the starts of recordings to fetch, Before excluded, instead of the trailing
	// window: a backfill. Zero times mean none.
	From, Before time.Time
	// MaxTransfer is the most bytes that a tenant's run downloads, MaxDuration how long it may begin
	// new recordings. 0 means no such limit.
	MaxTransfer int64
	MaxDuration time.Duration
	// Cutoff is Cautious by default, Order Oldest.
	Cutoff Cutoff
	Order  Order
	// Reserve is the share of the cap that is left free. 0 means DefaultReserve, a negative value
	// none.
	Reserve float64
	// Personal writes personal members of the list into the file beside each recording, too.
	Personal bool
	// Exclude are keys that the user does not want; they are written into the ledger as excluded.
	Exclude map[string]bool
	// SkipDownloaded counts recordings as excluded that the log shows as downloaded whole by another
	// program: else the first run fetches a whole window again that a script has fetched already.
	SkipDownloaded bool
	// Parallel is how many tenants are pulled at the same time. 0 means DefaultParallel.
	Parallel int
	// DryRun lists and plans, and fetches nothing.
	DryRun bool
	// Flush, where set, has the requests so far written to the log. It is called after a refusal for
	// egress, before anything else is done: a run that follows must know of it, also when this one is
	// killed.
	Flush func(context.Context) error
	// Progress, where set, is called whenever something was done, from several goroutines.
	Progress func(Progress)
	// Now and Sleep are the clock. By default, the machine's.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Progress is how far a tenant's run has come.
type Progress struct {
	Tenant string
	// Listed and Days are UTC days whose list came, and is asked for; 0 once recordings are fetched.
	Listed, Days int
	// Done and Total are recordings, Bytes and TotalBytes their sizes as far as they are known.
	Done, Total       int
	Bytes, TotalBytes int64
}

// Missing is a recording that is listed and neither stored nor excused.
type Missing struct {
	Key   string
	Start time.Time
	// Size is the listed size in bytes, 0 where the list does not say.
	Size int64
	// Why says in a few words why it is missing.
	Why string
}

// Result is what a run did for one tenant.
type Result struct {
	Tenant string
	// From and Before bound the starts of the recordings that were accounted for.
	From, Before time.Time
	// Listed = Already + Stored + Excused + len(Missing): every listed recording is in one of them.
	// Already were stored before this run, Excused are gone at the vendor or excluded by the user.
	Listed, Already, Stored, Excused int
	Missing                          []Missing
	// Findings are recordings that were stored although something about them is odd.
	Findings []Missing
	// Bytes were stored, Wasted downloaded in vain.
	Bytes, Wasted int64
	// Elsewhere names the host that bodies came from after a redirect, "" for the vendor's own.
	Elsewhere string
	// Plan is what was foreseen before the first download.
	Plan Plan
	// Stopped says why downloads ended early, "" where nothing ended them.
	Stopped string
	// Err is what made the tenant's run fail: its list, the disk, the token.
	Err            error
	Started, Ended time.Time
}

// Complete says that every listed recording is accounted for.
func (r *Result) Complete() bool { return r.Err == nil && len(r.Missing) == 0 }

// Window is what a run that begins now accounts for: recordings that began in [from, before). The
// policy must be set. More is listed, days around it; what a log keeps of that as listed would be
// missing for ever.
func (o *Options) Window(now time.Time) (from, before time.Time) {
	if !o.From.IsZero() {
		return o.From, o.Before
	}
	before = now.Truncate(time.Microsecond) // as the log counts
	return before.Add(-cmp.Or(o.Lookback, max(o.Policy.Egress.Window, MinLookback))), before
}

// checked fills in the defaults and refuses options that make no sense.
func (o Options) checked() (Options, error) {
	switch {
	case o.Policy == nil || o.Log == nil || o.To == nil:
		return o, errors.New("pull: Policy, Log and To must be set")
	case o.From.IsZero() != o.Before.IsZero() || !o.From.IsZero() && !o.From.Before(o.Before):
		return o, errors.New("pull: a backfill needs a start and a later end")
	case o.Reserve >= 1:
		return o, fmt.Errorf("pull: a reserve of %g leaves nothing of the cap", o.Reserve)
	case o.Lookback != 0 && o.Lookback < MinLookback:
		return o, fmt.Errorf("pull: a lookback of %s is too short: recordings appear up to %s late",
			o.Lookback, MinLookback)
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	o.Reserve = max(o.Reserve, 0)
	if o.Cutoff == "" {
		o.Cutoff = Cautious
	}
	if o.Order == "" {
		o.Order = Oldest
	}
	if o.Parallel <= 0 {
		o.Parallel = DefaultParallel
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Flush == nil {
		o.Flush = func(context.Context) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o, nil
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
