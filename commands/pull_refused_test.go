package commands

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/internal/sim"
)

// A pull that is killed between a refusal for egress and its row leaves a note: the next does not
// ask again before the wait is over. The row cannot be written, since another program has the log
// locked from before the answer is sent until the process is dead.
func TestPullKilledBeforeTheRowOfARefusal(t *testing.T) {
	t.Run("file", func(t *testing.T) {
		s := newPullSite(t, sim.Config{Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10})
		db, err := sql.Open("sqlite3", "headroom.db") // which is there once it is used
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		killedAtARefusal(s, lockableLog{
			url:  "headroom.db",
			lock: "PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE",
			exec: func(query string) error {
				_, err := db.Exec(query)
				return err
			},
			noted: func() bool {
				st, err := os.Stat("headroom.db-pull")
				return err == nil && st.Size() > 0
			},
		})
	})
	t.Run("shared", func(t *testing.T) {
		s := newPullSite(t, sim.Config{Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10})
		url := pgtest.Schema(t)
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		exec := func(query string) error {
			_, err := conn.Exec(t.Context(), query)
			return err
		}
		killedAtARefusal(s, lockableLog{
			url:  url,
			lock: "BEGIN; LOCK TABLE request IN EXCLUSIVE MODE", // which lets others read
			exec: exec,
			noted: func() (noted bool) {
				err := conn.QueryRow(t.Context(), "SELECT EXISTS(SELECT FROM lease WHERE refused_at > 0)").Scan(&noted)
				return err == nil && noted
			},
			// The server would do what the process asked for, and another machine waits for its lease to end.
			killed: func() error {
				return exec("SELECT pg_terminate_backend(pid) FROM pg_locks " +
					"WHERE relation = 'request'::regclass AND NOT granted; UPDATE lease SET until_at = 0")
			},
		})
	})
}

// lockableLog is a log that a test can lock against rows.
type lockableLog struct {
	url, lock string
	exec      func(query string) error
	noted     func() bool  // whether it has a note of a refusal
	killed    func() error // after the process is dead, in the transaction of lock; nil for nothing
}

func killedAtARefusal(s *pullSite, log lockableLog) {
	s.Helper()
	var asked atomic.Int64
	refused := make(chan bool, 1)
	var lock sync.Once
	behind := vendorTransport(s.T, s)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/recordings/") { // a list
			behind(w, r)
			return
		}
		asked.Add(1)
		lock.Do(func() {
			if err := log.exec(log.lock); err != nil {
				s.Errorf("lock the log: %v", err)
			}
		})
		w.WriteHeader(509)
		refused <- true
	}))
	defer front.Close()
	command := func(name string) []string {
		return []string{"--db", log.url, name, "--dest", "calls", "--upstream", front.URL, "acme"}
	}
	if said, code := s.run(command("plan")...); code != exitDone { // makes the log
		s.Fatalf("plan: exit code %d\n%s", code, said)
	}
	kill := startPull(s, command("pull"), refused)
	for range 1000 { // until the note is there; at the latest, the process is killed without one
		if log.noted() {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	kill()
	if log.killed != nil {
		if err := log.killed(); err != nil {
			s.Fatal(err)
		}
	}
	if err := log.exec("COMMIT"); err != nil {
		s.Fatal(err)
	}
	said, code := s.run(command("pull")...)
	if n := asked.Load(); n != 1 || code != exitPartly || !strings.Contains(words(said), "the vendor refused for egress at ") {
		s.Errorf("%d requests for recordings, exit code %d\n%s", n, code, said)
	}
	// A reset frees the tenant at once.
	reset := []string{
		"--db", log.url, "reset", "--note", "ticket 4711", "--at", time.Now().Format(time.RFC3339Nano), "acme",
	}
	if said, code := s.run(reset...); code != exitDone {
		s.Fatalf("reset: exit code %d\n%s", code, said)
	}
	if said, _ := s.run(command("pull")...); asked.Load() != 2 {
		s.Errorf("%d requests for recordings after a reset\n%s", asked.Load(), said)
	}
}

// startPull starts a pull as a process of its own, and waits until something has come of it. It
// returns what kills the process.
func startPull(s *pullSite, args []string, came <-chan bool) (kill func()) {
	s.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Args[0] = "headroom"
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-came:
	case err := <-done:
		s.Fatalf("the pull ended too early: %v", err)
	}
	return func() {
		s.Helper()
		if err := cmd.Process.Kill(); err != nil {
			s.Fatal(err)
		}
		<-done
	}
}

// words are those of a text, whatever the lines they are on.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// vendorTransport passes requests on to the vendor of a site.
func vendorTransport(t *testing.T, s *pullSite) func(http.ResponseWriter, *http.Request) {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "https", r.Host
		resp, err := s.rt.RoundTrip(out)
		if err != nil {
			http.Error(w, fmt.Sprint(err), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body) // the client tells
	}
}
