package outlook

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/internal/measure"
)

const (
	// sameDays are the same weekdays before that say whether a night is usual, and habitual how many
	// of them had a pull for it to be missed.
	sameDays, habitual = 6, 3
	// lateDays is how much later than usual a recording must come to be a backfill.
	lateDays = 2
	// habitBytes and habitNights are the shares of bytes and of nights from which coming late is no
	// fault but the way that this tenant pulls.
	habitBytes, habitNights = .05, .5
	// runningShare is the share of a night's bytes from which downloads repeated, or backfilled, in
	// two nights running look like something that goes on.
	runningShare = .1
	// runningReach are the days back to which those two nights may lie, missed ones between them.
	runningReach = 5
	// After one night, what made up more than onceShare of it counts with the chance onceMore of going
	// on for onceMoreNights: headroom's own guess. It is above the tenth from which egress-near warns,
	// so that a bug which would reach the cap in its third night is told after the first. Smaller
	// faults take longer to get there: the second night tells.
	onceShare      = .5
	onceMore       = 1. / 7
	onceMoreNights = 3
)

// profile is the share of a day's bytes that has been pulled when each slot begins, 1 at the end.
type profile [slots + 1]float64

// habits are when a tenant pulls what, and which days were not like that.
type habits struct {
	c *collector
	// share is the mean of nights.
	share profile
	// nights are the same of each of the last days that had any.
	nights []profile
	// middle is when in the day the pull has its middle, microseconds.
	middle int64
	// lag is how long after its start a recording is usually pulled, microseconds.
	lag int64
	// unknown is the number of last nights whose data has not come.
	unknown int
	missed  []bool
	// extra are the labelled bytes of each day: repeated, caught up, filled back, and missed.
	again, caught, back, lost []float64
}

func (c *collector) habits() *habits {
	n := len(c.days)
	h := &habits{
		c:      c,
		missed: make([]bool, n),
		again:  make([]float64, n),
		caught: make([]float64, n),
		back:   make([]float64, n),
		lost:   make([]float64, n),
	}
	h.shares()
	h.usualLag()
	h.findUnknown()
	h.findMissed()
	h.label()
	h.estimateLost()
	return h
}

// shares averages when in the day bytes come, each day counting the same. Without any they come
// evenly.
func (h *habits) shares() {
	var at [slots]float64
	var days float64
	for _, day := range h.c.slots {
		var total float64
		for _, bytes := range day {
			total += bytes
		}
		if total == 0 {
			continue
		}
		days++
		var night profile
		for j, bytes := range day {
			at[j] += bytes / total
			night[j+1] = math.Min(1, night[j]+bytes/total)
		}
		night[slots] = 1
		h.nights = append(h.nights, night)
	}
	var east, north float64
	for j := range at {
		if days == 0 {
			at[j] = 1. / slots
		} else {
			at[j] /= days
		}
		h.share[j+1] = math.Min(1, h.share[j]+at[j])
		sin, cos := math.Sincos(2 * math.Pi * (float64(j) + .5) / slots)
		east, north = east+at[j]*sin, north+at[j]*cos
	}
	h.share[slots] = 1
	h.middle = middle(east, north)
}

// middle is the mean on the circle of a day's hours: a pull around midnight has no mean at noon.
func middle(east, north float64) int64 {
	if math.Hypot(east, north) < .01 {
		return dayMicros / 2
	}
	turn := math.Atan2(east, north) / (2 * math.Pi)
	return int64((turn - math.Floor(turn)) * dayMicros)
}

// pulled is the share of a day's bytes that has come so many microseconds after the day's
// beginning.
func (p *profile) pulled(phase int64) float64 {
	switch {
	case phase <= 0:
		return 0
	case phase >= dayMicros:
		return 1
	}
	j, part := phase/slotMicros, float64(phase%slotMicros)/slotMicros
	return p[j] + part*(p[j+1]-p[j])
}

// pullAt is the middle of a day's pull, the last day being len(days) − 1.
func (h *habits) pullAt(day int) int64 {
	return h.c.asOf + int64(day-len(h.c.days))*dayMicros + h.middle
}

