//go:build unix

package proxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/6dcca832/headroom/commands"
	"github.com/6dcca832/headroom/ingest/proxy"
	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// TestMain lets the test binary be headroom, too: a proxy is about processes.
func TestMain(m *testing.M) {
	if os.Getenv("ACT_AS_HEADROOM") != "" {
		os.Exit(commands.Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	settings, err := os.MkdirTemp("", "headroom-settings-*") // no key of the user's is made or used
	if err == nil {
		err = os.Setenv("XDG_CONFIG_HOME", settings)
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(settings)
	os.Exit(code)
}

const (
	// largeSize is more than all sockets on the way can hold, so that a client that goes away is noticed.
	largeSize = 32 << 20
	largePath = "/rest/api/v2/recordings/0a1b2c3d-0000-4000-8000-000000000000-1767225600000/audio"
	listPath  = "/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z&endTime=2026-11-02T00:00:00Z"
	postPath  = "/rest/api/v1/historic-data/agent-summary"
	postBody  = `{"format":"json","parameters":[]}`
)

// program is a real one, as a shell would start it; MODE, URL, FILE and DATA are replaced, DATA by the folder of the
// programs' sources.
type program struct {
	name, get, post, abort string
	needs                  []string
	build                  func(t *testing.T, sources, into string)
}

// calls is a program that takes MODE URL FILE.
func calls(name, line string, needs ...string) program {
	with := func(mode string) string { return strings.ReplaceAll(line, "MODE", mode) }
	return program{name: name, get: with("get"), post: with("post"), abort: with("abort"), needs: needs}
}

func programs() []program {
	curl := `curl -sS --fail -H "Authorization: Bearer $TOKEN" `
	wget := `wget -q --tries=1 --header "Authorization: Bearer $TOKEN" `
	java := calls("Java HttpClient", "java -cp INTO Fetch MODE 'URL' FILE", "java", "javac")
	java.build = func(t *testing.T, sources, into string) {
		output(t, exec.Command("javac", "-d", into, filepath.Join(sources, "Fetch.java")))
	}
	golang := calls("Go", "INTO/fetch MODE 'URL' FILE", "go")
	golang.build = func(t *testing.T, sources, into string) {
		output(t, exec.Command("go", "build", "-o", filepath.Join(into, "fetch"), filepath.Join(sources, "fetch.go")))
	}
	return []program{
		{
			name: "curl", needs: []string{"curl"}, get: curl + "-o FILE 'URL'", abort: curl + "'URL' | head -c 65536 > FILE",
			post: curl + "-o FILE -H 'Content-Type: application/json' --data-binary @FILE.in 'URL'",
		},
		{
			name: "wget", needs: []string{"wget"}, get: wget + "-O FILE 'URL'", abort: wget + "-O - 'URL' | head -c 65536 > FILE",
			post: wget + "-O FILE --header 'Content-Type: application/json' --post-file FILE.in 'URL'",
		},
		calls("Python urllib", "/usr/bin/python3 DATA/fetch_urllib.py MODE 'URL' FILE", "/usr/bin/python3"),
		calls("Python requests", "/usr/bin/python3 DATA/fetch_requests.py MODE 'URL' FILE", "/usr/bin/python3", "requests"),
		calls("Node https", "node DATA/fetch_https.js MODE 'URL' FILE", "node"),
		calls("Node fetch", "node DATA/fetch_fetch.js MODE 'URL' FILE", "node"),
		java, golang,
	}
}

// require skips without the program; where CI promises it, that is a failure.
func (p *program) require(t *testing.T) {
	for _, name := range p.needs {
		err := exec.Command("/usr/bin/python3", "-c", "import "+name).Run()
		if name != "requests" {
			_, err = exec.LookPath(name)
		}
		if err != nil && os.Getenv("HEADROOM_CI") != "" {
			t.Fatalf("%s is missing", name)
		} else if err != nil {
			t.Skipf("%s is missing", name)
		}
	}
}

// sent is what the vendor sent in answer to one request.
type sent struct {
	method, path string
	bytes        int64
	sum          [sha256.Size]byte
	in           []byte
}

// vendor is the simulator with one large recording more; it notes what it sends.
type vendor struct {
	sim  *sim.Vendor
	mu   sync.Mutex
	sent []sent
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(in))
	c := &counter{ResponseWriter: w, sum: sha256.New()}
	defer func() {
		s := sent{method: r.Method, path: r.URL.Path, bytes: c.n, in: in}
		c.sum.Sum(s.sum[:0])
		v.mu.Lock()
		defer v.mu.Unlock()
		v.sent = append(v.sent, s)
	}()
	if r.URL.Path != largePath {
		v.sim.ServeHTTP(c, r)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(largeSize))
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	for c.n < largeSize {
		binary.BigEndian.PutUint64(block, uint64(c.n)) // no two are the same
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

type counter struct {
	http.ResponseWriter
	n   int64
	sum interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n += int64(n)
	c.sum.Write(b[:n])
	return n, err
}

func (v *vendor) take() []sent {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.sent
	v.sent = nil
	return s
}

// world is a vendor on loopback, reached as if it were far away, and a folder with headroom's files.
type world struct {
	dir, token, db, ca string
	runtime            string // folder that is the user's own
	vendor             *vendor
	env                []string
}

func newWorld(t *testing.T, h http.Handler) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	if h == nil {
		v, err := sim.NewVendor(sim.Config{Name: "acme", Agents: 30})
		if err != nil {
			t.Fatal(err)
		}
		w.vendor, w.token = &vendor{sim: v}, v.AddUser("acme", "export")
		h = w.vendor
	}
	server, err := sim.Start(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	company := httptest.NewServer(proxy.Router(server.Addr()))
	t.Cleanup(company.Close)
	w.runtime = filepath.Join(w.dir, "runtime")
	if err := os.Mkdir(w.runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	w.db, w.ca = filepath.Join(w.dir, "headroom.db"), filepath.Join(w.dir, "vendor.pem")
	if err := os.WriteFile(w.ca, server.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.Contains(strings.ToUpper(v), "_PROXY=") }),
		"XDG_RUNTIME_DIR="+w.runtime, "SSL_CERT_FILE="+w.ca, "HTTPS_PROXY="+company.URL, "TOKEN="+w.token, "ACT_AS_HEADROOM=1", "HEADROOM_DB="+w.db)
	return w
}

// headroom is a command to run headroom.
func (w *world) headroom(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env, cmd.Dir = w.env, w.dir
	return cmd
}

// rows are all rows of the database, in order of arrival.
func (w *world) rows(t *testing.T) []store.Request {
	t.Helper()
	s, err := sqlite.Open(w.db, sqlite.ReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	snap, err := s.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var rows []store.Request
	for r, err := range snap.Rows(context.Background(), "", store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b store.Request) int { return int(a.ID - b.ID) })
	return rows
}

// noToken looks through all files of the database for the token.
func (w *world) noToken(t *testing.T) {
	t.Helper()
	files, _ := filepath.Glob(w.db + "*")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil || bytes.Contains(data, []byte(w.token)) || bytes.Contains(data, []byte("Bearer")) {
			t.Errorf("%s holds the token (or %v)", name, err)
		}
	}
	if len(files) == 0 || w.token == "" {
		t.Error("nothing to look through")
	}
}

// TestPrograms lets each program call through run and through the reverse proxy.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for _, p := range programs() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.require(t)
			into := t.TempDir()
			if p.build != nil {
				p.build(t, "testdata/programs", into)
			}
			t.Run("run", func(t *testing.T) {
				w := newWorld(t, nil)
				w.check(t, p.script(t, w, into, "https://acme.xima.cloud"), "sh", func(script string) *exec.Cmd {
					return w.headroom("run", "--", "sh", "-c", script)
				})
			})
			t.Run("reverse", func(t *testing.T) {
				w := newWorld(t, nil)
				base, stop := w.startProxy(t)
				w.check(t, p.script(t, w, into, base+"/t/acme"), "", func(script string) *exec.Cmd {
					cmd := exec.Command("sh", "-c", script)
					cmd.Env = append(slices.DeleteFunc(slices.Clone(w.env), func(v string) bool { return strings.HasPrefix(v, "HTTPS_PROXY=") }), "X=")
					t.Cleanup(stop)
					return cmd
				})
			})
			t.Run("refused", func(t *testing.T) { refused(t, p, into) })
			t.Run("impostor", func(t *testing.T) { impostor(t, p, into) })
		})
	}
}

