package text_test

import (
	"os"
	"os/exec"
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
