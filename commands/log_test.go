package commands

import (
	"bytes"
	"context"
	"io"
	"log"
	"strings"
	"testing"
)

// TestNothingIsLogged: what packages log by themselves may hold bytes of answers, so it goes nowhere.
func TestNothingIsLogged(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var logged bytes.Buffer
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(io.Discard) })
	if code := Main(context.Background(), []string{"headroom", "version"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	log.Print("bytes of an answer")
	if logged.Len() > 0 {
		t.Errorf("%q", logged.String())
	}
}
