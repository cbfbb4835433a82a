package egress

import "time"

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
}

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

// Resolve ranks what is known of the cap: told, else learned, else measured, else assumed.
//
// A refusal for egress bounds the cap from above by the rolling sum just before it, a request that
// was served bounds it from below. An estimate below a sum that was served is disproved, and that
// sum takes its place.
func (w *Window) Resolve(c CapFacts, estimate func(agents int, bytesPerHour float64) int64) Cap {
	low, high := w.Survived, max(w.Refused, 0)
	switch guess := estimate(c.Agents, c.BytesPerHour); {
	case c.ToldBytes() > 0:
		return Cap{Bytes: c.Told, Low: c.Told, High: c.Told, Source: CapTold}
	case high > 0:
		return Cap{Bytes: high, Low: low, High: high, Source: CapLearned}
	case guess > 0 && guess < low:
		return Cap{Bytes: low, Low: low, Source: CapLearned}
	case guess > 0 && c.BytesPerHour > 0:
		return Cap{Bytes: guess, Low: low, Source: CapMeasured}
	case guess > 0:
		return Cap{Bytes: guess, Low: low, Source: CapAssumed}
	}
	return Cap{Low: low, Source: CapUnknown}
}
