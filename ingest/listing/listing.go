// Package listing reads a vendor's recording list: one JSON array with an object for each
// recording. The policy's Listing says which four members of an object are read. All others, who
// spoke to whom above all, are passed over and not kept.
package listing

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// What is believed of one recording or request. Larger numbers are faults, and sums of many could
// leave an int64.
const (
	MaxBytes  = int64(1) << 40 // 1 TB
	MaxMillis = 1e12           // a duration in milliseconds: 31 years
)

// LatestStart is the latest start, in microseconds since 1970 UTC, that a wrong clock explains. The
// audit leaves out what lies in the future.
func LatestStart(now time.Time) int64 { return now.AddDate(1, 0, 0).UnixMicro() }

// Reader reads the entries of recording lists one by one, in constant memory.
type Reader struct {
	json    jsonscan.Stream
	in      *bufio.Reader
	found   bool // the object that is being read holds a list
	policy  *limits.Policy
	members map[string]*jsonscan.Token
	key     jsonscan.Token
	start   jsonscan.Token
	length  jsonscan.Token
	size    jsonscan.Token
	latest  int64 // see LatestStart
}

// NewReader makes a Reader of a list in the form that the policy's Listing describes. An entry that
// starts after LatestStart(now) is not taken.
func NewReader(p *limits.Policy, r *bufio.Reader, now time.Time) *Reader {
	l := &Reader{json: jsonscan.NewStream(r), in: r, policy: p, latest: LatestStart(now)}
	l.members = map[string]*jsonscan.Token{
		p.Listing.Key: &l.key, p.Listing.Start: &l.start, p.Listing.Duration: &l.length,
		p.Listing.Size: &l.size,
	}
	return l
}

// More says whether anything but white space follows the lists that were read.
func (l *Reader) More() (bool, error) { return l.json.More() }

// Each reads one list, or an object that holds lists at some depth, and calls f with each entry: a
// recording without its tenant, or why it cannot be taken. Reasons name members, never values. The
// errors are those of f and of the input, and jsonscan.ErrJSON.
func (l *Reader) Each(f func(r store.Recording, reason string) error) error {
	if c, err := l.json.Peek(); err != nil || c != '{' {
		return l.list(f)
	}
	l.found = false
	if err := l.within(f, maxNesting); err != nil || l.found {
		return err
	}
	return fmt.Errorf("%w: the objects of no array in it have a member %s", ErrNoList,
		l.policy.Listing.Key)
}

// ErrNoList says that an object holds no list of recordings.
var ErrNoList = errors.New("no recording list")

const (
	// maxNesting is how deep in an object a list is looked for.
	maxNesting = 4
	// firstEntry is how much of a list's first entry, in bytes, is looked at for the key of a
	// recording.
	firstEntry = 4000
)

// within reads the lists that the object which begins here holds.
func (l *Reader) within(f func(r store.Recording, reason string) error, depth int) error {
	return l.json.Object(func(string) error {
		c, err := l.json.Peek()
		switch {
		case err != nil:
			return err
		case c == '{' && depth > 0:
			return l.within(f, depth-1)
		case c == '[' && l.isList():
			l.found = true
			return l.list(f)
		}
		return l.json.Skip()
	})
}

// isList says whether the array that begins here is a list of recordings: its first object has
// their key.
func (l *Reader) isList() bool {
	head, _ := l.in.Peek(firstEntry) // fewer at the end of the input
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("[")), " \t\r\n")
	return bytes.HasPrefix(text, []byte("{")) &&
		bytes.Contains(text, []byte(`"`+l.policy.Listing.Key+`"`))
}

func (l *Reader) list(f func(r store.Recording, reason string) error) error {
	return l.json.List('[', ']', func() error {
		r, reason, err := l.entry()
		if err != nil {
			return err
		}
		return f(r, reason)
	})
}

func (l *Reader) entry() (r store.Recording, reason string, err error) {
	if ok, err := l.json.Begins('{'); !ok {
		return r, "entry is not an object", err
	}
	l.key, l.start = jsonscan.Token{}, jsonscan.Token{}
	l.length, l.size = jsonscan.Token{}, jsonscan.Token{}
	err = l.json.Object(func(name string) error {
		to := l.members[name]
		if to == nil {
			return l.json.Skip()
		}
		var err error
		*to, err = l.json.Scalar(jsonscan.MaxName)
		return err
	})
	if err != nil {
		return r, "", err
	}
	r, reason = l.recording()
	return r, reason, nil
}

// recording makes a recording of the members that were read, or says why they are none.
func (l *Reader) recording() (r store.Recording, reason string) {
	rule := l.policy.Listing
	if l.key.Kind != jsonscan.String || !l.policy.MayKeep(rule.KeptAs, l.key.Text) {
		return r, fmt.Sprintf("%s is missing, or has not the form of %s", rule.Key, rule.KeptAs)
	}
	start := l.start.Count(math.MaxInt64/1000) * 1000
	switch {
	case start < 0:
		return r, rule.Start + " is not a number of milliseconds since 1970"
	case start > l.latest:
		return r, rule.Start + " is more than a year in the future"
	}
	r = store.Recording{
		Key: l.key.Text, StartedAt: start,
		Duration: max(l.length.Count(MaxMillis), 0) * 1000, Bytes: max(l.size.Count(MaxBytes), 0),
	}
	for _, m := range []struct {
		name string
		is   jsonscan.Token
		most int64
	}{{rule.Duration, l.length, MaxMillis}, {rule.Size, l.size, MaxBytes}} {
		if m.is.Kind != jsonscan.Absent && m.is.Count(m.most) < 0 {
			return r, m.name + " is not a sensible number"
		}
	}
	return r, ""
}
