package logs

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// memorySink keeps what it is given, as a sink must: cloned, since the batch is reused.
type memorySink struct {
	requests []store.Request
	batches  int
	fail     error
}

func (m *memorySink) Add(_ context.Context, batch []store.Request) error {
	m.batches++
	m.requests = append(m.requests, batch...)
	for i := range batch {
		batch[i] = store.Request{Tenant: "a sink may scribble on the batch"}
	}
	return m.fail
}

var testNow = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

var builtinOnce = sync.OnceValues(func() (*limits.Policy, error) { return limits.Builtin("xima") })

func testPolicy(t testing.TB) *limits.Policy {
	t.Helper()
	p, err := builtinOnce()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testOptions(t testing.TB) Options {
	return Options{Policy: testPolicy(t), HashKey: []byte("test key"), Name: "input", Now: testNow}
}

// importText imports a text and checks that every record is accounted for.
func importText(t testing.TB, r io.Reader, o Options) ([]store.Request, []Reject, Result, error) {
	t.Helper()
	var sink memorySink
	var rejects []Reject
	o.OnReject = func(r Reject) { rejects = append(rejects, r) }
	result, err := Import(context.Background(), r, &sink, o)
	if err == nil && (result.Read != int64(len(sink.requests))+result.Rejected || result.Rejected != int64(len(rejects))) {
		t.Fatalf("read %d, given %d, rejected %d, told of %d", result.Read, len(sink.requests), result.Rejected, len(rejects))
	}
	return sink.requests, rejects, result, err
}

// mustImport fails the test on an error.
func mustImport(t testing.TB, text string, o Options) ([]store.Request, []Reject, Result) {
	t.Helper()
	requests, rejects, result, err := importText(t, strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return requests, rejects, result
}

var update = flag.Bool("update", false, "rewrite the golden files")

// TestImportGolden imports the samples and compares everything that came of them; -update rewrites the golden files.
func TestImportGolden(t *testing.T) {
	for _, name := range []string{"records.jsonl", "access.log", "records.csv", "session.har"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "import", name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			o := testOptions(t)
			o.Name = name
			if name == "access.log" {
				o.Tenant = "acme"
			}
			requests, rejects, result := mustImport(t, string(data), o)
			compareGolden(t, path+".golden", describeImport(t, requests, rejects, result))
		})
	}
}

func describeImport(t *testing.T, requests []store.Request, rejects []Reject, result Result) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: read %d, rejected %d, unknown size %d\n", result.Format, result.Read, result.Rejected, result.UnknownSize)
	for _, r := range rejects {
		fmt.Fprintf(&b, "%s:%d: %s\n", r.File, r.Line, r.Reason)
	}
	if err := WriteJSONL(&b, sequence(requests)); err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		fmt.Fprintf(&b, "%s %s key=%q source=%+v\n", r.Route.Class, r.Route.Template, r.Key, *r.Source)
	}
	return b.Bytes()
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

