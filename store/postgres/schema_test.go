package postgres

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/internal/pgtest"
)

// nameOf is the schema that a URL of pgtest leads into.
func nameOf(url string) string { return url[strings.LastIndex(url, "=")+1:] }

// describe gives a schema's columns, indexes, constraints, triggers and functions, as the catalog
// has them.
func describe(t *testing.T, s *Store) (all []string) {
	t.Helper()
	conn, err := s.pool.Acquire(ctx)
	must(t, err)
	defer conn.Release()
	must(t, each(ctx, conn.Conn(), `
		SELECT format('%s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE '' END, a.attidentity)
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
		UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
		WHERE connamespace = current_schema()::regnamespace
		UNION ALL SELECT pg_get_triggerdef(g.oid) FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
		WHERE c.relnamespace = current_schema()::regnamespace
		UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc
		WHERE pronamespace = current_schema()::regnamespace`, func(scan scanFunc) error {
		var line string
		err := scan(&line)
		all = append(all, strings.ReplaceAll(line, s.pool.Config().ConnConfig.RuntimeParams["search_path"]+".", ""))
		return err
	}))
	slices.Sort(all)
	return all
}

// Tables of format 1 become those of today, rows stay, and who could read the log reads the seals.
func TestMigrateFormat1(t *testing.T) {
	server, url := pgtest.Start(t), pgtest.Schema(t)
	role := "reads_" + nameOf(url)
	old, err := os.ReadFile(filepath.Join("testdata", "format1.sql"))
	must(t, err)
	server.Exec(t, "SET search_path = "+nameOf(url)+";"+string(old)+`
		INSERT INTO secret VALUES (decode(repeat('07', 32), 'hex'));
		INSERT INTO tenant VALUES (1, 'acme'); INSERT INTO route VALUES (1, 'GET', 'o', '/', 'other');
		INSERT INTO source VALUES (1, 'transport', '', 0, 'start');
		INSERT INTO request VALUES (1, 0, 1, 1, 1, 1, NULL, 5, 200, false, 1, 1, 1, 1, 0);
		CREATE ROLE `+role+` LOGIN; GRANT USAGE ON SCHEMA `+nameOf(url)+` TO `+role+`;
		GRANT SELECT ON ALL TABLES IN SCHEMA `+nameOf(url)+" TO "+role)
	reader := strings.Replace(url, "headroom@", role+"@", 1)
	if _, err := Open(ctx, reader); err == nil || !strings.Contains(err.Error(), "owner") {
		t.Errorf("one who may not migrate: %v", err)
	}
	s := openTest(t, url)
	fresh := describe(t, openTest(t, pgtest.Schema(t)))
	if got := describe(t, s); !slices.Equal(got, fresh) || len(got) < 150 {
		for _, line := range got {
			if !slices.Contains(fresh, line) {
				t.Errorf("only the migrated one has %s", line)
			}
		}
		for _, line := range fresh {
			if !slices.Contains(got, line) {
				t.Errorf("only a new one has %s", line)
			}
		}
		t.Errorf("%d facts, not %d", len(got), len(fresh))
	}
	if got := rowsOf(t, openTest(t, reader)); len(got) != 1 || got[0].Tenant != "acme" {
		t.Errorf("rows are %+v", got)
	}
	in, err := openTest(t, reader).Seals(ctx)
	must(t, err)
	defer in.Close()
	if runs, err := in.Runs(ctx, 1); err != nil || len(runs) != 0 {
		t.Errorf("the seals are %v, %v", runs, err)
	}
}

