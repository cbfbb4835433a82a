package commands

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/sim"
)

// A pull that is killed while it waits after a refusal cannot keep the wait. The next one does, whose
// first request, or first recording, would else be the same at once.
func TestPullKeepsTheWaitOfAKilledOne(t *testing.T) {
	for _, c := range []struct {
		name, path string // the first request of the path is refused
		status     int
		retryAfter string
	}{
		{"a list, 503 that tells the wait", "/recordings?", 503, "2"},
		{"a recording, 500", "/recordings/", 500, ""},
		{"a recording, 429 that tells the wait", "/recordings/", 429, "2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newPullSite(t, sim.Config{Agents: 1, MeanCall: 3 * time.Hour, BytesPerSecond: 1})
			var fails atomic.Bool
			var first atomic.Pointer[string]
			var failed, again atomic.Int64 // when the refused path was first asked for, and then
			came := make(chan bool, 1)
			behind := vendorTransport(t, s)
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				url := r.URL.String()
				if path := first.Load(); path != nil && *path == url {
					again.CompareAndSwap(0, time.Now().UnixNano())
				}
				if strings.Contains(url, c.path) && fails.CompareAndSwap(true, false) {
					failed.Store(time.Now().UnixNano())
					first.Store(&url)
					if c.retryAfter != "" {
						w.Header().Set("Retry-After", c.retryAfter)
					}
					w.WriteHeader(c.status)
					came <- true
					return
				}
				behind(w, r)
			}))
			defer front.Close()
			args := []string{"pull", "--dest", "calls", "--upstream", front.URL, "acme"}
			if said, code := s.run(append([]string{"plan"}, args[1:]...)...); code != exitDone { // makes the log
				t.Fatalf("plan: exit code %d\n%s", code, said)
			}
			fails.Store(true)
			kill := startPull(s, args, came)
			awaitStatus(s, c.status)
			kill()
			if again.Load() != 0 {
				t.Fatal("the process asked again before it was killed")
			}
			if said, code := s.run(args...); code != exitDone {
				t.Fatalf("exit code %d\n%s", code, said)
			}
			if c.status == 503 { // whose wait begins at the end of the answer, after the test saw its start
				wait, err := time.ParseDuration(c.retryAfter + "s")
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Duration(again.Load() - failed.Load()); got < wait {
					t.Errorf("asked again after %v, not %v", got, wait)
				}
			}
			said, _ := s.run("-q", "audit", "--format", "json", "--fail-on", failOnNever)
			for _, rule := range []string{rules.HastyRetry, rules.NoBackoff} {
				if strings.Contains(said, `"`+rule+`"`) {
					t.Errorf("the audit finds %s", rule)
				}
			}
		})
	}
}

// awaitStatus waits until the log has a row with a status.
func awaitStatus(s *pullSite, status int) {
	s.Helper()
	for range 1000 {
		said, _ := s.run("-q", "export")
		for line := range strings.Lines(said) {
			var row struct{ Status int }
			if err := json.Unmarshal([]byte(line), &row); err == nil && row.Status == status {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.Fatalf("the log has no row with status %d", status)
}
