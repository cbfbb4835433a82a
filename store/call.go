package store

import "time"

// Call is one HTTP attempt as an analysis reads it: what Snapshot.Scan and History.Find give. Every
// field is always filled; what only Request has, a Scan does not read.
//
// Times are integer microseconds since 1970-01-01 UTC, durations microseconds, sizes bytes on the
// wire.
type Call struct {
	// ID is the row's number in order of arrival, from 1.
	ID int64
	// StartedAt is when the attempt began. All rules and all sums go by it.
	StartedAt int64
	// Duration is from StartedAt to the last byte read (or the abort), FirstByte to the first byte of
	// the answer. 0 means unknown.
	Duration  int64
	FirstByte int64
	// RequestBytes and ResponseBytes are body bytes on the wire, as sent and as read. 0 means none, or
	// unknown in a log.
	RequestBytes  int64
	ResponseBytes int64
	// Status is the answer's status code; 0 means that no answer came.
	Status int
	// CutShort says that the answer's body ended before its end.
	CutShort bool
	// RetryAfter is the answer's Retry-After in seconds, a date already turned into the time left. 0
	// means none.
	RetryAfter int64
	// Error is the class of what went wrong (see Request.Error), "" for nothing.
	Error string
	// Route is never nil.
	Route *Route
	// Client is the program or host that sent the request; "" means unknown.
	Client string
	// Source is never nil.
	Source *Source
	// ItemAt, ItemHash and ParamsHash are the request's, as Identify derives them.
	ItemAt     int64
	ItemHash   uint64
	ParamsHash uint64
}

// Start is StartedAt as a time in UTC.
func (c *Call) Start() time.Time { return time.UnixMicro(c.StartedAt).UTC() }

// Call is the request as a Scan would give it.
func (r *Request) Call() Call {
	if r.ParamsHash == 0 {
		r.Identify()
	}
	return Call{
		ID: r.ID, StartedAt: r.StartedAt, Duration: r.Duration, FirstByte: r.FirstByte,
		RequestBytes: r.RequestBytes, ResponseBytes: r.ResponseBytes, Status: r.Status,
		CutShort: r.CutShort, RetryAfter: r.RetryAfter, Error: r.Error, Route: r.Route,
		Client: r.Client, Source: r.Source, ItemAt: r.ItemAt, ItemHash: r.ItemHash,
		ParamsHash: r.ParamsHash,
	}
}
