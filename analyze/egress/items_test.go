package egress

import (
	"math/rand/v2"
	"testing"
)

func TestSetRemembersEachHash(t *testing.T) {
	for _, room := range []int{0, 1, 1000, 20_000} {
		r := rand.New(rand.NewPCG(9, uint64(room)))
		var s Items
		if room > 0 {
			s.Reserve(room)
		}
		want := map[uint64]bool{}
		for range 10_000 {
			h := r.Uint64N(8000)
			if r.IntN(2) == 0 {
				h = h << 48 // only high bits differ: all meet in one place of the table
			}
			if added := s.Add(h); added == want[h] {
				t.Fatalf("room %d: add(%d) is %t, but it was there: %t", room, h, added, want[h])
			}
			want[h] = true
		}
	}
}

func TestSetReserveEmpties(t *testing.T) {
	var s Items
	for h := range uint64(100) {
		s.Add(h)
	}
	s.Reserve(10)
	for h := range uint64(100) {
		if !s.Add(h) {
			t.Fatalf("%d was there in an emptied set", h)
		}
		if s.Add(h) {
			t.Fatalf("%d was not there after it had been added", h)
		}
	}
}

// A tenant of millions leaves nothing behind that each small one after it would have to clear; what is worth keeping is kept.
func TestSetForgetsItsSize(t *testing.T) {
	var s Items
	s.Reserve(1_000_000)
	s.Add(1)
	s.Reserve(10)
	if len(s.slots) > keptSlots || s.Has(1) {
		t.Errorf("%d slots are left, or what was in them", len(s.slots))
	}
	s.Reserve(keptSlots / 2)
	kept := &s.slots[0]
	s.Reserve(10)
	if &s.slots[0] != kept {
		t.Error("a set of usual size is made anew")
	}
}
