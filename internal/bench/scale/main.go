// Command scale measures headroom against what was promised, and prints a table with a row a
// promise: the transport beside otelhttp, and as whole processes on large logs the import beside
// GoAccess, an audit of ten million requests, and one more night on one and on ten million. "make
// bench" runs it in internal/bench; it takes some five minutes on two idle cores and 6 GB of disk.
//
//	go run ./scale -headroom BINARY [-goaccess BINARY] [-dir DIR] [-millions 5]
//
// With -postgres, the URL of an empty database, it measures only what concerns a shared log: push,
// audit and one more night beside SQLite on the same rows, and window functions. It needs psql; ten
// million requests take some ten minutes and 10 GB.
//
//	go run ./scale -headroom BINARY -postgres URL -millions 10
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	tenants = 200
	// nightly is how many recordings a tenant has a night: ten million requests are then a year of 200
	// tenants.
	nightly = 137
)

var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func main() {
	headroom := flag.String("headroom", "headroom", "the binary to measure")
	goaccess := flag.String("goaccess", "goaccess", "GoAccess, to compare the import with; skipped where it is missing")
	dir := flag.String("dir", "", "where to make the data (default: a temporary folder, removed afterwards)")
	millions := flag.Float64("millions", 5, "lines of the import, in millions; the audit has twice as many")
	shared := flag.String("postgres", "", "measure only a shared log, in the database of this URL")
	flag.Parse()
	if err := run(*headroom, *goaccess, *shared, *dir, int(*millions*1e6)); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(headroom, goaccess, shared, dir string, lines int) error {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "headroom-scale-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s := scale{headroom: headroom, dir: dir, lines: lines}
	steps := []func() error{s.transport, func() error { return s.imports(goaccess) }, s.audits, s.nights}
	if shared != "" {
		steps = []func() error{func() error { return s.shared(shared) }}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	s.bars.print()
	return nil
}

type scale struct {
	headroom, dir string
	lines         int
	bars          bars
}

func (s *scale) path(name string) string { return filepath.Join(s.dir, name) }

// imports compares lines per second in one run.
func (s *scale) imports(goaccess string) error {
	combined, jsonl := s.path("calls.log"), s.path("calls.jsonl")
	if err := write(combined, func(w io.Writer) { writeCombined(w, s.lines) }); err != nil {
		return err
	}
	if err := write(jsonl, func(w io.Writer) { writeJSONL(w, 0, s.lines) }); err != nil {
		return err
	}
	fmt.Printf("import of %d lines with distinct recording keys\n", s.lines)
	var theirs measured
	if _, err := exec.LookPath(goaccess); err == nil {
		if theirs, err = s.rate("GoAccess, combined", goaccess, combined, "--log-format=COMBINED", "--no-progress", "-o", s.path("goaccess.json")); err != nil {
			return err
		}
	} else {
		fmt.Println("  GoAccess is not installed; no comparison")
	}
	for _, c := range [][2]string{{"combined", combined}, {"JSON Lines", jsonl}} {
		m, err := s.medianImport(c[0], c[1])
		if err != nil {
			return err
		}
		if theirs.wall > 0 {
			s.bars.atLeast("import, "+c[0]+", of GoAccess's lines a second", theirs.wall.Seconds()/m.wall.Seconds(), 5, "×")
		}
		s.bars.atMost("import, "+c[0]+", peak memory", float64(m.peakMB), 150, "MB")
	}
	return nil
}

// medianImport imports a log three times: two goroutines and a disk suffer more from a busy machine
// than GoAccess's one thread does. The memory is the most of the three.
func (s *scale) medianImport(what, log string) (measured, error) {
	db := s.path("import.db")
	defer remove(db)
	var walls []time.Duration
	var m measured
	for range 3 {
		remove(db)
		one, err := s.rate("headroom, "+what, s.headroom, "--db", db, "import", "--tenant", "acme", log)
		if err != nil {
			return m, err
		}
		walls, m.peakMB = append(walls, one.wall), max(m.peakMB, one.peakMB)
	}
	m.wall = median(walls)
	return m, nil
}

func (s *scale) rate(what string, command ...string) (measured, error) {
	m, err := measure(command...)
	if err == nil {
		fmt.Printf("  %-24s %8.2f s  (%6.2f s of processor)  %9.0f lines/s  peak %4d MB\n",
			what, m.wall.Seconds(), m.cpu.Seconds(), float64(s.lines)/m.wall.Seconds(), m.peakMB)
	}
	return m, err
}

// allRows is an audit that cannot go on from where the last one ended.
const allRows = "from a date, all rows"

// audits measures the audit of twice the lines: the first one, which reads everything, and a later
// one.
func (s *scale) audits() error {
	for _, n := range []int{s.lines * 2, s.lines / 5} {
		if err := s.fill(n); err != nil {
			return err
		}
		db := s.db(n)
		fmt.Printf("audit of %d requests of %d tenants\n", n, tenants)
		for _, what := range []string{"first", "second", allRows, allRows, allRows} {
			args := []string{s.headroom, "--db", db, "audit", "--fail-on", "never", "--as-of", "2030-01-01", "--output", os.DevNull, "--format", "json"}
			if what == allRows {
				args = append(args, "--since", "2025-01-01")
			}
			m, err := measure(args...)
			if err != nil {
				return err
			}
			fmt.Printf("  %-24s %8.3f s  (%6.2f s of processor)  peak %4d MB\n", what, m.wall.Seconds(), m.cpu.Seconds(), m.peakMB)
			if n == s.lines*2 && what == "first" {
				s.bars.atMost(fmt.Sprintf("audit of %d requests", n), m.wall.Seconds(), 0.8, "s")
				s.bars.atMost(fmt.Sprintf("audit of %d requests, peak memory", n), float64(m.peakMB), 100, "MB")
			}
		}
	}
	return nil
}

func (s *scale) db(n int) string { return s.path(fmt.Sprintf("audit-%d.db", n)) }

func (s *scale) fill(n int) error {
	log := s.path("fill.jsonl")
	defer os.Remove(log)
	if err := write(log, func(w io.Writer) { writeJSONL(w, 0, n) }); err != nil {
		return err
	}
	_, err := measure(s.headroom, "--db", s.db(n), "import", log)
	return err
}

// nights adds one night at a time, to a long and to a short history in turn, and tells the medians.
func (s *scale) nights() error {
	long, short := s.lines*2, s.lines/5
	times := map[int][]time.Duration{}
	for i := range 11 {
		for _, n := range []int{long, short} {
			night := s.path("night.jsonl")
			from := n + i*tenants*nightly
			if err := write(night, func(w io.Writer) { writeJSONL(w, from, tenants*nightly) }); err != nil {
				return err
			}
			a, err := measure(s.headroom, "--db", s.db(n), "import", night)
			if err != nil {
				return err
			}
			b, err := measure(s.headroom, "--db", s.db(n), "audit", "--fail-on", "never", "--as-of", "2030-01-01", "--output", os.DevNull, "--format", "json")
			if err != nil {
				return err
			}
			times[n] = append(times[n], a.wall+b.wall)
		}
	}
	fmt.Printf("one more night of %d tenants (%d requests), import and audit, median of 11\n", tenants, tenants*nightly)
	for _, n := range []int{long, short} {
		fmt.Printf("  on %-9d requests     %8.3f s\n", n, median(times[n]).Seconds())
	}
	s.bars.atMost(fmt.Sprintf("one more night on %d requests", long), median(times[long]).Seconds(), 1.5, "s")
	s.bars.atMost("one more night, long by short history", median(times[long]).Seconds()/median(times[short]).Seconds(), 1.2, "")
	return nil
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

type measured struct {
	wall, cpu time.Duration
	peakMB    int64
}

// measure runs a command to its end.
func measure(command ...string) (measured, error) {
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = os.Stderr
	begun := time.Now()
	if err := c.Run(); err != nil {
		return measured{}, fmt.Errorf("%v: %w", command, err)
	}
	m := measured{wall: time.Since(begun), cpu: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.peakMB = u.Maxrss / 1024
	}
	return m, nil
}

func write(name string, f func(io.Writer)) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<20)
	f(w)
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Close()
}

func remove(db string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		os.Remove(db + suffix)
	}
}

