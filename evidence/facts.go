package evidence

import (
	"strconv"
	"time"
)

// vendorIDs is how many of the vendor's request ids a check names.
const vendorIDs = 10

// Facts are what a reader should know of a bundle's leaves before he relies on them.
type Facts struct {
	Requests, Live, Opaque int64
	Dropped, Pruned        int64
	// Settings is how many leaves name policy and settings. Where none does, only the bundle's
	// signature says which were in force.
	Settings int64
	// Started and Stopped are how often a program began and ended to record. Started is larger while
	// one runs, and where one was killed.
	Started, Stopped int64
	// LongestDelay is from the end of a request that was recorded live to its seal.
	LongestDelay time.Duration
	// VendorIDs are the vendor's own ids of some requests, refused ones first.
	VendorIDs []string
}

// Facts counts what the leaves say.
func (c *Content) Facts() Facts {
	var f Facts
	var served []string
	ended := int64(-1) // the earliest end of a request since the last seal
	for i := range c.Leaves {
		leaf := &c.Leaves[i]
		switch leaf.Kind {
		case KindRequest:
			r := leaf.Request
			f.Requests++
			if r.Method == "CONNECT" {
				f.Opaque++
			}
			if live(r.SourceKind) {
				f.Live++
				if end := r.StartedAt + r.DurationUS; ended < 0 || end < ended {
					ended = end
				}
			}
			if r.VendorID != "" && len(served) < vendorIDs && !refused(r.Status) {
				served = append(served, r.VendorID)
			}
			if r.VendorID != "" && len(f.VendorIDs) < vendorIDs && refused(r.Status) {
				f.VendorIDs = append(f.VendorIDs, r.VendorID)
			}
		case KindSeal:
			if ended >= 0 {
				f.LongestDelay = max(f.LongestDelay, time.Duration(leaf.Time-ended)*time.Microsecond)
			}
			ended = -1
		case KindEvent:
			if leaf.Event.Kind == "dropped" {
				f.Dropped += leaf.Event.Count
			}
		case KindPrune:
			n, _ := strconv.ParseInt(leaf.Fields[2], 10, 64) // the log's own writing
			f.Pruned += n
		case KindSettings:
			f.Settings++
		case KindCapture:
			switch leaf.Fields[1] {
			case "started":
				f.Started++
			case "stopped":
				f.Stopped++
			}
		}
	}
	f.VendorIDs = append(f.VendorIDs, served...)[:min(vendorIDs, len(f.VendorIDs)+len(served))]
	return f
}

// refused says whether a status is one with which a vendor refuses.
func refused(status int64) bool {
	switch status {
	case 401, 403, 429, 509: // the last is in no RFC: the sender has used up its bandwidth
		return true
	}
	return false
}