// script is the shell lines of the four calls.
func (p *program) script(t *testing.T, w *world, into, base string) string {
	data, err := filepath.Abs("testdata/programs")
	if err != nil {
		t.Fatal(err)
	}
	line := func(template, path, file string) string {
		return strings.NewReplacer("URL", base+path, "FILE", filepath.Join(w.dir, file), "DATA", data, "INTO", into).Replace(template) + "\n"
	}
	if err := os.WriteFile(filepath.Join(w.dir, "post.in"), []byte(postBody), 0o600); err != nil {
		t.Fatal(err)
	}
	return "set -e\n" + line(p.get, listPath, "list") + line(p.post, postPath, "post") + line(p.get, largePath, "large") +
		line(p.abort, largePath, "abort")
}

// check runs the script and compares what the program got, what the vendor sent and what was recorded.
func (w *world) check(t *testing.T, script, client string, command func(string) *exec.Cmd) {
	t.Helper()
	output(t, command(script))
	var rows []store.Request
	for until := time.Now().Add(time.Minute); len(rows) < 4 && time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		rows = w.rows(t)
	}
	sent := w.vendor.take()
	if len(rows) != 4 || len(sent) != 4 {
		t.Fatalf("%d rows and %d answers, not 4:\n%+v", len(rows), len(sent), rows)
	}
	for i, want := range []struct{ file, class string }{
		{"list", "recording_list"}, {"post", "historical_report"}, {"large", "recording_audio"}, {"abort", "recording_audio"},
	} {
		r, s := rows[i], sent[i]
		if r.Tenant != "acme" || r.Route.Class != want.class || r.Status != 200 || r.RequestBytes != int64(len(s.in)) || client != "" && r.Client != client {
			t.Errorf("%s: row %+v of %+v", want.file, r, r.Route)
		}
		got, err := os.ReadFile(filepath.Join(w.dir, want.file))
		if err != nil {
			t.Fatal(err)
		}
		if want.file == "abort" {
			// What the vendor has sent may all lie in the system's buffers, which are large on some machines.
			if !r.CutShort || r.ResponseBytes < 4096 || r.ResponseBytes > s.bytes || r.ResponseBytes == largeSize {
				t.Errorf("abort: %+v, the vendor sent %d", r, s.bytes)
			}
			continue
		}
		if r.ResponseBytes != s.bytes || r.CutShort || sha256.Sum256(got) != s.sum {
			t.Errorf("%s: %d bytes recorded, %d sent, %d received", want.file, r.ResponseBytes, s.bytes, len(got))
		}
	}
	if string(sent[1].in) != postBody {
		t.Errorf("the vendor got %q", sent[1].in)
	}
	w.noToken(t)
}

// startProxy runs "headroom proxy" until stop.
func (w *world) startProxy(t *testing.T, args ...string) (base string, stop func()) {
	t.Helper()
	cmd := w.headroom(append([]string{"proxy", "--listen", "127.0.0.1:0"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		rest, _ := io.ReadAll(stderr)
		if err := cmd.Wait(); err != nil {
			t.Errorf("proxy: %v: %s", err, rest)
		}
		if _, err := os.Stat(filepath.Join(w.dir, "headroom-ca.pem")); err == nil {
			t.Error("the certificate is still there")
		}
	})
	t.Cleanup(stop)
	line := make([]byte, 0, 200)
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; line = append(line, b...) {
		if _, err := stderr.Read(b); err != nil {
			t.Fatalf("proxy: %v after %q", err, line)
		}
	}
	return regexp.MustCompile(`http://[0-9.:]+`).FindString(string(line)), stop
}

// output runs a command that must succeed and gives what it said.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}
