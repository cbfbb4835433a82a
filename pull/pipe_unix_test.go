//go:build unix

package pull

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// What stands in the manifest's place and is no file is told; reading a pipe would wait for ever.
func TestManifestThatIsAPipe(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, manifestName), 0o600); err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(filepath.Join(dir, sumsName), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{manifestName, sumsName} {
		if _, err := Folder(dir).Get(t.Context(), name); err == nil || isNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
