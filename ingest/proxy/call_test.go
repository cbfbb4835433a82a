//go:build unix

package proxy_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCall makes calls with headroom itself.
func TestCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.env = append(w.env, "HEADROOM_TOKEN="+w.token)
	var stdout bytes.Buffer
	list := w.headroom("call", "GET", "https://acme.xima.cloud"+listPath)
	list.Stdout = &stdout
	if err := list.Run(); err != nil {
		t.Fatal(err)
	}
	output(t, w.headroom("call", "POST", "https://acme.xima.cloud"+postPath, "-d", postBody, "-o", "post"))
	if out := output(t, w.headroom("call", "-o", "large", "get", "https://acme.xima.cloud"+largePath)); out != "" {
		t.Errorf("said %q without a terminal", out)
	}
	sent, rows := w.vendor.take(), w.rows(t)
	large, _ := os.ReadFile(filepath.Join(w.dir, "large"))
	if len(sent) != 3 || sha256.Sum256(stdout.Bytes()) != sent[0].sum || string(sent[1].in) != postBody || sha256.Sum256(large) != sent[2].sum {
		t.Fatalf("%d answers, %d bytes of the list, %d of the recording", len(sent), stdout.Len(), len(large))
	}
	for i, r := range rows {
		if r.ResponseBytes != sent[i].bytes || r.Client != "headroom" || r.Source.Name != "call" || r.Status != 200 {
			t.Errorf("%+v, and %d bytes sent", r, sent[i].bytes)
		}
	}
	w.noToken(t)
}

// TestCallFails keeps what was in the file, and says why.
func TestCallFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, "half")
			return
		}
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, "slow down")
	}))
	w.env = append(w.env, "HEADROOM_TOKEN=Canary-7")
	file := filepath.Join(w.dir, "out")
	if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		code int
		says string
	}{"/cut": {3, "the body broke off"}, "/refused": {1, "429 Too Many Requests: "}} {
		cmd := w.headroom("call", "-o", "out", "GET", "https://acme.xima.cloud"+path)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != want.code || !strings.Contains(string(out), want.says) {
			t.Errorf("%s: exit code %d, %q", path, cmd.ProcessState.ExitCode(), out)
		}
		if kept, _ := os.ReadFile(file); string(kept) != "before" {
			t.Errorf("%s: the file holds %q", path, kept)
		}
	}
}

// TestDoctor agrees with what TestPrograms proves.
func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cmd := w.headroom("doctor")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); len(lines) != 8 {
		t.Errorf("%s", out)
	}
	if _, err := os.Stat(w.db); err == nil {
		t.Error("doctor made a database")
	}
}

// TestCallSends looks at what arrives: a Host of one's own, an empty body as one of length 0, and nothing at all where the
// answer could not be kept.
func TestCallSends(t *testing.T) {
	t.Parallel()
	came := make(chan *http.Request, 9)
	w := newWorld(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r }))
	empty := filepath.Join(w.dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "@" + empty} {
		output(t, w.headroom("call", "--no-token", "-H", "Host: else.example", "-d", body, "POST", "https://acme.xima.cloud/x"))
		if r := <-came; r.Host != "else.example" || r.ContentLength != 0 {
			t.Errorf("%q: Host %q, length %d", body, r.Host, r.ContentLength)
		}
	}
	cmd := w.headroom("call", "--no-token", "-o", "no/such/folder", "GET", "https://acme.xima.cloud/x")
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || len(came) != 0 {
		t.Errorf("exit code %d, %d requests: %s", cmd.ProcessState.ExitCode(), len(came), out)
	}
}
