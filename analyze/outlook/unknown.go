package outlook

import (
	"time"

	"github.com/6dcca832/headroom/analyze/forecast"
)

const (
	// mostUnknown is how many usual nights may be without data before they count as silence: a log
	// that is imported once a day is a night late, and one more when that fails.
	mostUnknown = 2
	// mostLate is how much later than usual a pull may come before it is missed, where its requests
	// would have been seen as they came. Our own guess.
	mostLate = 3 * time.Hour
)

// findUnknown counts the last nights whose data has not come: no request of the tenant is known, of
// any kind, since they were due. Such a night is not missed. Longer silence is one, and so is each
// night of a tenant whose requests are recorded as they end: nothing of it is still to be imported.
func (h *habits) findUnknown() {
	nights, usual := 0, 0
	for d := len(h.c.days) - 1; d >= 0 && h.c.days[d].requests == 0 && h.c.lastAt < h.pullAt(d); d-- {
		if h.c.live && h.c.asOf-h.pullAt(d) > mostLate.Microseconds() {
			break
		}
		if nights++; h.usual(d) && !h.closed(d) {
			usual++
		}
	}
	if usual > 0 && usual <= mostUnknown && nights <= forecast.MaxUnknown {
		h.unknown = nights
	}
}

// known is the number of days whose data has come.
func (h *habits) known() int { return len(h.c.days) - h.unknown }