// usualLag is the median over the nights of their median lags, which no single backfill moves.
// Where the keys tell no time, calls are taken to be half a day older than their pull.
func (h *habits) usualLag() {
	var lags []int64
	for d := range h.c.days {
		if hour, ok := medianHour(h.c.days[d].items); ok {
			lags = append(lags, max(0, h.pullAt(d)-hour*hourMicros-hourMicros/2))
		}
	}
	if len(lags) == 0 {
		h.lag = dayMicros / 2
		return
	}
	slices.Sort(lags)
	h.lag = lags[len(lags)/2]
}

// medianHour is the hour by which half of the bytes were recorded.
func medianHour(items []recorded) (int64, bool) {
	var total, sum float64
	for _, it := range items {
		total += it.bytes
	}
	for _, it := range items {
		if sum += it.bytes; 2*sum >= total {
			return it.hour, true
		}
	}
	return 0, false
}

// date is the tenant's calendar day whose calls a day's pull brings. Days are counted from the last
// one, so that a clock change moves none of them.
func (h *habits) date(day int) time.Time {
	last := len(h.c.days) - 1
	at := time.UnixMicro(h.pullAt(last) - h.lag).In(h.c.tenant.Zone)
	return time.Date(at.Year(), at.Month(), at.Day()+day-last, 0, 0, 0, 0, time.UTC)
}

func (h *habits) closed(day int) bool {
	if h.c.tenant.Closed == nil {
		return false
	}
	y, m, d := h.date(day).Date()
	return h.c.tenant.Closed(time.Date(y, m, d, 12, 0, 0, 0, h.c.tenant.Zone))
}

// findMissed marks the days without a request on which there usually are some, and those on which
// the vendor refused for egress.
func (h *habits) findMissed() {
	for d := range h.known() {
		day := &h.c.days[d]
		h.missed[d] = day.refused || day.requests == 0 && h.usual(d) && !h.closed(d)
	}
}

// usual says whether there was a pull on at least half of the last same weekdays.
func (h *habits) usual(d int) bool {
	n := 0
	for i := 1; i <= sameDays && d-7*i >= 0; i++ {
		if h.c.days[d-7*i].requests > 0 {
			n++
		}
	}
	return n >= habitual
}

// due is the day with whose pull a recording would have come in the usual way.
func (h *habits) due(hour int64) int {
	at := hour*hourMicros + hourMicros/2 + h.lag
	days := math.Round(float64(at-h.pullAt(0)) / dayMicros)
	return int(math.Max(math.MinInt32, math.Min(days, math.MaxInt32)))
}

// label tells for each day what of it was downloaded again, caught up or filled back.
func (h *habits) label() {
	var all, late float64
	var nights, lateNights int
	for d := range h.c.days {
		h.again[d] = h.c.days[d].again
		for _, it := range h.c.days[d].items {
			all += it.bytes
			h.labelItems(d, it)
		}
		late += h.back[d]
		if len(h.c.days[d].items) > 0 {
			nights++
		}
		if h.back[d] > 0 {
			lateNights++
		}
	}
	if late > habitBytes*all && float64(lateNights) > habitNights*float64(nights) {
		clear(h.back)
	}
}

func (h *habits) labelItems(d int, it recorded) {
	due := h.due(it.hour)
	switch {
	case due >= d:
	case due >= 0 && h.missed[due]:
		h.caught[d] += it.bytes
		h.lost[due] += it.bytes
	case h.pullAt(d)-it.hour*hourMicros > h.lag+lateDays*dayMicros:
		h.back[d] += it.bytes
	}
}

// estimateLost says of missed days that nothing was caught up of yet how much they would have had,
// and of other days what is overdue since them: a night that is still incomplete is no quiet one.
func (h *habits) estimateLost() {
	late, _ := h.late()
	for d, bytes := range late {
		if !h.missed[d] {
			h.lost[d] += bytes
		}
	}
	for d, missed := range h.missed {
		if missed && h.lost[d] == 0 {
			h.lost[d] = math.Max(0, h.usualBytes(d)-h.own(d))
		}
	}
}

