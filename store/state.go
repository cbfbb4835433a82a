package store

import "math"

// State is what an analysis summed up of a tenant's requests up to a moment, so that the next run
// reads only what came after. It is a cache: it may be gone at any time.
type State struct {
	// Tenant's requests up to UptoAt (StartedAt, inclusive, microseconds since 1970 UTC) are in Data.
	Tenant string
	UptoAt int64
	Data   []byte
}

// TenantInfo is what the log holds of a tenant.
type TenantInfo struct {
	Name string
	// Requests is how many requests are stored; 0 for a tenant that only an event names.
	Requests int64
	// First and Last are the first and last StartedAt; 0 without requests.
	First, Last int64
}

// Range selects requests by StartedAt: From inclusive, To exclusive, in microseconds since 1970
// UTC. A To of 0 means no end, so the zero Range selects all.
type Range struct{ From, To int64 }

// End is To, or the end of time.
func (r Range) End() int64 {
	if r.To == 0 {
		return math.MaxInt64
	}
	return r.To
}
