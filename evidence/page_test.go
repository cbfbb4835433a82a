package evidence

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "write the hashes of verify.html's script and style into its policy")

// missing skips a test for want of a tool; in CI the tool must be there.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("HEADROOM_CI") == "1" {
		t.Fatalf("%s is not installed", what)
	}
	t.Skipf("%s is not installed", what)
}

// The page's policy names its own script and style, so that it can run nothing else.
func TestVerifyPagePolicy(t *testing.T) {
	page := string(VerifyPage)
	for _, tag := range []string{"script", "style"} {
		body := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`).FindStringSubmatch(page)[1]
		sum := sha256.Sum256([]byte(body))
		want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if strings.Contains(page, want) {
			continue
		}
		if !*update {
			t.Errorf("verify.html's policy must say %q; run the test with -update", want)
		}
		page = regexp.MustCompile(tag+`-src '[^']*'`).ReplaceAllString(page, want)
	}
	if !strings.Contains(page, "default-src 'none'") || strings.Contains(page, "://") {
		t.Error("the page may load something, or names another place")
	}
	if *update {
		if err := os.WriteFile("verify.html", []byte(page), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func unpackInto(t testing.TB, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// byHand runs the blocks of VERIFY.md as they stand there, or the one that holds some words.
func byHand(t testing.TB, dir string, words ...string) (string, error) {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\n") // as the first block has it
	for _, block := range regexp.MustCompile("(?s)```bash\n(.*?)```").FindAllStringSubmatch(string(verifyText), -1) {
		if len(words) == 0 || strings.Contains(block[1], words[0]) {
			script.WriteString(block[1])
		}
	}
	cmd := exec.Command("bash")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(script.String())
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestVerifyByHand(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "sha256sum", "awk", "split"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, tool)
		}
	}
	l := sampleLog(t, testKey(), LogID{1}, 8)
	data := write(t, l.key, l.contents(testPolicy, testSettings))
	out, err := byHand(t, unpackInto(t, data))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	head, _ := ParseBody(l.heads[2].checkpoint[:bytes.Index(l.heads[2].checkpoint, []byte("\n\n"))+1])
	for _, want := range []string{
		strings.TrimPrefix(strings.ToLower(Fingerprint(l.key.Public())), "sha256:"), SealLine(l.heads[0].text), SealLine(l.heads[2].text),
		fmt.Sprintf("the leaves add up to the head: %x", head.Root[:]), "leaf 11: its key is call-8", "200 16 ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	disclosedAs := func(change func(string) string) string {
		t.Helper()
		dir := unpackInto(t, data)
		name := filepath.Join(dir, fileDisclosed)
		lines, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, []byte(change(string(lines))), 0o666)
		}
		out, byErr := byHand(t, dir, "read -r seq field")
		if err != nil || byErr != nil {
			t.Errorf("%v, %v\n%s", err, byErr, out)
		}
		return out
	}
	empty := "10\tkey\t" + strings.Repeat("00", 16) + "\t\n"
	if out := disclosedAs(func(s string) string { return empty + s }); !strings.Contains(out, "leaf 11: its key is call-8") {
		t.Errorf("after a line without a key: %q", out)
	}
	if out := disclosedAs(func(string) string { return empty }); !strings.Contains(out, "no request of this bundle is about a recording") {
		t.Errorf("without any key: %q", out)
	}
	swap := func(file, old, new string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if name == file {
				return bytes.Replace(data, []byte(old), []byte(new), 1)
			}
			return data
		}
	}
	for _, c := range []struct {
		name, block string
		change      func(string, []byte) []byte
	}{
		{"leaves", "add up to the head", swap(fileLeaves, "\t200\t", "\t500\t")},
		{"key", "read -r seq field", swap(fileDisclosed, "call-8", "call-9")},
		{"policy", "sealed=", swap(filePolicy, "test", "tset")},
	} {
		dir := unpackInto(t, data)
		if out, err := byHand(t, dir, c.block); err != nil {
			t.Fatalf("%s: %v\n%s", c.name, err, out)
		}
		dir = unpackInto(t, reseal(t, l.key, data, c.change))
		if out, err := byHand(t, dir, c.block); err == nil {
			t.Errorf("%s changed: not noticed by hand:\n%s", c.name, out)
		}
	}
	dir := unpackInto(t, data)
	if err := os.WriteFile(filepath.Join(dir, fileTicket), []byte("another"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := byHand(t, dir, "--check"); err == nil {
		t.Error("another ticket is not noticed by hand")
	}
}

// browserTab opens verify.html in a browser without a network.
func browserTab(t testing.TB) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		missing(t, "chromium")
	}
	profile, err := os.MkdirTemp("", "headroom-profile-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 6*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancel() })
	page, err := filepath.Abs("verify.html")
	if err != nil {
		t.Fatal(err)
	}
	err = chromedp.Run(ctx, network.Enable(), network.EmulateNetworkConditions(true, 0, -1, -1),
		chromedp.Navigate("file://"+page), chromedp.WaitReady("html[data-ready]"))
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// dropped gives a bundle to the page and returns the grade and the steps that it shows.
func dropped(t testing.TB, ctx context.Context, data []byte, held string) (grade, steps string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ticket.zip")
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	err := chromedp.Run(ctx,
		chromedp.Evaluate("delete document.documentElement.dataset.done", nil),
		chromedp.Evaluate(fmt.Sprintf("document.getElementById('held').value = %q", held), nil), chromedp.SetUploadFiles("#file", []string{name}),
		chromedp.WaitReady("html[data-done]"),
		chromedp.Text("#grade", &grade), chromedp.Text("#steps", &steps))
	if err != nil {
		t.Fatal(err)
	}
	return grade, steps
}

// evaluated is what an expression on the page gives.
func evaluated(t testing.TB, ctx context.Context, expression string) (value string) {
	t.Helper()
	if err := chromedp.Run(ctx, chromedp.Evaluate(expression, &value)); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestVerifyPageInChromium(t *testing.T) {
	ctx := browserTab(t)
	forgedOnThePage(t, ctx)
	respelledOnThePage(t, ctx)
	l := sampleLog(t, testKey(), LogID{1}, 20)
	data := write(t, l.key, l.contents(testPolicy, testSettings))
	for _, c := range []struct{ held, want string }{
		{"", "self-signed"}, {SealLine(l.heads[1].text), "held"}, {Fingerprint(l.key.Public()), "held"},
		{strings.Join(strings.Fields(string(l.heads[0].checkpoint)), " "), "held"}, {"something else", "self-signed"},
	} {
		if grade, steps := dropped(t, ctx, data, c.held); grade != c.want ||
			!strings.Contains(steps, `only the bundle's signature says "acme"`) {
			t.Errorf("holding %q: %s, want %s\n%s", c.held, grade, c.want, steps)
		}
	}
	for _, c := range []struct{ file, old, new string }{
		{fileLeaves, "\t200\t", "\t500\t"}, {fileDisclosed, "call-25", "call-26"}, {filePolicy, "test", "tset"},
		{fileRange, "\n", "\n00\n"},
	} {
		wrong := reseal(t, l.key, data, func(name string, data []byte) []byte {
			if name == c.file {
				return bytes.Replace(data, []byte(c.old), []byte(c.new), 1)
			}
			return data
		})
		if grade, steps := dropped(t, ctx, wrong, ""); grade != "altered" {
			t.Errorf("%s changed: %s\n%s", c.file, grade, steps)
		}
	}
	files, err := readZip(data)
	if err != nil {
		t.Fatal(err)
	}
	files[0].data = []byte("another ticket")
	files[0].pack()
	if grade, steps := dropped(t, ctx, writeZip(files), ""); grade != "altered" || !strings.Contains(steps, fileSums) {
		t.Errorf("another ticket: %s\n%s", grade, steps)
	}
	if grade, _ := dropped(t, ctx, reseal(t, NewKey(), data, func(_ string, d []byte) []byte { return d }), ""); grade != "altered" {
		t.Errorf("another key's list: %s", grade)
	}
	client := newTestLog(testKey(), LogID{1})
	client.withClient = true
	client.fill(t, 3)
	data = write(t, client.key, client.contents(testPolicy, testSettings))
	if grade, steps := dropped(t, ctx, data, ""); grade != "self-signed" || !strings.Contains(steps, "12 disclosed fields") {
		t.Errorf("with clients: %s\n%s", grade, steps)
	}
	for name, change := range wrongDisclosures(string(disclosedText(client.contents("", "").Disclosed))) {
		if grade, steps := dropped(t, ctx, changeDisclosed(t, client.key, data, change), ""); grade != "altered" {
			t.Errorf("%s: %s\n%s", name, grade, steps)
		}
	}
	good, raw := rawLineBreak(t)
	if grade, steps := dropped(t, ctx, good, ""); grade != "self-signed" {
		t.Errorf("an escaped carriage return: %s\n%s", grade, steps)
	}
	if grade, steps := dropped(t, ctx, raw, ""); grade != "altered" || !strings.Contains(steps, "leaves.tsv, line 2") {
		t.Errorf("a raw carriage return: %s\n%s", grade, steps)
	}
	each := budget(500, 12500)
	large := sampleLog(t, testKey(), LogID{1}, each)
	data = write(t, large.key, large.contents(testPolicy, testSettings))
	start := time.Now()
	grade, steps := dropped(t, ctx, data, "")
	if grade != "self-signed" || !strings.Contains(steps, fmt.Sprintf("%d leaves", 2*each+4)) {
		t.Errorf("many rows: %s\n%s", grade, steps)
	}
	t.Logf("%d rows checked in %s ms, %v with the browser's start", 2*each,
		evaluated(t, ctx, "document.documentElement.dataset.took"), time.Since(start))
}
