package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
)

// windows counts the spacing violations of each tenant and finds its largest sum of five days, from
// rows alone: what a query of PostgreSQL's own takes for two of the audit's figures.
const windows = `SELECT count(*) FROM (
	SELECT tenant_id, count(*) FILTER (WHERE gap < 3000000) AS too_close, max(egress) AS peak FROM (
		SELECT tenant_id, started_at - lag(started_at) OVER (PARTITION BY tenant_id ORDER BY started_at, r.id) AS gap,
			sum(response_bytes) OVER (PARTITION BY tenant_id ORDER BY started_at
				RANGE BETWEEN 431999999999 PRECEDING AND CURRENT ROW) AS egress
		FROM request r JOIN route o ON o.id = r.route_id WHERE o.class = 'recording_audio') g
	GROUP BY tenant_id) t`

// shared compares a log in PostgreSQL, filled by push, with the file of SQLite that it was pushed
// from. base is the URL of an empty database, which keeps what was measured in schemas of its own.
func (s *scale) shared(base string) error {
	n := s.lines
	log, db := s.path("shared.jsonl"), s.path("shared.db")
	defer os.Remove(log)
	defer remove(db)
	if err := write(log, func(w io.Writer) { writeJSONL(w, 0, n) }); err != nil {
		return err
	}
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	schema := fmt.Sprintf("scale%d", n)
	query := u.Query()
	query.Set("search_path", schema)
	psql := func(sql string) (measured, error) {
		return measure("env", "PGOPTIONS=-c search_path="+schema, "psql", "-qAtX", "-o", os.DevNull, "-c", sql, base)
	}
	if _, err := psql("CREATE SCHEMA " + schema); err != nil {
		return err
	}
	u.RawQuery = query.Encode()
	fmt.Printf("%d requests of %d tenants in a file, and pushed to PostgreSQL\n", n, tenants)
	imported, err := s.rate("import", s.headroom, "-q", "--db", db, "import", log)
	if err != nil {
		return err
	}
	pushed, err := s.rate("push", s.headroom, "-q", "--db", db, "push", "--to", u.String())
	if err != nil {
		return err
	}
	s.bars.atLeast(fmt.Sprintf("push of %d, of import's rows a second", n),
		imported.wall.Seconds()/pushed.wall.Seconds(), 0.25, "×")
	if err := s.sharedAudits(db, u.String()); err != nil {
		return err
	}
	m, err := psql(windows)
	if err != nil {
		return err
	}
	fmt.Printf("  %-34s %8.3f s\n", "window functions, one statement", m.wall.Seconds())
	return s.sharedNights(db, u.String())
}

func (s *scale) audit(db string, more ...string) (measured, error) {
	return measure(append([]string{s.headroom, "-q", "--db", db, "audit", "--fail-on", "never", "--as-of", "2030-01-01",
		"--output", os.DevNull, "--format", "json"}, more...)...)
}

// sharedAudits audits both in turn: the first fills the caches, the others read them whole.
func (s *scale) sharedAudits(db, to string) error {
	times := map[string][]time.Duration{}
	for i := range 4 {
		for _, log := range []string{db, to} {
			m, err := s.audit(log, "--since", "2025-01-01")
			if err != nil {
				return err
			}
			if i == 0 {
				fmt.Printf("  %-34s %8.3f s\n", "first audit, "+kindOf(log), m.wall.Seconds())
				continue
			}
			times[log] = append(times[log], m.wall)
		}
	}
	for _, log := range []string{db, to} {
		fmt.Printf("  %-34s %8.3f s\n", "audit of all rows, "+kindOf(log), median(times[log]).Seconds())
	}
	s.bars.atMost(fmt.Sprintf("audit of %d, PostgreSQL by SQLite, cache warm", s.lines),
		median(times[to]).Seconds()/median(times[db]).Seconds(), 5, "×")
	return nil
}

// sharedNights adds one night at a time to both: imported into the file and audited there, then
// pushed and audited in PostgreSQL.
func (s *scale) sharedNights(db, to string) error {
	night := s.path("night.jsonl")
	defer os.Remove(night)
	steps := [][]string{
		{s.headroom, "-q", "--db", db, "import", night}, nil, {s.headroom, "-q", "--db", db, "push", "--to", to}, nil,
	}
	var file, shared []time.Duration
	for i := range 5 {
		from := s.lines + i*tenants*nightly
		if err := write(night, func(w io.Writer) { writeJSONL(w, from, tenants*nightly) }); err != nil {
			return err
		}
		var took [4]time.Duration
		for k, step := range steps {
			m, err := s.step(step, []string{db, to}[k/2])
			if err != nil {
				return err
			}
			took[k] = m.wall
		}
		file, shared = append(file, took[0]+took[1]), append(shared, took[2]+took[3])
	}
	fmt.Printf("one more night of %d tenants (%d requests) on %d, median of 5\n", tenants, tenants*nightly, s.lines)
	fmt.Printf("  %-34s %8.3f s\n", "import and audit, SQLite", median(file).Seconds())
	fmt.Printf("  %-34s %8.3f s\n", "push and audit, PostgreSQL", median(shared).Seconds())
	s.bars.atMost(fmt.Sprintf("one more night on %d, PostgreSQL by SQLite", s.lines),
		median(shared).Seconds()/median(file).Seconds(), 5, "×")
	return nil
}

// step runs a command, or audits where there is none.
func (s *scale) step(command []string, log string) (measured, error) {
	if command == nil {
		return s.audit(log)
	}
	return measure(command...)
}

func kindOf(log string) string {
	if strings.Contains(log, "://") {
		return "PostgreSQL"
	}
	return "SQLite"
}
