package store

import "time"

// ClockSlack is how far the time of a reset may be ahead of this machine's clock and still be taken
// as now (ours).
const ClockSlack = 5 * time.Minute

// The kinds of Event.
const (
	EventReset   = "reset"   // support reset a tenant's egress window
	EventDropped = "dropped" // requests could not be recorded
	EventPrune   = "prune"   // rows were removed from the file
	EventTold    = "told"    // an audit of what is new told of incidents; the note says which
	// Requests were held back to keep the least interval; the note says for how long.
	EventPaced = "paced"
)

// Event is something that happened to a tenant's limits or to the log itself. Events are only ever
// added.
type Event struct {
	ID   int64
	Kind string
	// At is, in microseconds since 1970 UTC: of a reset, when support did it; of a drop, when it was
	// noticed; of a prune, the time before which rows went.
	At int64
	// Tenant is "" where the event is not about one tenant.
	Tenant string
	// Count and Bytes are how many requests and response bytes were dropped or removed; 0 for a reset.
	Count, Bytes int64
	// Note is what the user wrote.
	Note string
	// RecordedAt is when the event was added, in microseconds since 1970 UTC; AddEvent fills it.
	RecordedAt int64
}
