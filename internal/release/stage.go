package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// stage is a folder that is laid out as the archive of one target.
type stage struct {
	target target
	dir    string
	info   *buildinfo.BuildInfo
}

// program is the file of the compiled program.
func (s *stage) program() string {
	if s.target.os == "windows" {
		return filepath.Join(s.dir, "headroom.exe")
	}
	return filepath.Join(s.dir, "headroom")
}

// made is what the program itself prints, by the file that it goes to.
var made = map[string][]string{
	"headroom.1":                {"man"},
	"completions/headroom.bash": {"completion", "bash"},
	"completions/_headroom":     {"completion", "zsh"},
	"completions/headroom.fish": {"completion", "fish"},
	"completions/headroom.ps1":  {"completion", "powershell"},
	"NOTICES.txt":               {"version", "--notices"},
}

// kept are files of the repository, by what they are called in the archive.
var kept = map[string]string{
	"LICENSE":                          "LICENSE",
	"README.md":                        "README.md",
	"CHANGELOG.md":                     "CHANGELOG.md",
	"FORMATS.md":                       "FORMATS.md",
	"EVIDENCE.md":                      "EVIDENCE.md",
	"schema.sql":                       "schema.sql",
	"systemd/headroom-nightly.service": "deploy/systemd/headroom-nightly.service",
	"systemd/headroom-nightly.timer":   "deploy/systemd/headroom-nightly.timer",
}

// fill adds to the program what goes with it. Own is a program that runs here.
func (s *stage) fill(r *release, own string) error {
	for name, args := range made {
		out, err := output(own, args...)
		if err != nil {
			return err
		}
		if err := s.write(name, out); err != nil {
			return err
		}
	}
	for name, from := range kept {
		if s.target.os == "windows" && strings.HasPrefix(name, "systemd/") {
			continue
		}
		if err := copyFile(filepath.Join(s.dir, name), filepath.Join(r.root, from)); err != nil {
			return err
		}
	}
	sample := filepath.Join(s.dir, "headroom.toml")
	if _, err := output(own, "--config", sample, "init"); err != nil {
		return err
	}
	if err := os.Chmod(sample, 0o644); err != nil {
		return err
	}
	return s.addLibraryNotice()
}

// addLibraryNotice ends NOTICES.txt with the licence of the C library that the program holds.
func (s *stage) addLibraryNotice() (err error) {
	name, version, err := s.target.libraryPackage()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "NOTICES.txt"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	texts := []string{filepath.Join("/usr/share/doc", name, "copyright")}
	if s.target.library == "glibc" {
		texts = append(texts, "/usr/share/common-licenses/LGPL-2.1")
	}
	_, err = fmt.Fprintf(f, "\n%s\n%s, from Debian's package %s %s, whose sources Debian publishes.\n"+
		"To link another one, build headroom from its own sources.\n",
		strings.Repeat("=", 80), s.target.library, name, version)
	for _, text := range texts {
		if err != nil {
			return err
		}
		var licence []byte
		if licence, err = os.ReadFile(text); err == nil {
			_, err = fmt.Fprintf(f, "\n%s\n", bytes.TrimSpace(licence))
		}
	}
	return err
}

// write writes one file of the stage.
func (s *stage) write(name string, content []byte) error {
	file := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// files are the names of what is in the stage, sorted, with slashes.
func (s *stage) files() (names []string, err error) {
	err = filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(s.dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	return names, err
}

// output is what a program prints. It runs without the variables that say where headroom's files
// are.
func output(program string, args ...string) ([]byte, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = os.TempDir(), []string{"HOME=/nonexistent", "TZ=UTC"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
