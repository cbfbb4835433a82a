package analyze

import (
	"cmp"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// partialContent is the status of an answer with a part of what there is (RFC 9110).
const partialContent = 206

// maxAhead bounds how many recordings are remembered whose key tells a time that is still to come.
const maxAhead = 4096

// downloaded says whether a complete download of the same recording came before, and remembers this
// one. A part (206) completes a download that broke off and is never one too many: the whole that
// comes after it is.
func (a *Auditor) downloaded(r *store.Call) (bool, error) {
	a.Keyless = a.Keyless || r.ItemHash == 0
	if r.ItemAt > r.StartedAt { // a clock is wrong: begunSince must not go by this key
		if a.Ahead[r.ItemHash] = true; len(a.Ahead) > maxAhead {
			a.Uncertain = true
			clear(a.Ahead)
		}
	}
	if !a.scratch.seen.Add(egress.Item(r)) {
		return r.Status != partialContent, nil
	}
	if r.Status == partialContent {
		return false, nil
	}
	if a.Resumed == 0 || a.history == nil || a.begunSince(r) {
		return false, nil
	}
	return a.inHistory(r.ItemHash)
}

// inHistory looks for a complete download before the state that was continued.
func (a *Auditor) inHistory(item uint64) (bool, error) {
	earlier, err := a.history.Find(item, a.Resumed)
	for i := range earlier {
		e := &earlier[i]
		if a.table.route(e.Route).base(&a.table, e.Status, e.CutShort).Complete {
			return true, err
		}
	}
	return false, err
}

// begunSince says that the recording began after all that the saved state has seen, so nobody can
// have downloaded it by then. It spares looking through the history for nearly everything that a
// nightly pull brings. An hour is left for clocks that differ, and a key whose digits are no time
// of the past, now or when it was seen before, is looked up.
func (a *Auditor) begunSince(r *store.Call) bool {
	return a.policy.Listing.KeyTime == limits.KeyTimeUnixMS &&
		r.ItemAt > a.Resumed+time.Hour.Microseconds() && r.ItemAt <= r.StartedAt &&
		!a.Uncertain && !a.Ahead[r.ItemHash]
}

// What the vendor's own recording list says, for the rule listed-not-downloaded.

const (
	// settledDays is the age in days from which a listed recording should have been downloaded,
	// listedDays the days before that are looked at, and completeShare the share of those that must
	// have been downloaded for the others to be missing: else a selection is pulled on purpose.
	settledDays, listedDays = 5, 28
	completeShare           = 0.9
)

// listing is what is known of the listed recordings of the last days.
type listing struct {
	Days    []listedDay        // in order
	Missing map[uint64]missing // not downloaded, by ItemHash
}

type listedDay struct {
	Day int64 // since 1970
	N   int64
}

type missing struct{ At, Bytes int64 }

// list takes the listed recordings that began in the listedReach before as-of, in order. It comes
// after all requests. Its error is one of History's.
func (a *Auditor) list(all []store.Recording) error {
	now := listing{Missing: map[uint64]missing{}}
	for len(all) > 0 {
		day := all[0].StartedAt / dayMicros
		n := slices.IndexFunc(all, func(r store.Recording) bool { return r.StartedAt/dayMicros != day })
		if n < 0 {
			n = len(all)
		}
		before := slices.IndexFunc(a.Listed.Days, func(d listedDay) bool { return d.Day == day })
		known := before >= 0 && a.Listed.Days[before].N == int64(n)
		now.Days = append(now.Days, listedDay{day, int64(n)})
		for i := range all[:n] {
			got, err := a.got(&all[i], known)
			if err != nil {
				return err
			}
			if !got {
				now.Missing[all[i].ItemHash()] = missing{all[i].StartedAt, all[i].Bytes}
			}
		}
		all = all[n:]
	}
	a.Listed = now
	return nil
}

// got says whether a listed recording was downloaded; known that the last state has judged it.
func (a *Auditor) got(r *store.Recording, known bool) (bool, error) {
	item := r.ItemHash()
	if a.scratch.seen.Has(item) {
		return true, nil
	}
	if a.Resumed == 0 || a.history == nil {
		return false, nil
	}
	if known {
		_, missing := a.Listed.Missing[item]
		return !missing, nil
	}
	return a.inHistory(item)
}

// listedReach is how far back recordings are listed for a moment.
const listedReach = (settledDays + listedDays) * dayMicros

// missing are the recordings that should have been downloaded by now, in order; none where only a
// selection is pulled. What is accounted for (see egress.Accounted) is left out on both sides.
func (l *listing) missing(asOf int64, accounted map[uint64]bool) (all []rules.Missing) {
	from, to := asOf-listedReach, asOf-settledDays*dayMicros
	inDay := func(day int64) bool { return day*dayMicros >= from && day*dayMicros < to }
	var listed int64
	for _, d := range l.Days {
		if inDay(d.Day) {
			listed += d.N
		}
	}
	for item, m := range l.Missing {
		if accounted[item] {
			if inDay(m.At / dayMicros) {
				listed--
			}
			continue
		}
		if m.At >= from && m.At < to {
			all = append(all, rules.Missing{ListedAt: m.At, Bytes: m.Bytes, Item: item})
		}
	}
	if float64(len(all)) > (1-completeShare)*float64(listed) {
		return nil
	}
	slices.SortFunc(all, func(a, b rules.Missing) int {
		return cmp.Or(cmp.Compare(a.ListedAt, b.ListedAt), cmp.Compare(a.Item, b.Item))
	})
	return all
}
