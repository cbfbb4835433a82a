package commands

import (
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

	"github.com/6dcca832/headroom/internal/sim"
)

// A pull that is killed between a refusal for egress and its row leaves a note: the next does not
// ask again before the wait is over. The row cannot be written, since another program has the log
// locked from before the answer is sent until the process is dead.
func TestPullKilledBeforeTheRowOfARefusal(t *testing.T) {
	s := newPullSite(t, sim.Config{Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10})
	var asked atomic.Int64
	refused := make(chan bool, 1)
	db, err := sql.Open("sqlite3", "headroom.db") // which is there once it is used
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var lock sync.Once
	behind := vendorTransport(t, s)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/recordings/") { // a list
			behind(w, r)
			return
		}
		asked.Add(1)
		lock.Do(func() {
			if _, err := db.Exec("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE"); err != nil {
				t.Errorf("lock the log: %v", err)
			}
		})
		w.WriteHeader(509)
		refused <- true
	}))
	defer front.Close()
	args := []string{"pull", "--dest", "calls", "--upstream", front.URL, "acme"}
	if said, code := s.run(append([]string{"plan"}, args[1:]...)...); code != exitDone { // makes the log
		t.Fatalf("plan: exit code %d\n%s", code, said)
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Args[0] = "headroom"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-refused:
	case err := <-done:
		t.Fatalf("the pull ended without asking for a recording: %v", err)
	}
	for range 1000 { // until the note is there; at the latest, the process is killed without one
		if st, err := os.Stat("headroom.db-pull"); err == nil && st.Size() > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-done
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	said, code := s.run(args...)
	if n := asked.Load(); n != 1 || code != exitPartly || !strings.Contains(words(said), "the vendor refused for egress at ") {
		t.Errorf("%d requests for recordings, exit code %d\n%s", n, code, said)
	}
	// A reset frees the tenant at once.
	reset := []string{"reset", "--note", "ticket 4711", "--at", time.Now().Format(time.RFC3339Nano), "acme"}
	if said, code := s.run(reset...); code != exitDone {
		t.Fatalf("reset: exit code %d\n%s", code, said)
	}
	if said, _ := s.run(args...); asked.Load() != 2 {
		t.Errorf("%d requests for recordings after a reset\n%s", asked.Load(), said)
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
