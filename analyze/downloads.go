package analyze

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
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

func (a *Auditor) download(r *store.Call, t *tally) error {
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

// downloaded says whether a complete download of the same recording came before, and remembers this one.
func (a *Auditor) downloaded(r *store.Call) (bool, error) {
	if !a.scratch.seen.Add(egress.Item(r)) {
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
func (a *Auditor) begunSince(r *store.Call) bool {
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
