package pull

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/store"
)

const (
	// sidecarEnding is that of the file beside a recording, which says what the list said of it.
	sidecarEnding = ".json"
	manifestName  = "manifest.jsonl"
	sumsName      = "manifest-sha256.txt"
)

// manifestLine is one recording in a manifest.
type manifestLine struct {
	Key       string `json:"key"`
	State     string `json:"state"`
	StartedAt string `json:"started_at"`
	File      string `json:"file,omitempty"`
	Bytes     int64  `json:"bytes,omitempty"`
	SHA256    string `json:"sha256,omitempty"`
	At        string `json:"at"`
	Note      string `json:"note,omitempty"`
}

// writeManifests writes the manifests of a tenant's days anew from the ledger, where they are not
// as it says: so a run that was killed before leaves nothing behind for good.
func (r *runner) writeManifests(ctx context.Context, from, before time.Time) error {
	first := from.UTC().Truncate(24 * time.Hour)
	last := before.UTC().Add(24 * time.Hour).Truncate(24 * time.Hour)
	return eachDay(first, last, func(from, to int64) error {
		byKey, err := r.states(ctx, from, to)
		if err != nil || len(byKey) == 0 {
			return err
		}
		folder := dateFolder(r.t.Name, time.UnixMicro(from))
		if err := r.writeManifest(ctx, folder, byKey); err != nil {
			return fmt.Errorf("write manifest: %w", err)
		}
		return nil
	})
}

func (r *runner) writeManifest(
	ctx context.Context, folder string, byKey map[string]store.LedgerEntry,
) error {
	old := map[string][]byte{}
	for _, name := range []string{manifestName, sumsName} {
		data, err := r.o.To.Get(ctx, path.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		old[name] = data
	}
	here, err := r.keptHere(ctx, folder, byKey, old[sumsName])
	if err != nil {
		return err
	}
	lines, sums, err := manifests(here)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{manifestName: lines, sumsName: sums} {
		if bytes.Equal(old[name], data) {
			continue
		}
		if err := r.o.To.Put(ctx, path.Join(folder, name), data); err != nil {
			return err
		}
	}
	return nil
}

// keptHere are a day's entries without the recordings that were stored in another destination, in
// order of time. One that the old manifest names was stored here, whether it is still there or not.
func (r *runner) keptHere(
	ctx context.Context, folder string, byKey map[string]store.LedgerEntry, old []byte,
) ([]store.LedgerEntry, error) {
	named := map[string]bool{}
	for line := range strings.Lines(string(old)) {
		_, file, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		named[file] = true
	}
	var kept map[string]string
	var entries []store.LedgerEntry
	for key, e := range byKey {
		if e.State == store.LedgerStored && !named[path.Base(e.Place)] {
			if kept == nil {
				var err error
				if kept, err = r.o.To.Kept(ctx, folder); err != nil {
					return nil, err
				}
			}
			if kept[key] == "" {
				continue
			}
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b store.LedgerEntry) int {
		return cmp.Or(cmp.Compare(a.StartedAt, b.StartedAt), cmp.Compare(a.Key, b.Key))
	})
	return entries, nil
}

// manifests are what is written of entries: a line each, and what sha256sum -c reads. Either may be
// empty, and is not written then: sha256sum -c fails on an empty file.
func manifests(entries []store.LedgerEntry) (lines, sums []byte, err error) {
	var out, checks bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, e := range entries {
		line := manifestLine{
			Key: e.Key, State: e.State, StartedAt: measure.ExactMicros(e.StartedAt), Bytes: e.Bytes,
			SHA256: e.SHA256, At: measure.ExactMicros(e.At), Note: e.Note,
		}
		if e.State == store.LedgerStored {
			line.File = path.Base(e.Place)
			fmt.Fprintf(&checks, "%s  %s\n", e.SHA256, line.File)
		}
		if err := enc.Encode(line); err != nil {
			return nil, nil, err
		}
	}
	return out.Bytes(), checks.Bytes(), nil
}

// sidecar is the file beside a recording: the list's members that the policy lets be kept, or all
// of them where the user wants personal data.
func (r *runner) sidecar(entry map[string]json.RawMessage) (string, error) {
	fields := map[string]json.RawMessage{}
	for name, v := range entry {
		if r.o.Personal || slices.Contains(r.o.Policy.Listing.Fields, name) {
			fields[name] = v
		}
	}
	rule := r.o.Policy.Listing
	for _, name := range []string{rule.Key, rule.Start, rule.Duration, rule.Size} {
		if v, ok := entry[name]; ok {
			fields[name] = v
		}
	}
	b, err := json.Marshal(fields)
	return string(b), err
}

// hashFile is a file's SHA-256 in hex, and its size.
func hashFile(name string) (sum string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
