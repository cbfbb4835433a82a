package analyze

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// downloads judges what was downloaded twice, broken off, or not fetched for too long.
type downloads struct {
	Again      hits
	AgainBytes int64
	Cut        hits
	CutBytes   int64
	LastAt     int64 // start of the last request of the egress class
	LastID     int64
	Stale      hits
	Keyless    bool // a complete download had no recording key that was kept
}

func (a *Auditor) download(r *store.Request, t *tally) error {
	d := &a.Load
	if d.LastAt != 0 {
		a.idle(&d.Stale, r.StartedAt)
	}
	d.LastAt, d.LastID = r.StartedAt, r.ID
	if r.CutShort {
		d.CutBytes += r.ResponseBytes
		a.hit(&d.Cut, RuleCutShort, r, func() string { return fmt.Sprintf("ended after %d bytes", r.ResponseBytes) })
		return nil
	}
	if t.Role != limits.RoleOK || !t.Expected {
		return nil
	}
	d.Keyless = d.Keyless || r.ItemHash == 0
	known, err := a.downloaded(r)
	if known {
		d.AgainBytes += r.ResponseBytes
		a.hit(&d.Again, RuleDuplicateDownload, r, func() string {
			return fmt.Sprintf("this recording was downloaded completely before; %d bytes again", r.ResponseBytes)
		})
	}
	return err
}

// item identifies what a request downloads: the key, or where the policy keeps none the parameters.
func item(r *store.Request) uint64 {
	if r.ItemHash != 0 {
		return r.ItemHash
	}
	return r.ParamsHash
}

// downloaded says whether a complete download of the same recording came before, and remembers this one.
func (a *Auditor) downloaded(r *store.Request) (bool, error) {
	if !a.scratch.seen.add(item(r)) {
		return true, nil
	}
	if a.Resumed == 0 || a.history == nil || a.begunSince(r) {
		return false, nil
	}
	earlier, err := a.history.Find(r.ItemHash, a.Resumed)
	for i := range earlier {
		e := &earlier[i]
		st, expected := a.policy.Status(e.Status, e.Route.Method)
		if a.route(e.Route).egress && !e.CutShort && expected && st.Role == limits.RoleOK {
			return true, err
		}
	}
	return false, err
}

// begunSince says that the recording began after all that the saved state has seen, so nobody can have downloaded it by
// then. It spares looking through the history for nearly everything that a nightly pull brings. An hour is left for
// clocks that differ, and a key whose digits are no time of the past is looked up.
func (a *Auditor) begunSince(r *store.Request) bool {
	return r.ItemAt > a.Resumed+micros(time.Hour) && r.ItemAt <= r.StartedAt
}

// idle counts a stretch without downloads that ends at to, if it is longer than the vendor recommends.
func (a *Auditor) idle(h *hits, to int64) {
	d := &a.Load
	most, gap := micros(a.policy.Frequency.PullEvery), to-d.LastAt
	if most <= 0 || gap <= most {
		return
	}
	h.note(d.LastAt, d.LastID)
	if a.explain != nil {
		a.explain(Hit{RuleStalePull, d.LastID, d.LastAt, "the next one came only " + days(gap) + " later"})
	}
}

// days writes microseconds as days.
func days(us int64) string { return fmt.Sprintf("%.1f days", float64(us)/86400e6) }

// set is a set of hashes, which are spread already: open addressing without hashing again, for some 10 ns a request.
type set struct {
	slots []uint64 // 0 is free
	n     int
	zero  bool // whether the hash 0 is in the set

	warmed uint64 // of no meaning; without it warm would be compiled away
}

// keptSlots bounds what an emptied set keeps for whoever comes next, 512 kB: to clear what a tenant of millions has left
// would take longer than to judge a small one.
const keptSlots = 1 << 16

// reserve makes room for n hashes, and empties the set.
func (s *set) reserve(n int) {
	size := 64
	for 2*size < 3*n {
		size *= 2
	}
	if len(s.slots) < size || len(s.slots) > max(size, keptSlots) {
		s.slots = make([]uint64, size)
	} else {
		clear(s.slots)
	}
	s.n, s.zero = 0, false
}

// warm reads the slots that a batch will need: all at once they come from memory in a fifth of the time that they take
// one by one, each waited for between the judging of two requests.
func (s *set) warm(batch []store.Request) {
	if len(s.slots) == 0 {
		return
	}
	mask := uint64(len(s.slots) - 1)
	for i := range batch {
		s.warmed ^= s.slots[item(&batch[i])&mask]
	}
}

// add puts h in and says whether it was not there.
func (s *set) add(h uint64) bool {
	if h == 0 {
		was := s.zero
		s.zero = true
		return !was
	}
	if s.n*3 >= len(s.slots)*2 {
		s.grow()
	}
	if !s.put(h) {
		return false
	}
	s.n++
	return true
}

// has says whether h is in the set.
func (s *set) has(h uint64) bool {
	if h == 0 {
		return s.zero
	}
	if len(s.slots) == 0 {
		return false
	}
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; s.slots[i] != 0; i = (i + 1) & mask {
		if s.slots[i] == h {
			return true
		}
	}
	return false
}

func (s *set) put(h uint64) bool {
	mask := uint64(len(s.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case h:
			return false
		case 0:
			s.slots[i] = h
			return true
		}
	}
}

func (s *set) grow() {
	old := s.slots
	s.slots = make([]uint64, max(2*len(old), 64))
	for _, h := range old {
		if h != 0 {
			s.put(h)
		}
	}
}
