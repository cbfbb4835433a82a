package logs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func gzipOf(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedInput(t *testing.T) {
	var lines strings.Builder
	for i := range 5000 {
		lines.WriteString(record(fmt.Sprintf(`,"response_bytes":%d`, i*7919%100003)) + "\n")
	}
	data := gzipOf(t, lines.String())
	requests, rejects, _, err := importText(t, bytes.NewReader(data), testOptions(t))
	if err != nil || len(requests) != 5000 || len(rejects) != 0 {
		t.Fatalf("whole: %d requests, %v, %v", len(requests), rejects, err)
	}
	requests, rejects, _, err = importText(t, bytes.NewReader(data[:len(data)/2]), testOptions(t))
	if err != nil || len(requests) == 0 || len(requests) >= 5000 || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "cut off") {
		t.Fatalf("cut off: %d requests, %v, %v", len(requests), rejects, err)
	}
	if rejects[0].Line != int64(len(requests))+1 {
		t.Errorf("cut off after %d lines is told of as line %d", len(requests), rejects[0].Line)
	}
	data[len(data)-5] ^= 1 // in the checksum
	requests, rejects, _, err = importText(t, bytes.NewReader(data), testOptions(t))
	if err != nil || len(requests) != 5000 || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "damaged") {
		t.Fatalf("bad checksum: %d requests, %v, %v", len(requests), rejects, err)
	}
}

func TestByteOrderMarkAndLineEnds(t *testing.T) {
	text := "\xef\xbb\xbf" + record("") + "\r\n\r\n" + record("")
	requests, _, _ := mustImport(t, text, testOptions(t))
	if len(requests) != 2 {
		t.Errorf("%d requests", len(requests))
	}
}

// repeated reads as n bytes of one letter and costs no memory.
type repeated struct{ n int64 }

func (r *repeated) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := int(min(r.n, int64(len(p))))
	r.n -= int64(n)
	for i := range p[:n] {
		p[i] = 'x'
	}
	return n, nil
}

func TestEndlessLine(t *testing.T) {
	for _, format := range []string{FormatJSONL, FormatCombined, FormatCSV} {
		o := testOptions(t)
		o.Format = format
		start := ""
		if format == FormatCSV {
			start = "started_at,method,url,status\n"
		}
		in := io.MultiReader(strings.NewReader(start), &repeated{n: 100 << 20}, strings.NewReader("\nshort\n"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		requests, rejects, result, err := importText(t, in, o)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 20<<20 {
			t.Errorf("%s: a line of 100 MiB cost %d MiB", format, used>>20)
		}
		if err != nil || len(requests) != 0 || result.Read != 2 || !strings.Contains(rejects[0].Reason, "1 MiB") {
			t.Errorf("%s: %v, %v, %v", format, result, rejects, err)
		}
	}
}

func TestLongestLine(t *testing.T) {
	for _, extra := range []int{0, 1} {
		pad := strings.Repeat("x", maxLine-len(record(`,"note":""`))+extra)
		requests, rejects, _ := mustImport(t, record("")+"\n"+record(`,"note":"`+pad+`"`)+"\n"+record(""), testOptions(t))
		if len(rejects) != extra || len(requests) != 3-extra {
			t.Errorf("1 MiB and %d bytes: %d requests, %v", extra, len(requests), rejects)
		}
	}
}

func TestSmallReads(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "import", "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	want, _, _ := mustImport(t, string(data), testOptions(t))
	got, _, _, err := importText(t, iotest.OneByteReader(bytes.NewReader(data)), testOptions(t))
	if err != nil || !slices.EqualFunc(got, want, equalRequests) {
		t.Errorf("read byte by byte: %d of %d requests, %v", len(got), len(want), err)
	}
}
