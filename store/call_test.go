package store

import "testing"

// Two recordings in requests made by hand are two recordings.
func TestCallIdentifies(t *testing.T) {
	one, other := numbered(1), numbered(2)
	one.Key, other.Key = "recording-1", "recording-2"
	if a, b := one.Call(), other.Call(); a.ItemHash == 0 || a.ItemHash == b.ItemHash || a.ParamsHash == b.ParamsHash {
		t.Errorf("calls of two recordings are %+v and %+v", a, b)
	}
}
