// Package measure writes numbers with their units: counts, bytes, shares, lengths of time and
// times.
//
// Every sentence, table, page and error of the program uses it, so that one number looks the same
// wherever it is told. The page's script formats numbers in the browser; it reads the same
// thresholds, which Dialect returns, and a test compares the two.
//
// # Guarantees
//
// Sizes are decimal: 1 kB is 1,000 bytes. Bytes and counts are rounded to the nearest. Shares and
// lengths of time are rounded down, so that a cap that is not reached is never shown as 100%, nor
// a gap under the minimum as the minimum. A unit stands behind a space, a percent sign does not.
// Times that people read name their offset; times that programs read are RFC 3339 in UTC with six
// digits, so that they sort as texts.
//
// # What it does not do
//
// It reads no clock and no locale, and parses nothing.
package measure

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// None stands for a value that is not known.
const None = "–"

// Rules are the thresholds and units that the functions of this package go by.
type Rules struct {
	// None stands for a value that is not known.
	None string `json:"none"`
	// Units are those of bytes, each 1,000 times the one before.
	Units []string `json:"units"`
	// NextUnit is the value, in one unit, from which on the next unit is used: it would be
	// rounded to 1,000.
	NextUnit float64 `json:"nextUnit"`
	// TwoDecimals and OneDecimal are the values below which a number in a larger unit than the
	// first has so many decimals: three digits in all.
	TwoDecimals float64 `json:"twoDecimals"`
	OneDecimal  float64 `json:"oneDecimal"`
	// Durations are the steps of Duration, shortest first; the last has no end.
	Durations []Step `json:"durations"`
	// MostPercent is the largest percentage that is told exactly.
	MostPercent float64 `json:"mostPercent"`
	// Slack is added before a share is rounded down. It mends 0.29, whose hundredfold is a little
	// less than 29 in binary.
	Slack float64 `json:"slack"`
	// LeastChance and MostChance are the chances below and above which only a bound is told.
	LeastChance float64 `json:"leastChance"`
	MostChance  float64 `json:"mostChance"`
}

// Step says how lengths of time below a bound are written.
type Step struct {
	Below    int64  `json:"below"` // microseconds; 0 means no bound
	Unit     int64  `json:"unit"`  // microseconds
	Decimals int    `json:"decimals"`
	Name     string `json:"name"`
}

const (
	millisecond = 1_000 // microseconds
	second      = 1_000 * millisecond
	minute      = 60 * second
	hour        = 60 * minute
	day         = 24 * hour
)

var rules = Rules{
	None:        None,
	Units:       []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"},
	NextUnit:    999.5,
	TwoDecimals: 9.995,
	OneDecimal:  99.95,
	Durations: []Step{
		{10 * millisecond, millisecond, 2, "ms"}, // in seconds it would be 0.00
		{100 * millisecond, millisecond, 1, "ms"},
		{100 * second, second, 2, "s"},
		{100 * minute, minute, 1, "min"},
		{100 * hour, hour, 1, "h"},
		{0, day, 0, "d"},
	},
	MostPercent: 9999,
	Slack:       1e-9,
	LeastChance: .01,
	MostChance:  .99,
}

// Dialect returns the rules by which numbers are written, for the script of the page. The caller
// must not change its lists.
func Dialect() Rules { return rules }

// Grouped writes a number with its digits in groups of three: 1,234,567.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	first := len(digits) % 3
	if n < 0 {
		first = 1 + (len(digits)-1)%3
	}
	var b strings.Builder
	b.WriteString(digits[:first])
	for i := first; i < len(digits); i += 3 {
		if i > 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteString(digits[i : i+3])
	}
	return b.String()
}

// Count writes a number with what it counts: "1 request", "1,623 requests", "2 stretches",
// "3 retries". The noun is given in the singular.
func Count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Grouped(n) + " " + plural(noun)
}

func plural(noun string) string {
	switch {
	case hasSuffix(noun, "ch", "sh", "s", "x"):
		return noun + "es"
	case strings.HasSuffix(noun, "y") && !hasSuffix(noun, "ay", "ey", "oy", "uy"):
		return strings.TrimSuffix(noun, "y") + "ies"
	}
	return noun + "s"
}

