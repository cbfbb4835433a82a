package forecast

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

const dailyFile = `series_id, day,bytes,note
a,2026-03-02,5,
b,2026-03-01,1e3,second
a,2026-03-01,4,"out of
order"
a, 2026-03-04 ,7.5,after a gap
`

func TestReadDaily(t *testing.T) {
	series, err := ReadDaily(strings.NewReader("\ufeff" + dailyFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(series) != 2 || series[0].ID != "a" || series[1].ID != "b" {
		t.Fatalf("series %+v", series)
	}
	a := series[0].Series
	if a.Start.Format(time.DateOnly) != "2026-03-01" || len(a.Bytes) != 4 || a.Bytes[1] != 5 || !math.IsNaN(a.Bytes[2]) || a.Bytes[3] != 7.5 {
		t.Errorf("series a: %+v", a)
	}
	closures := "name,series_id,day\nfair,a,2026-03-03\neve,c,2026-03-03\nlater,a,2026-03-09\nbefore,a,2026-02-28\n"
	if err := ReadClosures(strings.NewReader(closures), series); err != nil {
		t.Fatal(err)
	}
	if c := series[0].Series.Closures; len(c) != 3 || c[2] != "fair" || c[8] != "later" || c[-1] != "before" {
		t.Errorf("closures %v", c)
	}
}

func TestReadErrors(t *testing.T) {
	for file, want := range map[string]string{
		"":                                "read daily volumes: the file is empty; its first line must name series_id, day, bytes",
		"series_id,day\n":                 `read daily volumes: line 1: no column "bytes"; it must name series_id, day, bytes, with commas between`,
		"series_id,day,bytes\n":           `read daily volumes: there are no days below line 1`,
		dailyFile + " ,2026-03-05,1,\n":   `read daily volumes: line 7: series_id is empty; name the series`,
		dailyFile + "a,March,1,\n":        `read daily volumes: line 7: day "March" is no date like 2006-01-02`,
		dailyFile + "a,2026-03-05,x,\n":   `read daily volumes: line 7: bytes "x" is no number of bytes; give 0 or more`,
		dailyFile + "a,2026-03-05,-1,\n":  `read daily volumes: line 7: bytes "-1" is no number of bytes; give 0 or more`,
		dailyFile + "a,2026-03-05,NaN,\n": `read daily volumes: line 7: bytes "NaN" is no number of bytes; give 0 or more`,
		dailyFile + "a,2026-03-02,6,\n":   `read daily volumes: series "a": line 7: day 2026-03-02 was in line 2 already`,
		dailyFile + "a,2926-03-02,6,\n":   `read daily volumes: series "a": lines 4 and 7 are more than 100 years apart`,
		dailyFile + "a,2026-03-05\n":      "read daily volumes: record on line 7: wrong number of fields",
	} {
		if _, err := ReadDaily(strings.NewReader(file)); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %v", file, err, want)
		}
	}
	if err := ReadClosures(strings.NewReader("series_id,day,name\na,1.5.2026,x\n"), nil); err == nil ||
		err.Error() != `read closure days: line 2: day "1.5.2026" is no date like 2006-01-02` {
		t.Errorf("closures: %v", err)
	}
}

func TestWriteBacktest(t *testing.T) {
	s := weekly(1, 5)
	var out strings.Builder
	w := NewRowWriter(&out)
	if err := WriteBacktest(w, Named{`x,"y"`, s}, windowDays, 2); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1+3*2 {
		t.Fatalf("%d lines, want a header and two for each of three origins", len(lines))
	}
	const header = "series_id,origin_day,horizon,point,q025,q05,q10,q15,q20,q25,q30,q35,q40,q45,q50,q55,q60,q65,q70,q75,q80,q85,q90,q95,q975"
	if lines[0] != header {
		t.Errorf("header %s", lines[0])
	}
	if !strings.HasPrefix(lines[1], `"x,""y""",2026-01-07,1,`) || strings.Count(lines[1], ",") != 25 {
		t.Errorf("first row %s", lines[1])
	}
	if err := WriteBacktest(w, Named{"z", weekly(1, 2)}, windowDays, 2); err == nil || err.Error() != `backtest "z": only 2 days of history; 3 are needed` {
		t.Errorf("short series: %v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteFails(t *testing.T) {
	w := NewRowWriter(fullDisk{})
	if err := w.Flush(); err == nil || err.Error() != "write forecasts: no space left" {
		t.Errorf("flush: %v", err)
	}
}

func FuzzReadDaily(f *testing.F) {
	f.Add(dailyFile)
	f.Add("day,bytes,series_id\n0001-01-01,0,\n")
	f.Fuzz(func(t *testing.T, file string) {
		series, err := ReadDaily(strings.NewReader(file))
		if err != nil {
			return
		}
		for _, s := range series {
			if len(s.Series.Bytes) > 1000 {
				continue
			}
			origins, err := Origins(s.Series, windowDays, 3)
			var short *ShortHistoryError
			if err != nil && !errors.As(err, &short) {
				t.Fatalf("series that was read is refused: %v", err)
			}
			if err != nil {
				continue
			}
			for _, fan := range origins {
				checkBand(t, fan[2], s.ID)
			}
		}
	})
}
