package commands

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
		{"whole window, long ago", 60 * day, 29 * day, false, "since a refusal counts for 28 days; "},
		{"part of a window", 5 * day, 4 * day, true, "learned from the refusal at "},
		{"part of a window, long ago", 7 * day, 6 * day, false, "since the log begins less than 5 days before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newPullSite(t, sim.Config{Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10})
			s.refusedOnce(time.Now(), c.begins, c.refuse)
			said, code := s.run(s.upstream("pull")...)
			_, statuses := s.audio()
			if holds := code == exitPartly && statuses[200] == 0; holds != c.holds || !holds && code != exitDone ||
				!strings.Contains(words(said), c.says) {
				t.Errorf("exit code %d, %v\n%s", code, statuses, said)
			}
		})
	}
}

// refusedOnce imports three requests: one with which the log begins, so long before a moment, and
// an hour apart one that is served and one that is refused for egress at a sum of 1000 bytes, or of
// 1700 where the first is in the window, too.
func (s *pullSite) refusedOnce(now time.Time, begins, refuse time.Duration) {
	s.Helper()
	var log strings.Builder
	for n, row := range []struct {
		ago          time.Duration
		status, size int
	}{{begins, 200, 700}, {refuse + time.Hour, 200, 1000}, {refuse, 509, 0}} {
		at := now.Add(-row.ago)
		fmt.Fprintf(&log, `{"started_at":%q,"method":"GET","url":"https://acme.xima.cloud/rest/api/v2/recordings/`+
			`0f8fad5b-d9cb-469f-a165-%012d-%d","status":%d,"response_bytes":%d}`+"\n",
			at.UTC().Format(time.RFC3339Nano), n, at.UnixMilli(), row.status, row.size)
	}
	s.write("old.jsonl", log.String())
	if said, code := s.run("import", "old.jsonl"); code != exitDone {
		s.Fatalf("import: exit code %d\n%s", code, said)
	}
}

// All commands tell one cap, from one source and for one reason, before its end and after it,
// whether they continue from a saved state, read all rows or those of a range.
func TestCommandsTellOneCap(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	holds, ended := "and kept to until ", "ended at "
	for _, c := range []struct {
		name   string
		begins time.Duration // ago
		refuse time.Duration
		source string
		bytes  string
		says   string
	}{
		{"before the end", 60 * day, 28*day - time.Minute, "learned", "1000", holds + "2026-06-30 12:01:00"},
		{"at the end", 60 * day, 28 * day, "assumed", "1455552000", ended + "2026-06-30 12:00:00"},
		{"before the end of a window", 6 * day, 5*day - time.Minute, "learned", "1700", holds + "2026-06-30 12:01:00"},
		{"at the end of a window", 6 * day, 5 * day, "assumed", "1455552000", "since the log begins less than 5 days before"},
		{"long after the end", 90 * day, 57 * day, "assumed", "1455552000", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newPullSite(t, sim.Config{Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10})
			s.refusedOnce(now, c.begins, c.refuse)
			since := now.Add(-c.refuse - day).Format(time.RFC3339)
			for _, command := range [][]string{
				{"audit"}, {"audit"}, {"audit", "--no-cache"}, {"audit", "--since", since}, {"forecast"}, {"tenants"},
			} {
				command = append(command, "--as-of", now.Format(time.RFC3339))
				said, code := s.run(append([]string{"-q"}, append(command, "--format", "csv")...)...)
				if code != exitDone && code != exitFindings {
					t.Fatalf("%v: exit code %d\n%s", command, code, said)
				}
				rows, err := csv.NewReader(strings.NewReader(said)).ReadAll()
				if err != nil || len(rows) < 2 {
					t.Fatalf("%v: %v\n%s", command, err, said)
				}
				cell := func(name string) string { return rows[1][slices.Index(rows[0], name)] }
				if cell("cap_bytes") != c.bytes || cell("cap_source") != c.source {
					t.Errorf("%v: %s %s, not %s %s", command, cell("cap_bytes"), cell("cap_source"), c.bytes, c.source)
				}
				if command[0] == "tenants" {
					continue
				}
				said, _ = s.run(append([]string{"-q"}, command...)...)
				told := words(said)
				if !strings.Contains(told, c.says) || c.says == "" && strings.Contains(told, "the refusal at") {
					t.Errorf("%v does not say %q:\n%s", command, c.says, said)
				}
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
