package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/pull/api"
)

// killedBefore is a destination whose process ends before it can keep anything.
type killedBefore struct{ Destination }

func (killedBefore) Keep(context.Context, []Whole) error {
	return errors.New("killed")
}

// wholeFiles are the files below a folder that wait to be kept.
func wholeFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	walk(t, dir, func(name string, _ []byte) {
		if strings.HasSuffix(name, whole) {
			names = append(names, name)
		}
	})
	return names
}

// What came whole is not fetched again, also when the process was killed before it could keep it,
// in a folder or in a bucket.
func TestRunKeepsWhatAKilledRunHadWhole(t *testing.T) {
	client, bucket := newBucket(t)
	for name, to := range map[string]func(dir string) Destination{
		"folder": Folder,
		"bucket": func(dir string) Destination { return S3(client, bucket, "voice", dir) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, sim.Config{})
			res := w.run(w.tenant(), func(o *Options) { o.To = killedBefore{to(w.dir)} })
			had := wholeFiles(t, w.dir)
			if res.Err == nil || len(had) == 0 {
				t.Fatalf("%d files, %+v", len(had), res)
			}
			res = w.run(w.tenant(), func(o *Options) { o.To = to(w.dir) })
			if !res.Complete() || res.Stored != res.Listed {
				t.Fatalf("%+v", res)
			}
			downloads, _ := w.completes()
			for path, n := range downloads {
				if n != 1 {
					t.Errorf("%s was downloaded %d times", path, n)
				}
			}
			if left := wholeFiles(t, w.dir); len(left) > 0 {
				t.Errorf("%d files were left", len(left))
			}
			if name == "folder" {
				w.checkAll(res.From, res.Before)
			}
		})
	}
}

// A machine that lost its power may have lost what was not flushed: only the hash says whether a
// file is whole.
func TestRunFetchesAgainWhatWasDamaged(t *testing.T) {
	w := newWorld(t, sim.Config{})
	w.run(w.tenant(), func(o *Options) { o.To = killedBefore{o.To} })
	had := wholeFiles(t, w.dir)
	if len(had) < 2 {
		t.Fatalf("%d files", len(had))
	}
	st, err := os.Stat(had[0])
	if err == nil {
		err = os.WriteFile(had[0], make([]byte, st.Size()), 0o600)
	}
	if err == nil {
		err = os.Rename(had[1], filepath.Join(filepath.Dir(had[1]), "named by another"+whole))
	}
	if err != nil {
		t.Fatal(err)
	}
	res := w.run(w.tenant(), nil)
	if !res.Complete() {
		t.Fatalf("%+v", res)
	}
	w.checkAll(res.From, res.Before)
}

// What is odd about a recording is told, whether this run or a killed one fetched it.
func TestRunTellsOfWrongSizesThatAKilledRunFetched(t *testing.T) {
	w := newWorld(t, sim.Config{Mislisted: 1})
	w.run(w.tenant(), func(o *Options) { o.To = killedBefore{o.To} })
	n := len(wholeFiles(t, w.dir))
	res := w.run(w.tenant(), nil)
	if !res.Complete() || n == 0 || len(res.Findings) != res.Listed {
		t.Fatalf("%d files were whole: %+v", n, res)
	}
}

// After a refusal for egress nothing is asked for until it no longer holds.
func TestRunWaitsAfterARefusal(t *testing.T) {
	w := newWorld(t, sim.Config{})
	tn := w.tenant()
	tn.Refused = w.clock.Now().Add(-5 * time.Minute)
	dry := w.run(tn, func(o *Options) { o.DryRun = true })
	if dry.Plan.Fits != 0 || dry.Plan.Binds != BindsEgress || dry.Plan.RestFrom != tn.Refused.Add(RefusedWait+time.Microsecond) {
		t.Errorf("%+v", dry.Plan)
	}
	res := w.run(tn, nil)
	if res.Err != nil || res.Stored != 0 || !strings.Contains(res.Stopped, "refused for egress") {
		t.Fatalf("%+v", res)
	}
	w.clock.Advance(RefusedWait)
	if res := w.run(tn, nil); !res.Complete() {
		t.Fatalf("%+v", res)
	}
}

