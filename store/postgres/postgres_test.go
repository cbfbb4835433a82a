package postgres

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
)

var update = flag.Bool("update", false, "rewrite generated files")

var ctx = context.Background()

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func openTest(tb testing.TB, url string, opts ...Option) *Store {
	tb.Helper()
	s, err := Open(ctx, url, opts...)
	must(tb, err)
	tb.Cleanup(func() { s.Close() })
	return s
}

// request makes one of tenant acme that began at a time.
func request(at int64) store.Request {
	return store.Request{
		Tenant: "acme", StartedAt: at, Status: 200, ResponseBytes: 5, Key: "k",
		Route:  &store.Route{Method: "GET", Origin: "https://acme.example", Template: "/a/{+key}"},
		Source: &store.Source{Kind: "transport"},
	}
}

// rowsOf are all requests of a log.
func rowsOf(tb testing.TB, s *Store) (all []store.Request) {
	tb.Helper()
	n, err := s.Snapshot(ctx)
	must(tb, err)
	defer n.Close()
	for q, err := range n.Rows(ctx, "", store.Range{}) {
		must(tb, err)
		all = append(all, q)
	}
	return all
}

// postgres.sql at the top of the repository is the authored page; go:embed cannot reach it, so this
// package has a copy.
func TestSchemaCopy(t *testing.T) {
	authored, err := os.ReadFile(filepath.Join("..", "..", "postgres.sql"))
	must(t, err)
	if *update {
		must(t, os.WriteFile("schema.sql", authored, 0o644))
		return
	}
	if string(authored) != schema {
		t.Error("store/postgres/schema.sql differs from postgres.sql: " +
			"go test ./store/postgres -run TestSchemaCopy -update")
	}
}

// What is not headroom's, or newer, or not there, is told, and not touched.
func TestOpenRefuses(t *testing.T) {
	server := pgtest.Start(t)
	for _, c := range []struct {
		name, before string
		opts         []Option
		want         error
	}{
		{"no tables", "", []Option{MustExist()}, store.ErrNoFile},
		{"a table of another program", "CREATE TABLE request (x int)", nil, store.ErrNotOurs},
		{"another meta", "CREATE TABLE meta (y int)", nil, store.ErrNotOurs},
		{
			"a newer one", "CREATE TABLE meta (name text, value text); " +
				"INSERT INTO meta VALUES ('format', '99')", nil, store.ErrNewer,
		},
	} {
		url := pgtest.Schema(t)
		schema := url[strings.LastIndex(url, "=")+1:]
		if c.before != "" {
			server.Exec(t, "SET search_path = "+schema+"; "+c.before)
		}
		if s, err := Open(ctx, url, c.opts...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
			if err == nil {
				s.Close()
			}
		}
	}
	if _, err := Open(ctx, server.URL("nowhere")); !errors.Is(err, store.ErrNoFile) {
		t.Errorf("a schema that is not there: %v", err)
	}
	if _, err := Open(ctx, "postgres://headroom@/none?host="+server.Folder()); !errors.Is(err, store.ErrNoFile) {
		t.Errorf("a database that is not there: %v", err)
	}
}

func TestMigrate(t *testing.T) {
	s := openTest(t, pgtest.Schema(t))
	conn, err := s.pool.Acquire(ctx)
	must(t, err)
	defer conn.Release()
	run := func(steps map[int]string) error {
		return inTransaction(ctx, conn.Conn(), func() error { return migrate(ctx, conn.Conn(), 1, steps, 3) })
	}
	if err := run(map[int]string{1: "CREATE TABLE more (x int)"}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a step is missing: %v", err)
	}
	must(t, run(map[int]string{1: "CREATE TABLE more (x int)", 2: "ALTER TABLE more ADD y int"}))
	var value string
	must(t, conn.QueryRow(ctx, "SELECT value FROM meta WHERE name = 'format'").Scan(&value))
	if value != "3" {
		t.Errorf("the format is %s after two steps", value)
	}
	if _, err := Open(ctx, pgtestURL(s)); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer format: %v", err)
	}
}

func pgtestURL(s *Store) string { return s.pool.Config().ConnString() }

