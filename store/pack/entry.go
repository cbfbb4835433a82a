package pack

import (
	"cmp"
	"slices"

	"github.com/6dcca832/headroom/store"
)

// Entry is a request as the packed columns hold it. Times are microseconds since 1970 UTC,
// durations microseconds, sizes bytes.
type Entry struct {
	At, ID, Bytes int64
	// Item is the request's ItemHash, Params its ParamsHash.
	Item, Params uint64
	// Duration, FirstByte, RequestBytes and RetryAfter are the request's.
	Duration, FirstByte, RequestBytes, RetryAfter int64
	// ItemAt is the request's.
	ItemAt int64
	Kind   Kind
}

// Kind is what many requests of a chunk have in common.
type Kind struct {
	// Route, Source and Client are row numbers; a Client of 0 is not known.
	Route, Source, Client uint32
	Status                int16
	flags                 uint16
}

const (
	flagCutShort = 1 << iota
	hasItem
	hasParams
	hasRetryAfter
	hasItemAt
	hasDuration
	hasFirstByte
	hasRequestBytes
	errorShift = 8 // the flags above these bits are an index into errorClasses
)

// errorClasses are the values of Request.Error. A file of a newer program may hold others, which
// read as the last.
var errorClasses = []string{
	"", "dns", "connect", "tls", "timeout", "cancelled", "reset", "other",
}

// CutShort says that the answer's body ended before its end.
func (k Kind) CutShort() bool { return k.flags&flagCutShort != 0 }

// Error is the class of what went wrong, "" for nothing.
func (k Kind) Error() string {
	return errorClasses[min(int(k.flags>>errorShift), len(errorClasses)-1)]
}

// NewEntry packs a request whose names have the given row numbers. It identifies the request where
// that was not done (see store.Request.Identify).
func NewEntry(r *store.Request, route, source, client int64) Entry {
	if r.ParamsHash == 0 {
		r.Identify()
	}
	e := Entry{
		At: r.StartedAt, ID: r.ID, Bytes: r.ResponseBytes, Item: r.ItemHash, Params: r.ParamsHash,
		Kind: Kind{
			Route: uint32(route), Source: uint32(source), Client: uint32(client),
			Status: int16(r.Status),
		},
	}
	e.Duration, e.FirstByte, e.RequestBytes = r.Duration, r.FirstByte, r.RequestBytes
	e.RetryAfter, e.ItemAt = r.RetryAfter, r.ItemAt
	flags := &e.Kind.flags
	set := func(has bool, flag uint16) {
		if has {
			*flags |= flag
		}
	}
	set(r.CutShort, flagCutShort)
	set(r.ItemHash != 0, hasItem)
	set(r.ItemAt != 0, hasItemAt)
	set(r.Params != "" || r.Query != "", hasParams)
	set(r.RetryAfter != 0, hasRetryAfter)
	set(r.Duration != 0, hasDuration)
	set(r.FirstByte != 0, hasFirstByte)
	set(r.RequestBytes != 0, hasRequestBytes)
	class := slices.Index(errorClasses, r.Error)
	if class < 0 {
		class = len(errorClasses) - 1
	}
	*flags |= uint16(class) << errorShift
	return e
}

// Compare orders entries by (At, ID).
func Compare(a, b Entry) int {
	if c := cmp.Compare(a.At, b.At); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}
