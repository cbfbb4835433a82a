package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	// partial is how the names of files end that are not whole.
	partial = ".partial"
	// whole is how those end that are, and that wait to be kept: the final name, the SHA-256 in hex,
	// and this. A run that is killed leaves them to the next, which believes the hash alone: the
	// system may have lost what was not flushed yet.
	whole = ".whole"
)

// Destination is where recordings are kept: a folder, or a bucket with a folder for what is not
// whole yet. Names are relative, with slashes:
//
//	tenant=acme/date=2026-11-24/<key>.wav
//
// Its methods may be called by several goroutines.
type Destination interface {
	// String names the destination to the user.
	String() string
	// Prepare makes it ready for a tenant and finds out that it can be written. Of what a killed run
	// left it keeps the files that are whole, and removes the others.
	Prepare(ctx context.Context, tenant string) error
	// Stage is the local file that a recording is written to until it is whole.
	Stage(tenant string, start time.Time, key string) string
	// Keep makes a whole staged file durable under a name. When it returns nil, the file is there,
	// or was uploaded and verified.
	Keep(ctx context.Context, file, name, sum string, size int64) error
	// Kept gives the files of recordings in a folder by their keys: names within the folder.
	Kept(ctx context.Context, folder string) (map[string]string, error)
	// Inspect gives the SHA-256 in hex and the size of a recording that was kept.
	Inspect(ctx context.Context, name string) (sum string, size int64, err error)
	// Put writes a small file whole, Get reads one; a file that is not there is fs.ErrNotExist.
	Put(ctx context.Context, name string, data []byte) error
	Get(ctx context.Context, name string) ([]byte, error)
	// Flush makes the names of what was kept durable.
	Flush(names []string) error
	// Free is how many bytes fit on the disk that files are staged on, -1 if that is not known.
	Free() int64
}

// stem is the name of a recording without its ending.
func stem(tenant string, start time.Time, key string) string {
	return path.Join(dateFolder(tenant, start), key)
}

// dateFolder is the folder of a tenant's recordings of one UTC day.
func dateFolder(tenant string, start time.Time) string {
	return path.Join("tenant="+safeName(tenant), "date="+start.UTC().Format(time.DateOnly))
}

// safeName is a name that every file system takes and that is no path.
func safeName(s string) string {
	if s = url.PathEscape(strings.ToLower(s)); s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return strings.ReplaceAll(s, ":", "%3A")
}

// Folder keeps recordings in a folder of this machine. Its argument is the folder's name; it is
// made where it does not exist.
func Folder(root string) Destination { return &folder{root} }

type folder struct{ root string }

func (f *folder) String() string { return f.root }

func (f *folder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

func (f *folder) Prepare(_ context.Context, tenant string) error {
	dir := f.path("tenant=" + safeName(tenant))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("prepare destination: %w", err)
	}
	err := sweep(dir, func(file, final, _ string, _ int64) error {
		err := syncFile(file)
		if err == nil {
			err = os.Rename(file, final)
		}
		return errors.Join(err, syncFolder(filepath.Dir(final)))
	})
	if err != nil {
		return fmt.Errorf("prepare destination: %w", err)
	}
	return nil
}

// sweep deletes what killed runs left in a folder and those below it, and gives keep the files that
// are whole: where they lie, the final path that their name tells, their hash and size.
func sweep(dir string, keep func(file, final, sum string, size int64) error) error {
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if strings.HasSuffix(name, partial) {
			return os.Remove(name)
		}
		named, ok := strings.CutSuffix(name, whole)
		if !ok {
			return nil
		}
		sum, size, err := hashFile(name)
		if err != nil {
			return err
		}
		final, ok := strings.CutSuffix(named, "."+sum)
		if !ok {
			return os.Remove(name)
		}
		return keep(name, final, sum, size)
	})
}

func (f *folder) Stage(tenant string, start time.Time, key string) string {
	dir := f.path(dateFolder(tenant, start))
	_ = os.MkdirAll(dir, 0o700) // opening the file tells what is wrong
	return filepath.Join(dir, key+partial)
}

func (f *folder) Keep(_ context.Context, file, name, _ string, _ int64) error {
	if err := syncFile(file); err != nil {
		return diskError(err)
	}
	if err := os.Rename(file, f.path(name)); err != nil {
		return diskError(err)
	}
	return nil
}

func syncFile(name string) error {
	s, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(s.Sync(), s.Close())
}

func (f *folder) Kept(_ context.Context, dir string) (map[string]string, error) {
	entries, err := os.ReadDir(f.path(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for recordings: %w", err)
	}
	kept := map[string]string{}
	for _, e := range entries {
		addKept(kept, e.Name())
	}
	return kept, nil
}

// addKept adds a file's name where it is that of a recording.
func addKept(kept map[string]string, name string) {
	switch ending := path.Ext(name); {
	case name == manifestName,
		name == sumsName,
		ending == partial,
		ending == sidecarEnding,
		ending == "":
	default:
		kept[strings.TrimSuffix(name, ending)] = name
	}
}

func (f *folder) Inspect(_ context.Context, name string) (sum string, size int64, err error) {
	return hashFile(f.path(name))
}

// Put writes beside and renames, so that a reader finds the old file or the new one.
func (f *folder) Put(_ context.Context, name string, data []byte) error {
	file := f.path(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return diskError(err)
	}
	if err := writeFile(file+partial, data); err != nil {
		os.Remove(file + partial)
		return diskError(err)
	}
	if err := os.Rename(file+partial, file); err != nil {
		return diskError(err)
	}
	return nil
}

func writeFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (f *folder) Get(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(f.path(name))
}

// Flush syncs the folders, each once. Where a system cannot, renames are as durable as it makes
// them.
func (f *folder) Flush(names []string) error {
	done := map[string]bool{}
	for _, name := range names {
		dir := filepath.Dir(f.path(name))
		if done[dir] {
			continue
		}
		done[dir] = true
		if err := syncFolder(dir); err != nil {
			return diskError(err)
		}
	}
	return nil
}

func (f *folder) Free() int64 { return freeSpace(f.root) }
