package sqlite

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
)

var update = flag.Bool("update", false, "rewrite generated files")

// schema.sql at the top of the repository is the authored page; go:embed cannot reach it, so this package has a copy.
func TestSchemaCopy(t *testing.T) {
	authored, err := os.ReadFile(filepath.Join("..", "..", "schema.sql"))
	must(t, err)
	if *update {
		must(t, os.WriteFile("schema.sql", authored, 0o644))
		return
	}
	if string(authored) != schema {
		t.Error("store/sqlite/schema.sql differs from schema.sql: go test ./store/sqlite -run TestSchemaCopy -update")
	}
}

func TestSchemaConstants(t *testing.T) {
	for pragma, want := range map[string]int{"application_id": applicationID, "user_version": formatVersion} {
		found := regexp.MustCompile(`PRAGMA ` + pragma + ` = (\d+)`).FindStringSubmatch(schema)
		if found == nil || found[1] != strconv.Itoa(want) {
			t.Errorf("schema.sql sets %v, the code says %d", found, want)
		}
		if got := number(t, openTest(t, "").db, "PRAGMA "+pragma); got != int64(want) {
			t.Errorf("%s of a new file is %d, not %d", pragma, got, want)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(schema), fmt.Sprintf("PRAGMA user_version = %d;", formatVersion)) {
		t.Error("schema.sql does not end with its version: a file half made would look whole")
	}
}

// tables gives what a file's schema says.
func tables(t *testing.T, q queryer) map[string]string {
	t.Helper()
	said, err := definitions(context.Background(), q)
	must(t, err)
	said["user_version"] = fmt.Sprint(number(t, q, "PRAGMA user_version"))
	return said
}

func sameTables(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is\n%s\nnot\n%s", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
}

// A file of each older format, migrated, must be as a new file is. testdata/schema/vN*.sql makes a file of format N, with
// three rows of tenant "writer 0" that started at 0, 1 and 2: whoever raises formatVersion puts a copy of the schema.sql that was there.
func TestMigrationsConverge(t *testing.T) {
	want := tables(t, openTest(t, "").db)
	fixtures, err := filepath.Glob(filepath.Join("testdata", "schema", "v*.sql"))
	must(t, err)
	if len(fixtures) < formatVersion-1 {
		t.Errorf("there are %d fixtures of formats before %d", len(fixtures), formatVersion)
	}
	for _, fixture := range fixtures {
		t.Run(filepath.Base(fixture), func(t *testing.T) {
			old, err := os.ReadFile(fixture)
			must(t, err)
			var v int
			_, err = fmt.Sscanf(filepath.Base(fixture), "v%d", &v)
			must(t, err)
			path := filepath.Join(t.TempDir(), "old.db")
			db := raw(t, path)
			_, err = db.Exec(string(old))
			must(t, err)
			if got := number(t, db, "PRAGMA user_version"); got != int64(v) || v >= formatVersion {
				t.Fatalf("the fixture is of format %d", got)
			}
			defined, err := definitions(context.Background(), db)
			must(t, err)
			if got := digest(defined); got != olderSchemas[v] {
				t.Fatalf("olderSchemas[%d] should be %q", v, got)
			}
			must(t, db.Close())
			if st, err := Open(path, ReadOnly()); !errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), "older") {
				t.Errorf("Open for reading says %v", err)
				if err == nil {
					st.Close()
				}
			}
			st := openTest(t, path)
			sameTables(t, tables(t, st.db), want)
			for range 2 {
				if got := numbers(t, st, 0); !slices.Equal(got, []int64{0, 1, 2}) {
					t.Errorf("the rows are now %v", got)
				}
				must(t, scanAll(st, "writer 0"))
				must(t, st.Refresh(context.Background()))
			}
			checkCache(t, st)
		})
	}
	if len(migrations) != formatVersion-1 {
		t.Errorf("there are %d migrations to format %d", len(migrations), formatVersion)
	}
}

// TestNewSchema: the digest by which a file is known is that of the schema, and only with it.
func TestNewSchema(t *testing.T) {
	authored, err := authoredSchema()
	must(t, err)
	if got := digest(authored); got != newSchema {
		t.Fatalf("newSchema in authored.go should be %q", got)
	}
	for _, c := range []struct {
		change string
		known  bool
	}{
		{"CREATE TABLE more (x)", false},
		{"DROP TRIGGER request_no_delete", false},
		{"DROP TRIGGER request_no_replace", true},
		{"DROP TRIGGER request_no_replace; CREATE TRIGGER request_no_replace BEFORE INSERT ON request BEGIN SELECT 1; END", false},
		{"", true},
	} {
		path := filepath.Join(t.TempDir(), "requests.db")
		must(t, openTest(t, path).Close())
		db := raw(t, path)
		_, err := db.Exec(c.change)
		must(t, err)
		got, err := definitions(t.Context(), db)
		must(t, err)
		must(t, db.Close())
		if isNew(got) != c.known {
			t.Errorf("%q: known is %t", c.change, !c.known)
		}
	}
}

