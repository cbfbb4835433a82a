package ingest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/store"
)

var testNow = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// listText is a vendor's list of n recordings, as the simulator spells it, names and numbers included.
func listText(t testing.TB, n int) string {
	t.Helper()
	list := make([]sim.Recording, n)
	for i := range list {
		start := testNow.UnixMilli() - int64(n-i)*60_000
		list[i] = sim.Recording{
			RecordingKey: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", i, start), StartTime: start, Duration: 3_606, Size: 9_111,
			CallingParty: "+15550100123", ReceivingParty: "+15550100124", Agent: "Canary Cotterill(201)", TenantName: "Canary", TagData: "Canary",
		}
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// listSink is a ListRecorder.
type listSink struct {
	recorded
	mu   sync.Mutex
	list []store.Recording
}

func (s *listSink) RecordListed(batch []store.Recording) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, batch...)
}

// checkListed compares what was taken of listText(n).
func checkListed(t *testing.T, got []store.Recording, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d recordings, want %d", len(got), n)
	}
	for i, r := range got {
		start := (testNow.UnixMilli() - int64(n-i)*60_000) * 1000
		want := store.Recording{
			Tenant: "acme", Key: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", i, start/1000), StartedAt: start, Duration: 3_606_000, Bytes: 9_111,
		}
		if r != want {
			t.Fatalf("recording %d is %+v, want %+v", i, r, want)
		}
	}
	noCanaryIn(t, got)
}

func noCanaryIn(t *testing.T, v any) {
	t.Helper()
	stringsIn(reflect.ValueOf(v), func(path, s string) {
		for _, canary := range sim.Canaries() {
			if strings.Contains(s, canary) {
				t.Errorf("%s = %q", path, s)
			}
		}
	}, "Recording")
}

// TestTransportSeesRecordingLists: a list that passes by is told, packed or not; the caller gets every byte all the same.
func TestTransportSeesRecordingLists(t *testing.T) {
	const n = 2000
	list := listText(t, n)
	for name, c := range map[string]struct {
		body   []byte
		packed bool
		accept string // what the caller asks for
	}{
		"plain": {body: []byte(list)}, "packed, unpacked for the caller": {body: gzipped(list), packed: true},
		"packed, and the caller unpacks": {body: gzipped(list), packed: true, accept: "gzip"},
	} {
		var s listSink
		client := serveTo(t, &s, func(w http.ResponseWriter, _ *http.Request) {
			if c.packed {
				w.Header().Set("Content-Encoding", "gzip")
			}
			w.Write(c.body)
		})
		req := request(t, "GET", "http://acme.xima.cloud/rest/api/v2/recordings?startTime=2026-11-01T00:00Z", nil)
		want := []byte(list)
		if c.accept != "" {
			req.Header.Set("Accept-Encoding", c.accept)
			want = c.body
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the caller read %d bytes of %d, %v", name, len(got), len(want), err)
		}
		checkListed(t, s.list, n)
		if row := s.one(t); row.ResponseBytes != int64(len(c.body)) || row.CutShort {
			t.Errorf("%s: row %+v", name, row)
		}
		noCanaryIn(t, s.all())
	}
}

// TestTransportPassesWhatIsNoList: other answers under the list's path, and lists that break off, reach the caller as they
// are; what came before the break is told.
func TestTransportPassesWhatIsNoList(t *testing.T) {
	list := listText(t, 600)
	half := list[:len(list)/2]
	for name, c := range map[string]struct {
		status   int
		encoding string
		body     string
		atLeast  int
	}{
		"cut off": {body: half, atLeast: 299}, "no JSON": {body: strings.Repeat("<html>", 50_000)}, "an object": {body: `{"error":"Canary"}`},
		"not gzip": {body: list, encoding: "gzip"}, "another encoding": {body: list, encoding: "br"}, "not done": {status: 404, body: list},
		"more behind it": {body: list + strings.Repeat(" x", 100_000), atLeast: 600}, "empty": {},
	} {
		var s listSink
		body := c.body
		base := roundTripFunc(func(*http.Request) (*http.Response, error) {
			resp := answer(cmp.Or(c.status, http.StatusOK), text(body), int64(len(body)))
			if c.encoding != "" {
				resp.Header.Set("Content-Encoding", c.encoding)
			}
			return resp, nil
		})
		resp, err := NewTransport(base, &s).RoundTrip(request(t, "GET", "https://acme.xima.cloud/rest/api/v2/recordings", nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != body {
			t.Errorf("%s: the caller read %d bytes of %d, %v", name, len(got), len(body), err)
		}
		if len(s.list) < c.atLeast || c.atLeast == 0 && len(s.list) > 0 {
			t.Errorf("%s: %d recordings are told, want %d", name, len(s.list), c.atLeast)
		}
		s.one(t)
	}
}

// TestTransportListClosedEarly: a caller that closes a list halfway gets no error, and no goroutine stays.
func TestTransportListClosedEarly(t *testing.T) {
	var s listSink
	list := listText(t, 5000)
	base := roundTripFunc(func(*http.Request) (*http.Response, error) { return answer(200, text(list), int64(len(list))), nil })
	resp, err := NewTransport(base, &s).RoundTrip(request(t, "GET", "https://acme.xima.cloud/rest/api/v2/recordings", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, len(list)/2)); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	row := s.one(t)
	if !row.CutShort || len(s.list) < 2400 || len(s.list) > 2500 {
		t.Errorf("%d recordings, row %+v", len(s.list), row)
	}
	before := slices.Clone(s.list)
	resp.Body.Read(make([]byte, 100)) // after Close; whatever it says, nothing more is told
	if !slices.Equal(before, s.list) {
		t.Error("a read after Close told more")
	}
}
