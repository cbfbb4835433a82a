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
	"sync"
	"time"
)

const (
	// partial is how the names of files end that are not whole.
	partial = ".partial"
	// whole is how those end that are, and that wait to be kept: the final name, the SHA-256 in hex,
	// and this. A run that is killed leaves them to the next, which believes the hash alone: the
	// system may have lost what was not flushed yet.
	whole = ".whole"
	// scratchName is the file of a run's scratch in a tenant's folder, scratchLock the byte of it that
	// a running pull has locked.
	scratchName = "list" + partial
	scratchLock = 1 << 30
	// keepers is how many files are flushed or uploaded at the same time.
	keepers = 8
	// fewTogether is how many files must have gathered to be flushed together. At the vendor's
	// interval they do not: what else is written on the machine then need not be flushed with them.
	fewTogether = 8
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
	// Scratch makes a local file for what a tenant's run need not hold in memory, and locks it: two
	// runs, of two databases, must not write to one folder. The caller removes it.
	Scratch(tenant string) (*os.File, error)
	// Prepare makes the destination ready for a tenant and finds out that it can be written. Of what a
	// killed run left it keeps the files that are whole, and removes the others. It comes after
	// Scratch.
	Prepare(ctx context.Context, tenant string) error
	// Stage is the local file that a recording is written to until it is whole.
	Stage(tenant string, start time.Time, key string) string
	// Keep makes whole files durable under their names. When it returns nil, each is there, with what
	// is to lie beside it, or was uploaded and verified; where it fails, some of them may be.
	Keep(ctx context.Context, files []Whole) error
	// Kept gives the files of recordings in a folder by their keys: names within the folder.
	Kept(ctx context.Context, folder string) (map[string]string, error)
	// Inspect gives the SHA-256 in hex and the size of a recording that was kept.
	Inspect(ctx context.Context, name string) (sum string, size int64, err error)
	// Put writes a small file whole, Get reads one; a file that is not there is fs.ErrNotExist.
	Put(ctx context.Context, name string, data []byte) error
	Get(ctx context.Context, name string) ([]byte, error)
	// Free is how many bytes fit on the disk that files are staged on, -1 if that is not known.
	Free() int64
}

// beginner is a destination that can begin to flush a staged file before it is kept.
type beginner interface{ begin(file string) }

// Whole is a recording that came whole.
type Whole struct {
	// File is where it is staged, "" where it was kept before, Name what it is to be called.
	File, Name string
	// Sum is its SHA-256 in hex, Size its length in bytes.
	Sum  string
	Size int64
	// Beside is the name of the file beside it, Data what that holds.
	Beside string
	Data   []byte
}

// each calls f with each file, several at a time. Its error is that of the first file that has one:
// most often the others' is the same.
func each(files []Whole, f func(Whole) error) error {
	errs := make([]error, len(files))
	var wg sync.WaitGroup
	limit := make(chan struct{}, keepers)
	for i, w := range files {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			errs[i] = f(w)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
func Folder(root string) Destination { return &folder{root: root} }

type folder struct {
	root string
	made sync.Map // folders that were made, by their paths
}

func (f *folder) String() string { return f.root }

func (f *folder) path(name string) string { return filepath.Join(f.root, filepath.FromSlash(name)) }

func (f *folder) Prepare(_ context.Context, tenant string) error {
	err := sweep(f.path("tenant="+safeName(tenant)), func(file, final, _ string, _ int64) error {
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
	dir += string(filepath.Separator) // the folder, also where its name is a link
	return filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == scratchName {
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
	if _, ok := f.made.Load(dir); !ok {
		_ = os.MkdirAll(dir, 0o700) // opening the file tells what is wrong
		f.made.Store(dir, true)
	}
	return filepath.Join(dir, key+partial)
}

func (f *folder) Scratch(tenant string) (*os.File, error) {
	return openScratch(f.path("tenant=" + safeName(tenant)))
}

// openScratch makes and locks the scratch in a folder. A file system that knows no locks is taken
// for one that nobody else writes to.
func openScratch(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("prepare destination: %w", err)
	}
	name := filepath.Join(dir, scratchName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	ok, err := lockByte(f, scratchLock)
	if err != nil {
		ok = true
	}
	if ok {
		ok, err = isNamed(f, name) // else the run that had it removed it
	}
	if err == nil && ok {
		err = f.Truncate(0)
	}
	switch {
	case err != nil:
		return nil, errors.Join(diskError(err), f.Close())
	case !ok:
		return nil, errors.Join(fmt.Errorf("another pull, of another database, writes to %s: give each "+
			"database a folder of its own", dir), f.Close())
	}
	return f, nil
}

// isNamed says whether a name is still that of an open file.
func isNamed(f *os.File, name string) (bool, error) {
	there, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(there, open), err
}

// Keep flushes the files and those beside them, renames, and flushes the names. Until a recording
// has its name, nobody looks at the file beside it, which is therefore written in its place.
func (f *folder) Keep(_ context.Context, files []Whole) error {
	if err := f.flush(files); err != nil {
		return diskError(err)
	}
	for _, w := range files {
		if w.File == "" {
			continue
		}
		if err := os.Rename(w.File, f.path(w.Name)); err != nil {
			return diskError(err)
		}
	}
	for dir := range f.folders(files) {
		if err := syncFolder(dir); err != nil {
			return diskError(err)
		}
	}
	return nil
}

func (f *folder) begin(file string) { beginFlush(file) }

// folders are those that files are kept in, each once.
func (f *folder) folders(files []Whole) map[string]bool {
	dirs := map[string]bool{}
	for _, w := range files {
		dirs[filepath.Dir(f.path(w.Name))] = true
	}
	return dirs
}

// flush writes what lies beside the files, and makes all of it durable: each by itself, or many
// together, which takes half the time and less (see flushTogether).
func (f *folder) flush(files []Whole) error {
	dirs := f.folders(files)
	together := len(files) >= fewTogether && mayFlushTogether(dirs)
	err := each(files, func(w Whole) error {
		err := writeFile(f.path(w.Beside), w.Data, !together)
		if err == nil && w.File != "" && !together {
			err = syncFile(w.File)
		}
		return err
	})
	if err != nil || !together {
		return err
	}
	names := make([]string, 0, 2*len(files))
	for _, w := range files {
		if names = append(names, f.path(w.Beside)); w.File != "" {
			names = append(names, w.File)
		}
	}
	return flushTogether(dirs, names)
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
	if ending := path.Ext(name); endings[ending] {
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
	if err := writeFile(file+partial, data, true); err != nil {
		os.Remove(file + partial)
		return diskError(err)
	}
	if err := os.Rename(file+partial, file); err != nil {
		return diskError(err)
	}
	return nil
}

// writeFile writes a file in its place; flush makes it durable.
func writeFile(name string, data []byte, flush bool) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && flush {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (f *folder) Get(_ context.Context, name string) ([]byte, error) {
	file := f.path(name)
	if st, err := os.Stat(file); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file; move it away", file) // reading a pipe would wait for ever
	}
	return os.ReadFile(file)
}

func (f *folder) Free() int64 { return freeSpace(f.root) }
