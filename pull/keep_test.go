package pull

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Few files are flushed each by itself, many together: either way all have their names and what
// lies beside them, and one that cannot be kept is an error.
func TestFolderKeeps(t *testing.T) {
	for _, n := range []int{1, fewTogether - 1, fewTogether, 3 * keepBatch} {
		dir := t.TempDir()
		to := Folder(dir)
		scratch, err := to.Scratch("acme")
		if err != nil {
			t.Fatal(err)
		}
		defer scratch.Close()
		if err := to.Prepare(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		files := make([]Whole, n)
		for i := range files {
			key := fmt.Sprint("key", i)
			start := monday.AddDate(0, 0, i%3)
			file := to.Stage("acme", start, key)
			if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
				t.Fatal(err)
			}
			stem := stem("acme", start, key)
			files[i] = Whole{File: file, Name: stem + ".wav", Beside: stem + sidecarEnding, Data: []byte("{}\n")}
		}
		files[n-1].File = "" // was kept before
		if err := to.Keep(t.Context(), files); err != nil {
			t.Fatalf("%d files: %v", n, err)
		}
		for i, w := range files {
			beside, err := os.ReadFile(filepath.Join(dir, w.Beside))
			if err != nil || string(beside) != "{}\n" {
				t.Errorf("%d files: beside %d: %q, %v", n, i, beside, err)
			}
			if w.File == "" {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, w.Name))
			if err != nil || string(data) != fmt.Sprint("key", i) {
				t.Errorf("%d files: %d: %q, %v", n, i, data, err)
			}
			if _, err := os.Stat(w.File); !os.IsNotExist(err) {
				t.Errorf("%d files: %d is still staged: %v", n, i, err)
			}
		}
		if n > 1 {
			if err := to.Keep(t.Context(), files); err == nil {
				t.Errorf("%d files: those that are not there are kept", n)
			}
		}
	}
}
