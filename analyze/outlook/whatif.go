package outlook

import (
	"fmt"
	"math"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
)

// WhatIf changes what a forecast assumes. The zero WhatIf changes nothing.
type WhatIf struct {
	// Agents is another number of licensed recorded agents, which changes a cap that is estimated from
	// it; 0 means no change. More agents record more, too: that is Growth.
	Agents int
	// Cap is another cap in bytes, as if told; 0 means no change.
	Cap int64
	// Growth is the change of all volume that is still to come: .2 is a fifth more. It is above −1.
	Growth float64
	// Backfills come on top of the usual volume.
	Backfills []Backfill
}

// Backfill is older volume that is pulled in one night.
type Backfill struct {
	Bytes float64
	// Date is the tenant's calendar day of the pull; the time of day is ignored.
	Date time.Time
}

// IsZero says that nothing is changed.
func (w WhatIf) IsZero() bool {
	return w.Agents == 0 && w.Cap == 0 && w.Growth == 0 && len(w.Backfills) == 0
}

func (w WhatIf) check(asOf time.Time, horizon int) error {
	switch {
	case w.Agents < 0:
		return fmt.Errorf("what if %d agents: there must be at least 1", w.Agents)
	case w.Cap < 0:
		return fmt.Errorf("what if the cap were %d bytes: it must be above 0", w.Cap)
	case !(w.Growth > -1 && w.Growth <= maxGrowth):
		return fmt.Errorf("what if growth were %v: it must be above −100%% and at most %d%%", w.Growth,
			maxGrowth*100)
	}
	// A day on each side, because the tenant's date may be another than the one in UTC.
	first, last := asOf.AddDate(0, 0, -2), asOf.AddDate(0, 0, horizon+1)
	for _, b := range w.Backfills {
		if b.Date.Before(first) || b.Date.After(last) {
			return fmt.Errorf(
				"what if a backfill came on %s: it must lie within the %d days of the forecast",
				b.Date.Format(time.DateOnly), horizon)
		}
		if !(b.Bytes >= 0 && b.Bytes <= mostBytes*1024) {
			return fmt.Errorf("what if a backfill of %v bytes came: that is no size", b.Bytes)
		}
	}
	return nil
}

// maxGrowth is the most that a volume may be said to grow by: a hundredfold.
const maxGrowth = 100

// night is how many nights after the next one the backfill comes: with the pull whose date is the
// backfill's.
func (b Backfill) night(h *habits) int {
	next := time.UnixMicro(h.pullAt(len(h.c.days))).In(h.c.tenant.Zone)
	y, m, d := next.Date()
	by, bm, bd := b.Date.Date()
	apart := time.Date(by, bm, bd, 0, 0, 0, 0, time.UTC).Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
	return int(math.Round(apart.Hours() / 24))
}

// limit is the cap under the changes, and a note where one of them cannot work.
func (w WhatIf) limit(c *collector) (egress.Cap, string) {
	known := c.cap()
	if w.Cap > 0 {
		return egress.Cap{Bytes: w.Cap, Low: w.Cap, High: w.Cap, Source: egress.CapTold}, ""
	}
	if w.Agents == 0 {
		return known, ""
	}
	if known.Source == egress.CapTold || known.High > 0 {
		return known, fmt.Sprintf(
			"The cap is %s, so %d agents do not change it here: give cap=… for what support would set.",
			known.Source, w.Agents)
	}
	// What was let through under the present number of agents says nothing of another.
	changed := egress.Cap{
		Bytes:  c.policy.Egress.Cap(w.Agents, c.tenant.Cap.BytesPerHour),
		Source: egress.CapAssumed,
	}
	if c.tenant.Cap.BytesPerHour > 0 {
		changed.Source = egress.CapMeasured
	}
	return changed, ""
}
