package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sums is the file with the hashes of all others, as sha256sum -c reads it.
const sums = "SHA256SUMS"

// mode is what a file of an archive may be used for: the program is run, the rest is read.
func mode(name string) os.FileMode {
	if name == "headroom" || name == "headroom.exe" {
		return 0o755
	}
	return 0o644
}

// writeTar packs a stage. All files are root's and of the time at.
func writeTar(s *stage, archive string, at time.Time) error {
	return create(archive, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		t := tar.NewWriter(z)
		err := eachFile(s, func(name string, f *os.File, size int64) error {
			h := &tar.Header{
				Name: name, Mode: int64(mode(name)), Size: size, ModTime: at, Uname: "root", Gname: "root",
			}
			if err := t.WriteHeader(h); err != nil {
				return err
			}
			_, err := io.Copy(t, f)
			return err
		})
		return errors.Join(err, t.Close(), z.Close())
	})
}

// writeZip packs a stage; texts keep their line ends.
func writeZip(s *stage, archive string, at time.Time) error {
	return create(archive, func(w io.Writer) error {
		z := zip.NewWriter(w)
		err := eachFile(s, func(name string, f *os.File, _ int64) error {
			h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at.UTC()}
			h.SetMode(mode(name))
			entry, err := z.CreateHeader(h)
			if err != nil {
				return err
			}
			_, err = io.Copy(entry, f)
			return err
		})
		return errors.Join(err, z.Close())
	})
}

// eachFile opens each file of a stage, in the order of their names.
func eachFile(s *stage, do func(name string, f *os.File, size int64) error) error {
	names, err := s.files()
	if err != nil {
		return err
	}
	for _, name := range names {
		err := func() error {
			f, err := os.Open(filepath.Join(s.dir, name))
			if err != nil {
				return err
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil {
				return err
			}
			return do(name, f, st.Size())
		}()
		if err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return nil
}

// create makes a file of what write gives.
func create(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(name), err)
	}
	return nil
}

// writeSums hashes all files of a folder.
func writeSums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, sums), []byte(lines.String()), 0o644)
}
