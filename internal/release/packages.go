package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// writePackages makes the deb and the rpm that deploy/package/nfpm.yaml describes. The current
// folder must be the root, at which that file's paths begin.
func (r *release) writePackages(s *stage) error {
	for _, format := range []string{"deb", "rpm"} {
		if err := r.writePackage(s, format); err != nil {
			return fmt.Errorf("make %s for %s: %w", format, s.target, err)
		}
	}
	return nil
}

func (r *release) writePackage(s *stage, format string) error {
	f, err := os.Open(filepath.Join(r.root, "deploy", "package", "nfpm.yaml"))
	if err != nil {
		return err
	}
	defer f.Close()
	known := map[string]string{"ARCH": s.target.arch, "VERSION": r.version, "STAGE": s.dir}
	config, err := nfpm.ParseWithEnvMapping(f, func(name string) string { return known[name] })
	if err != nil {
		return err
	}
	config.MTime = r.time
	info, err := config.Get(format)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	for _, c := range info.Contents { // the times of a build's files would differ each time
		c.FileInfo.MTime = r.time
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	name := filepath.Join(r.dist, packager.ConventionalFileName(info))
	return create(name, func(w io.Writer) error { return packager.Package(info, w) })
}
