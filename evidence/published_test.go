package evidence

import (
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"testing"
)

// EVIDENCE.md and README.md publish the hash of verify.html, by which a reader knows the page to be
// this repository's; -update renews it after a change of the page.
func TestPublishedHashIsThePages(t *testing.T) {
	page, err := os.ReadFile("verify.html")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^    [0-9a-f]{64}  verify\.html$`)
	want := fmt.Sprintf("    %x  verify.html", sha256.Sum256(page))
	for _, file := range []string{"../EVIDENCE.md", "../README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			text = line.ReplaceAllLiteral(text, []byte(want))
			if err := os.WriteFile(file, text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(line.Find(text)); got != want {
			t.Errorf("%s publishes %q, and the page's is %q; run the test with -update", file, got, want)
		}
	}
}
