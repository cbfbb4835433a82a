package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

var committed = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// laid makes a stage for Linux of files with their names as content.
func laid(t *testing.T, names ...string) *stage {
	t.Helper()
	s := &stage{target: targets[0], dir: t.TempDir()}
	for _, name := range names {
		if err := s.write(name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// An archive depends on names and contents, not on when it was made; the program alone can be run.
func TestArchiveIsTheSameEachTime(t *testing.T) {
	s := laid(t, "headroom", "headroom.1", "headroom.toml", "completions/_headroom")
	var archives [2][]byte
	for i := range archives {
		name := filepath.Join(t.TempDir(), "x.tar.gz")
		if err := writeTar(s, name, committed); err != nil {
			t.Fatal(err)
		}
		var err error
		if archives[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		now := time.Now().Add(time.Hour)
		if err := os.Chtimes(s.program(), now, now); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the second archive of the same files differs")
	}
	z, err := gzip.NewReader(bytes.NewReader(archives[0]))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
	}
	want := []string{
		"-rw-r--r-- completions/_headroom", "-rwxr-xr-x headroom", "-rw-r--r-- headroom.1",
		"-rw-r--r-- headroom.toml",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the archive holds %q, want %q", got, want)
	}
}

func TestSumsAreWhatSha256sumReads(t *testing.T) {
	s := laid(t, "b", "a")
	if err := os.WriteFile(filepath.Join(s.dir, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeSums(s.dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, sums))
	if err != nil {
		t.Fatal(err)
	}
	want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n" +
		"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b\n"
	if string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
}

// A release is of a commit: what is not committed, or not known, is refused.
func TestOnlyACommitIsReleased(t *testing.T) {
	setting := func(modified string) *buildinfo.BuildInfo {
		return &buildinfo.BuildInfo{Main: debug.Module{Version: "v0.1.0"}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "8a1f"}, {Key: "vcs.modified", Value: modified},
			{Key: "vcs.time", Value: "2026-11-26T12:00:00Z"},
		}}
	}
	var r release
	err := r.identify(setting("true"))
	if err == nil || !strings.Contains(err.Error(), "commit them") {
		t.Errorf("a changed checkout: %v", err)
	}
	if err := r.identify(&buildinfo.BuildInfo{}); err == nil {
		t.Error("a build that knows no commit was taken")
	}
	if err := r.identify(setting("false")); err != nil {
		t.Fatal(err)
	}
	if r.version != "0.1.0" || r.commit != "8a1f" || !r.time.Equal(committed) {
		t.Errorf("%+v", r)
	}
}

// A replaced module is told as what it was replaced by, and the bill is the program's own by hash.
func TestBillNamesWhatWasLinked(t *testing.T) {
	s := laid(t, "headroom")
	s.info = &buildinfo.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{
		{Path: "example.com/a", Version: "v1.0.0"},
		{Path: "example.com/b", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.0"}},
	}}
	if _, _, err := s.target.libraryPackage(); err != nil {
		if os.Getenv("HEADROOM_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err) // it takes a Debian system with a C library to link
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	r := &release{root: root, version: "0.1.0", commit: "8a1f", time: committed}
	file := filepath.Join(t.TempDir(), "bom.json")
	if err := r.writeBOM(s, file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range *bom.Components {
		got = append(got, c.Name)
		if c.Version == "" {
			t.Errorf("%s has no version", c.Name)
		}
	}
	want := []string{"stdlib", "sqlite", "echarts", "glibc", "example.com/a", "example.com/c"}
	if !slices.Equal(got, want) {
		t.Errorf("the bill names %q, want %q", got, want)
	}
	const hash = "26e93d81" // of the text "headroom"
	if h := (*bom.Metadata.Component.Hashes)[0].Value; !strings.HasPrefix(h, hash) {
		t.Errorf("the program's hash is %s", h)
	}
}
