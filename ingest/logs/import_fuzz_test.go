package logs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzImport reads any input as one format: all records are accounted for (importText checks it), nothing panics, and
// what is taken survives an export.
func fuzzImport(t *testing.T, format string, data []byte) {
	o := testOptions(t)
	o.Format, o.Tenant = format, "acme"
	requests, rejects, result, err := importText(t, bytes.NewReader(data), o)
	if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrEmpty) {
		t.Fatalf("an error that is no sentinel: %v", err)
	}
	if err != nil && (len(requests) > 0 || len(rejects) > 0) {
		t.Fatalf("%d requests, %d rejects in spite of %v", len(requests), len(rejects), err)
	}
	var file bytes.Buffer
	if err := WriteJSONL(&file, sequence(requests)); err != nil {
		t.Fatal(err)
	}
	o.Format = FormatJSONL
	again, rejects, _ := mustImport(t, file.String(), o)
	if len(again) != len(requests) {
		t.Fatalf("%d of %d requests came back from %s: %v", len(again), len(requests), file.String(), rejects)
	}
	for i := range again {
		if !equalRequests(again[i], requests[i]) {
			t.Fatalf("%+v %+v came back as %+v %+v (read as %s)", requests[i], *requests[i].Route, again[i], *again[i].Route, result.Format)
		}
	}
}

func seed(f *testing.F, names ...string) {
	f.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join("testdata", "import", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		if !strings.HasSuffix(name, ".har") {
			for _, line := range bytes.SplitAfter(data, []byte("\n")) {
				f.Add(line)
			}
		}
	}
}

// FuzzJSONL also checks that the fast scanner agrees with encoding/json.
func FuzzJSONL(f *testing.F) {
	seed(f, "records.jsonl")
	f.Add([]byte(`{"status":1,"status":null, "a" : [] }`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var fast, slow fields
		if line := string(data); utf8.ValidString(line) && strings.IndexByte(line, 0) < 0 && scanFlat(line, &fast) {
			if reason := decodeObject(line, &slow); reason != "" || fast != slow {
				t.Fatalf("%q: scanned as %v, decoded as %v, %s", line, fast, slow, reason)
			}
		}
		fuzzImport(t, FormatJSONL, data)
	})
}

func FuzzCombined(f *testing.F) {
	seed(f, "access.log")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzImport(t, FormatCombined, data) })
}

// FuzzCSV also checks the fast splitter against encoding/csv.
func FuzzCSV(f *testing.F) {
	seed(f, "records.csv")
	f.Fuzz(func(t *testing.T, data []byte) {
		for line := range strings.SplitSeq(string(data), "\n") {
			checkSplit(t, line)
		}
		fuzzImport(t, FormatCSV, data)
	})
}

func FuzzHAR(f *testing.F) {
	seed(f, "session.har")
	f.Add([]byte(harHead + harEntryText("") + "]}}"))
	f.Add([]byte(harHead + harEntryText(`,"headers":[{"name":"Retry-After","value":"3"}],"_transferSize":9`) + ",1]}}"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzImport(t, FormatHAR, data) })
}

func FuzzDetect(f *testing.F) {
	seed(f, "records.jsonl", "access.log", "records.csv", "session.har")
	f.Add([]byte("#Software: IIS\n"))
	f.Add(gzipOf(f, `{"log":{"entries":[]}}`))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzImport(t, FormatAuto, data) })
}
