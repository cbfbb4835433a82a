// Command release builds what a release consists of into dist/: "make release" runs it.
//
// For Linux on amd64 and arm64 and for Windows on amd64 it makes an archive with the program, its
// manual page, completions and licences, and a bill of materials (CycloneDX); for Linux a deb and
// an rpm, too; beside them the offline verifier of evidence, and SHA256SUMS over all of it.
//
// The version is the git tag of the commit, as the go command stamps it into the program; without
// a tag it is a pseudo-version, and what is built is a trial. Changes that are not committed are
// refused, so that the commit in the program tells what it was built from. Times in archives and
// packages are the commit's: the same commit gives the same bytes under the same compilers.
//
// # Why static, and why glibc
//
// The Linux programs link the C library statically: one file runs on every distribution, however
// old its glibc is. That library is Debian's glibc and not musl, since Debian has a cross compiler
// with glibc for arm64 and none with musl, and since SQLite needs nothing that static glibc lacks:
// names are resolved and users looked up by Go (netgo, osusergo), extensions of SQLite are never
// loaded. glibc's licence, the LGPL, and its version are in NOTICES.txt.
//
// # What it needs
//
// A Linux system with Debian's packages: gcc, gcc-aarch64-linux-gnu and gcc-mingw-w64-x86-64, on
// arm64 also gcc-x86-64-linux-gnu. macOS programs are not built: SQLite wants a C compiler for
// macOS, which Debian has not.
package main

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	root := flag.String("root", "../..", "the `FOLDER` of the module headroom")
	dist := flag.String("dist", "dist", "write into this `FOLDER` below the root, emptied first")
	flag.Parse()
	if err := run(*root, *dist); err != nil {
		log.Fatal(err)
	}
}

// release is what all parts of one release share.
type release struct {
	root, dist string
	version    string // without "v": 0.1.0
	commit     string
	time       time.Time // the commit's
}

// run makes the release of the module in root. The folder dist is whole or, after an error, not
// there.
func run(root, dist string) (err error) {
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	r := &release{root: root, dist: filepath.Join(root, dist)}
	if err := os.RemoveAll(r.dist); err != nil {
		return fmt.Errorf("empty dist: %w", err)
	}
	work, err := os.MkdirTemp("", "headroom-release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(r.dist))
		}
	}()
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	stages, err := r.build(work)
	if err != nil {
		return err
	}
	for _, s := range stages {
		if err := r.publish(s); err != nil {
			return err
		}
	}
	verifier := filepath.Join(r.root, "evidence", "verify.html")
	if err := copyFile(filepath.Join(r.dist, "verify.html"), verifier); err != nil {
		return err
	}
	if err := writeSums(r.dist); err != nil {
		return err
	}
	log.Printf("headroom %s, commit %s, is in %s", r.version, r.commit, r.dist)
	return nil
}

// build compiles for all targets and lays out what each one's archive holds.
func (r *release) build(work string) ([]*stage, error) {
	var stages []*stage
	var own *stage // what this machine can run
	for _, t := range targets {
		log.Printf("compile for %s", t)
		s := &stage{target: t, dir: filepath.Join(work, t.String())}
		if err := t.compile(r.root, s.program()); err != nil {
			return nil, err
		}
		info, err := buildinfo.ReadFile(s.program())
		if err != nil {
			return nil, err
		}
		s.info = info
		stages = append(stages, s)
		if t.os == runtime.GOOS && t.arch == runtime.GOARCH {
			own = s
		}
	}
	if own == nil {
		return nil, fmt.Errorf("%s/%s cannot build a release: it must run one of what it builds",
			runtime.GOOS, runtime.GOARCH)
	}
	if err := r.identify(own.info); err != nil {
		return nil, err
	}
	for _, s := range stages {
		if err := s.fill(r, own.program()); err != nil {
			return nil, err
		}
	}
	return stages, nil
}

// publish makes from a stage what users fetch.
func (r *release) publish(s *stage) error {
	name := filepath.Join(r.dist, fmt.Sprintf("headroom_%s_%s", r.version, s.target))
	if err := r.writeBOM(s, name+".cdx.json"); err != nil {
		return err
	}
	if s.target.os == "windows" {
		return writeZip(s, name+".zip", r.time)
	}
	if err := writeTar(s, name+".tar.gz", r.time); err != nil {
		return err
	}
	return r.writePackages(s)
}

// identify reads version, commit and time from what the go command stamped.
func (r *release) identify(info *buildinfo.BuildInfo) error {
	stamped := map[string]string{}
	for _, s := range info.Settings {
		stamped[s.Key] = s.Value
	}
	if stamped["vcs.modified"] != "false" {
		return errors.New("the checkout has changes that are not committed; commit them first")
	}
	var err error
	if r.time, err = time.Parse(time.RFC3339, stamped["vcs.time"]); err != nil {
		return fmt.Errorf("read the commit's time: %w", err)
	}
	r.commit, r.version = stamped["vcs.revision"], strings.TrimPrefix(info.Main.Version, "v")
	if strings.Contains(r.version, "-") {
		log.Printf("the commit has no tag: this is a trial, %s", r.version)
	}
	return nil
}