func hasSuffix(s string, ends ...string) bool {
	for _, end := range ends {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	return false
}

// Brief writes a number in at most seven columns: 999,999, then 1.23 M.
func Brief(n int64) string {
	if n > -1_000_000 && n < 1_000_000 {
		return Grouped(n)
	}
	v, power := scale(float64(n))
	return threeDigits(v) + " " + [...]string{"", "k", "M", "G", "T", "P", "E"}[power]
}

// Bytes writes a number of bytes with three digits: 1.23 GB.
func Bytes(n int64) string {
	v, power := scale(float64(n))
	if power == 0 {
		return strconv.FormatInt(n, 10) + " " + rules.Units[0]
	}
	return threeDigits(v) + " " + rules.Units[power]
}

// ExactBytes is Bytes with all digits beside it, for sums that are close to a cap: 29.1 MB
// (29,129,909 bytes).
func ExactBytes(n int64) string {
	if n > -1000 && n < 1000 {
		return Bytes(n)
	}
	return Bytes(n) + " (" + Grouped(n) + " bytes)"
}

// BytesOf writes a part and its whole in one unit: 12.4/34.6 GB.
func BytesOf(part, whole int64) string {
	_, power := scale(float64(max(part, whole)))
	unit := " " + rules.Units[power]
	if power == 0 {
		return strconv.FormatInt(part, 10) + "/" + strconv.FormatInt(whole, 10) + unit
	}
	size := math.Pow10(3 * power)
	return threeDigits(float64(part)/size) + "/" + threeDigits(float64(whole)/size) + unit
}

// BytesPerSecond writes a throughput: 1.23 MB/s. Less than 0 means that it is not known.
func BytesPerSecond(v float64) string {
	if !(v >= 0) {
		return None
	}
	if v >= math.MaxInt64 {
		return Bytes(math.MaxInt64) + "/s"
	}
	return Bytes(int64(math.Round(v))) + "/s"
}

// scale finds the power of a thousand in which v has at most three digits before the point once
// it is rounded.
func scale(v float64) (scaled float64, power int) {
	for math.Abs(v) >= rules.NextUnit {
		v /= 1000
		power++
	}
	return v, power
}

func threeDigits(v float64) string {
	switch a := math.Abs(v); {
	case a < rules.TwoDecimals:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < rules.OneDecimal:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Percent writes a share rounded down to whole percent: 0.368 is "36%".
func Percent(share float64) string { return floorPercent(share, 0) }

// PercentTenths writes a share rounded down to tenths of a percent, for shares that are small by
// nature: 0.0368 is "3.6%".
func PercentTenths(share float64) string { return floorPercent(share, 1) }

// PercentOf is PercentTenths of a part of a whole; a whole of 0 gives 0.
func PercentOf(part, whole int64) string {
	if whole == 0 {
		return PercentTenths(0)
	}
	return PercentTenths(float64(part) / float64(whole))
}

func floorPercent(share float64, decimals int) string {
	unit := math.Pow10(decimals)
	p := math.Floor(100*unit*share+rules.Slack) / unit
	if p > rules.MostPercent {
		return ">" + strconv.FormatFloat(rules.MostPercent, 'f', 0, 64) + "%"
	}
	return strconv.FormatFloat(p, 'f', decimals, 64) + "%"
}

// Chance writes a probability: "36%". Near 0 and near 1 it tells a bound, "under 1%" and
// "over 99%", because a forecast is never so sure. Less than 0 means that it is not known.
func Chance(p float64) string {
	switch {
	case p < 0:
		return None
	case p > 0 && p < rules.LeastChance:
		return "under " + Percent(rules.LeastChance)
	case p > rules.MostChance && p < 1:
		return "over " + Percent(rules.MostChance)
	}
	return Percent(p)
}

// Duration writes a length of time in microseconds, rounded down: 3.01 s, 45.2 ms, 1.6 min. Less
// than 0 means that it is not known.
func Duration(us int64) string {
	if us < 0 {
		return None
	}
	if us == 0 {
		return "0.00 s"
	}
	for _, s := range rules.Durations {
		if us < s.Below || s.Below == 0 {
			return floored(us, s)
		}
	}
	return None
}

func floored(us int64, s Step) string {
	parts := int64(math.Pow10(s.Decimals))
	v := float64(us/(s.Unit/parts)) / float64(parts)
	return strconv.FormatFloat(v, 'f', s.Decimals, 64) + " " + s.Name
}

// Span names a chosen length of time exactly, in the largest unit that needs no fraction:
// "5 days", "36 h", "15 min", "3 s", "0.25 s".
func Span(d time.Duration) string {
	whole := func(unit time.Duration) bool { return d != 0 && d%unit == 0 }
	switch {
	case whole(24 * time.Hour):
		return Count(int64(d/(24*time.Hour)), "day")
	case whole(time.Hour):
		return Grouped(int64(d/time.Hour)) + " h"
	case whole(time.Minute):
		return Grouped(int64(d/time.Minute)) + " min"
	}
	return Seconds(d.Microseconds())
}

// Seconds writes microseconds as seconds with all their digits: "3 s", "2.999001 s".
func Seconds(us int64) string { return DecimalSeconds(us) + " s" }

// Hours writes a length of time in hours with all its digits: "120 h", "1.5 h".
func Hours(d time.Duration) string { return Decimal(d.Hours()) + " h" }

// Days writes microseconds in days, rounded down to tenths: "5.2 days".
func Days(us int64) string {
	return strconv.FormatFloat(float64(us/(day/10))/10, 'f', 1, 64) + " days"
}

// Ago writes how long before asOf something was: "8 h". Both are microseconds since 1970 UTC; 0
// for at means never.
func Ago(asOf, at int64) string {
	if at == 0 {
		return None
	}
	whole := func(n int64, unit string) string { return strconv.FormatInt(n, 10) + " " + unit }
	switch d := max(asOf-at, 0); {
	case d < minute:
		return whole(d/second, "s")
	case d < 2*hour:
		return whole(d/minute, "min")
	case d < 2*day:
		return whole(d/hour, "h")
	default:
		return whole(d/day, "d")
	}
}

// Decimal writes a number without an exponent and with no more digits than it needs.
func Decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// DecimalSeconds writes microseconds as a number of seconds, exactly: 3.000001.
func DecimalSeconds(us int64) string {
	sign, digits := "", strconv.FormatInt(us, 10)
	if us < 0 {
		sign, digits = "-", digits[1:]
	}
	if len(digits) < 7 {
		digits = strings.Repeat("0", 7-len(digits)) + digits
	}
	point := len(digits) - 6
	return strings.TrimSuffix(sign+digits[:point]+strings.TrimRight("."+digits[point:], "0"), ".")
}
