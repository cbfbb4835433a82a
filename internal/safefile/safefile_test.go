package safefile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func create(name, s string) error {
	f, err := Create(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, s)
	return errors.Join(err, f.Close())
}

// writers are the two ways to write; each must refuse the same.
var writers = map[string]func(name, s string) error{
	"Replace": func(name, s string) error { return Replace(name, text(s)) },
	"Create":  create,
}

func TestWriteAndReplace(t *testing.T) {
	for how, write := range writers {
		name := filepath.Join(t.TempDir(), "out")
		for _, s := range []string{"a long text", "short"} {
			if err := write(name, s); err != nil || read(t, name) != s {
				t.Errorf("%s: %q, %v", how, read(t, name), err)
			}
		}
		if err := write(os.DevNull, "x"); err != nil {
			t.Errorf("%s: to the null device: %v", how, err)
		}
		if err := write(filepath.Dir(name), "x"); err == nil || !strings.Contains(err.Error(), "is a folder") {
			t.Errorf("%s: to a folder: %v", how, err)
		}
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	for how, write := range writers {
		dir := t.TempDir()
		victim, link := filepath.Join(dir, "victim"), filepath.Join(dir, "link")
		if err := os.WriteFile(victim, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{victim, filepath.Join(dir, "nothing")} {
			os.Remove(link)
			if err := os.Symlink(to, link); err != nil {
				t.Skip("no links here: ", err)
			}
			if st, err := os.Lstat(link); runtime.GOOS == "windows" && (err != nil || st.Mode()&os.ModeSymlink == 0) {
				t.Skip("no links here: what was made is none")
			}
			if err := write(link, "changed"); err == nil || !strings.Contains(err.Error(), "is a link") {
				t.Errorf("%s: to a link: %v", how, err)
			}
		}
		if read(t, victim) != "kept" {
			t.Errorf("%s: written through a link", how)
		}
		if _, err := os.Lstat(filepath.Join(dir, "nothing")); err == nil {
			t.Errorf("%s: made a file through a link", how)
		}
	}
}

func TestOtherUsersFilesAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	for how, write := range writers {
		name := filepath.Join(t.TempDir(), "theirs")
		if err := os.WriteFile(name, []byte("kept"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(name, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if err := write(name, "changed"); err == nil || read(t, name) != "kept" {
			t.Errorf("%s: into another user's file: %v", how, err)
		}
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if Trusted(st) == nil {
			t.Error("another user's file is trusted")
		}
	}
}

func TestAFailureLeavesTheOldFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(name, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := Replace(name, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) != 1 || read(t, name) != "old" {
		t.Errorf("left %v", left)
	}
	if err := Replace(name, text("new")); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

func TestTrusted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permissions of this kind")
	}
	name := filepath.Join(t.TempDir(), "c")
	for mode, want := range map[os.FileMode]bool{0o600: true, 0o644: true, 0o664: true, 0o666: false, 0o602: false} {
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := Trusted(st) == nil; got != want {
			t.Errorf("%v: trusted %v", mode, got)
		}
	}
}

// What a process that was killed has left beside a file goes with the next write; what another one is
// writing, and what others have made, stays.
func TestSweep(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are not locked here")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "out")
	left := filepath.Join(dir, ".out.123.0")
	stays := []string{".out.123", ".out.123.0.x", ".out..0", "out.123.0", ".other.123.0", ".out.12a.0"}
	for _, s := range append(stays, ".out.123.0") {
		if err := os.WriteFile(filepath.Join(dir, s), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(name, filepath.Join(dir, ".out.123.1")); err != nil {
		t.Fatal(err)
	}
	err := Replace(name, func(w io.Writer) error {
		if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", left, err)
		}
		Sweep(name) // the file that is being written now stays
		_, err := io.WriteString(w, "text")
		return err
	})
	if err != nil || read(t, name) != "text" {
		t.Errorf("%v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(stays)+2 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestMake(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	if err := Make(name, 0o600, text("first")); err != nil {
		t.Fatal(err)
	}
	if err := Make(name, 0o600, text("second")); !errors.Is(err, os.ErrExist) || read(t, name) != "first" {
		t.Errorf("%q, %v", read(t, name), err)
	}
	broken := errors.New("broken")
	other := filepath.Join(filepath.Dir(name), "other")
	if err := Make(other, 0o600, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestWhatCanBeWrittenIsLeftAlone: asking makes no file and changes none.
func TestWhatCanBeWrittenIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	there, folder := filepath.Join(dir, "there"), filepath.Join(dir, "folder")
	if err := errors.Join(os.WriteFile(there, []byte("kept"), 0o600), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	for name, can := range map[string]bool{
		there: true, filepath.Join(dir, "new"): true, "/dev/null": true,
		folder: false, filepath.Join(dir, "none", "new"): false, filepath.Join(there, "new"): false,
	} {
		for what, ask := range map[string]func(string) error{"CanReplace": CanReplace, "CanCreate": CanCreate} {
			if err := ask(name); (err == nil) != can {
				t.Errorf("%s(%s) = %v, want it to be possible: %v", what, name, err, can)
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v now, %v", entries, err)
	}
	if text, err := os.ReadFile(there); string(text) != "kept" {
		t.Errorf("the file is %q now, %v", text, err)
	}
}
