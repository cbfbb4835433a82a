package commands

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
)

// pullSite is a folder with a config, beside a vendor that has recordings of one tenant, acme.
type pullSite struct {
	*testing.T
	vendor *sim.Vendor
	addr   string
	rt     http.RoundTripper // reaches the vendor
}

// newPullSite changes to the folder. The vendor's interval is 5 ms.
func newPullSite(t *testing.T, c sim.Config) *pullSite {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	c.Name, c.Weekend, c.Interval = "acme", 1, 5*time.Millisecond
	vendor, err := sim.NewVendor(c)
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.Start(vendor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	policy, err := limits.BuiltinText("xima")
	if err != nil {
		t.Fatal(err)
	}
	s := &pullSite{t, vendor, server.Addr(), server.Transport()}
	s.write("quick.toml",
		strings.Replace(string(policy), `min_interval  = "3s"`, `min_interval = "5ms"`, 1))
	s.write("ca.pem", string(server.CA()))
	s.write("headroom.toml", "[tenants.acme]\nagents = 2\n")
	t.Setenv("HEADROOM_POLICY", "quick.toml")
	t.Setenv("HEADROOM_TOKEN", vendor.AddUser("acme", "Recording Export"))
	return s
}

func (s *pullSite) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Clean(name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// run runs the program, and gives its outputs together and its exit code.
func (s *pullSite) run(args ...string) (said string, code int) {
	s.Helper()
	var out bytes.Buffer
	code = Main(s.Context(), append([]string{"headroom"}, args...), strings.NewReader(""), &out, &out)
	return out.String(), code
}

// upstream are the flags by which a pull finds the vendor.
func (s *pullSite) upstream(args ...string) []string {
	return append(args, "--dest", "calls", "--upstream", "https://"+s.addr, "--upstream-ca", "ca.pem", "acme")
}

// What a refusal teaches of the cap holds for a time; for a shorter one where the log did not have
// all bytes of the window.
func TestPullCapThatWasLearnedEnds(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name           string
		begins, refuse time.Duration // ago
		holds          bool
		says           string
	}{
		{"whole window", 40 * day, 20 * day, true, "learned from the refusal at "},
		{"whole window, long ago", 60 * day, 29 * day, false, "no longer holds, since the refusal was more than 28 days ago; "},
		{"part of a window", 5 * day, 4 * day, true, "learned from the refusal at "},
		{"part of a window, long ago", 7 * day, 6 * day, false, "no longer holds, since the log begins less than 5 days before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newPullSite(t, sim.Config{Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10})
			var log strings.Builder
			row := func(ago time.Duration, n, status, size int) {
				at := time.Now().Add(-ago)
				fmt.Fprintf(&log, `{"started_at":%q,"method":"GET","url":"https://acme.xima.cloud/rest/api/v2/recordings/`+
					`0f8fad5b-d9cb-469f-a165-%012d-%d","status":%d,"response_bytes":%d}`+"\n",
					at.UTC().Format(time.RFC3339Nano), n, at.UnixMilli(), status, size)
			}
			row(c.begins, 1, 200, 700)
			row(c.refuse+time.Hour, 2, 200, 1000)
			row(c.refuse, 3, 509, 0)
			s.write("old.jsonl", log.String())
			if said, code := s.run("import", "old.jsonl"); code != exitDone {
				t.Fatalf("import: exit code %d\n%s", code, said)
			}
			said, code := s.run(s.upstream("pull")...)
			_, statuses := s.audio()
			if holds := code == exitPartly && statuses[200] == 0; holds != c.holds || !holds && code != exitDone ||
				!strings.Contains(words(said), c.says) {
				t.Errorf("exit code %d, %v\n%s", code, statuses, said)
			}
		})
	}
}

// audio counts the requests for recordings that came to the vendor, by status.
func (s *pullSite) audio() (requests int, byStatus map[int]int) {
	byStatus = map[int]int{}
	for _, e := range s.vendor.Log("acme") {
		if e.Class == sim.ClassAudio {
			requests++
			byStatus[e.Status]++
		}
	}
	return requests, byStatus
}
