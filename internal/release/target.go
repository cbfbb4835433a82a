package main

import (
	"fmt"
	"os"
	"os/exec"
)

// target is what a program is compiled for.
type target struct {
	os, arch string // as Go names them
	cc       string
	// library is the C library that is linked, and libraryPackages are the Debian packages that may
	// hold it, the first that is installed counts.
	library         string
	libraryPackages []string
}

func (t target) String() string { return t.os + "_" + t.arch }

var targets = []target{
	{
		"linux", "amd64", "x86_64-linux-gnu-gcc",
		"glibc", []string{"libc6-dev-amd64-cross", "libc6-dev"},
	},
	{
		"linux", "arm64", "aarch64-linux-gnu-gcc",
		"glibc", []string{"libc6-dev-arm64-cross", "libc6-dev"},
	},
	{"windows", "amd64", "x86_64-w64-mingw32-gcc", "mingw-w64", []string{"mingw-w64-x86-64-dev"}},
}

const (
	tags    = "netgo,osusergo,sqlite_omit_load_extension"
	ldflags = "-s -w -linkmode external -extldflags '-static -Wl,--build-id=none'"
)

// compile builds the program of the module in root.
func (t target) compile(root, program string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-tags", tags,
		"-ldflags", ldflags, "-o", program, ".")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS="+t.os, "GOARCH="+t.arch, "CC="+t.cc,
		"CGO_CFLAGS=-O2", "GOAMD64=v1", "GOARM64=v8.0")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile for %s by %s: %w", t, t.cc, err)
	}
	return nil
}

// libraryPackage is the Debian package that the C library comes from, and its version.
func (t target) libraryPackage() (name, version string, err error) {
	for _, name := range t.libraryPackages {
		out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
		if err == nil && len(out) > 0 {
			return name, string(out), nil
		}
	}
	return "", "", fmt.Errorf("%s: none of Debian's packages %q is installed", t, t.libraryPackages)
}