func sequence(requests []store.Request) func(func(store.Request, error) bool) {
	return func(yield func(store.Request, error) bool) {
		for _, r := range requests {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// A record that differs by one field only.
func record(field string) string {
	return `{"started_at":"2026-11-01T02:00:00.5Z","method":"GET","url":"https://acme.xima.cloud/rest/api/v2/recordings","status":200` + field + `}`
}

func TestImportRejects(t *testing.T) {
	long := strings.Repeat("x", 254)
	for _, c := range []struct{ text, reason string }{
		{record(`,"status":99`), "status is neither"},
		{record(`,"status":1000`), "status is neither"},
		{record(`,"status":"200"`), "status is not a number"},
		{record(`,"status":200.5`), "status is not a whole number"},
		{record(`,"response_bytes":4611686018427387905`), "response_bytes is too large"},
		{record(`,"response_bytes":1e400`), "response_bytes is too large"},
		{record(`,"request_bytes":-1`), "request_bytes is negative"},
		{record(`,"request_bytes":true`), "request_bytes is not a number"},
		{record(`,"duration_ms":Infinity`), "NaN and Infinity"},
		{record(`,"duration_ms":-Infinity`), "NaN and Infinity"},
		{record(`,"duration_ms":1e13`), "duration_ms is too large"},
		{record(`,"complete":"no"`), "complete is neither"},
		{record(`,"started_at":"1969-12-31T23:59:59Z"`), "before the year 2000"},
		{record(`,"started_at":"2027-11-20T00:00:01Z"`), "in the future"},
		{record(`,"started_at":"9999-12-31T23:59:59Z"`), "in the future"},
		{record(`,"started_at":"2026-02-29T00:00:01Z"`), "started_at is not a time"},
		{record(`,"started_at":"2026-11-01T00:00:01"`), "no time zone"},
		{record(`,"started_at":1762000000`), "started_at is not a string"},
		{record(`,"method":"G T"`), "method is not"},
		{record(`,"method":""`), "method is not"},
		{record(`,"url":"/rest/api"`), "not an absolute"},
		{record(`,"url":"https://acme.xima.cloud/a b"`), "space or a control"},
		{record(`,"url":"https://acme.xima.cloud/` + strings.Repeat("a", 1<<16) + `"`), "longer than 64 KiB"},
		{record(`,"url":"https://acme.xima.cloud:70000000/"`), "no host, or one that is not valid"},
		{record(`,"url":"blob:https://acme.xima.cloud/1"`), "blob: URL"},
		{record(`,"url":"https://elsewhere.example/"`), "use --tenant"},
		{record(`,"tenant":"a\u0007b"`), "tenant holds a control"},
		{record(`,"tenant":"` + long + `"`), "tenant is longer"},
		{record(`,"tenant":"  "`), "tenant is blank"},
		{record(`,"client":"a\u0000b"`), "client holds a control"},
		{record(`,"url":null`), "url is missing"},
		{`[1,2]`, "not a JSON object"},
		{`null`, "not a JSON object"},
		{record("")[:40], "ends too early"},
		{record("") + "x", "not valid JSON (at byte"},
		{"{\x00", "NUL"},
		{record(`,"client":"` + "\xff" + `"`), "not UTF-8"},
		{strings.Repeat(" ", 3) + strings.Repeat("[", 1<<20), "longer than 1 MiB"},
	} {
		o := testOptions(t)
		o.Format = FormatJSONL
		_, rejects, _ := mustImport(t, "\n"+c.text+"\n"+record(""), o)
		if len(rejects) != 1 || rejects[0].Line != 2 || !strings.Contains(rejects[0].Reason, c.reason) {
			t.Errorf("%.120q: got %v, want line 2, %q", c.text, rejects, c.reason)
		}
	}
}

func TestRejectsHoldNothingOfTheRecord(t *testing.T) {
	const secret = "s3cr3t"
	for _, field := range []string{
		`,"url":"https://acme.xima.cloud:s3cr3t/"`, `,"url":"s3cr3t://x"`, `,"method":"s3cr3t!"`, `,"status":"s3cr3t"`,
		`,"started_at":"s3cr3t"`, `,"tenant":"s3cr3t\u0000"`, `,"client":"s3cr3t\u0000"`, `,"error":s3cr3t`, `s3cr3t`,
	} {
		_, rejects, _ := mustImport(t, record("")+"\n"+record(field), testOptions(t))
		if len(rejects) != 1 || strings.Contains(rejects[0].Reason, secret) {
			t.Errorf("%s: %v", field, rejects)
		}
	}
}

func TestRefusedInput(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"", "empty"}, {" \n\r\n\t\n", "empty"},
		{string(gzipOf(t, string(gzipOf(t, record(""))))), "gzip inside gzip"},
		{"\x1f\x8bnonsense", "cannot be decompressed"},
		{"\xff\xfe{\x00", "UTF-16"}, {"\xff\xfe\x00\x00{\x00\x00\x00", "UTF-32"}, {"\x00\x00\xfe\xff\x00\x00\x00{", "UTF-32"}, {"{\x00\"\x00s\x00", "UTF-16"}, {"PK\x03\x04", "ZIP"},
		{"\x7fELF\x02\x01\x01\x00\x00\x00\x00", "binary"}, {"<!DOCTYPE html>\n<html>", "HTML"},
		{"#Software: Microsoft Internet Information Services 8.5\n", "--map iis"}, {"#Version: 1.0\n", "W3C"}, {"[{\"started_at\":1}]", "JSON array"},
		{"{\"a\":1}\n", "JSON, but not like request records"}, {"hello world\n", "neither JSON Lines"},
		{"{\n \"a\": 1\n}", "JSON, but"}, {"started_at,method,url\n", "lacks the column status"},
		{"{\"log\":{\"version\":\"1.2\"}}", "no log.entries"},
		{"Nov  1 02:00:05 lb haproxy[12]: 10.0.0.1:33317 [01/Nov/2026:02:00:05.123] fe be/srv 1/0/3/6/15 200 9 - - ---- 1/1/1/1/0 0/0 \"GET / HTTP/1.1\"\n", "HAProxy"},
		{"https 2026-11-01T02:00:05.186641Z app/lb/50d 10.0.0.7:2817 - -1 -1 -1 502 - 0 0 \"GET https://a:443/ HTTP/1.1\" \"-\"\n", "--map alb"},
		{"[2026-11-01T02:00:05.123Z] \"GET / HTTP/2\" 200 - 0 1000 1500 1400\n", "Envoy"},
		{"1793498405.123   1500 10.0.0.1 TCP_MISS/200 1300 GET http://a/ - HIER_DIRECT/1.2.3.4 -\n", "Squid"},
		{"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1793498405123456\n", "journalctl -o cat"},
		{"{\"log\":{", "ends too early"},
		{"[{\"startedDateTime\":1}]", "HAR without"}, {"{\"entries\":[{\"startedDateTime\":1}]}", "HAR without"},
	} {
		var sink memorySink
		result, err := Import(context.Background(), strings.NewReader(c.text), &sink, testOptions(t))
		if err == nil || !strings.Contains(err.Error(), c.says) || sink.batches != 0 || result.Read != 0 {
			t.Errorf("%.40q: got %v, %v, want %q", c.text, result, err, c.says)
		}
		if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrEmpty) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v is none of the sentinels, or more than a line", c.text, err)
		}
	}
}

