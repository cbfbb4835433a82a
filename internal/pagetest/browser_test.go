package pagetest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/6dcca832/headroom/commands"
)

const asOf = "2026-11-01T12:00:00Z"

// missing skips a test for want of a tool; in CI the tool must be there.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("HEADROOM_CI") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// chromiumPath is the browser's program; "" where there is none.
func chromiumPath() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// commandLine is held while a command line is read: the library for it writes to a variable of its
// own then.
var commandLine sync.Mutex

// headroom runs a command line and returns what it printed and its exit code.
func headroom(t testing.TB, args ...string) (string, int) {
	t.Helper()
	commandLine.Lock()
	defer commandLine.Unlock()
	var out, errs bytes.Buffer
	code := commands.Main(t.Context(), append([]string{"headroom"}, args...), strings.NewReader(""), &out, &errs)
	if code > 1 {
		t.Fatalf("headroom %s: exit %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String(), code
}

// demo is a folder with the demo's files, made once for all tests.
func demo(t testing.TB) string {
	t.Helper()
	dir, err := demoOnce()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var demoOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "headroom-pagetest-*")
	if err != nil {
		return "", err
	}
	commandLine.Lock()
	defer commandLine.Unlock()
	var errs bytes.Buffer
	if code := commands.Main(context.Background(), []string{"headroom", "demo", "--dir", filepath.Join(dir, "demo"), "--as-of", asOf}, strings.NewReader(""), &errs, &errs); code != 0 {
		return "", fmt.Errorf("demo: exit %d: %s", code, errs.String())
	}
	return filepath.Join(dir, "demo"), nil
})

func TestMain(m *testing.M) {
	settings, err := os.MkdirTemp("", "headroom-settings-*") // no key of the user's is made or used
	if err == nil {
		err = os.Setenv("XDG_CONFIG_HOME", settings)
	}
	if err != nil {
		panic(err)
	}
	code := m.Run()
	closeBrowser()
	os.RemoveAll(settings)
	if dir, err := demoOnce(); err == nil {
		os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

// browserOnce starts a browser that has no network of its own, for all tests: a start takes longer
// than most of them. Each test has its own cookies, storage and history in it.
var browserOnce = sync.OnceValues(func() (ctx context.Context, err error) {
	dir, err := os.MkdirTemp("", "headroom-profile-*")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromiumPath()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("lang", "en-US"))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ = chromedp.NewContext(ctx)
	closeBrowser = func() {
		_ = chromedp.Cancel(ctx)
		stop()
		_ = os.RemoveAll(dir)
	}
	return ctx, chromedp.Run(ctx)
})

// closeBrowser ends the browser of browserOnce, if there is one.
var closeBrowser = func() {}

// browser is one tab, and what went wrong in it.
type browser struct {
	context.Context
	t testing.TB

	mu       sync.Mutex
	requests []string
	errors   []string
}

// open opens a tab of the given size.
func open(t testing.TB, width, height int64) *browser {
	t.Helper()
	if chromiumPath() == "" {
		missing(t, "chromium is not installed")
	}
	ctx, err := browserOnce()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithTargetID(window(t, ctx)))
	t.Cleanup(cancel)
	b := &browser{Context: ctx, t: t}
	chromedp.ListenTarget(ctx, b.listen)
	b.do(network.Enable(), log.Enable(), runtime.Enable(), emulation.SetFocusEmulationEnabled(true),
		emulation.SetDeviceMetricsOverride(width, height, 1, false))
	return b
}

// window opens an empty window that shares nothing with others, and closes it when the test ends.
func window(t testing.TB, ctx context.Context) target.ID {
	t.Helper()
	ctx = cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser)
	own, err := target.CreateBrowserContext().Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.DisposeBrowserContext(own).Do(ctx) })
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, "data:") {
			b.requests = append(b.requests, u)
		}
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			b.errors = append(b.errors, strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			b.errors = append(b.errors, e.Entry.Text)
		}
	}
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b, actions...); err != nil {
		b.t.Fatalf("%v\nerrors on the page: %q", err, b.errors)
	}
}

// load opens a file, cut off from every network.
func (b *browser) load(file, fragment string) {
	b.t.Helper()
	b.do(network.EmulateNetworkConditions(true, 0, -1, -1))
	b.goTo("file://" + file + fragment)
}

func (b *browser) goTo(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitReady("html[data-ready]"))
}

// eval runs a script in the page and returns its value.
func eval[T any](b *browser, script string) (v T) {
	b.t.Helper()
	b.do(chromedp.Evaluate(script, &v))
	return v
}

// text is the text of the first element that a selector finds.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// clean fails the test if the page asked for anything but itself, or complained.
func (b *browser) clean(pages int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) != pages {
		b.t.Errorf("%d requests, want %d: %q", len(b.requests), pages, b.requests)
	}
	if len(b.errors) > 0 {
		b.t.Errorf("errors on the page: %q", b.errors)
	}
}

// show opens and scrolls a tenant's section and then so many of its charts into view, and waits until each is drawn or says that it
// is empty.
func (b *browser) show(i, charts int) {
	b.t.Helper()
	b.do(chromedp.Evaluate(fmt.Sprintf(`((s) => {
			const more = s.querySelector('details.more');
			if (more) {
				document.querySelector('#overview a[href="#' + s.id + '"]').click();
				more.open = true;
			}
			s.scrollIntoView();
		})(document.getElementById('t%d'))`, i), nil),
		chromedp.Poll(fmt.Sprintf("((s) => s.dataset.period === `${(Date.parse(document.getElementById('from').value) - Date.parse(document.getElementById('from').min)) / 864e5} ${(Date.parse(document.getElementById('to').value) - Date.parse(document.getElementById('from').min)) / 864e5} ` + (s.dataset.period || '').split(' ')[2])(document.getElementById('t%d'))", i), nil, chromedp.WithPollingTimeout(2*time.Minute)))
	for k := range charts {
		figure := fmt.Sprintf("document.querySelectorAll('#t%d figure')[%d]", i, k)
		b.do(chromedp.Evaluate(figure+".scrollIntoView()", nil),
			chromedp.Poll(fmt.Sprintf("((f) => f.matches('.nothing') || f.querySelector('.chart svg'))(%s)", figure), nil, chromedp.WithPollingTimeout(2*time.Minute)))
	}
}

// keep writes what the tab shows into a file.
func (b *browser) keep(file string, whole bool) {
	b.t.Helper()
	var picture []byte
	if whole {
		b.do(chromedp.FullScreenshot(&picture, 100))
	} else {
		b.do(chromedp.CaptureScreenshot(&picture))
	}
	if err := os.WriteFile(file, picture, 0o666); err != nil {
		b.t.Fatal(err)
	}
}

// prefer makes the reader's system "light" or "dark".
func (b *browser) prefer(scheme string) {
	b.t.Helper()
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}
