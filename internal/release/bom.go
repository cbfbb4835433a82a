package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// writeBOM writes what a program consists of: the modules that it was linked from, as the go
// command recorded them, and what is in it besides, which that does not know: Go's own library,
// SQLite, the C library and the scripts of the page.
func (r *release) writeBOM(s *stage, file string) error {
	program, err := os.ReadFile(s.program())
	if err != nil {
		return err
	}
	hash := sha256.Sum256(program)
	main := module("github.com/6dcca832/headroom", "v"+r.version)
	main.Type = cdx.ComponentTypeApplication
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(hash[:])}}
	main.Licenses = &cdx.Licenses{{License: &cdx.License{ID: "MIT"}}}
	main.Properties = &[]cdx.Property{
		{Name: "headroom:target", Value: s.target.String()},
		{Name: "headroom:commit", Value: r.commit},
	}
	parts, err := r.embedded(s)
	if err != nil {
		return err
	}
	for _, m := range s.info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, module(m.Path, m.Version))
	}
	refs := make([]string, len(parts))
	for i := range parts {
		refs[i] = parts[i].BOMRef
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, hash[:]).URN()
	bom.Metadata = &cdx.Metadata{Timestamp: r.time.UTC().Format(time.RFC3339), Component: &main}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	return create(file, func(w io.Writer) error {
		return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).
			EncodeVersion(bom, cdx.SpecVersion1_6)
	})
}

// module is a Go module as a component.
func module(path, version string) cdx.Component {
	url := "pkg:golang/" + path + "@" + version
	return cdx.Component{
		Type: cdx.ComponentTypeLibrary, BOMRef: url, PackageURL: url, Name: path, Version: version,
	}
}

// embedded is what a program holds and no module tells.
func (r *release) embedded(s *stage) ([]cdx.Component, error) {
	sqlite, err := r.sqliteVersion()
	if err != nil {
		return nil, err
	}
	charts, err := firstMatch(filepath.Join(r.root, "report", "page", "echarts.min.js"),
		`Apache ECharts ([0-9.]+)`)
	if err != nil {
		return nil, err
	}
	debian, version, err := s.target.libraryPackage()
	if err != nil {
		return nil, err
	}
	library := cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: s.target.library, Version: version,
		BOMRef: "pkg:deb/debian/" + debian + "@" + version,
	}
	library.PackageURL = library.BOMRef
	return []cdx.Component{
		module("stdlib", strings.TrimPrefix(s.info.GoVersion, "go")),
		{
			Type: cdx.ComponentTypeLibrary, BOMRef: "sqlite", Name: "sqlite", Version: sqlite,
			CPE: "cpe:2.3:a:sqlite:sqlite:" + sqlite + ":*:*:*:*:*:*:*",
		},
		{
			Type: cdx.ComponentTypeLibrary, BOMRef: "pkg:npm/echarts@" + charts,
			PackageURL: "pkg:npm/echarts@" + charts, Name: "echarts", Version: charts,
		},
		library,
	}, nil
}

// sqliteVersion is that of the SQLite which the driver brings.
func (r *release) sqliteVersion() (string, error) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/mattn/go-sqlite3")
	cmd.Dir = r.root
	dir, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find SQLite: %w", err)
	}
	header := filepath.Join(strings.TrimSpace(string(dir)), "sqlite3-binding.h")
	return firstMatch(header, `#define SQLITE_VERSION +"([0-9.]+)"`)
}

// firstMatch is the first group of a pattern in a file.
func firstMatch(file, pattern string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s does not tell its version by %s", file, pattern)
	}
	return string(found[1]), nil
}