// What shows a format beyond doubt is read as such, so that each line says what is wrong with it.
func TestDamagedInputIsStillRecognised(t *testing.T) {
	line := `192.0.2.1 - - [01/Nov/2026:02:00:00 +0000] "GET /rest/api/v2/recordings HTTP/1.1" 200 12` + "\n"
	for _, c := range []struct {
		text, format   string
		taken, refused int
	}{
		{record(`,"response_bytes":NaN`), FormatJSONL, 0, 1},
		{record("")[:60] + "\n", FormatJSONL, 0, 1},
		{record("")[:60], FormatJSONL, 0, 0},
		{record("") + "\r" + record(""), FormatJSONL, 2, 0},
		{record("") + "\r" + record("") + "\n", FormatJSONL, 0, 1},
		{record(`,"x":"`+strings.Repeat("x", 2*peekSize)+`"`) + "\n" + record(""), FormatJSONL, 2, 0},
		{record("") + "\n\x00\x00\x00\n" + record(""), FormatJSONL, 2, 0},
		{record("") + "\n{\x00\n" + record(""), FormatJSONL, 2, 1},
		{"\x00\x00\n" + line, FormatCombined, 1, 0},
		{strings.Replace(line, "192.0.2.1", "[2001:db8::1]", 1), FormatCombined, 1, 0},
		{"[2001:db8::5]:443 " + line, FormatCombined, 1, 0},
	} {
		o := testOptions(t)
		o.Tenant = "acme"
		requests, rejects, result, err := importText(t, strings.NewReader(c.text), o)
		if err != nil || result.Format != c.format || len(requests) != c.taken || len(rejects) != c.refused {
			t.Errorf("%.120q: %+v, %v, %v", c.text, result, rejects, err)
		}
	}
}

func TestEmptyInputOfAKnownFormat(t *testing.T) {
	for _, format := range []string{FormatJSONL, FormatHAR, FormatCombined, FormatCSV} {
		o := testOptions(t)
		o.Format = format
		for _, text := range []string{"", "\n \n", "\xef\xbb\xbf"} {
			if _, _, result := mustImport(t, text, o); result.Read != 0 || result.Format != format {
				t.Errorf("%s, %q: %+v", format, text, result)
			}
		}
	}
}

func equalRequests(a, b store.Request) bool {
	routes, resolution := *a.Route == *b.Route, a.Source.Resolution == b.Source.Resolution
	a.Route, b.Route, a.Source, b.Source = nil, nil, nil, nil
	return a == b && routes && resolution
}

func TestFailuresAreReturned(t *testing.T) {
	broken := errors.New("disk on fire")
	text := strings.Repeat(record("")+"\n", 5000)
	_, _, _, err := importText(t, io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), testOptions(t))
	if !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
	if _, err = Import(context.Background(), strings.NewReader(text), &memorySink{fail: broken}, testOptions(t)); !errors.Is(err, broken) {
		t.Errorf("sink: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = Import(ctx, strings.NewReader(text), &memorySink{}, testOptions(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err = Import(context.Background(), strings.NewReader(text), &memorySink{}, Options{}); err == nil {
		t.Error("no policy: no error")
	}
	o := testOptions(t)
	o.Format = "xml"
	if _, err = Import(context.Background(), strings.NewReader(text), &memorySink{}, o); !errors.Is(err, ErrFormat) {
		t.Errorf("unknown format: %v", err)
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	text := strings.Repeat(record("")+"\n", 3000)
	var last int64
	o := testOptions(t)
	o.OnProgress = func(n int64) {
		if n < last {
			t.Errorf("progress went back from %d to %d", last, n)
		}
		last = n
	}
	mustImport(t, text, o)
	if last != int64(len(text)) {
		t.Errorf("progress ended at %d of %d", last, len(text))
	}
}
