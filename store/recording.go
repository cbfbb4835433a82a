package store

import "errors"

// Recording is one entry of a vendor's recording list: that a recording exists, how long and how
// large it is. It holds nothing of who spoke.
type Recording struct {
	Tenant string
	// Key is the vendor's, as Request.Key has it where the recording is downloaded.
	Key string
	// StartedAt is when the recording began, in microseconds since 1970 UTC.
	StartedAt int64
	// Duration is its length in microseconds, Bytes its size; 0 means unknown.
	Duration int64
	Bytes    int64
}

// ItemHash identifies the recording as Request.ItemHash does in the requests for it.
func (r *Recording) ItemHash() uint64 { return hashText(hashSeed, r.Key) }

// Check says what is missing in a recording that is to be stored, or out of range.
func (r *Recording) Check() error {
	switch {
	case r.Tenant == "" || r.Key == "":
		return errors.New("tenant and key are required")
	case r.StartedAt < 0 || r.Duration < 0 || r.Bytes < 0:
		return errors.New("a time before 1970, a negative length or a negative size is out of range")
	}
	return nil
}

// Recorded is what a tenant's listed recordings add up to.
type Recorded struct {
	// Recordings is how many there are.
	Recordings int64
	// Hours are their lengths, Bytes their sizes, of those of which both are known.
	Hours, Bytes float64
}
