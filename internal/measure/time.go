package measure

import "time"

// The layouts of all times that the program writes.
const (
	exactLayout   = "2006-01-02T15:04:05.000000Z"
	stampLayout   = "2006-01-02 15:04:05Z07:00"
	preciseLayout = "2006-01-02 15:04:05.000Z07:00"
	minuteLayout  = "2006-01-02 15:04 MST"
	nightLayout   = "2 Jan"
	weekdayLayout = "Mon 2006-01-02 15:04"
)

// Exact writes a time for programs: RFC 3339 in UTC with six digits.
func Exact(t time.Time) string { return t.UTC().Format(exactLayout) }

// ExactMicros is Exact of microseconds since 1970 UTC.
func ExactMicros(us int64) string { return Exact(time.UnixMicro(us)) }

// Stamp writes a time for people: "2026-11-01 02:00:07Z". A nil loc means UTC.
func Stamp(t time.Time, loc *time.Location) string { return in(t, loc).Format(stampLayout) }

// PreciseStamp is Stamp with milliseconds, for lists of requests.
func PreciseStamp(t time.Time, loc *time.Location) string {
	return in(t, loc).Format(preciseLayout)
}

// StampMicros is Stamp of microseconds since 1970 UTC; 0 means that there is none.
func StampMicros(us int64, loc *time.Location) string {
	if us == 0 {
		return None
	}
	return Stamp(time.UnixMicro(us), loc)
}

// Minute writes a time with the name of its zone: "2026-11-01 02:00 CET".
func Minute(t time.Time, loc *time.Location) string { return in(t, loc).Format(minuteLayout) }

// Weekday writes a time with its weekday, for lists whose heading names the zone.
func Weekday(t time.Time, loc *time.Location) string { return in(t, loc).Format(weekdayLayout) }

// Date writes a day: "2026-11-01".
func Date(t time.Time, loc *time.Location) string { return in(t, loc).Format(time.DateOnly) }

// DateMicros is Date of microseconds since 1970 UTC; 0 means that there is none.
func DateMicros(us int64, loc *time.Location) string {
	if us == 0 {
		return None
	}
	return Date(time.UnixMicro(us), loc)
}

// ShortDate writes a day of the year that is meant: "6 Nov".
func ShortDate(t time.Time, loc *time.Location) string { return in(t, loc).Format(nightLayout) }

// DateRange writes the days from first to last: "6 Nov", "6 to 12 Nov", "28 Oct to 3 Nov". A last
// before first counts as first.
func DateRange(first, last time.Time, loc *time.Location) string {
	first, last = in(first, loc), in(last, loc)
	from, to := ShortDate(first, loc), ShortDate(last, loc)
	switch {
	case !last.After(first) || first.Format(time.DateOnly) == last.Format(time.DateOnly):
		return from
	case first.Year() != last.Year():
		return from + first.Format(" 2006") + " to " + to + last.Format(" 2006")
	case first.Month() == last.Month():
		return first.Format("2") + " to " + to
	}
	return from + " to " + to
}

func in(t time.Time, loc *time.Location) time.Time {
	if loc == nil {
		return t.UTC()
	}
	return t.In(loc)
}
