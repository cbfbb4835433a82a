package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
)

// wav is a recording whose every byte is in its place.
var wav = append([]byte("RIFF\xb8\x0b\x00\x00WAVE"), bytes.Repeat([]byte{0, 1, 2, 3, 4, 5, 6}, 428)...)

// hostile is a vendor that answers as a test says.
type hostile struct {
	list  func(from time.Time) ([]api.Recording, error)
	audio func(offset int64) (*api.Audio, error)
	asked int // for audio
}

func (h *hostile) EachRecording(
	_ context.Context, from, _ time.Time, f func(api.Recording) error,
) error {
	list, err := h.list(from)
	for _, rec := range list {
		if err := f(rec); err != nil {
			return err
		}
	}
	return err
}

func (h *hostile) Audio(_ context.Context, _ string, offset int64) (*api.Audio, error) {
	h.asked++
	return h.audio(offset)
}

// listed is a recording of the night before, n minutes after noon. Its list says no size.
func listed(n int) api.Recording {
	start := monday.Add(-15*time.Hour + time.Duration(n)*time.Minute)
	return api.Recording{Key: fmt.Sprintf("recording-%d-%d", n, start.UnixMilli()), Start: start}
}

// lists gives n recordings, on the day on which they began.
func lists(n int) func(time.Time) ([]api.Recording, error) {
	return func(from time.Time) (list []api.Recording, _ error) {
		for i := range n {
			if rec := listed(i); rec.Start.Truncate(listStep).Equal(from) {
				list = append(list, rec)
			}
		}
		return list, nil
	}
}

// part is an answer with the bytes of a recording from a place on, at most n of them.
func part(status int, from, n, total int64) *api.Audio {
	body := wav[from:min(from+n, int64(len(wav)))]
	return &api.Audio{
		Status: status, Offset: from, Total: total, Type: "audio/wav",
		Body: io.NopCloser(bytes.NewReader(body)),
	}
}

func whole200() *api.Audio { return part(200, 0, int64(len(wav)), int64(len(wav))) }

