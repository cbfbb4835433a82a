package outlook

import (
	"context"
	"fmt"
	"math"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/store"
)

// What the vendor's own recording list adds to the requests: the size of a recorded hour, and what
// was due but has not been downloaded.

const (
	// listedDays are the last days whose listed recordings may be overdue: four weeks hold every
	// weekday four times, and a backlog older than that is a backfill that somebody has to plan.
	listedDays = 28
	// settledDays is the age in days from which a recording that nobody downloaded was left out on
	// purpose, and completeShare the share of those that must have been downloaded for the others to
	// count as overdue: else a selection is pulled, and nobody knows which recordings are to come.
	settledDays, completeShare = 5, .9
)

// listed are the listed recordings of one hour that were not downloaded, or were.
type listed struct {
	hour                int64 // since 1970 UTC
	missing             int64 // recordings
	missingBytes, found float64
}

// list notes which of the recordings listed since the first request were downloaded. It comes after
// all requests.
func (c *collector) list(ctx context.Context, snap store.Snapshot) error {
	from := c.asOf - min(listedDays, int64(len(c.days)))*dayMicros
	recordings, err := snap.Recordings(ctx, c.tenant.Name, from, c.asOf+1)
	if err != nil {
		return err
	}
	var accounted map[uint64]bool // by the ledger, which is read once something is missing
	for i := range recordings {
		r := &recordings[i]
		got := c.seen.Has(r.ItemHash())
		if !got && accounted == nil {
			accounted, err = egress.Accounted(ctx, snap, c.tenant.Name, r.StartedAt, c.asOf+1, c.asOf)
			if err != nil {
				return err
			}
		}
		if !got && accounted[r.ItemHash()] {
			continue // gone or excluded: it never comes
		}
		hour := r.StartedAt / hourMicros
		if n := len(c.listed); n == 0 || c.listed[n-1].hour != hour {
			c.listed = append(c.listed, listed{hour: hour})
		}
		l := &c.listed[len(c.listed)-1]
		if got {
			l.found++
			continue
		}
		l.missing++
		l.missingBytes += float64(min(r.Bytes, mostBytes))
	}
	return nil
}

// overdue is how many bytes of listed recordings should have come with an earlier pull and did not,
// and a note where that cannot be told. What the caller knows of comes on top.
func (h *habits) overdue() (bytes float64, note string) {
	late, note := h.late()
	for _, b := range late {
		bytes += b
	}
	return bytes + math.Max(0, float64(h.c.tenant.Pending)), note
}

// late are the bytes of overdue recordings by the day with whose pull they were due; nil, and a
// note, where that cannot be told. Those due before the first day count as the first's.
func (h *habits) late() ([]float64, string) {
	n := len(h.c.days)
	late := make([]float64, n)
	var settled, left float64
	for _, l := range h.c.listed {
		switch due := h.due(l.hour); {
		case due < n-settledDays:
			settled += l.found + float64(l.missing)
			left += float64(l.missing)
		case due < h.known():
			late[max(due, 0)] += l.missingBytes
		}
	}
	if left > (1-completeShare)*settled {
		return nil, fmt.Sprintf(
			"%s of %s recordings listed in the last %d days were not downloaded within %d days: which of the others are still to come is not known, so none counts as overdue.",
			measure.Grouped(whole(left)), measure.Grouped(whole(settled)), listedDays, settledDays)
	}
	return late, ""
}
