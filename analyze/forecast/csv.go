package forecast

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSpan bounds the days between the first and the last of a series: a mistyped year must not fill
// the memory.
const maxSpan = 100 * 366

// Named is a series of a file.
type Named struct {
	ID     string
	Series Series
}

// ReadDaily reads CSV with the columns series_id, day (2006-01-02) and bytes, in any order of
// columns and rows, after a line with their names; other columns are ignored, and so is space
// around fields. Days that are missing within a series become NaN. The series come in the order in
// which they first appear. Errors name the line.
func ReadDaily(r io.Reader) ([]Named, error) {
	days := map[string][]reading{}
	var order []string
	err := eachRow(r, []string{"series_id", "day", "bytes"}, func(line int, row []string) error {
		day, err := parseDay(row[1])
		if err != nil {
			return err
		}
		if row[0] == "" {
			return errors.New("series_id is empty; name the series")
		}
		v, err := strconv.ParseFloat(row[2], 64)
		if err != nil || !isVolume(v) {
			return fmt.Errorf("bytes %q is no number of bytes; give 0 or more", row[2])
		}
		if _, seen := days[row[0]]; !seen {
			order = append(order, row[0])
		}
		days[row[0]] = append(days[row[0]], reading{day, v, line})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read daily volumes: %w", err)
	}
	if len(order) == 0 {
		return nil, errors.New("read daily volumes: there are no days below line 1")
	}
	out := make([]Named, 0, len(order))
	for _, id := range order {
		s, err := assemble(days[id])
		if err != nil {
			return nil, fmt.Errorf("read daily volumes: series %q: %w", id, err)
		}
		out = append(out, Named{ID: id, Series: s})
	}
	return out, nil
}

// reading is a row: a day since 1970, its bytes, and where it was read.
type reading struct {
	day   int
	bytes float64
	line  int
}

func assemble(rows []reading) (Series, error) {
	slices.SortStableFunc(rows, func(a, b reading) int { return a.day - b.day })
	first, last := rows[0], rows[len(rows)-1]
	if last.day-first.day > maxSpan {
		return Series{}, fmt.Errorf("lines %d and %d are more than 100 years apart", first.line,
			last.line)
	}
	s := Series{
		Start:    dayStart(first.day),
		Bytes:    make([]float64, 0, last.day-first.day+1),
		Closures: map[int]string{},
	}
	for i, r := range rows {
		if i > 0 && r.day == rows[i-1].day {
			day := dayStart(r.day).Format(time.DateOnly)
			return Series{}, fmt.Errorf("line %d: day %s was in line %d already", r.line, day,
				rows[i-1].line)
		}
		for len(s.Bytes) < r.day-first.day {
			s.Bytes = append(s.Bytes, math.NaN())
		}
		s.Bytes = append(s.Bytes, r.bytes)
	}
	return s, nil
}

// ReadClosures reads CSV with the columns series_id, day and name and adds the closure days to the
// series. Rows of other series are ignored. Errors name the line.
func ReadClosures(r io.Reader, series []Named) error {
	index := make(map[string]*Series, len(series))
	for i := range series {
		index[series[i].ID] = &series[i].Series
	}
	err := eachRow(r, []string{"series_id", "day", "name"}, func(_ int, row []string) error {
		day, err := parseDay(row[1])
		if err != nil {
			return err
		}
		if s := index[row[0]]; s != nil {
			if s.Closures == nil {
				s.Closures = map[int]string{}
			}
			s.Closures[day-dayNumber(s.Start)] = row[2]
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read closure days: %w", err)
	}
	return nil
}

// eachRow calls row with the named columns of every line after the first.
func eachRow(r io.Reader, columns []string, row func(line int, fields []string) error) error {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is empty; its first line must name %s", strings.Join(columns, ", "))
	} else if err != nil {
		return err
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // spreadsheets write a byte order mark
	at := make([]int, len(columns))
	for i, name := range columns {
		if at[i] = slices.IndexFunc(header, func(s string) bool {
			return strings.TrimSpace(s) == name
		}); at[i] < 0 {
			return fmt.Errorf("line 1: no column %q; it must name %s, with commas between", name,
				strings.Join(columns, ", "))
		}
	}
	fields := make([]string, len(columns))
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err // it names the line
		}
		for i, k := range at {
			fields[i] = strings.TrimSpace(record[k])
		}
		line, _ := in.FieldPos(0)
		if err := row(line, fields); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func parseDay(text string) (int, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("day %q is no date like 2006-01-02", text)
	}
	return dayNumber(t), nil
}

// dayNumber is the calendar day of t as days since 1970, whatever its zone.
func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

func dayStart(day int) time.Time { return time.Unix(int64(day)*24*60*60, 0).UTC() }

// RowWriter writes backtests as CSV: series_id, origin_day, horizon, point, then a column for each
// of Levels.
type RowWriter struct {
	w   *bufio.Writer
	buf []byte
}

// NewRowWriter returns a RowWriter on w. The names of the columns are the first line; nothing
// reaches w for sure before Flush.
func NewRowWriter(w io.Writer) *RowWriter {
	out := &RowWriter{w: bufio.NewWriter(w), buf: []byte("series_id,origin_day,horizon,point")}
	for _, p := range Levels {
		out.buf = append(append(out.buf, ','), levelName(p)...)
	}
	out.buf = append(out.buf, '\n')
	_, _ = out.w.Write(out.buf) // bufio keeps the error until Flush
	return out
}

// levelName is q025 for .025 and q05 for .05.
func levelName(p float64) string {
	name := strconv.FormatFloat(p, 'f', 3, 64)[2:]
	if name[2] == '0' {
		name = name[:2]
	}
	return "q" + name
}

// Write writes the bands of an origin, a line for each day ahead.
func (w *RowWriter) Write(id string, origin time.Time, fan Fan) error {
	prefix := csvField(id) + "," + origin.Format(time.DateOnly) + ","
	for i, b := range fan {
		w.buf = append(w.buf[:0], prefix...)
		w.buf = strconv.AppendInt(w.buf, int64(i+1), 10)
		w.buf = appendBytes(w.buf, b.Point)
		for _, q := range b.Quantiles {
			w.buf = appendBytes(w.buf, q)
		}
		w.buf = append(w.buf, '\n')
		if _, err := w.w.Write(w.buf); err != nil {
			return fmt.Errorf("write forecast of %s: %w", id, err)
		}
	}
	return nil
}

// Flush writes what is buffered. Errors of earlier writes show up here too.
func (w *RowWriter) Flush() error {
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write forecasts: %w", err)
	}
	return nil
}

// WriteBacktest writes the bands of all Origins of a series.
func WriteBacktest(w *RowWriter, series Named, window, horizon int) error {
	origins, err := Origins(series.Series, window, horizon)
	if err != nil {
		return fmt.Errorf("backtest %q: %w", series.ID, err)
	}
	first := dayNumber(series.Series.Start)
	for t, fan := range origins {
		if err := w.Write(series.ID, dayStart(first+t), fan); err != nil {
			return err
		}
	}
	return nil
}

// appendBytes appends a field; whole bytes, unless the volumes are so small that they must be in
// another unit.
func appendBytes(buf []byte, v float64) []byte {
	decimals := 0
	if v < 1e6 {
		decimals = 4
	}
	return strconv.AppendFloat(append(buf, ','), v, 'f', decimals, 64)
}

// csvField quotes s where CSV asks for it.
func csvField(s string) string {
	if !slices.ContainsFunc([]rune(s),
		func(r rune) bool { return r == ',' || r == '"' || r == '\n' || r == '\r' }) {
		return s
	}
	quoted := make([]byte, 0, len(s)+2)
	quoted = append(quoted, '"')
	for i := range len(s) {
		if s[i] == '"' {
			quoted = append(quoted, '"')
		}
		quoted = append(quoted, s[i])
	}
	return string(append(quoted, '"'))
}