// The roles of postgres.sql: the writer can do all that a log does and no more, the reader reads
// without the hash key.
func TestRoles(t *testing.T) {
	url := pgtest.Schema(t)
	server := pgtest.Start(t)
	openTest(t, url)
	name := url[strings.LastIndex(url, "=")+1:]
	grants := ""
	for line := range strings.Lines(schema) {
		if s, ok := strings.CutPrefix(line, "--@"); ok {
			grants += s
		}
	}
	server.Exec(t, "SET search_path = "+name+";"+grants+
		"ALTER ROLE headroom_writer LOGIN; ALTER ROLE headroom_reader LOGIN; ALTER ROLE headroom_sealer LOGIN;"+
		"GRANT USAGE ON SCHEMA "+name+" TO headroom_writer, headroom_reader")
	as := func(role string) string { return strings.Replace(url, "headroom@", role+"@", 1) }

	w := openTest(t, as("headroom_writer"))
	must(t, w.Append(ctx, []store.Request{request(1), request(2)}))
	must(t, w.Refresh(ctx))
	must(t, w.AddEvent(ctx, store.Event{Kind: store.EventReset, Tenant: "acme", At: 5}))
	_, err := w.AddRecordings(ctx, []store.Recording{{Tenant: "acme", Key: "k", StartedAt: 1}})
	must(t, err)
	slot, _, ok, err := w.TakeSlot(ctx, "acme", "audio", time.Second)
	if must(t, err); !ok {
		t.Error("the writer gets no slot")
	}
	must(t, w.SettleSlot(ctx, slot, time.Now()))
	for _, sql := range []string{
		"DELETE FROM request", "UPDATE request SET status = 1", "TRUNCATE request", "DELETE FROM event",
		"UPDATE secret SET hash_key = ''", "DELETE FROM push", "DROP TABLE request",
	} {
		if _, err := w.pool.Exec(ctx, sql); !errors.Is(explain(err), store.ErrReadOnly) &&
			!strings.Contains(explain(err).Error(), "owner") {
			t.Errorf("the writer: %s: %v", sql, err)
		}
	}

	run := &store.SealRun{N: 1, Upto: store.RowIDs{Request: 2}}
	if err := w.AddSeal(ctx, run, nil); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("the writer seals: %v", err)
	}
	sealer := openTest(t, as("headroom_sealer"))
	must(t, sealer.AddSeal(ctx, run, []store.SealHead{{Tenant: "acme", Run: 1, Lines: []store.SealLine{{}}}}))
	must(t, sealer.TellSeal(ctx, 1))
	must(t, sealer.AddStamp(ctx, 1, []byte("answer")))
	pruning := &store.Pruning{Before: 9, Upto: run.Upto, Run: &store.SealRun{N: 2, Upto: run.Upto}}
	if err := sealer.Prune(ctx, pruning); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("the sealer prunes: %v", err)
	}

	r := openTest(t, as("headroom_reader"))
	if got := len(rowsOf(t, r)); got != 2 || !r.ReadOnly() || r.HashKey() != nil {
		t.Errorf("the reader sees %d rows, read-only %v, hash key %x", got, r.ReadOnly(), r.HashKey())
	}
	must(t, r.Refresh(ctx))
	if err := r.Append(ctx, []store.Request{request(3)}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("the reader appends: %v", err)
	}
}

// No error holds the password, however the URL is wrong.
func TestPasswordsAreNotTold(t *testing.T) {
	const secret = "hunter2"
	server := pgtest.Start(t)
	for _, url := range []string{
		"postgres://u:hunter2@127.0.0.1:1/db",
		"postgres://u:hunter2@127.0.0.1:port/db",
		"postgres://u:hunter2%zz@host/db",
		"postgres://u:hunter2 @ho st/db",
		"postgres://u:hunter2@host/db?sslmode=hunter2",
		"postgres://u@host/db?password=hunter2&sslmode=maybe",
		"postgres://u:hunter2@/db?host=" + server.Folder(),
		"postgres://u:a/hunter2@host/db",
		"host=/tmp password=hunter2",
		"postgres://u:x@hunter2@127.0.0.1:1/db",
		"POSTGRES://u:hunter2@127.0.0.1:1/db",
	} {
		s, err := Open(ctx, url)
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", url)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", url, err)
		}
	}
	s := openTest(t, strings.Replace(pgtest.Schema(t), "headroom@", "headroom:hunter2@", 1))
	if strings.Contains(s.Path(), secret) {
		t.Errorf("Path is %s", s.Path())
	}
}

// Text that PostgreSQL cannot hold comes back as it was.
func TestAnyText(t *testing.T) {
	s := openTest(t, pgtest.Schema(t))
	var batch []store.Request
	for _, text := range []string{"plain/ü", "zero\x00byte", "not\xffutf8", "\x01looks encoded", "\x0100"} {
		q := request(1)
		q.Key, q.Query, q.Client, q.VendorID = text, text, text, text
		batch = append(batch, q)
	}
	must(t, s.Append(ctx, batch))
	for i, q := range rowsOf(t, s) {
		want := batch[i].Key
		if q.Key != want || q.Query != want || q.Client != want || q.VendorID != want {
			t.Errorf("%q came back as %q, %q, %q, %q", want, q.Key, q.Query, q.Client, q.VendorID)
		}
	}
}

