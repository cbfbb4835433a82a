package analyze

import (
	"math/rand/v2"
	"testing"
)

func TestSetRemembersEachHash(t *testing.T) {
	for _, room := range []int{0, 1, 1000, 20_000} {
		r := rand.New(rand.NewPCG(9, uint64(room)))
		var s set
		if room > 0 {
			s.reserve(room)
		}
		want := map[uint64]bool{}
		for range 10_000 {
			h := r.Uint64N(8000)
			if r.IntN(2) == 0 {
				h = h << 48 // only high bits differ: all meet in one place of the table
			}
			if added := s.add(h); added == want[h] {
				t.Fatalf("room %d: add(%d) is %t, but it was there: %t", room, h, added, want[h])
			}
			want[h] = true
		}
	}
}

func TestSetReserveEmpties(t *testing.T) {
	var s set
	for h := range uint64(100) {
		s.add(h)
	}
	s.reserve(10)
	for h := range uint64(100) {
		if !s.add(h) {
			t.Fatalf("%d was there in an emptied set", h)
		}
		if s.add(h) {
			t.Fatalf("%d was not there after it had been added", h)
		}
	}
}

// A tenant of millions leaves nothing behind that each small one after it would have to clear; what is worth keeping is kept.
func TestSetForgetsItsSize(t *testing.T) {
	var s set
	s.reserve(1_000_000)
	s.add(1)
	s.reserve(10)
	if len(s.slots) > keptSlots || s.has(1) {
		t.Errorf("%d slots are left, or what was in them", len(s.slots))
	}
	s.reserve(keptSlots / 2)
	kept := &s.slots[0]
	s.reserve(10)
	if &s.slots[0] != kept {
		t.Error("a set of usual size is made anew")
	}
}