func pullHostile(t *testing.T, h *hostile, change func(*Options)) (Result, *memoryLog, string) {
	t.Helper()
	log, dir := newMemoryLog(), t.TempDir()
	o := Options{
		Policy: policy(t), Log: log, To: Folder(dir), Now: func() time.Time { return monday },
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	if change != nil {
		change(&o)
	}
	results, err := Run(t.Context(), []Tenant{{Name: "acme", API: h}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return results[0], log, dir
}

// However the vendor cuts a recording into parts, what is stored is the recording.
func TestRunPutsPartsTogetherRightly(t *testing.T) {
	all := int64(len(wav))
	for name, audio := range map[string]func(offset int64) (*api.Audio, error){
		"the second half, unasked": func(int64) (*api.Audio, error) { return part(206, all/2, all, all), nil },
		"a part that says no total": func(offset int64) (*api.Audio, error) {
			if offset == 0 {
				return part(200, 0, 1000, all), nil
			}
			return part(206, offset, 200, -1), nil
		},
		"whole parts": func(offset int64) (*api.Audio, error) { return part(206, offset, 800, all), nil },
		"a part of another whole": func(offset int64) (*api.Audio, error) {
			if offset == 0 {
				return part(200, 0, 1000, all), nil
			}
			return part(206, offset, all, all+1), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hostile{list: lists(1), audio: audio}
			res, _, dir := pullHostile(t, h, nil)
			if res.Stored+len(res.Missing) != 1 {
				t.Fatalf("%+v", res)
			}
			walk(t, dir, func(file string, data []byte) {
				if filepath.Ext(file) == ".wav" && !bytes.Equal(data, wav) {
					t.Errorf("stored %d bytes that are not the recording", len(data))
				}
			})
			if name == "whole parts" && res.Stored != 1 {
				t.Errorf("%+v", res)
			}
		})
	}
}

// A vendor that asks to wait, or does not answer, is not asked for each recording in turn.
func TestRunStopsWhereTheNextRecordingWouldFail(t *testing.T) {
	for _, c := range []struct {
		err   error
		asked int
		want  error
	}{
		{&api.Error{Status: 429, Role: limits.RoleRateLimited, RetryAfter: time.Hour}, 1, errBusy},
		{&api.Error{Status: 503, Role: limits.RoleUnavailable, RetryAfter: time.Hour}, 1, errBusy},
		{&api.Error{Status: 503, Role: limits.RoleUnavailable}, maxFailures, errDown},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, maxFailures, errDown},
		{&api.Error{Status: 500, Role: limits.RoleServerError}, 9, nil},
	} {
		h := &hostile{list: lists(9), audio: func(int64) (*api.Audio, error) { return nil, c.err }}
		res, _, _ := pullHostile(t, h, nil)
		if h.asked != c.asked || !errors.Is(res.Err, c.want) || len(res.Missing) != 9 {
			t.Errorf("%v: asked %d times, %d missing, error %v", c.err, h.asked, len(res.Missing), res.Err)
		}
		if c.want == errBusy && !strings.Contains(res.Stopped, "1 h") {
			t.Errorf("%v: stopped for %q", c.err, res.Stopped)
		}
	}
	n := 0
	h := &hostile{list: lists(9), audio: func(int64) (*api.Audio, error) {
		if n++; n%maxFailures == 0 {
			return whole200(), nil
		}
		return nil, io.ErrUnexpectedEOF
	}}
	if res, _, _ := pullHostile(t, h, nil); res.Err != nil || res.Stored != 3 {
		t.Errorf("with an answer in between: %+v", res)
	}
}

// shrinking is a folder on a disk with room for so many bytes when it is first asked.
type shrinking struct {
	Destination
	free *int64
}

func (s shrinking) Free() int64 { return *s.free }

// endless is a body of audio that never ends. Its bytes are taken from a disk.
type endless struct{ free *int64 }

func (e endless) Read(p []byte) (int, error) {
	if *e.free < 0 {
		return 0, errors.New("more was read than fits")
	}
	*e.free -= int64(len(p))
	for i := range p {
		p[i] = byte(i % 7)
	}
	return len(p), nil
}

func TestRunLooksAtTheDiskMeanwhile(t *testing.T) {
	free := int64(spareDisk + 40<<20)
	h := &hostile{list: lists(1), audio: func(int64) (*api.Audio, error) {
		return &api.Audio{Status: 200, Total: -1, Type: "audio/wav", Body: io.NopCloser(endless{&free})}, nil
	}}
	res, _, dir := pullHostile(t, h, func(o *Options) { o.To = shrinking{o.To, &free} })
	if !errors.Is(res.Err, errDisk) || free < spareDisk-2*roomEvery || len(res.Missing) != 1 {
		t.Errorf("%d bytes left, %+v", free, res)
	}
	walk(t, dir, func(file string, _ []byte) { t.Errorf("%s was left", file) })
}

// A day whose list fails is told, and hides no other day. What ends the run ends it.
func TestRunListsTheOtherDays(t *testing.T) {
	good := listed(0)
	bad := good.Start.Truncate(listStep).Add(-listStep)
	for _, c := range []struct {
		err    error
		stored int
		want   string
	}{
		{&api.Error{Status: 500, Role: limits.RoleServerError}, 1,
			"the list of 2026-11-22T00:00:00Z to 2026-11-23T00:00:00Z failed: answered 500"},
		{errors.New("entry 3: recordingKey is missing"), 1, "entry 3: recordingKey is missing"},
		{&api.Error{Status: 401, Role: limits.RoleAuth}, 0, "token is not accepted"},
		{&api.Error{Status: 403, Role: limits.RoleAuth}, 0, "token is valid, but its user may not"},
		{&api.Error{Status: 429, Role: limits.RoleRateLimited}, 0, "answered 429"},
	} {
		h := &hostile{audio: func(int64) (*api.Audio, error) { return whole200(), nil }}
		h.list = func(from time.Time) ([]api.Recording, error) {
			if from.Equal(bad) {
				return nil, c.err
			}
			return lists(1)(from)
		}
		res, _, _ := pullHostile(t, h, nil)
		if res.Stored != c.stored || res.Err == nil || !strings.Contains(res.Err.Error(), c.want) {
			t.Errorf("%v: %d stored, error %v", c.err, res.Stored, res.Err)
		}
	}
	asked := 0
	h := &hostile{list: func(time.Time) ([]api.Recording, error) {
		asked++
		return nil, io.ErrUnexpectedEOF
	}}
	if res, _, _ := pullHostile(t, h, nil); asked != maxBlind || res.Err == nil || res.Listed != 0 {
		t.Errorf("without answers: asked %d times, %+v", asked, res)
	}
}

// A list that cannot be right is not taken for one of nothing new.
func TestRunTellsOfListsThatCannotBe(t *testing.T) {
	seconds := func(time.Time) ([]api.Recording, error) {
		return []api.Recording{{Key: listed(0).Key, Start: time.UnixMilli(listed(0).Start.Unix()).UTC()}}, nil
	}
	res, _, _ := pullHostile(t, &hostile{list: seconds}, nil)
	if res.Err == nil || !strings.Contains(res.Err.Error(), "by the list one did at 1970-01-21") {
		t.Errorf("starts in seconds: %v", res.Err)
	}
	h := &hostile{list: lists(2), audio: func(int64) (*api.Audio, error) { return whole200(), nil }}
	var before *memoryLog
	if res, before, _ = pullHostile(t, h, nil); !res.Complete() {
		t.Fatalf("%+v", res)
	}
	h.list = lists(0)
	res, _, _ = pullHostile(t, h, func(o *Options) { o.Log = before })
	if res.Err == nil || !strings.Contains(res.Err.Error(), "the vendor's list is empty, and earlier ones named 2") {
		t.Errorf("an empty list: %v", res.Err)
	}
}

// A key that may be a number or a name is told as missing without it.
func TestRunShowsNoOddKeys(t *testing.T) {
	odd := listed(0)
	odd.Key = "+15550100000"
	h := &hostile{list: func(from time.Time) ([]api.Recording, error) {
		if from.Equal(odd.Start.Truncate(listStep)) {
			return []api.Recording{odd}, nil
		}
		return nil, nil
	}}
	res, log, dir := pullHostile(t, h, nil)
	if h.asked != 0 || len(res.Missing) != 1 || strings.Contains(fmt.Sprint(res, log.ledger), "5550100") {
		t.Errorf("%+v", res)
	}
	walk(t, dir, func(file string, _ []byte) { t.Errorf("%s was written", file) })
}

// A day without a stored recording has no list of sums: sha256sum -c fails on an empty one.
func TestRunWritesNoEmptySums(t *testing.T) {
	h := &hostile{list: lists(1), audio: func(int64) (*api.Audio, error) {
		return nil, &api.Error{Status: 404, Role: limits.RoleBadRequest}
	}}
	res, _, dir := pullHostile(t, h, nil)
	found := false
	walk(t, dir, func(file string, data []byte) {
		found = found || filepath.Base(file) == manifestName
		if len(data) == 0 {
			t.Errorf("%s is empty", file)
		}
	})
	if !found || !res.Complete() {
		t.Errorf("manifest: %v; %+v", found, res)
	}
}

// Runs of two databases do not write to one folder at the same time.
func TestRunHasTheFolderForItself(t *testing.T) {
	dir := t.TempDir()
	held, err := Folder(dir).Scratch("acme")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{list: lists(1), audio: func(int64) (*api.Audio, error) { return whole200(), nil }}
	res, _, _ := pullHostile(t, h, func(o *Options) { o.To = Folder(dir) })
	if h.asked != 0 || res.Err == nil || !strings.Contains(res.Err.Error(), "another pull") {
		t.Errorf("%+v", res)
	}
	(&scratch{file: held}).close()
	if res, _, _ = pullHostile(t, h, func(o *Options) { o.To = Folder(dir) }); !res.Complete() {
		t.Errorf("once it is free: %+v", res)
	}
}

// What lies beside under a recording's key, and an empty file, are not taken over as the recording;
// what a killed run left is swept also behind a link.
func TestRunTakesOverRecordingsOnly(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "tenant=acme")); err != nil {
		t.Skip(err)
	}
	folder := filepath.Join(dir, dateFolder("acme", listed(0).Start))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	left := listed(5).Key + ".wav" + partial
	for name, text := range map[string]string{
		listed(0).Key + ".txt": "a transcript", listed(1).Key + ".wav": "", left: "half of",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := &hostile{list: lists(2), audio: func(int64) (*api.Audio, error) { return whole200(), nil }}
	res, _, _ := pullHostile(t, h, func(o *Options) { o.To = Folder(dir) })
	if !res.Complete() || h.asked != 2 {
		t.Errorf("asked %d times: %+v", h.asked, res)
	}
	for i := range 2 {
		data, err := os.ReadFile(filepath.Join(folder, listed(i).Key+".wav"))
		if !bytes.Equal(data, wav) {
			t.Errorf("recording %d: %d bytes, %v", i, len(data), err)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, left)); !os.IsNotExist(err) {
		t.Errorf("a partial file is still there: %v", err)
	}
}

