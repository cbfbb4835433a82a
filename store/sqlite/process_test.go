package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// Several processes at once: the test binary starts itself again, with the child's part in childPart.
const childPart = "STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if part := os.Getenv(childPart); part != "" {
		if err := children[part](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var children = map[string]func(args []string) error{
	"open": childOpen, "append": childAppend, "record": childRecord, "recordForever": childRecordForever, "import": childImport,
}

// child makes a command that plays the part.
func child(t *testing.T, part string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), childPart+"="+part)
	cmd.Stderr = os.Stderr
	return cmd
}

// together runs n children of each part at once on the file; they get the file's path and their number.
func together(t *testing.T, path string, n int, parts ...string) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n * len(parts) {
		wg.Go(func() {
			if err := child(t, parts[i%len(parts)], path, strconv.Itoa(i)).Run(); err != nil {
				t.Errorf("child %d (%s): %v", i, parts[i%len(parts)], err)
			}
		})
	}
	wg.Wait()
}

// withStore runs f on the file that args[0] names, with the child's number from args[1].
func withStore(args []string, f func(st *Store, n int) error) error {
	st, err := Open(args[0])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[1])
	return errors.Join(err, f(st, n), st.Close())
}

func childOpen(args []string) error { return withStore(args, func(*Store, int) error { return nil }) }

const childRows = 500

func childAppend(args []string) error {
	return withStore(args, func(st *Store, n int) error {
		for i := range childRows {
			if err := st.Append(context.Background(), numbered(n, i, 1)); err != nil {
				return err
			}
		}
		return nil
	})
}

func childRecord(args []string) error {
	return withStore(args, func(st *Store, n int) error {
		rec := store.NewRecorder(st)
		for i := range childRows {
			rec.Record(numbered(n, i, 1)[0])
			if i%50 == 0 {
				time.Sleep(5 * time.Millisecond)
			}
		}
		return rec.Close()
	})
}

func childImport(args []string) error {
	return withStore(args, func(st *Store, n int) error {
		im, err := st.BeginImport(context.Background())
		if err != nil {
			return err
		}
		for i := 0; i < childRows; i += 100 {
			if err := im.Add(context.Background(), numbered(n, i, 100)); err != nil {
				return err
			}
		}
		return im.Close(context.Background())
	})
}

// childRecordForever prints the number of each request once it should be in the file: 2 s after it was recorded.
func childRecordForever(args []string) error {
	return withStore(args, func(st *Store, n int) error {
		rec := store.NewRecorder(st)
		for i := 0; ; i++ {
			rec.Record(numbered(n, i, 1)[0])
			time.AfterFunc(2*time.Second, func() { fmt.Println(i) })
			time.Sleep(200 * time.Microsecond)
		}
	})
}

// numbered makes requests whose StartedAt is their number, of a tenant for each writer.
func numbered(writer, from, n int) []store.Request {
	route := &store.Route{Method: "GET", Origin: "https://a.example", Template: "/x/{+key}", Class: "x"}
	batch := make([]store.Request, n)
	for i := range batch {
		batch[i] = store.Request{
			Tenant: fmt.Sprint("writer ", writer), StartedAt: int64(from + i), Status: 200, Route: route,
			Key: strconv.Itoa(from + i), Client: fmt.Sprint("client ", (from+i)%7), Source: &store.Source{Kind: "transport"},
		}
	}
	return batch
}

// numbers gives the StartedAt of a writer's rows, in order of arrival.
func numbers(t *testing.T, st *Store, writer int) []int64 {
	t.Helper()
	n := snapshot(t, st)
	var got []int64
	for q, err := range n.Rows(context.Background(), fmt.Sprint("writer ", writer), store.Range{}) {
		must(t, err)
		got = append(got, q.StartedAt)
	}
	return got
}

func TestProcessesWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	const writers = 6
	together(t, path, writers/3, "append", "record", "import") // the file is made by whoever comes first
	st := openTest(t, path)
	for i := range writers {
		got := numbers(t, st, i)
		if len(got) != childRows {
			t.Fatalf("writer %d: %d rows, not %d", i, len(got), childRows)
		}
		for k, at := range got {
			if at != int64(k) {
				t.Fatalf("writer %d: row %d is request %d", i, k, at)
			}
		}
	}
	must(t, st.Check(context.Background()))
	checkCache(t, st)
	must(t, st.Refresh(context.Background()))
	checkCache(t, st)
}

func TestProcessesOpenAtOnce(t *testing.T) {
	for range 3 {
		path := filepath.Join(t.TempDir(), "requests.db")
		together(t, path, 8, "open")
		st := openTest(t, path)
		if mode := textOf(t, st.db, "PRAGMA journal_mode"); mode != "wal" {
			t.Errorf("the journal mode is %s", mode)
		}
	}
}

func TestKilledRecorder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	must(t, openTest(t, path).Close())
	cmd := child(t, "recordForever", path, "0")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	promised := int64(-1)
	for promised < 500 {
		var i int64
		if _, err := fmt.Fscanln(out, &i); err != nil {
			t.Fatal(err)
		}
		promised = max(promised, i)
	}
	must(t, cmd.Process.Kill())
	rest, _ := io.ReadAll(out) // what it printed before it died
	cmd.Wait()
	for len(rest) > 0 {
		var i int64
		var read int
		if read, _ = fmt.Sscanf(string(rest), "%d\n", &i); read != 1 {
			break
		}
		promised = max(promised, i)
		rest = rest[len(fmt.Sprintln(i)):]
	}
	st := openTest(t, path)
	must(t, st.Check(context.Background()))
	if got := numbers(t, st, 0); int64(len(got)) <= promised {
		t.Errorf("request %d was recorded 2 s before the end, but only %d are there", promised, len(got))
	}
	checkCache(t, st)
	must(t, st.Refresh(context.Background()))
	checkCache(t, st)
	if mark := number(t, st.db, "SELECT upto FROM cache_mark"); mark != int64(len(numbers(t, st, 0))) {
		t.Errorf("after a refresh the mark is %d", mark)
	}
}

// A batch that was committed but not packed when the process died is packed by the next import.
func TestImportAfterKill(t *testing.T) {
	st := openTest(t, "")
	im, err := st.BeginImport(context.Background())
	must(t, err)
	must(t, im.Add(context.Background(), numbered(0, 0, 3000))) // and then nothing: Close would pack it
	again, err := st.BeginImport(context.Background())
	must(t, err)
	must(t, again.Add(context.Background(), numbered(0, 0, 5000)))
	must(t, again.Close(context.Background()))
	if again.Added() != 2000 || again.Duplicates() != 3000 {
		t.Errorf("added %d, duplicates %d", again.Added(), again.Duplicates())
	}
	checkCache(t, st)
	if mark := number(t, st.db, "SELECT upto FROM cache_mark"); mark != 5000 {
		t.Errorf("the mark is %d", mark)
	}
}

// The guard against REPLACE is down during a large import only, also when that is killed.
func TestGuardDuringImport(t *testing.T) {
	ctx := context.Background()
	set(t, &maxPending, 2000)
	path := filepath.Join(t.TempDir(), "requests.db")
	want := tables(t, openTest(t, path).db)
	for i, killed := range []bool{false, true} {
		st := openTest(t, path)
		im, err := st.BeginImport(ctx)
		must(t, err)
		must(t, im.Add(ctx, numbered(i, 0, 1000)))
		sameTables(t, tables(t, st.db), want)
		must(t, im.Add(ctx, numbered(i, 1000, 5000)))
		if n := number(t, st.db, "SELECT count(*) FROM sqlite_schema WHERE name = 'request_no_replace'"); n != 0 {
			t.Error("a large import pays for the guard")
		}
		if !killed {
			must(t, im.Close(ctx))
			sameTables(t, tables(t, st.db), want)
		}
		must(t, st.Close())
		sameTables(t, tables(t, openTest(t, path).db), want)
	}
}
