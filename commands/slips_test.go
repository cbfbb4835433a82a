package commands

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// slipsFile has, after each command line that cannot be carried out, the one line that says so.
const slipsFile = "testdata/slips.txt"

// TestSlips: a slip of the hand gets one line on standard error, exit code 2, and leaves no file.
func TestSlips(t *testing.T) {
	text, err := os.ReadFile(slipsFile)
	if err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs(slipsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(settings, defaultTokenEnv, "HEADROOM_PUSH_TO", "HTTPS_PROXY") {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	work := t.TempDir()
	t.Chdir(work)
	var got strings.Builder
	for line := range strings.Lines(string(text)) {
		command, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		if !found {
			if strings.HasPrefix(line, "#") || line == "\n" {
				got.WriteString(line)
			}
			continue
		}
		var out, errs bytes.Buffer
		code := Main(t.Context(), splitLine(command), strings.NewReader(""), &out, &errs)
		told := strings.ReplaceAll(errs.String(), work, "$WORK")
		if code != exitFailed || out.Len() > 0 || strings.Count(told, "\n") != 1 || !strings.HasPrefix(told, "headroom: ") {
			t.Errorf("%s: exit code %d, %q, on stdout %q", command, code, told, out.String())
		}
		got.WriteString(line + told)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("the folder has %v, %v", left, err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(string(text), "\n")
	for i, line := range strings.Split(got.String(), "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("%s:%d (-update renews it, if that is meant):\n%s\nwant\n%s", slipsFile, i+1, line, want[min(i, len(want)-1)])
		}
	}
}

// splitLine gives the words of a command line; single quotes keep some together.
func splitLine(line string) (all []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// TestInterruptedDemoLeavesNoFolder: none that is empty.
func TestInterruptedDemoLeavesNoFolder(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs bytes.Buffer
	code := Main(ctx, []string{"headroom", "-q", "demo", "--dir", "demo"}, strings.NewReader(""), &errs, &errs)
	if left, err := os.ReadDir("."); code != exitFailed || errs.String() != "headroom: demo: interrupted\n" || len(left) > 0 {
		t.Errorf("exit code %d, %q, left %v, %v", code, errs.String(), left, err)
	}
}
