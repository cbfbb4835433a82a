package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// none stands in tables for a value that is not known.
const none = "–"

// exactTime is RFC 3339 with all six digits, so that texts sort as times do.
const exactTime = "2006-01-02T15:04:05.000000Z"

// exact writes a time for programs.
func exact(t time.Time) string { return t.UTC().Format(exactTime) }

// exactMicros is exact for microseconds since 1970 UTC.
func exactMicros(us int64) string { return exact(time.UnixMicro(us)) }

// stamp writes a time for people: "2026-11-01 02:00:07Z".
func stamp(t time.Time, loc *time.Location) string {
	return t.In(loc).Format("2006-01-02 15:04:05Z07:00")
}

// preciseStamp is stamp with milliseconds, for lists of requests.
func preciseStamp(t time.Time, loc *time.Location) string {
	return t.In(loc).Format("2006-01-02 15:04:05.000Z07:00")
}

// stampMicros is stamp for microseconds since 1970 UTC; 0 means that there is none.
func stampMicros(us int64, loc *time.Location) string {
	if us == 0 {
		return none
	}
	return stamp(time.UnixMicro(us), loc)
}

// count groups digits: 1,234,567.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// briefCount takes at most seven columns: 999,999, then 1.23 M.
func briefCount(n int64) string {
	if n < 1_000_000 {
		return count(n)
	}
	return scaled(n, []string{"", "k", "M", "G", "T", "P", "E"})
}

var byteUnits = []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}

// size writes bytes with three digits, in decimal units: 1.23 GB.
func size(n int64) string { return scaled(n, byteUnits) }

func scaled(n int64, units []string) string {
	v, i := scale(n)
	if i == 0 {
		return strings.TrimSpace(strconv.FormatInt(n, 10) + " " + units[0])
	}
	return threeDigits(v) + " " + units[i]
}

// scale finds the power of a thousand in which n has three digits before the point, after rounding.
func scale(n int64) (v float64, power int) {
	v = float64(n)
	for math.Abs(v) >= 999.5 {
		v /= 1000
		power++
	}
	return v, power
}

func threeDigits(v float64) string {
	switch a := math.Abs(v); {
	case a < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// sizeOf writes a part and its whole in one unit: 12.4/34.6 GB.
func sizeOf(part, whole int64) string {
	_, power := scale(max(part, whole))
	if power == 0 {
		return fmt.Sprintf("%d/%d B", part, whole)
	}
	unit := math.Pow10(3 * power)
	return threeDigits(float64(part)/unit) + "/" + threeDigits(float64(whole)/unit) + " " + byteUnits[power]
}

// percent writes a share, rounded down: 36%. The little that is added mends 0.29, whose hundredfold is under 29.
func percent(share float64) string {
	p := math.Floor(100*share + 1e-9)
	if p > 9999 {
		return ">9999%"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + "%"
}

// gap writes a gap in microseconds, rounded down: 3.01 s. Negative means that there is none.
func gap(us int64) string {
	const milli, second, minute, hour, day = 1e3, 1e6, 60e6, 3600e6, 86400e6
	down := func(unit int64, digits int) string {
		p := int64(math.Pow10(digits))
		return strconv.FormatFloat(float64(us/(unit/p))/float64(p), 'f', digits, 64)
	}
	switch {
	case us < 0:
		return none
	case us > 0 && us < 10*milli: // would be 0.00 s
		return down(milli, 2) + " ms"
	case us < 100*second:
		return down(second, 2) + " s"
	case us < 100*minute:
		return down(minute, 1) + " min"
	case us < 100*hour:
		return down(hour, 1) + " h"
	}
	return down(day, 0) + " d"
}

// ago writes how long before asOf something was: 8 h. Both are microseconds since 1970 UTC; at 0 means never.
func ago(asOf, at int64) string {
	if at == 0 {
		return none
	}
	switch d := time.Duration(max(asOf-at, 0)) * time.Microsecond; {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	default:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	}
}

// span names a length of time: "5 days", "36 h".
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d == day:
		return "1 day"
	case d > 0 && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	}
	return decimal(d.Hours()) + " h"
}

// decimal writes a number without an exponent and with no more digits than it needs.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// decimalSeconds writes microseconds as seconds, exactly: 3.000001.
func decimalSeconds(us int64) string {
	sign := ""
	if us < 0 {
		sign = "-"
	}
	whole, rest := us/1e6, us%1e6
	if whole < 0 {
		whole = -whole
	}
	if rest < 0 {
		rest = -rest
	}
	s := fmt.Sprintf("%s%d.%06d", sign, whole, rest)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
