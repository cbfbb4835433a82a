//go:build unix

package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// Processes that are killed: the test binary starts itself again, with the child's part in childPart.
const childPart = "EVIDENCE_TEST_CHILD"

func TestMain(m *testing.M) {
	part := os.Getenv(childPart)
	if part == "" {
		os.Exit(m.Run())
	}
	st, err := sqlite.Open(os.Args[1])
	if err == nil {
		fmt.Println("begun")
		err = errors.Join(children[part](st, os.Args[2:]), st.Close())
	}
	if errors.Is(err, store.ErrFull) {
		fmt.Println("full")
		os.Exit(3)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

var children = map[string]func(st *sqlite.Store, args []string) error{
	"seal": childSeal, "prune": childPrune, "record": childRecord, "full": childFull,
}

// childSeal seals in many small runs.
func childSeal(st *sqlite.Store, _ []string) error {
	o := testSealOptions(testKey())
	o.Step = 10
	_, err := Seal(context.Background(), st, o)
	return err
}

// childPrune removes a part of a day after the other, of all thirty days but the last.
func childPrune(st *sqlite.Store, _ []string) error {
	for before := int64(testNow - 30*86400_000000); before < testNow-86400_000000; before += 21600_000000 {
		o := PruneOptions{SealOptions: testSealOptions(testKey()), Before: before}
		if _, err := Prune(context.Background(), st, o); err != nil {
			return err
		}
	}
	return nil
}

// childRecord adds rows and seals them, in turns with the other children.
func childRecord(st *sqlite.Store, args []string) error {
	n, err := strconv.Atoi(args[0])
	for range 10 {
		if err == nil {
			err = addSomeRows(st, rand.New(rand.NewPCG(uint64(n), 3)), 5, fmt.Sprint("tenant ", n%2))
		}
		if err == nil {
			_, err = Seal(context.Background(), st, testSealOptions(testKey()))
		}
	}
	return err
}

// childFull seals and prunes where no file may become larger than the argument says.
func childFull(st *sqlite.Store, args []string) error {
	limit, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // so that writing fails with EFBIG, which the store takes for a full disk
	err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
	if err == nil {
		err = childSeal(st, nil)
	}
	if err == nil {
		_, err = Prune(context.Background(), st,
			PruneOptions{SealOptions: testSealOptions(testKey()), Before: testNow - 15*86400_000000})
	}
	return err
}

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

// killed lets a child work and kills it some time after it has opened the file; ended says that it was
// done before.
func killed(t *testing.T, after time.Duration, part, path string) (ended bool) {
	t.Helper()
	cmd := child(t, part, path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, len("begun\n"))
	if _, err := io.ReadFull(out, begun); err != nil {
		t.Fatalf("%s: %v", part, err)
	}
	done := make(chan string)
	go func() {
		rest, _ := io.ReadAll(out)
		done <- string(rest)
	}()
	select {
	case said := <-done:
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%s: %v: %s", part, err, said)
		}
		return true
	case <-time.After(after):
	}
	_ = cmd.Process.Kill() // it may just have ended
	<-done
	return cmd.Wait() == nil
}

// kills is how often a test kills a process: more in CI.
func kills() int { return budget(4, 10) }

// A seal that is killed leaves whole runs, and the next goes on.
func TestKilledSeal(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(21, 1))
	addRows(t, st, random, 10, "acme")
	held, err := ParseAnchor("mail", []byte(mustSeal(t, st, testSealOptions(key)).Line))
	if err != nil {
		t.Fatal(err)
	}
	addRows(t, st, random, 1500, "acme", "zeta")
	var sealed int64
	during := 0
	for range kills() {
		if killed(t, time.Duration(rand.IntN(60_000))*time.Microsecond, "seal", st.Path()) {
			break
		}
		r := mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}})
		if r.Problem != nil || r.Grade != Held || r.Sealed < sealed {
			t.Fatalf("%+v", r)
		}
		if r.Sealed > sealed && r.Unsealed > 0 {
			during++
		}
		sealed = r.Sealed
	}
	t.Logf("%d kills came between two runs of a seal", during)
	mustSeal(t, st, testSealOptions(key))
	r := mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}})
	if r.Problem != nil || r.Unsealed != 0 {
		t.Errorf("%+v", r)
	}
	if err := st.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// A prune that is killed has removed all that it was to remove, or nothing; the next one sees to it
