package logs

import (
	"context"
	"errors"
	"fmt"

	"github.com/6dcca832/headroom/ingest/listing"
	"github.com/6dcca832/headroom/store"
)

// RecordingSink is a Sink that takes recording lists too, as the store's Import does.
type RecordingSink interface {
	Sink
	// AddRecordings takes a batch. The slice is reused after the call returns.
	AddRecordings(ctx context.Context, batch []store.Recording) error
}

// parseListing reads a recording list, or several that follow one another, as the answers of
// several calls do. Where the document breaks off, what came before counts.
func parseListing(in *input, f *feeder) error {
	tenant := f.asm.tenantOf(&draft{}, "")
	if tenant.Reason != "" {
		return fmt.Errorf("%w: a recording list does not name its tenant; use --tenant", ErrFormat)
	}
	var entries int64
	l := listing.NewReader(f.asm.policy, in.Reader, f.asm.now)
	more, err := l.More()
	for more && err == nil {
		err = l.Each(func(r store.Recording, reason string) error {
			entries++
			if reason != "" {
				return f.reject(entries, reason)
			}
			r.Tenant = tenant.Text
			return f.list(r)
		})
		if err == nil {
			more, err = l.More()
		}
	}
	if errors.Is(err, listing.ErrNoList) && entries == 0 {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return f.brokenOff(err, entries > 0, entries+1, "recording list")
}
