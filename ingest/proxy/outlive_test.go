//go:build unix

package proxy_test

import (
	"bytes"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folders are those of runs that have not been removed.
func (w *world) folders() []string {
	found, _ := filepath.Glob(filepath.Join(w.runtime, "headroom", "run-*"))
	return found
}

// without is an environment without some variables.
func without(env []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

// TestRunFolderIsPrivate has places where others could make the folder anew: none of them is used.
func TestRunFolderIsPrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &arrivals{at: map[string][]time.Time{}})
	mode := map[string]os.FileMode{"open": 0o777, "group": 0o770, "private": 0o700, "sticky": 0o777 | os.ModeSticky}
	for name, m := range mode {
		place := filepath.Join(w.dir, name)
		if err := os.Mkdir(place, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(place, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(w.dir, "open"), filepath.Join(w.dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ runtime, home, want string }{
		{"private", "open", "private"}, {"open", "private", "private"}, {"link", "private", "private"}, {"missing", "private", "private"},
		{"sticky", "private", "sticky"}, {"", "private", "private"}, {"open", "missing", ""},
	} {
		w.env = append(without(w.env, "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "HOME"), "HOME="+filepath.Join(w.dir, c.home))
		if c.runtime != "" {
			w.env = append(w.env, "XDG_RUNTIME_DIR="+filepath.Join(w.dir, c.runtime))
		}
		cmd := w.headroom("run", "--", "printenv", "SSL_CERT_FILE")
		cmd.Dir = filepath.Join(w.dir, "private")
		cmd.Env = append(without(w.env, "HEADROOM_DB"), "HEADROOM_DB="+filepath.Join(w.dir, "private", "x.db"))
		out := output(t, cmd)
		if c.want != "" && !strings.HasPrefix(out, filepath.Join(w.dir, c.want)+"/") || strings.HasPrefix(out, os.TempDir()+"/headroom") {
			t.Errorf("%+v: %s", c, out)
		}
		if c.runtime != "missing" {
			continue
		}
		if _, err := os.Stat(filepath.Join(w.dir, "missing")); err == nil {
			t.Error("a runtime folder that was not there has been made")
		}
	}
}

// TestRunNeedsAPrivateFolder: where there is none, nothing is run. Root always has one, in /run, so
// it is nobody who asks.
func TestRunNeedsAPrivateFolder(t *testing.T) {
	t.Parallel()
	place, err := os.MkdirTemp("", "run-test-") // t.TempDir's are root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(place) })
	program, err := os.ReadFile(os.Args[0])
	name, open := filepath.Join(place, "headroom"), filepath.Join(place, "open")
	err = errors.Join(err, os.WriteFile(name, program, 0o755), os.Mkdir(open, 0o700),
		os.Chmod(place, 0o755), os.Chmod(open, 0o777))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "--db", filepath.Join(open, "x.db"), "run", "--", "echo", "started")
	cmd.Dir = open
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "ACT_AS_HEADROOM=1", "XDG_RUNTIME_DIR=" + open,
		"XDG_CONFIG_HOME=" + filepath.Join(open, "settings"),
	}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 2 || strings.Contains(string(out), "started") ||
		!strings.Contains(string(out), "XDG_RUNTIME_DIR") {
		t.Errorf("%d: %s", cmd.ProcessState.ExitCode(), out)
	}
}

// TestRunLeftRunning has a program that ends before one that it started: the exit code comes at once, the port stays
// taken, the late call is recorded, and then all is gone.
func TestRunLeftRunning(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells which processes hold a variable")
	}
	needs(t, "curl")
	w := newWorld(t, nil)
	late := filepath.Join(w.dir, "late")
	script := `(until [ -e go ]; do sleep 0.05; done; curl -sS -o got "https://acme.xima.cloud` + listPath + `"; echo $? > late) > log 2>&1 & echo $HTTPS_PROXY; exit 3`
	cmd := w.headroom("run", "--", "sh", "-c", script)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	_ = cmd.Run()
	if code, took := cmd.ProcessState.ExitCode(), time.Since(start); code != 3 || took > 2*time.Minute {
		t.Fatalf("exit code %d after %v: %s", code, took, &stderr)
	}
	if !strings.Contains(stderr.String(), "goes on recording in the background") {
		t.Errorf("said %q", &stderr)
	}
	addr := strings.TrimPrefix(strings.TrimSpace(stdout.String()), "http://")
	if l, err := net.Listen("tcp", addr); err == nil {
		l.Close()
		t.Error("somebody else can have the port")
	}
	if n := len(w.folders()); n != 1 {
		t.Errorf("%d folders", n)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the late call", func() bool { data, _ := os.ReadFile(late); return len(data) > 0 })
	if data, _ := os.ReadFile(late); string(data) != "0\n" {
		log, _ := os.ReadFile(filepath.Join(w.dir, "log"))
		t.Errorf("the late call: %s%s", data, log)
	}
	await(t, "the end of the folder", func() bool { return len(w.folders()) == 0 })
	rows := w.rows(t)
	if len(rows) != 1 || rows[0].Client != "sh" || rows[0].Route.Class != "recording_list" {
		t.Errorf("%+v", rows)
	}
	await(t, "the end of the port", func() bool {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			l.Close()
		}
		return err == nil
	})
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(2 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// needs skips without a program; where CI promises it, that is a failure.
func needs(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil && os.Getenv("HEADROOM_CI") != "" {
		t.Fatalf("%s is missing", name)
	} else if err != nil {
		t.Skipf("%s is missing", name)
	}
}

// TestRunHidesItsVariables: the user's program gets the user's token and no other variable of headroom's; a headroom inside still
// knows its settings.
func TestRunHidesItsVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, http.NotFoundHandler())
	w.env = append(w.env, "HEADROOM_TOKEN=mine", "HEADROOM_WHATEVER=Canary", "HEADROOM_POLICY=xima")
	for _, args := range [][]string{{"run", "--", "env"}, {"run", "--", os.Args[0], "run", "--", "env"}} {
		out, token := output(t, w.headroom(args...)), "HEADROOM_TOKEN=mine\n"
		if strings.Count(out, token) != 1 {
			t.Errorf("%q: no token in %s", args, out)
		}
		if rest := strings.Replace(out, token, "", 1); strings.Contains(rest, "HEADROOM_") || strings.Contains(rest, "Canary") {
			t.Errorf("%q: %s", args, rest)
		}
	}
	cmd := w.headroom("run", "--", "sh", "-c", `cd / && "$0" export && [ ! -e headroom.db ]`, os.Args[0])
	output(t, cmd)
}

// TestRunKilled: what is left of a killed run holds no copy of the user's configuration, and the next run removes it.
func TestRunKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &arrivals{at: map[string][]time.Time{}})
	home := filepath.Join(w.dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(w.dir, "my.wgetrc")
	for _, name := range []string{own, filepath.Join(home, ".wgetrc"), filepath.Join(home, ".netrc"), filepath.Join(home, ".curlrc")} {
		if err := os.WriteFile(name, []byte("password = Canary\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(without(w.env, "HOME"), "HOME="+home, "WGETRC="+own)
	cmd := w.headroom("run", "--", "sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the program", func() bool {
		names, _ := filepath.Glob(filepath.Join(w.runtime, "headroom", "run-*", "node_hook.cjs"))
		return len(names) == 1
	})
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	left := w.folders()
	if len(left) != 1 {
		t.Fatalf("%v", left)
	}
	files, _ := os.ReadDir(left[0])
	for _, f := range files {
		if data, err := os.ReadFile(filepath.Join(left[0], f.Name())); err != nil || bytes.Contains(data, []byte("Canary")) {
			t.Errorf("%s holds a copy (or %v)", f.Name(), err)
		}
	}
	if len(files) == 0 {
		t.Error("nothing to look through")
	}
	output(t, w.headroom("run", "--", "true"))
	if now := w.folders(); len(now) != 0 {
		t.Errorf("%v is left", now)
	}
}

// TestAllProxy: the user's own way out may be named by ALL_PROXY alone, in either case.
func TestAllProxy(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	for _, name := range []string{"ALL_PROXY", "all_proxy"} {
		w := newWorld(t, nil)
		company := w.variable("HTTPS_PROXY")
		w.env = append(without(w.env, "HTTPS_PROXY"), name+"="+company)
		output(t, w.headroom("run", "--", "curl", "-sS", "-o", "got", "https://acme.xima.cloud"+listPath))
		_ = w.headroom("call", "--no-token", "-o", "got", "POST", "https://acme.xima.cloud/x").Run() // is answered 401
		base, stop := w.startProxy(t)
		reverse := exec.Command("curl", "-sS", "-o", filepath.Join(w.dir, "got"), base+"/t/acme"+listPath)
		reverse.Env = without(w.env, name)
		output(t, reverse)
		stop()
		rows := w.rows(t)
		if len(rows) != 3 {
			t.Fatalf("%s: %+v", name, rows)
		}
		for _, r := range rows {
			if r.Status == 0 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
}

// variable is the value of a variable of the world's environment.
func (w *world) variable(name string) string {
	for _, v := range w.env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// TestCallRedirected: an answer that leads elsewhere is told, by its host alone, and makes no file.
func TestCallRedirected(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]int{301: 1, 302: 1, 303: 1, 307: 1, 308: 1, 304: 0, 300: 0} {
		w := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Location", "https://storage.example/bucket?X-Amz-Signature=Canary")
			rw.WriteHeader(status)
		}))
		cmd := w.headroom("call", "--no-token", "-o", "rec.wav", "GET", "https://acme.xima.cloud"+largePath)
		out, _ := cmd.CombinedOutput()
		_, err := os.Stat(filepath.Join(w.dir, "rec.wav"))
		if cmd.ProcessState.ExitCode() != code || strings.Contains(string(out), "Canary") || (err == nil) != (code == 0) {
			t.Errorf("%d: exit code %d, %q, file %v", status, cmd.ProcessState.ExitCode(), out, err)
		}
		if code == 1 && !strings.Contains(string(out), "storage.example") {
			t.Errorf("%d: said %q", status, out)
		}
		if rows := w.rows(t); len(rows) != 1 || rows[0].Status != status {
			t.Errorf("%+v", rows)
		}
	}
}

// TestUpstreamEverywhere sends a tenant's calls to a gateway: by a flag of call and run, and by the config.
func TestUpstreamEverywhere(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	asked := make(chan string, 9)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Host + r.URL.Path }))
	t.Cleanup(gateway.Close)
	at := gateway.URL + "/gate"
	w := newWorld(t, http.NotFoundHandler())
	w.env = append(w.env, "HEADROOM_TOKEN=t")
	if err := os.WriteFile(filepath.Join(w.dir, "c.toml"), []byte("[tenants.acme]\nupstream = \""+at+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"call", "--upstream", "acme=" + at, "GET", "https://acme.xima.cloud/x"}, {"--config", "c.toml", "call", "GET", "https://acme.xima.cloud/x"},
		{"run", "--upstream", "acme=" + at, "--", "curl", "-sS", "https://acme.xima.cloud/x"},
		{"--config", "c.toml", "run", "--", "curl", "-sS", "https://acme.xima.cloud/x"},
	} {
		output(t, w.headroom(args...))
		if got, want := <-asked, strings.TrimPrefix(at, "http://")+"/x"; got != want {
			t.Errorf("%q: %s, not %s", args, got, want)
		}
	}
	for _, r := range w.rows(t) {
		if r.Tenant != "acme" || r.Status != 200 || r.Route.Origin != "https://acme.xima.cloud" {
			t.Errorf("%+v %+v", r, r.Route)
		}
	}
	cmd := w.headroom("call", "--upstream", "acme=http://gateway.invalid", "GET", "https://acme.xima.cloud/x")
	if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "without encryption") {
		t.Errorf("the token would go there: %s", out)
	}
}

// TestRunUnderLock has another process hold the lock for as long as it likes: the program runs, its exit
// code comes once Close's patience is over, what could not be recorded is told, and nothing more is
// waited for.
func TestRunUnderLock(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	w := newWorld(t, nil)
	output(t, w.headroom("call", "--no-token", "-o", "got", "GET", "https://acme.xima.cloud"+largePath))
	db, err := sql.Open("sqlite3", w.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	cmd := w.headroom("run", "--", "sh", "-c", "curl -sS -o got 'https://acme.xima.cloud"+listPath+"'; exit 5")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("exit code %d", code)
	}
	for text, want := range map[string]bool{"1 were not recorded": true, "1 request": true, "slower": false, "not sealed": false} {
		if strings.Contains(string(out), text) != want {
			t.Errorf("%q told: %v\n%s", text, !want, out)
		}
	}
	if n := len(w.vendor.take()); n == 0 {
		t.Error("the call did not arrive")
	}
}
