package proxy

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// listed is rows that take recording lists too.
type listed struct {
	*rows
	recordings []store.Recording
}

func (l *listed) RecordListed(recordings []store.Recording) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recordings = append(l.recordings, recordings...)
}

// TestRecordingListsAreTold: a list that passes through the proxy, packed for its client, is told.
func TestRecordingListsAreTold(t *testing.T) {
	l := &listed{rows: &rows{}}
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		io.WriteString(z, "[")
		for i := range 700 {
			start := 1793500000000 + int64(i)*60_000
			fmt.Fprintf(z, `{"recordingKey":"0f8fad5b-d9cb-469f-a165-%012x-%d","startTime":%d,"duration":3606,"size":9111,"agent":"Canary (201)"},`, i, start, start)
		}
		io.WriteString(z, `{"recordingKey":"0f8fad5b-d9cb-469f-a165-70867728950e","startTime":5}]`)
	}), func(c *Config) { c.Recorder = l })
	resp, err := http.Get("http://" + s.addr + "/t/acme/rest/api/v2/recordings")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || len(body) < 700*100 {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	l.wait(t, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.recordings) != 701 || l.recordings[0].Tenant != "acme" || l.recordings[0].Bytes != 9111 {
		t.Errorf("%d recordings are told, the first %+v", len(l.recordings), l.recordings[:min(1, len(l.recordings))])
	}
}