// A recording larger than a run may fetch is named, and holds up none that comes after it.
func TestRunPassesWhatIsTooLarge(t *testing.T) {
	w := newWorld(t, sim.Config{})
	tn := w.tenant()
	dry := w.run(tn, func(o *Options) { o.DryRun = true })
	largest := int64(0)
	for _, m := range dry.Missing {
		largest = max(largest, m.Size)
	}
	if len(dry.Missing) < 3 || largest == 0 {
		t.Fatalf("%+v", dry.Missing)
	}
	less := func(o *Options) { o.MaxTransfer = largest - 1 }
	var res Result
	stored := 0
	for range len(dry.Missing) + 1 { // each stores one or more
		res = w.run(tn, less)
		stored += res.Stored
	}
	if res.Err != nil || stored+len(res.Missing) != len(dry.Missing) || stored < 2 {
		t.Fatalf("%d of %d stored: %+v", stored, len(dry.Missing), res)
	}
	for _, m := range res.Missing {
		if m.Size != largest || !strings.Contains(m.Why, "larger than --max-transfer") {
			t.Errorf("%+v", m)
		}
	}
}

// countedBody counts what is read of it.
type countedBody struct {
	io.Reader
	n int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.n += n
	return n, err
}

func (*countedBody) Close() error { return nil }

// An error that came as a 200 is not read to its end: the log then has it as an answer that was not
// taken whole, which is no download. What is audio is.
func TestErrorBodiesAreLeftUnread(t *testing.T) {
	wav := "RIFF\x24\x00\x00\x00WAVEfmt and so on"
	for _, c := range []struct {
		mediaType, body string
		sized           bool // the answer names its length
		none            bool
	}{
		{"audio/wav", `{"status":500,"message":"a bad day"}`, false, true},
		{"audio/wav", `{"status":500,"message":"a bad day"}`, true, true},
		{"text/plain", "Service unavailable\n", false, true},
		{"audio/wav", "Service unavailable\n", true, true},
		{"audio/wav", `{"e":"no"}`, true, true},
		{"audio/wav", "no", true, true},
		{"application/octet-stream", "Server error", true, true},
		{"application/json", `{"e":1}`, false, true},
		{"text/html", "<p>no</p>", false, true},
		{"audio/wav", wav, false, false},
		{"audio/wav", wav, true, false},
		{"audio/wav", wav[:13], true, false},
		{"text/html", "OggS\x00\x02 and so on and so on", false, false},
		{"audio/basic", "plain at the beginning \xff\x00\x01", true, false},
		{"audio/wav", wav + strings.Repeat("\xff", 3*spoolBuffer), true, false},
	} {
		name := filepath.Join(t.TempDir(), "x")
		d := newDownload(name)
		r := &runner{spool: newSpool()}
		defer r.spool.close()
		body := &countedBody{Reader: strings.NewReader(c.body)}
		a := &api.Audio{Type: c.mediaType, Body: body, Total: -1}
		if c.sized {
			a.Total = int64(len(c.body))
		}
		broken, err := r.receive(t.Context(), a, d)
		r.spool.settle()
		var no *refused
		if errors.As(err, &no) != c.none || broken != nil || (body.n < len(c.body)) != c.none {
			t.Errorf("%.30q: %v, %v, %d bytes read", c.body, broken, err, body.n)
		}
		if c.none {
			continue
		}
		had, err := os.ReadFile(name)
		if sum := sha256.Sum256([]byte(c.body)); err != nil || string(had) != c.body ||
			d.sum() != hex.EncodeToString(sum[:]) {
			t.Errorf("%.30q: %d bytes were written, %v", c.body, len(had), err)
		}
		if err := d.discard(); err != nil {
			t.Error(err)
		}
	}
}