// writeCombined writes an access log of one host, three lines a second.
func writeCombined(w io.Writer, n int) {
	for i := range n {
		at := start.Add(time.Duration(i/3) * time.Second)
		fmt.Fprintf(w, "10.0.%d.%d - - [%s] \"GET /rest/api/v2/recordings/%s/audio HTTP/1.1\" 200 %d \"-\" \"recording-export/1.4\"\n",
			i%4, i%7, at.Format("02/Jan/2006:15:04:05 -0700"), key(i, at), size(i))
	}
}

// writeJSONL writes requests from number from on: every tenant's nightly recordings, 3.1 s apart,
// tenants in parallel.
func writeJSONL(w io.Writer, from, n int) {
	for i := from; i < from+n; i++ {
		night, k, tenant := i/(tenants*nightly), i/tenants%nightly, i%tenants
		at := start.AddDate(0, 0, night).Add(2*time.Hour + time.Duration(k)*3100*time.Millisecond + time.Duration(tenant)*1237*time.Microsecond)
		fmt.Fprintf(w, "{\"started_at\":\"%s\",\"method\":\"GET\",\"url\":\"https://tenant-%03d.xima.cloud/rest/api/v2/recordings/%s/audio\",\"status\":200,\"response_bytes\":%d}\n",
			at.Format("2006-01-02T15:04:05.000000Z"), tenant, key(i, at), size(i))
	}
}

// key is that of a recording which began nine hours before it is pulled.
func key(i int, pulled time.Time) string {
	return fmt.Sprintf("6f9619ff-8b86-4011-b42d-%012x-%d", i, pulled.Add(-9*time.Hour).UnixMilli())
}

func size(i int) int { return 100000 + i*7919%900000 }
