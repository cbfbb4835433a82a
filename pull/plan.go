package pull

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
)

// The limits that may end a run, as a Plan names them.
const (
	BindsNothing  = ""
	BindsEgress   = "egress cap"
	BindsTransfer = "--max-transfer"
	BindsDuration = "--max-duration"
	BindsWindow   = "nightly window"
)

// maxPlanNights bounds how far ahead a backlog is planned.
const maxPlanNights = 3 * 365

// Plan is what a run can be expected to do, from the list and the rolling window alone.
type Plan struct {
	// Recordings and Bytes are what is to be fetched; UnknownSizes of them are taken as the mean of
	// the others.
	Recordings, UnknownSizes int
	Bytes                    int64
	// Fits of them can be fetched in this run, in the time Takes and with FitBytes. Takes includes the
	// lists, for which a run asks at the same interval; it is 0 where nothing fits.
	Fits     int
	FitBytes int64
	Takes    time.Duration
	// SumAfter is the rolling sum when they are fetched, Share its part of the cap; 0 without one.
	SumAfter int64
	Share    float64
	// Binds names the limit that ends the run first, "" where all of it fits.
	Binds string
	// RestFrom is when the next recording may be begun, where the cap binds; the zero time otherwise.
	RestFrom time.Time
	// DoneOn is the day of the night that fetches the last of the backlog under all limits, when every
	// night brings as much new as the nights of the window did. The zero time means that it never
	// ends.
	DoneOn time.Time
	// Nights is how many runs that takes, this one included.
	Nights int
}

// plan foresees a run over items that begins now.
func (r *runner) plan(items []recording, b *budget, now time.Time) Plan {
	p := Plan{Recordings: len(items)}
	sizes := r.sizes(items, &p)
	night := r.night(sizes, b, now)
	p.Fits, p.Takes = night.count, night.takes
	p.FitBytes, p.Binds, p.RestFrom = night.bytes, night.binds, night.restFrom
	p.SumAfter = b.at(now.Add(max(0, night.takes-r.listing)))
	if r.t.Cap > 0 {
		p.Share = float64(p.SumAfter) / float64(r.t.Cap)
	}
	p.Nights, p.DoneOn = 1, now
	if p.Fits < p.Recordings {
		r.planBacklog(sizes[p.Fits:], b, now, &p)
	}
	return p
}

// sizes are the items' sizes, the unknown ones filled with the mean of the known.
func (r *runner) sizes(items []recording, p *Plan) []int64 {
	var known, sum int64
	for _, it := range items {
		if it.Size > 0 {
			known, sum = known+1, sum+it.Size
		}
	}
	mean := int64(0)
	if known > 0 {
		mean = sum / known
	}
	sizes := make([]int64, len(items))
	for i, it := range items {
		if sizes[i] = it.Size; it.Size <= 0 {
			sizes[i] = mean
			p.UnknownSizes++
		}
		p.Bytes += sizes[i]
	}
	return sizes
}

// night is what one run can fetch.
type night struct {
	count    int
	bytes    int64
	takes    time.Duration
	binds    string
	restFrom time.Time
}

// night spends a run's recordings in b, one every interval, until a limit binds. The lists come
// first and count for how long the run has been going, but start is when its downloads begin.
func (r *runner) night(sizes []int64, b *budget, start time.Time) night {
	var n night
	interval := r.interval()
	for _, size := range sizes {
		now := start.Add(time.Duration(n.count) * interval)
		if n.binds = r.bound(r.listing+now.Sub(start), now, n.bytes, size, b); n.binds != BindsNothing {
			if n.binds == BindsEgress {
				n.restFrom, _ = b.roomAt(now, size, r.o.Cutoff)
			}
			return n
		}
		b.spend(now, size)
		n.count, n.bytes = n.count+1, n.bytes+size
		n.takes = r.listing + now.Sub(start) + interval
	}
	return n
}

// bound names the limit that keeps a recording from being begun, "" where none does.
func (r *runner) bound(elapsed time.Duration, now time.Time, bytes, size int64, b *budget) string {
	transfer := bytes + size
	if r.o.Cutoff == Soft {
		transfer = bytes + 1
	}
	switch {
	case r.o.MaxTransfer > 0 && transfer > r.o.MaxTransfer:
		return BindsTransfer
	case r.o.MaxDuration > 0 && elapsed >= r.o.MaxDuration:
		return BindsDuration
	case !r.t.Until.IsZero() && !now.Before(r.t.Until.Add(elapsedNights(r.started, now))):
		return BindsWindow
	case !b.fits(now, size, r.o.Cutoff):
		return BindsEgress
	}
	return BindsNothing
}

// elapsedNights are the whole days from the run's start to a planned moment: the window of a later
// night ends as much later.
func elapsedNights(started, now time.Time) time.Duration {
	return now.Sub(started).Truncate(24 * time.Hour)
}

// planBacklog goes on night by night. What is new each night is fetched first, and what of it does
// not fit waits with the rest. The same nights come again with each egress window, so a backlog
// that is no smaller after four more of them never ends.
func (r *runner) planBacklog(rest []int64, b *budget, now time.Time, p *Plan) {
	const day = 24 * time.Hour
	period := 4 * max(1, int((r.o.Policy.Egress.Window+day-1)/day))
	before := math.MaxInt
	for p.Nights < maxPlanNights {
		p.Nights++
		now = now.Add(day)
		rest = slices.Concat(r.fresh, rest)
		rest = rest[r.night(rest, b, now).count:]
		if len(rest) == 0 {
			p.DoneOn = now
			return
		}
		if p.Nights%period == 0 {
			if len(rest) >= before {
				break
			}
			before = len(rest)
		}
	}
	p.Nights, p.DoneOn = 0, time.Time{}
}

// interval is the least time from one recording's start to the next.
func (r *runner) interval() time.Duration { return r.o.Policy.Frequency.MinInterval }

// String is the plan in one sentence, such as "1,812 recordings, 3.1 GB, 1 h 31 min, fits".
func (p Plan) String() string {
	if p.Recordings == 0 {
		return "nothing to fetch"
	}
	s := fmt.Sprintf("%s, %s, %s", measure.Count(int64(p.Recordings), "recording"),
		measure.Bytes(p.Bytes), measure.Duration(p.Takes.Microseconds()))
	switch {
	case p.Fits == p.Recordings:
		return s + ", fits"
	case p.Binds == BindsEgress && !p.RestFrom.IsZero():
		return fmt.Sprintf("%s; %d of them fit (%s binds), the rest from %s",
			s, p.Fits, p.Binds, p.RestFrom.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return fmt.Sprintf("%s; %d of them fit (%s binds), the rest in later runs", s, p.Fits, p.Binds)
}