// A connection that breaks after COMMIT was sent leaves open whether the rows are there. Append
// finds out, so that nobody writes them twice.
func TestCommitWhoseAnswerIsLost(t *testing.T) {
	url := pgtest.Schema(t)
	openTest(t, url)
	server := pgtest.Start(t)
	broken := breakAt(t, server.Folder(), "COMMIT")
	s := openTest(t, strings.Replace(url, strings.ReplaceAll(server.Folder(), "/", "%2F"),
		strings.ReplaceAll(broken.folder, "/", "%2F"), 1))
	broken.armed.Store(true)
	must(t, s.Append(ctx, []store.Request{request(1), request(2)}))
	if broken.armed.Load() {
		t.Fatal("the connection did not break")
	}
	must(t, s.Append(ctx, []store.Request{request(3)}))
	if got := len(rowsOf(t, s)); got != 3 {
		t.Errorf("there are %d rows, not 3", got)
	}
	must(t, s.Refresh(ctx)) // after what is lost, the cache still fits
}

// breaker passes connections on, and breaks one after it has passed on a word, or keeps it and passes
// nothing more of what the server says.
type breaker struct {
	folder string
	mute   bool
	armed  atomic.Bool
}

func breakAt(t *testing.T, server, word string) *breaker {
	folder, err := os.MkdirTemp("", "pgbreak")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	b := &breaker{folder: folder}
	listener, err := net.Listen("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go b.pass(client, filepath.Join(server, ".s.PGSQL.5432"), word)
		}
	}()
	return b
}