// A manifest names what was stored beside it: not what an earlier run stored in another folder, and
// also what somebody took away since.
func TestManifestsAreOfTheirFolder(t *testing.T) {
	h := &hostile{list: lists(2), audio: func(int64) (*api.Audio, error) { return whole200(), nil }}
	res, log, first := pullHostile(t, h, nil)
	if !res.Complete() {
		t.Fatalf("%+v", res)
	}
	folder := dateFolder("acme", listed(0).Start)
	if err := os.Remove(filepath.Join(first, folder, listed(1).Key+".wav")); err != nil {
		t.Fatal(err)
	}
	second := t.TempDir()
	for n := 2; n < 4; n++ {
		h.list = lists(n)
		to := Folder(second)
		if n == 3 {
			to = Folder(first)
		}
		if res, _, _ = pullHostile(t, h, func(o *Options) { o.Log, o.To = log, to }); !res.Complete() {
			t.Fatalf("%+v", res)
		}
	}
	sums, err := os.ReadFile(filepath.Join(first, folder, sumsName))
	if n := bytes.Count(sums, []byte("\n")); err != nil || n != 3 {
		t.Errorf("the first folder's manifest names %d files, %v", n, err)
	}
	walk(t, second, func(file string, _ []byte) { t.Errorf("the second folder has %s", file) })
}
