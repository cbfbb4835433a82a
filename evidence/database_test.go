package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // to change files behind the store's back

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

const testNow = 1767312000_000000

// testStore is a new log in a file.
func testStore(t testing.TB) *sqlite.Store {
	t.Helper()
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

var (
	testRoutes = []*store.Route{
		{Method: "GET", Origin: "https://a.example", Template: "/recording/{+id}", Class: "recording_audio"},
		{Method: "POST", Origin: "https://a.example", Template: "/list", Class: "list"},
	}
	testSources = []*store.Source{{Kind: "transport", Name: "pull"}, {Kind: "combined", Name: "access.log", Resolution: 1_000_000}}
)

// addRows appends n requests of each tenant, some recordings and events.
func addRows(t testing.TB, st *sqlite.Store, random *rand.Rand, n int, tenants ...string) {
	t.Helper()
	if err := addSomeRows(st, random, n, tenants...); err != nil {
		t.Fatal(err)
	}
}

func addSomeRows(st *sqlite.Store, random *rand.Rand, n int, tenants ...string) error {
	ctx := context.Background()
	var requests []store.Request
	var recordings []store.Recording
	for i := range n {
		for _, tenant := range tenants {
			at := testNow - random.Int64N(30*86400)*1_000_000
			r := store.Request{Tenant: tenant, StartedAt: at, Status: 200, ResponseBytes: random.Int64N(1 << 20), Duration: random.Int64N(1 << 20),
				Route: testRoutes[i%2], Source: testSources[random.IntN(2)], Client: fmt.Sprintf("client %d", random.IntN(3))}
			if i%2 == 0 {
				r.Key = fmt.Sprintf("call-%d-%d", at, random.IntN(1000))
				recordings = append(recordings, store.Recording{Tenant: tenant, Key: r.Key, StartedAt: at, Duration: 60_000_000, Bytes: 1 << 20})
			} else {
				r.Query = "a=b\tc"
			}
			requests = append(requests, r)
		}
	}
	_, err := st.AddRecordings(ctx, recordings)
	for _, tenant := range append(tenants, "") {
		kind := store.EventReset
		if tenant == "" {
			kind = store.EventDropped
		}
		err = errors.Join(err, st.AddEvent(ctx, store.Event{Kind: kind, At: testNow, Tenant: tenant, Count: 1, Note: "ticket 7"}))
	}
	return errors.Join(err, st.Append(ctx, requests))
}

func testSealOptions(key *Key) SealOptions {
	return SealOptions{Key: key, Now: testNow, Policy: []byte(testPolicy), Settings: func(string) []byte { return []byte(testSettings) }}
}

func mustSeal(t testing.TB, st *sqlite.Store, o SealOptions) Sealed {
	t.Helper()
	done, err := Seal(context.Background(), st, o)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// verifyFile checks a database file as a stranger to the process that wrote it would.
func verifyFile(path string, o LogOptions) (r *LogResult, err error) {
	st, err := sqlite.Open(path, sqlite.ReadOnly())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	in, err := st.Seals(context.Background())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return VerifyLog(context.Background(), in, o)
}

func mustVerify(t testing.TB, path string, o LogOptions) *LogResult {
	t.Helper()
	r, err := verifyFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealAndVerify(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(1, 1))
	if done := mustSeal(t, st, testSealOptions(key)); done.Runs != 0 || done.Line != "" {
		t.Errorf("an empty log is sealed: %+v", done)
	}
	if r := mustVerify(t, st.Path(), LogOptions{Key: key}); r.Problem == nil || r.Grade != Altered {
		t.Errorf("nothing sealed: %+v", r)
	}
	addRows(t, st, random, 300, "acme", "zeta")
	o := testSealOptions(key)
	o.Step = 250
	first := mustSeal(t, st, o)
	if first.Runs != 3 || first.Rows != 600+300+3 {
		t.Errorf("sealed %+v", first)
	}
	again := mustSeal(t, st, o)
	if again.Runs != 0 || again.Line != first.Line {
		t.Errorf("with nothing new: %+v, not %+v", again, first)
	}
	r := mustVerify(t, st.Path(), LogOptions{Key: key})
	if r.Problem != nil || r.Grade != SelfSigned || r.Line != first.Line || r.Runs != 3 || r.Logs != 2 || r.Unsealed != 0 {
		t.Fatalf("%+v", r)
	}
	addRows(t, st, random, 20, "acme")
	if r := mustVerify(t, st.Path(), LogOptions{Key: key}); r.Problem != nil || r.Unsealed != 20+10+2 {
		t.Errorf("rows after the seal: %+v", r)
	}
	second := mustSeal(t, st, o)
	if second.Runs != 1 || second.Line == first.Line {
		t.Errorf("sealed %+v", second)
	}
	held, err := ParseAnchor("mail", []byte(first.Line))
	if err != nil {
		t.Fatal(err)
	}
	if r := mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}}); r.Grade != Held {
		t.Errorf("holding the first line: %+v", r)
	}
	if r := mustVerify(t, st.Path(), LogOptions{}); r.Problem != nil || len(r.Notes) != 1 {
		t.Errorf("without the key: %+v", r)
	}
	addRows(t, st, random, 1, "acme")
	if _, err := Seal(context.Background(), st, testSealOptions(NewKey())); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
}

