package egress

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
)

// CapSource says how the cap is known, best first.
type CapSource string

// The sources of a cap.
const (
	CapTold CapSource = "told" // by the vendor's support
	// From the rolling sum at a refusal, or from sums that were let through.
	CapLearned CapSource = "learned"
	// From the number of agents and the tenant's own bytes per recorded hour.
	CapMeasured CapSource = "measured"
	// From the number of agents and the policy's bytes per recorded hour.
	CapAssumed CapSource = "assumed"
	CapUnknown CapSource = "unknown"
)

// Cap is a rolling egress cap in bytes. Bytes 0 means unknown, Low and High 0 that there is no such
// bound.
type Cap struct {
	Bytes, Low, High int64
	Source           CapSource
	// Refusal is what the cap is learned from, or, for RefusalCounts after its end, was. It is zero
	// for a cap that was told.
	Refusal Refusal
}

// RefusalCounts is how long a cap that was learned from a refusal holds: four weeks, as far back as
// the recording lists go that a cap is measured from. Caps grow with the agents, and a tenant that
// never passes the sum cannot find out.
const RefusalCounts = 28 * 24 * time.Hour

// Refusal is a refusal for egress. Times are microseconds since 1970 UTC.
type Refusal struct {
	Bytes    int64 // the smallest rolling sum just before one
	At, Ends int64 // when the last one was, and until when it counts
	// Short is set where the log begins less than a window before it, by the window's length: the sum
	// may lack bytes, and the refusal counts for a window only.
	Short time.Duration
}

// Known says how a cap is known that was learned from a refusal, "" for any other.
func (c Cap) Known() string {
	if c.High == 0 || c.Refusal == (Refusal{}) {
		return ""
	}
	return fmt.Sprintf("learned from the refusal at %s and kept to until %s, unless the config tells a "+
		"cap", stamp(c.Refusal.At), stamp(c.Refusal.Ends))
}

// Ended says of a cap that was learned from a refusal why it holds no longer, and what does; "" for
// any other.
func (c Cap) Ended() string {
	if c.High > 0 || c.Refusal == (Refusal{}) {
		return ""
	}
	why := fmt.Sprintf("a refusal counts for %s", measure.Span(RefusalCounts))
	if c.Refusal.Short > 0 {
		why = fmt.Sprintf("the log begins less than %s before the refusal and lacks bytes of the sum",
			measure.Span(c.Refusal.Short))
	}
	instead := "no other cap is known until the vendor refuses again"
	if c.Bytes > 0 {
		instead = fmt.Sprintf("%s (%s) holds", measure.Bytes(c.Bytes), c.Source)
	}
	return fmt.Sprintf("the cap of %s, learned from the refusal at %s, ended at %s, since %s; %s",
		measure.Bytes(c.Refusal.Bytes), stamp(c.Refusal.At), stamp(c.Refusal.Ends), why, instead)
}

// Note is a sentence on a cap that is, or was, learned from a refusal; "" for any other.
func (c Cap) Note() string {
	if known := c.Known(); known != "" {
		return fmt.Sprintf("The cap of %s is %s.", measure.Bytes(c.Bytes), known)
	}
	if ended := c.Ended(); ended != "" {
		return "T" + ended[1:] + "."
	}
	return ""
}

func stamp(at int64) string { return measure.Stamp(time.UnixMicro(at), time.UTC) }

// CapFacts is what is known of a tenant's cap from outside the requests. Zero values mean not
// known.
type CapFacts struct {
	Told   int64     // bytes, by support
	ToldOn time.Time // the day on which it did, and
	ToldBy string    // who did
	Agents int       // licensed recorded agents
	// BytesPerHour is the size of an hour of recorded audio, the tenant's own; where 0,
	// Tenant.Measure takes it from the store's recording list.
	BytesPerHour float64
}

// ToldBytes is what support told; 0 where it told nothing.
func (c CapFacts) ToldBytes() int64 { return max(c.Told, 0) }

// Resolve ranks what is known of the cap at a moment, microseconds since 1970 UTC: told, else
// learned, else measured, else assumed.
//
// A refusal for egress bounds the cap from above by the rolling sum just before it, a request that
// was served bounds it from below. An estimate below a sum that was served is disproved, and that
// sum takes its place. A refusal ends, see RefusalCounts; from then on the cap is what it would be
// without it.
func (w *Window) Resolve(
	c CapFacts, estimate func(agents int, bytesPerHour float64) int64, asOf int64,
) Cap {
	if c.ToldBytes() > 0 {
		return Cap{Bytes: c.Told, Low: c.Told, High: c.Told, Source: CapTold}
	}
	low, refusal := w.Survived, w.refusal(asOf)
	if refusal.Bytes > 0 && asOf < refusal.Ends {
		return Cap{
			Bytes: refusal.Bytes, Low: low, High: refusal.Bytes, Source: CapLearned, Refusal: refusal,
		}
	}
	limit := Cap{Low: low, Source: CapUnknown, Refusal: refusal}
	switch guess := estimate(c.Agents, c.BytesPerHour); {
	case guess > 0 && guess < low:
		limit.Bytes, limit.Source = low, CapLearned
	case guess > 0 && c.BytesPerHour > 0:
		limit.Bytes, limit.Source = guess, CapMeasured
	case guess > 0:
		limit.Bytes, limit.Source = guess, CapAssumed
	}
	return limit
}

// refusal is the one that is worth a word at a moment; the zero value without one.
func (w *Window) refusal(asOf int64) Refusal {
	ends := w.refusalEnds()
	if !w.HasRefused || w.Refused <= 0 || asOf >= ends+RefusalCounts.Microseconds() {
		return Refusal{}
	}
	r := Refusal{Bytes: w.Refused, At: w.RefusedAt, Ends: ends}
	if w.short() {
		r.Short = time.Duration(w.length) * time.Microsecond
	}
	return r
}

// refusalEnds is until when the last refusal counts.
func (w *Window) refusalEnds() int64 {
	if w.short() {
		return w.RefusedAt + w.length
	}
	return w.RefusedAt + RefusalCounts.Microseconds()
}

// short says that the log does not reach back a window before the last refusal.
func (w *Window) short() bool { return w.First > w.RefusedAt-w.length }
