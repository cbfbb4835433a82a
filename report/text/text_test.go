package text_test

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/report/reporttest"
	"github.com/6dcca832/headroom/report/text"
)

func TestShellQuote(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		if os.Getenv("HEADROOM_CI") != "" {
			t.Fatal("no shell to ask")
		}
		t.Skip("no shell to ask")
	}
	for _, name := range reporttest.HostileNames {
		quoted, ok := text.ShellQuote(name)
		if !ok {
			continue
		}
		out, err := exec.Command(shell, "-c", "printf %s "+quoted).Output()
		if err != nil || string(out) != name {
			t.Errorf("%q quoted as %s reads as %q, %v", name, quoted, out, err)
		}
	}
}

// A long word is broken where people would break it, and nothing of it is lost.
func TestWrapBreaksAtJoints(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    []string
	}{
		{"in America/New_York", 9, []string{"in", "America/", "New_York"}},
		{"recording_audio", 10, []string{"recording_", "audio"}},
		{"a/bcdefghijk", 6, []string{"a/bcde", "fghijk"}}, // a joint that leaves the line half empty is none
		{"長い長い長い", 4, []string{"長い", "長い", "長い"}},
	} {
		if got := text.Wrap(c.text, c.columns); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}
