package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// A vendor's recording list is one JSON array with an object for each recording. The policy's Listing says which four of
// its members are read; all others, who spoke to whom above all, are passed over without being kept.

// RecordingSink is a Sink that takes recording lists too, as *store.Import does.
type RecordingSink interface {
	Sink
	// AddRecordings takes a batch. The slice is reused after the call returns.
	AddRecordings(ctx context.Context, batch []store.Recording) error
}

// listing reads the entries of a recording list one by one, in constant memory.
type listing struct {
	json    jsonStream
	policy  *limits.Policy
	members map[string]*token
	key     token
	start   token
	length  token
	size    token
	latest  int64 // the latest acceptable start, microseconds since 1970 UTC
}

func newListing(p *limits.Policy, in jsonStream, now time.Time) *listing {
	l := &listing{json: in, policy: p, latest: latestStart(now)}
	l.members = map[string]*token{
		p.Listing.Key: &l.key, p.Listing.Start: &l.start, p.Listing.Duration: &l.length, p.Listing.Size: &l.size,
	}
	return l
}

// each calls f with each entry: a recording without its tenant, or why it cannot be taken.
func (l *listing) each(f func(r store.Recording, reason string) error) error {
	return l.json.list('[', ']', func() error {
		r, reason, err := l.entry()
		if err != nil {
			return err
		}
		return f(r, reason)
	})
}

func (l *listing) entry() (r store.Recording, reason string, err error) {
	if c, err := l.json.peek(); err != nil || c != '{' {
		return r, "entry is not an object", errors.Join(err, l.json.skip())
	}
	l.key, l.start, l.length, l.size = token{}, token{}, token{}, token{}
	err = l.json.object(func(name string) error {
		to := l.members[name]
		if to == nil {
			return l.json.skip()
		}
		var err error
		*to, err = l.json.scalar(maxName)
		return err
	})
	if err != nil {
		return r, "", err
	}
	r, reason = l.recording()
	return r, reason, nil
}

// recording makes a recording of the members that were read, or says why they are none. Reasons name members, never
// values.
func (l *listing) recording() (r store.Recording, reason string) {
	rule := l.policy.Listing
	if l.key.kind != kindString || !l.policy.MayKeep(rule.KeptAs, l.key.text) {
		return r, fmt.Sprintf("%s is missing, or has not the form of %s", rule.Key, rule.KeptAs)
	}
	start := l.start.count(math.MaxInt64/1000) * 1000
	switch {
	case start < 0:
		return r, rule.Start + " is not a number of milliseconds since 1970"
	case start > l.latest:
		return r, rule.Start + " is more than a year in the future"
	}
	r = store.Recording{Key: l.key.text, StartedAt: start, Duration: max(l.length.count(maxDuration), 0) * 1000, Bytes: max(l.size.size(), 0)}
	for _, m := range []struct {
		name string
		is   token
		most int64
	}{{rule.Duration, l.length, maxDuration}, {rule.Size, l.size, maxSize}} {
		if m.is.kind != kindAbsent && m.is.count(m.most) < 0 {
			return r, m.name + " is not a sensible number"
		}
	}
	return r, ""
}

// parseListing reads a recording list, or several that follow one another, as the answers of several calls do. Where the
// document breaks off, what came before counts.
func parseListing(in *input, f *feeder) error {
	tenant := f.asm.tenantOf(&draft{}, "")
	if tenant.reason != "" {
		return fmt.Errorf("%w: a recording list does not name its tenant; use --tenant", ErrFormat)
	}
	var entries int64
	l := newListing(f.asm.policy, jsonStream{in.Reader}, f.asm.now)
	more, err := l.json.more()
	for more && err == nil {
		err = l.each(func(r store.Recording, reason string) error {
			entries++
			if reason != "" {
				return f.reject(entries, reason)
			}
			r.Tenant = tenant.text
			return f.list(r)
		})
		if err == nil {
			more, err = l.json.more()
		}
	}
	return f.brokenOff(err, entries > 0, entries+1, "recording list")
}
