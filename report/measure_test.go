package report

import (
	"math"
	"testing"
	"time"
)

func TestMeasures(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(-1234567), "-1,234,567"}, {count(math.MaxInt64), "9,223,372,036,854,775,807"},
		{count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{briefCount(999_999), "999,999"}, {briefCount(1_234_567), "1.23 M"}, {briefCount(0), "0"},
		{size(0), "0 B"}, {size(999), "999 B"}, {size(1000), "1.00 kB"}, {size(9_996), "10.0 kB"}, {size(999_499), "999 kB"},
		{size(999_500), "1.00 MB"}, {size(34_567_000_000), "34.6 GB"}, {size(math.MaxInt64), "9.22 EB"}, {size(-1500), "-1.50 kB"},
		{sizeOf(12_400_000_000, 34_600_000_000), "12.4/34.6 GB"}, {sizeOf(0, 34_600_000_000), "0.00/34.6 GB"}, {sizeOf(5, 10), "5/10 B"},
		{sizeOf(1_200_000, 10), "1.20/0.00 MB"},
		{percent(0.29), "29%"}, {percent(0.999), "99%"}, {percent(1), "100%"}, {percent(0), "0%"}, {percent(1e9), ">9999%"},
		{gap(-1), none}, {gap(0), "0.00 s"}, {gap(515), "0.51 ms"}, {gap(9_999), "9.99 ms"}, {gap(10_000), "0.01 s"}, {gap(2_999_999), "2.99 s"}, {gap(3_000_000), "3.00 s"}, {gap(100e6), "1.6 min"}, {gap(7200e6), "2.0 h"},
		{gap(10 * 86400e6), "10 d"},
		{ago(10e6, 3e6), "7 s"}, {ago(7200e6, 1e6), "119 min"}, {ago(86400e6, 1), "23 h"}, {ago(10*86400e6, 1), "9 d"}, {ago(5, 0), none}, {ago(5, 10), "0 s"},
		{span(120 * time.Hour), "5 days"}, {span(24 * time.Hour), "1 day"}, {span(90 * time.Minute), "1.5 h"}, {span(0), "0 h"},
		{decimalSeconds(3_000_001), "3.000001"}, {decimalSeconds(3_000_000), "3"}, {decimalSeconds(500_000), "0.5"}, {decimalSeconds(0), "0"},
		{decimalSeconds(-1), "-0.000001"}, {decimalSeconds(10_000_000), "10"}, {decimalSeconds(math.MaxInt64), "9223372036854.775807"},
		{decimal(0.1), "0.1"}, {decimal(1e-9), "0.000000001"},
		{exactMicros(1), "1970-01-01T00:00:00.000001Z"}, {stampMicros(0, time.UTC), none}, {stampMicros(1e6, time.UTC), "1970-01-01 00:00:01Z"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