// copyFile copies a database whose log has been moved into it.
func copyFile(t testing.TB, from string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	to := filepath.Join(t.TempDir(), "copy.db")
	if err = errors.Join(err, os.WriteFile(to, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	return to
}

// change runs statements on a file without its triggers.
func change(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
	if err != nil {
		t.Fatal(err)
	}
	triggers := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		triggers[name] = text
	}
	rows.Close()
	for name := range triggers {
		statements = append([]string{"DROP TRIGGER " + name}, statements...)
	}
	for _, text := range triggers {
		statements = append(statements, text)
	}
	statements = append(statements, "PRAGMA wal_checkpoint(TRUNCATE)")
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// sealedFile is a closed database with some seals.
func sealedFile(t testing.TB, key *Key, n int) (path string, line string) {
	t.Helper()
	st, random := testStore(t), rand.New(rand.NewPCG(2, 2))
	for range 3 {
		addRows(t, st, random, n, "acme", "zeta")
		line = mustSeal(t, st, testSealOptions(key)).Line
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	change(t, st.Path())
	return st.Path(), line
}

func TestVerifyNamesWhatWasChanged(t *testing.T) {
	key := testKey()
	sealed, _ := sealedFile(t, key, 40)
	for _, c := range []struct{ name, statement, place string }{
		{"bytes", "UPDATE request SET response_bytes = response_bytes + 1 WHERE id = 100", "request 100 (zeta"},
		{"status", "UPDATE request SET status = 500 WHERE id = 7", "request 7 (acme"},
		{"time", "UPDATE request SET started_at = started_at + 1 WHERE id = 202", "request 202 (zeta"},
		{"removed", "DELETE FROM request WHERE id = 101", "1 rows were removed, the first before request 103"},
		{"two removed", "DELETE FROM request WHERE id IN (101, 103)", "2 rows were removed, the first before request 105"},
		{"last of a run removed", "DELETE FROM request WHERE id = 79", "1 rows were removed"},
		{"inserted", "INSERT INTO request (id, tenant_id, route_id, source_id, started_at, status, response_bytes) SELECT -5, tenant_id, route_id, source_id, started_at, status, response_bytes FROM request WHERE id = 1", "request -5 (acme"},
		{"moved to another tenant", "UPDATE request SET tenant_id = 3 - tenant_id WHERE id = 33", "before request 35 (acme"},
		{"two swapped", "UPDATE request SET id = CASE id WHEN 50 THEN -52 ELSE -50 END WHERE id IN (50, 52); UPDATE request SET id = -id WHERE id IN (-50, -52)", "request 50"},
		{"key", "UPDATE request SET key = 'other' WHERE id = 1", "request 1 (acme"},
		{"client", "UPDATE client SET name = 'other' WHERE id = 1", "request "},
		{"route", "UPDATE route SET template = '/other/{+id}' WHERE template LIKE '/recording%'", "request 1 (acme"},
		{"source", "UPDATE source SET name = 'other' WHERE kind = 'transport'", "request "},
		{"tenant", "UPDATE tenant SET name = 'other' WHERE name = 'acme'", "\"other\""},
		{"event's note", "UPDATE event SET note = 'ticket 8' WHERE id = 2", "event 2 (reset"},
		{"event removed", "DELETE FROM event WHERE id = 1", "removed"},
		{"reset inserted", "INSERT INTO event SELECT 0, kind, at, tenant_id, count, bytes, note, recorded_at FROM event WHERE id = 1", "(reset"},
		{"recording", "UPDATE recording SET bytes = 1 WHERE id = 5", "listed recording 5 (acme"},
		{"recording removed", "DELETE FROM recording WHERE id = 6", "rows were removed"},
		{"leaf", "UPDATE seal_leaf SET line = replace(line, '1767', '1768') WHERE line LIKE 'k1%' AND tenant_id = 1", "leaf"},
		{"settings leaf", "UPDATE seal_leaf SET line = replace(line, 'a', 'b') WHERE line LIKE 's1%' AND tenant_id = 1", "leaf"},
		{"checkpoint", "UPDATE seal_head SET checkpoint = replace(checkpoint, 'A', 'B') WHERE run = 2", "seal 2"},
		{"size", "UPDATE seal_head SET size = size + 1 WHERE run = 2 AND tenant_id = 1", "seal 2"},
		{"peaks", "UPDATE seal_head SET peaks = zeroblob(length(peaks)) WHERE run = 3", "seal 3"},
		{"hints", "UPDATE seal_head SET hints = zeroblob(length(hints)) WHERE run = 3", "seal 3"},
		{"a head removed", "DELETE FROM seal_head WHERE run = 3 AND tenant_id = 2", "seal 3"},
		{"a run removed", "DELETE FROM seal_run WHERE n = 2", "seal 3"},
		{"run's time", "UPDATE seal_run SET sealed_at = sealed_at - 1 WHERE n = 3", "seal 3"},
		{"run's text", "UPDATE seal_run SET pad = zeroblob(32) WHERE n = 2", "seal 2"},
		{"run's reach", "UPDATE seal_run SET request_upto = request_upto - 1 WHERE n = 2", "seal 2"},
		{"log's key", "UPDATE seal_log SET public_key = zeroblob(32)", "key"},
		{"log's id", "UPDATE seal_log SET log_id = zeroblob(16) WHERE tenant_id = 1", "acme"},
		{"a hash instead of a row", "DELETE FROM request WHERE id = 1; INSERT INTO seal_pruned VALUES (1, 0, 1, zeroblob(32))", "acme"},
	} {
		path := copyFile(t, sealed)
		change(t, path, c.statement)
		r, err := verifyFile(path, LogOptions{Key: key})
		if err == nil {
			err = r.Problem
		}
		if err == nil || !strings.Contains(err.Error(), c.place) {
			t.Errorf("%s: %v does not name %s", c.name, err, c.place)
		}
	}
	path := copyFile(t, sealed)
	change(t, path, "DELETE FROM cache_chunk", "INSERT INTO seal_told VALUES (1)")
	if r := mustVerify(t, path, LogOptions{Key: key}); r.Problem != nil {
		t.Errorf("an emptied cache: %v", r.Problem)
	}
}

// Several processes that seal and record at once end in one log that verifies.
func TestSealAtOnce(t *testing.T) {
	st, key := testStore(t), testKey()
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			own, err := sqlite.Open(st.Path())
			if err != nil {
				t.Error(err)
				return
			}
			defer own.Close()
			random := rand.New(rand.NewPCG(uint64(i), 3))
			for range 5 {
				addRows(t, own, random, 10, fmt.Sprintf("tenant %d", i%2))
				if _, err := Seal(context.Background(), own, testSealOptions(key)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	mustSeal(t, st, testSealOptions(key))
	if r := mustVerify(t, st.Path(), LogOptions{Key: key}); r.Problem != nil || r.Unsealed != 0 {
		t.Errorf("%+v", r)
	}
}

// A clock that is set back moves no seal before another.
func TestSealWithAClockSetBack(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(4, 4))
	addRows(t, st, random, 3, "acme")
	o := testSealOptions(key)
	mustSeal(t, st, o)
	addRows(t, st, random, 3, "acme")
	o.Now -= time.Hour.Microseconds()
	mustSeal(t, st, o)
	r := mustVerify(t, st.Path(), LogOptions{Key: key})
	if r.Problem != nil || r.SealedAt != testNow+1 {
		t.Errorf("%+v", r)
	}
}

// deleteRows tries what the triggers refuse.
func deleteRows(path string) error {
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		return nil
	}
	defer db.Close()
	_, err = db.Exec("DELETE FROM request")
	return err
}