func (b *breaker) pass(client net.Conn, server, word string) {
	defer client.Close()
	to, err := net.Dial("unix", server)
	if err != nil {
		return
	}
	defer to.Close()
	var cut atomic.Bool
	go func() {
		defer client.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := to.Read(buf)
			if err != nil || cut.Load() && !b.mute {
				return
			}
			if cut.Load() {
				continue
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if strings.Contains(string(buf[:n]), word) && b.armed.CompareAndSwap(true, false) {
			cut.Store(true)
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A pooler that knows no prepared statements gets the simple protocol, in which numbers come as text.
func TestSimpleProtocol(t *testing.T) {
	url := pgtest.Schema(t)
	s := openTest(t, url)
	q := request(5)
	q.Key, q.Status, q.CutShort, q.VendorID = "a\x00b", 509, true, "v-1"
	q.DateSkew = store.Seconds{N: -3, Known: true}
	must(t, s.Append(ctx, []store.Request{q, request(7)}))
	want := rowsOf(t, s)
	if len(want) != 2 || !want[0].CutShort || want[0].DateSkew != q.DateSkew || want[0].Key != q.Key {
		t.Errorf("%+v", want)
	}
	simple := openTest(t, url+"&default_query_exec_mode=simple_protocol")
	must(t, simple.Refresh(ctx))
	if got := rowsOf(t, simple); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, not %+v", got, want)
	}
}

// Slots go by the server's clock; who has one keeps all others out, and a dead one's expires.
func TestSlots(t *testing.T) {
	url := pgtest.Schema(t)
	a, b := openTest(t, url), openTest(t, url)
	const lease = time.Hour
	slot, _, ok, err := a.TakeSlot(ctx, "acme", "audio", lease)
	if must(t, err); !ok {
		t.Fatal("a free slot was refused")
	}
	if _, wait, ok, err := b.TakeSlot(ctx, "acme", "audio", lease); err != nil || ok || wait <= 0 || wait > lease {
		t.Errorf("a slot that is taken: %v, wait %v, %v", ok, wait, err)
	}
	if _, _, ok, err := b.TakeSlot(ctx, "acme", "lists", lease); err != nil || !ok {
		t.Errorf("the slot of another class: %v, %v", ok, err)
	}
	must(t, a.SettleSlot(ctx, slot, time.Now().Add(-time.Second)))
	second, _, ok, err := b.TakeSlot(ctx, "acme", "audio", lease)
	if err != nil || !ok {
		t.Fatalf("a slot that was settled: %v, %v", ok, err)
	}
	must(t, a.SettleSlot(ctx, slot, time.Now().Add(time.Hour)))                 // an expired one
	_, err = a.pool.Exec(ctx, "UPDATE pace SET next_at = next_at - 3600000000") // an hour later
	must(t, err)
	if _, _, ok, err := a.TakeSlot(ctx, "acme", "audio", lease); err != nil || !ok {
		t.Errorf("the slot of a dead process: %v, %v", ok, err)
	}
	must(t, b.SettleSlot(ctx, second, time.Now().Add(time.Hour)))
	_, err = a.pool.Exec(ctx, "UPDATE pace SET next_at = next_at + 7200000000")
	must(t, err)
	if _, _, ok, err := a.TakeSlot(ctx, "acme", "audio", lease); err != nil || !ok {
		t.Errorf("a time from before the clock was set back: %v, %v", ok, err)
	}
	_, err = a.pool.Exec(ctx, "ALTER TABLE pace RENAME TO other; ALTER TABLE lease RENAME TO another")
	must(t, err)
	_, _, _, slotErr := a.TakeSlot(ctx, "acme", "audio", lease)
	_, _, leaseErr := a.TakeLease(ctx, "acme", lease)
	for _, err := range []error{slotErr, leaseErr, a.SettleSlot(ctx, slot, time.Now())} {
		if err == nil || !strings.Contains(err.Error(), "write database") {
			t.Errorf("what cannot be written: %v", err)
		}
	}
}

// A write waits for another's transaction, tells that it does, and gives up after its patience.
func TestLocked(t *testing.T) {
	url := pgtest.Schema(t)
	told := make(chan bool, 10)
	s := openTest(t, url, WhenWaiting(func() { told <- true }))
	was, wasSilence := lockPatience, silence
	lockPatience, silence = time.Second, 20*time.Millisecond
	defer func() { lockPatience, silence = was, wasSilence }()
	other, err := pgx.Connect(ctx, url)
	must(t, err)
	defer other.Close(ctx)
	_, err = other.Exec(ctx, "BEGIN; "+takeLock)
	must(t, err)
	if err := s.Append(ctx, []store.Request{request(1)}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("Append says %v", err)
	}
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Error("nobody was told")
	}
	_, err = other.Exec(ctx, "ROLLBACK")
	must(t, err)
	must(t, s.Append(ctx, []store.Request{request(1)}))
}

// A tenant has one holder. One who is gone loses it in time, and whoever was stopped for long and
// comes back writes nothing to the ledger.
func TestLeases(t *testing.T) {
	url := pgtest.Schema(t)
	a, b := openTest(t, url), openTest(t, url)
	const ttl = time.Hour
	older := func(by time.Duration) { // as it is that much later
		t.Helper()
		_, err := a.pool.Exec(ctx, "UPDATE lease SET until_at = until_at - $1", by.Microseconds())
		must(t, err)
	}
	entry := []store.LedgerEntry{{Tenant: "acme", Key: "k", StartedAt: 1, At: 1, State: store.LedgerGone}}
	take := func(s *Store) store.Lease {
		t.Helper()
		l, ok, err := s.TakeLease(ctx, "acme", ttl)
		if must(t, err); !ok {
			t.Fatal("a free tenant was refused")
		}
		return l
	}
	first := take(a)
	must(t, a.AddLedger(ctx, entry))
	for range 4 {
		older(ttl / 2)
		must(t, first.Renew(ctx))
		if _, ok, err := b.TakeLease(ctx, "acme", ttl); ok || err != nil {
			t.Fatalf("a tenant that is held was given: %v", err)
		}
	}
	older(ttl)
	second := take(b)
	if err := a.AddLedger(ctx, entry); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("who lost the tenant writes: %v", err)
	}
	if err := first.Renew(ctx); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("who lost the tenant renews: %v", err)
	}
	must(t, b.AddLedger(ctx, entry))
	must(t, second.Release(ctx))
	third := take(a)
	must(t, a.AddLedger(ctx, entry))
	must(t, third.Release(ctx))
	var rows int
	must(t, a.pool.QueryRow(ctx, "SELECT count(*) FROM ledger").Scan(&rows))
	if rows != 3 {
		t.Errorf("the ledger has %d rows, not 3", rows)
	}
}

// Whoever takes a tenant learns when a refusal for egress was last noted, whatever the machines' clocks say. One who lost
// the tenant notes nothing.
func TestLeaseNotesRefusals(t *testing.T) {
	url := pgtest.Schema(t)
	s := openTest(t, url)
	take := func() store.Lease {
		t.Helper()
		l, ok, err := s.TakeLease(ctx, "acme", time.Hour)
		if must(t, err); !ok {
			t.Fatal("a free tenant was refused")
		}
		return l
	}
	first := take()
	if at := first.Refused(); !at.IsZero() {
		t.Errorf("refused at %v before anything was noted", at)
	}
	before := time.Now()
	must(t, first.NoteRefusal(ctx))
	must(t, first.Release(ctx))
	second := take()
	// Subtracting the time that the server took to answer may make it earlier.
	if at := second.Refused(); at.Before(before.Add(-time.Minute)) || at.After(time.Now()) {
		t.Errorf("noted at %v, read as %v", before, at)
	}
	_, err := s.pool.Exec(ctx, "UPDATE lease SET until_at = 0, refused_at = refused_at - 3600000000")
	must(t, err)
	third := take()
	if err := second.NoteRefusal(ctx); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("who lost the tenant notes: %v", err)
	}
	if ago := time.Since(third.Refused()); ago < time.Hour {
		t.Errorf("an hour later it was %v ago", ago)
	}
}
