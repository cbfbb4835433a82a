package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// publishedRate is what the vendor's sample recording gives: 9,111 bytes in 3.606 seconds, in bytes
// a second.
const publishedRate = 2527.0

// Config describes one tenant. Only Name and Agents are required.
type Config struct {
	// Name is the hostname: the tenant answers at <Name>.xima.cloud.
	Name string
	// Agents is the number of licensed recorded agents. Their extensions are 1001, 1002, ….
	Agents int
	// Now tells the vendor's time for this tenant. By default, time.Now.
	Now func() time.Time
	// Location is where the agents work, from 9 to 17 o'clock. By default, UTC.
	Location *time.Location
	// BytesPerSecond is the size of a recorded second. By default, the vendor's sample recording's
	// 2,527.
	BytesPerSecond float64
	// MeanCall is the mean length of a recording. By default, 5 minutes.
	MeanCall time.Duration
	// Occupancy is the share of a shift that is recorded, in (0, 1). By default, 0.35.
	Occupancy float64
	// Weekend is the share of the agents who work on Saturdays and Sundays. By default, nobody.
	Weekend float64
	// CapBytes is the rolling egress cap. By default, it follows from Agents and BytesPerSecond (see
	// EgressCap).
	CapBytes int64
	// Seed varies what the tenant's agents do.
	Seed uint64
	// RetryAfter adds the header of that name to 429 answers.
	RetryAfter bool
	// CountRefused lets a 429 start a new interval, too.
	CountRefused bool
	// Reports are the ids of the historical reports. By default, "agent-summary", "call-detail" and
	// "queue-summary".
	Reports []string
	// SlowReports is the share of report parameters whose first request answers 202. By default, none.
	SlowReports float64
	// ReportBuild is how long a slow report answers 202 before it is cached. By default, once.
	ReportBuild time.Duration
	// Interval is the least time from one recording to the next. By default, the published 3 seconds.
	Interval time.Duration
	// Late is how long after its end a recording may take to appear in the list, and to be there at
	// all. By default, every recording is there at once.
	Late time.Duration
	// ListLimit is the most entries that a list has; what comes later is left out without a word. 0
	// means no limit.
	ListLimit int
	// Mislisted is the share of recordings whose listed size is not that of the audio.
	Mislisted float64
	// Storage answers a request for audio with a redirect to StorageHost, with a signed URL.
	Storage bool
	// Faults are tried in order; the first that fits a request decides its answer.
	Faults []Fault
}

// Fault makes the vendor fail on schedule.
type Fault struct {
	// Class is what fails; "" means every class.
	Class Class
	// From and Until bound the time of the requests that fail, Until excluded. Zero means unbounded.
	From, Until time.Time
	// Every makes only each n-th fitting request fail. 0 means all.
	Every int
	// Share makes only this share of the fitting requests fail, in an order that does not repeat. 0
	// means all.
	Share float64
	// Body makes the answer a 200 with this text, said to be of the type that audio has: an error that
	// looks like success. Status is not used.
	Body string
	// Pause is how long the body waits at every 64 KiB, of an otherwise normal answer.
	Pause time.Duration
	// Status is the answer, such as 500 or 503. 0 means that the connection breaks without an answer,
	// unless CutAfter is set.
	Status int
	// RetryAfter is sent with the answer, in whole seconds. 0 means no header.
	RetryAfter time.Duration
	// CutAfter breaks the connection after so many bytes of an otherwise normal body, and Status is
	// not used. 0 means no cut.
	CutAfter int64

	seen int
}

// fits says whether f decides the answer to a request of class c at time now, and counts it.
func (f *Fault) fits(c Class, now time.Time) bool {
	if f.Class != "" && f.Class != c || now.Before(f.From) ||
		!f.Until.IsZero() && !now.Before(f.Until) {
		return false
	}
	f.seen++
	if f.Share > 0 {
		const steps = 1 << 20
		return float64(
			hash(uint64(f.seen), "share", string(f.Class), fmt.Sprint(f.Status))%steps) < f.Share*steps
	}
	return f.Every < 2 || f.seen%f.Every == 0
}

// EgressCap is the vendor's rolling cap in bytes: double what agents recorded for full 8-hour
// shifts on 5 days make.
func EgressCap(agents int, bytesPerSecond float64) int64 {
	const shift = 8 * 60 * 60
	return int64(2 * 5 * shift * bytesPerSecond * float64(agents))
}

// filled returns c with its defaults, or an error that names the field that makes no sense.
func (c Config) filled() (Config, error) {
	if err := c.check(); err != nil {
		return c, fmt.Errorf("configure tenant %q: %w", c.Name, err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	c.BytesPerSecond = orDefault(c.BytesPerSecond, publishedRate)
	c.Interval = orDefault(c.Interval, minInterval)
	c.MeanCall = orDefault(c.MeanCall, 5*time.Minute)
	c.Occupancy = orDefault(c.Occupancy, 0.35)
	c.CapBytes = orDefault(c.CapBytes, EgressCap(c.Agents, c.BytesPerSecond))
	if c.Reports == nil {
		c.Reports = []string{"agent-summary", "call-detail", "queue-summary"}
	}
	c.Faults = slices.Clone(c.Faults)
	return c, nil
}

func (c Config) check() error {
	switch {
	case c.Name == "":
		return errors.New("no name")
	case c.Agents < 1:
		return errors.New("no agents")
	case c.Occupancy < 0 || c.Occupancy >= 1:
		return fmt.Errorf("occupancy %v is not in (0, 1)", c.Occupancy)
	case c.BytesPerSecond < 0 || c.MeanCall < 0 || c.CapBytes < 0 || c.Interval < 0 || c.Late < 0:
		return errors.New("a size or length is negative")
	}
	return nil
}

func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// hash mixes words into a number, the same in every run.
func hash(seed uint64, words ...string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, seed)
	for _, w := range words {
		fmt.Fprintf(h, "\x00%s", w)
	}
	return h.Sum64()
}
