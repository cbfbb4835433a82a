package measure

import (
	"fmt"
	"math"
	"testing"
	"time"
)

type example struct{ got, want string }

func compare(t *testing.T, all []example) {
	t.Helper()
	for i, e := range all {
		if e.got != e.want {
			t.Errorf("example %d: got %q, want %q", i, e.got, e.want)
		}
	}
}

func TestCounts(t *testing.T) {
	compare(t, []example{
		{Grouped(0), "0"}, {Grouped(999), "999"}, {Grouped(1000), "1,000"},
		{Grouped(-999), "-999"}, {Grouped(-1000), "-1,000"}, {Grouped(-1234567), "-1,234,567"},
		{Grouped(math.MaxInt64), "9,223,372,036,854,775,807"},
		{Grouped(math.MinInt64), "-9,223,372,036,854,775,808"},
		{Count(0, "request"), "0 requests"}, {Count(1, "request"), "1 request"},
		{Count(1623, "request"), "1,623 requests"}, {Count(2, "stretch"), "2 stretches"},
		{Count(2, "retry"), "2 retries"}, {Count(2, "day"), "2 days"}, {Count(2, "class"), "2 classes"},
		{Brief(999_999), "999,999"}, {Brief(1_234_567), "1.23 M"}, {Brief(0), "0"},
		{Brief(-1_234_567), "-1.23 M"}, {Brief(math.MaxInt64), "9.22 E"},
	})
}

func TestBytes(t *testing.T) {
	compare(t, []example{
		{Bytes(0), "0 B"}, {Bytes(999), "999 B"}, {Bytes(1000), "1.00 kB"}, {Bytes(9_996), "10.0 kB"},
		{Bytes(999_499), "999 kB"}, {Bytes(999_500), "1.00 MB"}, {Bytes(34_567_000_000), "34.6 GB"},
		{Bytes(math.MaxInt64), "9.22 EB"}, {Bytes(-1500), "-1.50 kB"},
		{BytesOf(12_400_000_000, 34_600_000_000), "12.4/34.6 GB"},
		{BytesOf(0, 34_600_000_000), "0.00/34.6 GB"}, {BytesOf(5, 10), "5/10 B"},
		{BytesOf(1_200_000, 10), "1.20/0.00 MB"},
		{BytesPerSecond(1_234_567.4), "1.23 MB/s"}, {BytesPerSecond(-1), None},
		{BytesPerSecond(math.NaN()), None}, {BytesPerSecond(math.Inf(1)), "9.22 EB/s"},
	})
}

func TestShares(t *testing.T) {
	compare(t, []example{
		{Percent(0.29), "29%"}, {Percent(0.999), "99%"}, {Percent(1), "100%"}, {Percent(0), "0%"},
		{Percent(1e9), ">9999%"}, {PercentTenths(0.0368), "3.6%"}, {PercentTenths(0.9999), "99.9%"},
		{PercentOf(1, 3), "33.3%"}, {PercentOf(1, 0), "0.0%"},
		{Chance(-1), None}, {Chance(0), "0%"}, {Chance(.001), "under 1%"}, {Chance(.01), "1%"},
		{Chance(.99), "99%"}, {Chance(.995), "over 99%"}, {Chance(1), "100%"},
	})
}

func TestDurations(t *testing.T) {
	compare(t, []example{
		{Duration(-1), None}, {Duration(0), "0.00 s"}, {Duration(515), "0.51 ms"},
		{Duration(9_999), "9.99 ms"}, {Duration(10_000), "10.0 ms"}, {Duration(99_999), "99.9 ms"},
		{Duration(100_000), "0.10 s"}, {Duration(2_999_999), "2.99 s"}, {Duration(3 * second), "3.00 s"},
		{Duration(100 * second), "1.6 min"}, {Duration(2 * hour), "2.0 h"}, {Duration(10 * day), "10 d"},
		{Duration(math.MaxInt64), "106751991 d"},
		{Span(120 * time.Hour), "5 days"}, {Span(24 * time.Hour), "1 day"}, {Span(36 * time.Hour), "36 h"},
		{Span(90 * time.Minute), "90 min"}, {Span(3 * time.Second), "3 s"}, {Span(0), "0 s"},
		{ExactBytes(29_129_909), "29.1 MB (29,129,909 bytes)"}, {ExactBytes(999), "999 B"}, {Span(250 * time.Millisecond), "0.25 s"}, {Hours(120 * time.Hour), "120 h"},
		{Hours(90 * time.Minute), "1.5 h"}, {Days(5*day + day/4), "5.2 days"},
		{Seconds(2_999_001), "2.999001 s"}, {Seconds(3 * second), "3 s"},
		{DecimalSeconds(3_000_001), "3.000001"}, {DecimalSeconds(3_000_000), "3"},
		{DecimalSeconds(500_000), "0.5"}, {DecimalSeconds(0), "0"}, {DecimalSeconds(-1), "-0.000001"},
		{DecimalSeconds(10_000_000), "10"}, {DecimalSeconds(math.MaxInt64), "9223372036854.775807"},
		{DecimalSeconds(math.MinInt64), "-9223372036854.775808"},
		{Decimal(0.1), "0.1"}, {Decimal(1e-9), "0.000000001"},
		{Ago(10*second, 3*second), "7 s"}, {Ago(2*hour, second), "119 min"}, {Ago(day, 1), "23 h"},
		{Ago(10*day, 1), "9 d"}, {Ago(5, 0), None}, {Ago(5, 10), "0 s"},
	})
}

func TestTimes(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	at := time.Date(2026, 11, 6, 23, 30, 7, 5_000, time.UTC)
	on := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 12, 0, 0, 0, time.UTC) }
	compare(t, []example{
		{ExactMicros(1), "1970-01-01T00:00:00.000001Z"}, {Exact(at), "2026-11-06T23:30:07.000005Z"},
		{StampMicros(0, nil), None}, {StampMicros(1e6, time.UTC), "1970-01-01 00:00:01Z"},
		{Stamp(at, berlin), "2026-11-07 00:30:07+01:00"},
		{PreciseStamp(at, nil), "2026-11-06 23:30:07.000Z"},
		{Minute(at, berlin), "2026-11-07 00:30 CET"}, {Date(at, berlin), "2026-11-07"},
		{DateMicros(0, nil), None}, {DateMicros(1, nil), "1970-01-01"}, {ShortDate(at, nil), "6 Nov"},
		{DateRange(at, at, nil), "6 Nov"}, {DateRange(at, on(2026, 11, 12), nil), "6 to 12 Nov"},
		{DateRange(on(2026, 10, 28), on(2026, 11, 3), nil), "28 Oct to 3 Nov"},
		{DateRange(on(2026, 12, 30), on(2027, 1, 2), nil), "30 Dec 2026 to 2 Jan 2027"},
		{DateRange(on(2026, 11, 3), on(2026, 11, 1), nil), "3 Nov"},
	})
}

func Example() {
	fmt.Println(Count(1623, "request"), Bytes(34_567_000_000), Percent(0.999), Duration(2_999_999))
	// Output: 1,623 requests 34.6 GB 99% 2.99 s
}
