package logs

import (
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// Times are read by hand because logs have millions of them: time.Parse takes ten times as long.
// Dates follow the proleptic Gregorian calendar, counted in days from 1970-01-01 by shifting the
// year to begin in March, so that the leap day is the last day of a year. Fractions are floored to
// microseconds; a leap second counts as the second after.

const badClock = "started_at is not a time such as 2026-11-01T02:00:00.000Z"

// parseRFC3339 returns microseconds since 1970 UTC, and whether the time had a fraction of a
// second.
func parseRFC3339(s string) (micros int64, fraction bool, reason string) {
	if len(s) < len("2006-01-02T15:04:05") {
		return 0, false, badClock
	}
	day, ok := dayNumber(jsonscan.Digits(s[0:4]), jsonscan.Digits(s[5:7]), jsonscan.Digits(s[8:10]))
	second, ok2 := secondOfDay(s[11:19])
	if !ok || !ok2 || s[4] != '-' || s[7] != '-' || strings.IndexByte("Tt ", s[10]) < 0 {
		return 0, false, badClock
	}
	micros, rest := (day*86400+second)*1e6, s[19:]
	if rest != "" && (rest[0] == '.' || rest[0] == ',') {
		var sub int64
		sub, rest = parseFraction(rest[1:])
		if sub < 0 {
			return 0, false, badClock
		}
		micros, fraction = micros+sub, true
	}
	if rest == "" {
		return 0, false, "started_at has no time zone: add Z or an offset such as +01:00"
	}
	offset, ok := parseZone(rest)
	if !ok {
		return 0, false, badClock
	}
	return micros - offset*1e6, fraction, ""
}

// parseFraction reads the digits after the point as microseconds, -1 for none.
func parseFraction(s string) (micros int64, rest string) {
	i, scale := 0, int64(100000)
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		micros += int64(s[i]-'0') * scale
		scale /= 10
	}
	if i == 0 {
		return -1, s
	}
	return micros, s[i:]
}

// parseZone reads "Z", "+01:00", "+0100", "+01" (as PostgreSQL writes it) or " UTC" as seconds east
// of UTC.
func parseZone(s string) (int64, bool) {
	switch {
	case s == "Z", s == "z", s == " UTC", s == " Z", s == " GMT":
		return 0, true
	case len(s) == 6 && s[3] == ':':
		return zoneOffset(s[0], jsonscan.Digits(s[1:3]), jsonscan.Digits(s[4:6]))
	case len(s) == 5:
		return zoneOffset(s[0], jsonscan.Digits(s[1:3]), jsonscan.Digits(s[3:5]))
	case len(s) == 3:
		return zoneOffset(s[0], jsonscan.Digits(s[1:3]), 0)
	}
	return 0, false
}

func zoneOffset(sign byte, hours, minutes int64) (int64, bool) {
	if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || sign != '+' && sign != '-' {
		return 0, false
	}
	offset := hours*3600 + minutes*60
	if sign == '-' {
		offset = -offset
	}
	return offset, true
}

// parseLogTime reads "22/Jan/2019:03:56:14 +0330" as microseconds since 1970 UTC, and whether it
// had a fraction of a second, as Apache's %{msec_frac}t adds it.
func parseLogTime(s string) (micros int64, fraction, ok bool) {
	if len(s) < 26 || s[2] != '/' || s[6] != '/' || s[11] != ':' {
		return 0, false, false
	}
	day, ok := dayNumber(jsonscan.Digits(s[7:11]), monthNumber(s[3:6]), jsonscan.Digits(s[0:2]))
	second, ok2 := secondOfDay(s[12:20])
	sub, rest := int64(0), s[20:]
	if rest[0] == '.' || rest[0] == ',' {
		if sub, rest = parseFraction(rest[1:]); sub < 0 {
			return 0, false, false
		}
		fraction = true
	}
	if rest == "" || rest[0] != ' ' {
		return 0, false, false
	}
	offset, ok3 := parseZone(rest[1:])
	return (day*86400+second-offset)*1e6 + sub, fraction, ok && ok2 && ok3
}

func monthNumber(s string) int64 {
	i := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", s)
	if i < 0 || i%3 != 0 {
		return -1
	}
	return int64(i/3 + 1)
}

// secondOfDay reads "15:04:05"; the second may be 60.
func secondOfDay(s string) (int64, bool) {
	h, m, sec := jsonscan.Digits(s[0:2]), jsonscan.Digits(s[3:5]), jsonscan.Digits(s[6:8])
	ok := h >= 0 && h <= 23 && m >= 0 && m <= 59 && sec >= 0 && sec <= 60 && s[2] == ':' && s[5] == ':'
	return h*3600 + m*60 + sec, ok
}

// dayNumber counts the days from 1970-01-01.
func dayNumber(year, month, day int64) (int64, bool) {
	if year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	if month <= 2 {
		year--
		month += 12
	}
	const to1970 = 719468 // days from 0000-03-01
	return 365*year + floorDiv(year, 4) - floorDiv(year,
		100) + floorDiv(year, 400) + (153*(month-3)+2)/5 + day - 1 - to1970, true
}

// floorDiv rounds down; a is at least -1.
func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -1
	}
	return a / b
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