// What is written stays, also for the tables' owner; the cache and what processes tell each other
// changes.
func TestAppendOnly(t *testing.T) {
	s := openTest(t, pgtest.Schema(t))
	may := strings.Fields("pace lease cache_chunk cache_state cache_mark")
	tables, err := s.pool.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
	must(t, err)
	names, err := pgx.CollectRows(tables, pgx.RowTo[string])
	must(t, err)
	if len(names) < 25 {
		t.Fatalf("there are only %d tables", len(names))
	}
	for _, table := range names {
		for _, sql := range []string{"DELETE FROM " + table, "TRUNCATE " + table} {
			_, err := s.pool.Exec(ctx, sql)
			refused := err != nil && strings.Contains(err.Error(), "append-only")
			if refused == slices.Contains(may, table) {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
}

// What Citus asks of a table before it distributes it, by its manual and by
// EnsureRelationCanBeDistributed of its source, is so of each that postgres.sql distributes: it has
// the distribution column, a bigint that is never NULL, first in its key; all unique indexes and
// constraints contain it; no foreign key is of it or to it; what numbers its rows is a bigint; it is
// no partition, has no policy, and only triggers on statements, for which the setting is named. Those
// that it makes reference tables need less; all others stay on the coordinator and have no tenant.
func TestCitusCanDistribute(t *testing.T) {
	s := openTest(t, pgtest.Schema(t))
	_, citus, _ := strings.Cut(schema, "-- Citus: with its extension")
	if !strings.Contains(citus, "SET citus.enable_unsafe_triggers") {
		t.Error("the statements do not allow for triggers")
	}
	if found := citusProblems(t, s); len(found) > 0 {
		t.Errorf("what Citus refuses: %q", found)
	}
	with, err := s.pool.Query(ctx, `SELECT relname FROM pg_class c WHERE relkind = 'r'
		AND relnamespace = current_schema()::regnamespace AND EXISTS
		(SELECT 1 FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')`)
	must(t, err)
	tenants, err := pgx.CollectRows(with, pgx.RowTo[string])
	must(t, err)
	if len(tenants) < 10 {
		t.Fatalf("only %d tables have tenants", len(tenants))
	}
	for _, table := range tenants {
		stays := table == "pace" || table == "lease" // what writes them asks for the time
		if strings.Contains(citus, "'"+table+"'") == stays {
			t.Errorf("table %s has tenants; it stays: %v; the statements say otherwise", table, stays)
		}
	}
	_, err = s.pool.Exec(ctx, `CREATE TABLE bad (x bigint UNIQUE, tenant_id int REFERENCES bad (x),
		n int GENERATED ALWAYS AS IDENTITY)`)
	must(t, err)
	want := []string{
		"bad: column n is numbered or generated", "bad: foreign key bad_tenant_id_fkey",
		"bad: index bad_x_key is unique and does not begin with the tenant",
		"bad: it has a tenant, and no key", "bad: the tenant may be NULL, or is no bigint",
	}
	if found := citusProblems(t, s); !slices.Equal(found, want) {
		t.Errorf("of a table that Citus refuses: %q", found)
	}
}

// citusProblems are what Citus would refuse of the tables, sorted.
func citusProblems(t *testing.T, s *Store) (found []string) {
	t.Helper()
	rows, err := s.pool.Query(ctx, `
		WITH mine AS (SELECT oid, relname, relkind, relispartition, relrowsecurity FROM pg_class
			WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p'))
		SELECT relname, 'it is a partition, or partitioned' FROM mine WHERE relkind = 'p' OR relispartition
		UNION ALL SELECT relname, 'it has policies' FROM mine WHERE relrowsecurity
		UNION ALL SELECT relname, 'foreign key ' || conname FROM pg_constraint c JOIN mine m
			ON m.oid IN (c.conrelid, c.confrelid) WHERE contype = 'f'
		UNION ALL SELECT relname, 'excludes by ' || conname FROM pg_constraint c JOIN mine m
			ON m.oid = c.conrelid WHERE contype = 'x'
		UNION ALL SELECT relname, 'a row trigger ' || tgname FROM pg_trigger g JOIN mine m
			ON m.oid = g.tgrelid WHERE NOT tgisinternal AND tgtype & 1 = 1
		UNION ALL SELECT relname, 'column ' || attname || ' is numbered or generated'
			FROM pg_attribute a JOIN mine m ON m.oid = a.attrelid
			WHERE (attidentity <> '' OR atthasdef) AND (atttypid <> 'bigint'::regtype OR attgenerated <> '')
		UNION ALL SELECT m.relname, 'index ' || i.relname || ' is unique and does not begin with the tenant'
			FROM pg_index x JOIN mine m ON m.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
			JOIN pg_attribute a ON a.attrelid = m.oid AND a.attname = 'tenant_id'
			WHERE indisunique AND (indkey[0] <> a.attnum OR indexprs IS NOT NULL)
		UNION ALL SELECT relname, 'the tenant may be NULL, or is no bigint' FROM pg_attribute a
			JOIN mine m ON m.oid = a.attrelid
			WHERE attname = 'tenant_id' AND (NOT attnotnull OR atttypid <> 'bigint'::regtype)
		UNION ALL SELECT relname, 'it has a tenant, and no key' FROM mine m WHERE NOT EXISTS
			(SELECT 1 FROM pg_index WHERE indrelid = m.oid AND indisprimary) AND EXISTS
			(SELECT 1 FROM pg_attribute WHERE attrelid = m.oid AND attname = 'tenant_id')`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var table, what string
		must(t, rows.Scan(&table, &what))
		found = append(found, table+": "+what)
	}
	must(t, rows.Err())
	slices.Sort(found)
	return found
}
