package pagetest

import (
	"bufio"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/6dcca832/headroom/commands"
)

// serve runs the live page over a log and returns its address.
func serve(t *testing.T, db string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, written := io.Pipe()
	done := make(chan int, 1)
	commandLine.Lock()
	defer commandLine.Unlock() // it listens, or the test has failed
	go func() {
		done <- commands.Main(ctx, []string{"headroom", "--db", db, "serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), io.Discard, written)
		written.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("serve: exit %d", code)
		}
	})
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		if at := regexp.MustCompile(`http://[^/]+/`).FindString(lines.Text()); at != "" {
			go func() { _, _ = io.Copy(io.Discard, read) }()
			return at
		}
	}
	t.Fatal("serve did not say where it listens")
	return ""
}

func TestLivePageFollowsTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, log := filepath.Join(dir, "live.db"), filepath.Join(dir, "log.jsonl")
	add := func(tenant string) {
		line := `{"started_at":"` + time.Now().UTC().Format(time.RFC3339Nano) + `","method":"GET","url":"https://` + tenant + `.xima.cloud/rest/api/v2/recordings","status":200}` + "\n"
		if err := os.WriteFile(log, []byte(line), 0o666); err != nil {
			t.Fatal(err)
		}
		headroom(t, "--db", db, "import", log)
	}
	for _, tenant := range []string{"acme", "birch", "cedar"} {
		add(tenant)
	}
	b := open(t, 1280, 800)
	b.goTo(serve(t, db))
	b.do(chromedp.Poll("document.getElementById('showing').textContent === 'Live.'", nil))
	if n := eval[int](b, "document.querySelectorAll('#overview tbody tr').length"); n != 3 {
		t.Errorf("%d tenants at first, want 3", n)
	}
	b.show(2, 1)
	b.do(chromedp.Evaluate("document.querySelector('#t2 details').open = true", nil), chromedp.Evaluate("scrollBy(0, 120)", nil))
	top := func() float64 {
		return eval[float64](b, "[...document.querySelectorAll('section.tenant')].find((s) => s.querySelector('h2').textContent.endsWith(' cedar')).getBoundingClientRect().top")
	}
	before := top()
	add("borealis")
	for end, n := time.Now().Add(2*time.Minute), 0; n != 4; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d tenants in the end, want 4", n)
		}
		if err := chromedp.Run(b, chromedp.Evaluate("document.querySelectorAll('#overview tbody tr').length", &n)); err != nil {
			n = 0 // the page is being loaded again
		}
	}
	// The page that was loaded again shows what the reader had open and in view.
	b.do(chromedp.WaitReady("html[data-ready]"))
	b.do(chromedp.Poll("document.querySelector('section.tenant details[open] table')", nil, chromedp.WithPollingTimeout(2*time.Minute)))
	var after float64
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if after = top(); math.Abs(after-before) < 1 {
			break
		}
	}
	if math.Abs(after-before) >= 1 {
		t.Errorf("the tenant that the reader looks at is at %v after the page was loaded again, was at %v", after, before)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errors) > 0 {
		t.Errorf("errors on the page: %q", b.errors)
	}
}