func TestMigrate(t *testing.T) {
	ctx := context.Background()
	steps := map[int]string{
		formatVersion:     "ALTER TABLE client ADD COLUMN note TEXT NOT NULL DEFAULT ''",
		formatVersion + 1: "CREATE TABLE more (x INTEGER) STRICT; INSERT INTO more VALUES (7)",
	}
	st := openTest(t, "")
	must(t, st.Append(ctx, numbered(0, 0, 3)))
	for range 2 { // the second finds it done
		must(t, migrate(ctx, st.db, steps, formatVersion+2))
		if got := number(t, st.db, "SELECT x + (SELECT count(*) FROM client WHERE note = '') FROM more"); got != 7+3 {
			t.Errorf("the steps left %d", got)
		}
	}
	if got := number(t, st.db, "PRAGMA user_version"); got != formatVersion+2 {
		t.Errorf("the format is %d", got)
	}
	if err := migrate(ctx, st.db, steps, formatVersion); !errors.Is(err, store.ErrNewer) {
		t.Errorf("migrating backwards says %v", err)
	}
	if err := migrate(ctx, st.db, steps, formatVersion+3); err == nil {
		t.Error("a step is missing, and nobody says so")
	}
}

// A step that fails takes the steps before it back.
func TestMigrateFails(t *testing.T) {
	st := openTest(t, "")
	before := tables(t, st.db)
	steps := map[int]string{formatVersion: "CREATE TABLE more (x)", formatVersion + 1: "ALTER TABLE missing ADD COLUMN x"}
	if err := migrate(context.Background(), st.db, steps, formatVersion+2); err == nil {
		t.Error("migrate says nothing")
	}
	sameTables(t, tables(t, st.db), before)
}

func TestRequestsView(t *testing.T) {
	for _, tt := range []struct{ template, key, query, want string }{
		{"/rest/recordings", "", "", "/rest/recordings"},
		{"/rest/recordings", "", "a=1&b=2", "/rest/recordings?a=1&b=2"},
		{"/rest/recordings/{+recording_key}", "key-1", "", "/rest/recordings/key-1"},
		{"/rest/recordings/{+recording_key}/audio", "key-1", "x=y", "/rest/recordings/key-1/audio?x=y"},
		{"/rest/agents/{extension}/{+id}/x", "7", "", "/rest/agents/{extension}/7/x"},
		{"/rest/agents/{extension}/click", "", "", "/rest/agents/{extension}/click"},
		{"/rest/{+id}", "", "", "/rest/"},
		{"/rest/{+site}/calls/{+id}/audio", "site-1/key-1", "x=y", "/rest/site-1/calls/key-1/audio?x=y"},
		{"/{+a}/{b}/{+c}/{+d}", "1//3", "", "/1/{b}//3"},
		{"/{+a}/{+b}", "", "", "//"},
	} {
		st := openTest(t, "")
		q := numbered(0, 0, 1)[0]
		q.Route, q.Key, q.Query = &store.Route{Method: "GET", Origin: "https://a.example", Template: tt.template, Class: "x"}, tt.key, tt.query
		must(t, st.Append(context.Background(), []store.Request{q}))
		got := textOf(t, st.db, "SELECT url FROM requests")
		if got != "https://a.example"+tt.want || got != q.URL() {
			t.Errorf("the URL of %s with %q is %s, and %s", tt.template, tt.key, got, q.URL())
		}
	}
}

// The view's other columns are the row's.
func TestRequestsViewColumns(t *testing.T) {
	st := openTest(t, "")
	q := store.Request{
		Tenant: "acme", StartedAt: 1, Duration: 2, FirstByte: 3, RequestBytes: 4, ResponseBytes: 5, Status: 206, CutShort: true, RetryAfter: 6,
		Error: "reset", Params: "p", Client: "cron", Route: &store.Route{Method: "GET", Origin: "o", Template: "/t", Class: "c"},
		Source: &store.Source{Kind: "csv", Name: "f", Resolution: 7},
	}
	must(t, st.Append(context.Background(), []store.Request{q}))
	got := textOf(t, st.db, `SELECT concat_ws(' ', id, tenant, at, started_at, method, class, url, path, status, response_bytes, request_bytes,
		duration_us, first_byte_us, cut_short, retry_after_s, error, client, source, source_name, resolution_us, params) FROM requests`)
	if want := "1 acme 1970-01-01T00:00:00.000001Z 1 GET c o/t /t 206 5 4 2 3 1 6 reset cron csv f 7 p"; got != want {
		t.Errorf("the view says\n%s, not\n%s", got, want)
	}
}

// A trigger's message may send nobody to a command that a later or an earlier headroom does not have.
func TestTriggersNameNoCommand(t *testing.T) {
	if n := number(t, openTest(t, "").db, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%headroom %'"); n != 0 {
		t.Errorf("%d triggers name a command", n)
	}
}