// that nothing is left in the file.
func TestKilledPrune(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(22, 1))
	old := store.Request{
		Tenant: "acme", StartedAt: testNow - 29*86400_000000, Route: testRoutes[0], Source: testSources[0],
		Key: "oldword", Client: "oldword",
	}
	if err := st.Append(context.Background(), []store.Request{old}); err != nil {
		t.Fatal(err)
	}
	addRows(t, st, random, 700, "acme", "zeta")
	held, err := ParseAnchor("mail", []byte(mustSeal(t, st, testSealOptions(key)).Line))
	if err != nil {
		t.Fatal(err)
	}
	var pruned int64
	for range kills() {
		if killed(t, time.Duration(rand.IntN(300_000))*time.Microsecond, "prune", st.Path()) {
			break
		}
		r := mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}})
		if r.Problem != nil || r.Grade != Held || r.Pruned < pruned {
			t.Fatalf("%+v", r)
		}
		pruned = r.Pruned
		if err := st.Check(context.Background()); err != nil {
			t.Fatal(err)
		}
		mayNotDelete(t, st)
	}
	for range 2 { // the second has nothing to remove
		_, err = Prune(context.Background(), st, PruneOptions{SealOptions: testSealOptions(key), Before: testNow - 2*86400_000000})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}})
	if r.Problem != nil || r.Pruned == 0 {
		t.Errorf("%+v", r)
	}
	leftIn(t, st.Path(), "oldword")
}

// mayNotDelete checks that the triggers are there after a prune took them down.
func mayNotDelete(t *testing.T, st *sqlite.Store) {
	t.Helper()
	if err := deleteRows(st.Path()); err == nil {
		t.Fatal("after a prune was killed, rows can be deleted")
	}
}

// leftIn fails where a word is still in a database's files.
func leftIn(t *testing.T, path, word string) {
	t.Helper()
	for _, name := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if i := bytes.Index(data, []byte(word)); i >= 0 {
			t.Errorf("%s still has %q", filepath.Base(name), data[max(0, i-10):i+len(word)])
		}
	}
}

// What a killed prune removed is still in the write-ahead log while another process reads; a prune
// with nothing to remove empties that, too.
func TestPruneEmptiesTheLogOfAKilledOne(t *testing.T) {
	st, key := testStore(t), testKey()
	ctx := context.Background()
	old := store.Request{
		Tenant: "acme", StartedAt: testNow - 2, Route: testRoutes[0], Source: testSources[0], Key: "oldword",
	}
	if err := st.Append(ctx, []store.Request{old}); err != nil {
		t.Fatal(err)
	}
	o := PruneOptions{SealOptions: testSealOptions(key), Before: testNow - 1}
	reader, err := st.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// As if killed: the rows are gone, but what they were could not be overwritten.
	if _, err := Prune(ctx, st, o); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("with a reader: %v", err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := Prune(ctx, st, o)
	if err != nil || done.Requests != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	leftIn(t, st.Path(), "oldword")
}

// Processes that record and seal at once, one of which is killed, end in one log that verifies.
func TestProcessesSealAtOnce(t *testing.T) {
	st, key := testStore(t), testKey()
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() {
			cmd := child(t, "record", st.Path(), strconv.Itoa(i))
			var out bytes.Buffer
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			if i == 2 {
				time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
				_ = cmd.Process.Kill()
				_ = cmd.Wait() // it was killed
				return
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("child %d: %v: %s", i, err, out.String())
			}
		})
	}
	wait.Wait()
	mustSeal(t, st, testSealOptions(key))
	r := mustVerify(t, st.Path(), LogOptions{Key: key})
	if r.Problem != nil || r.Unsealed != 0 || r.Logs < 2 {
		t.Errorf("%+v", r)
	}
}

// On a full disk a seal or a prune fails as a whole and says so; with room again it goes on.
func TestSealOnAFullDisk(t *testing.T) {
	key := testKey()
	full, done := 0, 0
	for _, limit := range []int{0, 40_000, 300_000, 1 << 30} {
		st, random := testStore(t), rand.New(rand.NewPCG(23, 1))
		addRows(t, st, random, 10, "acme")
		held, err := ParseAnchor("mail", []byte(mustSeal(t, st, testSealOptions(key)).Line))
		if err != nil {
			t.Fatal(err)
		}
		addRows(t, st, random, 150, "acme", "zeta")
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := child(t, "full", st.Path(), strconv.Itoa(limit)).Output()
		var exit *exec.ExitError
		switch {
		case err == nil:
			done++
		case errors.As(err, &exit) && exit.ExitCode() == 3 && strings.HasSuffix(string(out), "full\n"):
			full++
		default:
			t.Errorf("%d bytes: %v: %s", limit, err, out)
		}
		r := mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}})
		if r.Problem != nil || r.Grade != Held {
			t.Errorf("%d bytes: %+v", limit, r)
		}
		again, err := sqlite.Open(st.Path())
		if err != nil {
			t.Fatal(err)
		}
		mustSeal(t, again, testSealOptions(key))
		mayNotDelete(t, again)
		err = errors.Join(again.Check(context.Background()), again.Close())
		r = mustVerify(t, st.Path(), LogOptions{Key: key, Anchors: []Anchor{held}})
		if err != nil || r.Problem != nil || r.Unsealed != 0 {
			t.Errorf("%d bytes, with room again: %v, %+v", limit, err, r)
		}
	}
	if full < 2 || done == 0 {
		t.Errorf("%d disks were full, %d had room", full, done)
	}
}
