package commands

import (
	"errors"
	"strings"
	"testing"
)

// What is printed after a bar must stand below it, also where the file was read before the bar was drawn.
func TestBarIsDrawnBeforeStopReturns(t *testing.T) {
	for err, want := range map[error]string{nil: "done!", errors.New("broken"): "fail!"} {
		for range 20 {
			var screen strings.Builder
			b := newBar(&screen, inBytes, "a.log", 100)
			b.set(50)
			b.stop(err)
			if !strings.Contains(screen.String(), want) {
				t.Fatalf("with %v: %q", err, screen.String())
			}
		}
	}
	var none *bar
	none.set(1)
	none.stop(nil)
}