// own are a day's bytes without labelled ones.
func (h *habits) own(d int) float64 {
	return math.Max(0, h.c.days[d].bytes-h.again[d]-h.caught[d]-h.back[d])
}

// usualBytes is the median of the last same weekdays that were not missed.
func (h *habits) usualBytes(d int) float64 {
	var past []float64
	for i := d - 7; i >= 0 && len(past) < sameDays; i -= 7 {
		if !h.missed[i] {
			past = append(past, h.own(i))
		}
	}
	if len(past) == 0 {
		return 0
	}
	slices.Sort(past)
	return (past[(len(past)-1)/2] + past[len(past)/2]) / 2
}

// series is what the forecast learns from, with closure days so many days ahead.
func (h *habits) series(ahead int) forecast.Series {
	n := h.known()
	s := forecast.Series{
		Start:    h.date(0),
		Bytes:    make([]float64, n),
		Closures: map[int]string{},
		Labelled: true,
	}
	for d := range n {
		s.Bytes[d] = h.c.days[d].bytes
		for _, f := range []forecast.Fault{
			{Day: d, Kind: forecast.Redownload, Bytes: h.again[d]},
			{Day: d, Kind: forecast.CatchUp, Bytes: h.caught[d]},
			{Day: d, Kind: forecast.Backfill, Bytes: h.back[d]},
			{Day: d, Kind: forecast.MissedNight, Bytes: h.lost[d]},
		} {
			if f.Bytes > 0 {
				s.Faults = append(s.Faults, f)
			}
		}
	}
	if _, note := h.late(); len(h.c.listed) > 0 && note == "" || h.c.tenant.Pending > 0 {
		s.Backlog = make([]float64, n) // what is to come is known, and counted by outlook.extra
	}
	for d := range n + ahead + forecast.MaxUnknown {
		if h.closed(d) {
			s.Closures[d] = "closed"
		}
	}
	return s
}

// runaway is what a fault brings each night, and how likely it goes on: downloads repeated by a
// bug, or a backfill under way. The zero runaway is none.
type runaway struct{ bytes, chance float64 }

// running is sure to go on when both of the last two nights had much of it, and may when the last
// one had little else.
func (h *habits) running() runaway {
	last, before := h.lastPulls() // a fault ends by a clean night only, not by one that was missed
	if before < 0 {
		return runaway{}
	}
	more := func(d int) float64 { return h.again[d] + h.back[d] }
	much := func(d int, share float64) bool { return more(d) > share*h.c.days[d].bytes }
	switch {
	case much(last, runningShare) && much(before, runningShare):
		return runaway{(more(last) + more(before)) / 2, 1}
	case much(last, onceShare):
		return runaway{more(last), onceMore}
	}
	return runaway{}
}

// lastPulls are the last two days that had a pull, within runningReach; −1 where there are none.
func (h *habits) lastPulls() (last, before int) {
	last, before = -1, -1
	for d := h.known() - 1; d >= max(0, h.known()-runningReach); d-- {
		switch {
		case h.c.days[d].requests == 0:
		case last < 0:
			last = d
		default:
			return last, d
		}
	}
	return last, before
}

// notes are sentences on what the forecast takes into account.
func (h *habits) notes() []string {
	var notes []string
	say := func(format string, bytes float64) {
		if bytes > 0 {
			notes = append(notes, fmt.Sprintf(format, measure.Bytes(whole(bytes))))
		}
	}
	switch r := h.running(); r.chance {
	case 1:
		say(
			"The last two nights pulled %s a night again or late, beside the usual volume: taken to go on until that ends.",
			r.bytes)
	case onceMore:
		say(
			"The last night pulled %s again or late, beside the usual volume: the chance counts as one in seven that the next three nights do so too.",
			r.bytes)
	}
	overdue, note := h.overdue()
	say("%s are listed and overdue: taken to come with the next pull.", overdue)
	if note != "" {
		notes = append(notes, note)
	}
	return notes
}
