package analyze

import "time"

// clockHour is an hour of a zone's clocks, which is looked up once for all requests in it. The zero
// clockHour has none.
type clockHour struct {
	from, until int64     // microseconds since 1970 UTC
	local       time.Time // in the hour
}

// turn says whether a time is in another hour than the one before, which it then becomes.
func (h *clockHour) turn(at int64, zone *time.Location) bool {
	if at >= h.from && at < h.until {
		return false
	}
	h.local = time.UnixMicro(at).In(zone)
	into := time.Duration(h.local.Minute())*time.Minute +
		time.Duration(h.local.Second())*time.Second + time.Duration(h.local.Nanosecond())
	h.from = at - into.Microseconds()
	h.until = h.from + time.Hour.Microseconds()
	// Some zones move their clocks by half an hour, and long ago by odd minutes.
	start, end := h.local.ZoneBounds()
	if !start.IsZero() {
		h.from = max(h.from, start.UnixMicro())
	}
	if !end.IsZero() {
		h.until = min(h.until, end.UnixMicro())
	}
	return true
}
