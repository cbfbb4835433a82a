package logs

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/ingest/listing"
)

func TestClocksAgreeWithTime(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50000 {
		zone := time.FixedZone("", (r.IntN(28*60)-14*60)*60)
		want := time.Unix(r.Int64N(20e9)-10e9, r.Int64N(1e9)).In(zone)
		micros, fraction, reason := parseRFC3339(want.Format(time.RFC3339Nano))
		if reason != "" || micros != want.UnixMicro() || fraction != (want.Nanosecond() != 0) {
			t.Fatalf("%s: %d, %v, %q", want, micros, fraction, reason)
		}
		text := want.Format("02/Jan/2006:15:04:05 -0700")
		if micros, fraction, ok := parseLogTime(text); !ok || fraction || micros != want.Unix()*1e6 {
			t.Fatalf("%s: %d, %v", text, micros, ok)
		}
	}
}

func TestClockRefusals(t *testing.T) {
	for _, text := range []string{
		"", "2026-11-01", "2026-11-01T02:00:00", "2026-13-01T02:00:00Z", "2026-04-31T02:00:00Z", "2100-02-29T02:00:00Z",
		"2026-11-01T24:00:00Z", "2026-11-01T02:60:00Z", "2026-11-01T02:00:61Z", "2026-11-01T02:00:00.Z", "2026-11-01T02:00:00+25:00",
		"2026-11-01T02:00:00 +01:00", "2026-11-01X02:00:00Z", "2026/11/01T02:00:00Z", "2026-11-01T02:00:00Zx", "٢٠٢٦-11-01T02:00:00Z",
	} {
		if _, _, reason := parseRFC3339(text); reason == "" {
			t.Errorf("%q is taken", text)
		}
	}
	for _, text := range []string{
		"01/Nov/2026:02:00:00", "01/nov/2026:02:00:00 +0000", "01/ovD/2026:02:00:00 +0000", "31/Nov/2026:02:00:00 +0000", "01/Nov/2026:02:00:00 00000",
	} {
		if _, _, ok := parseLogTime(text); ok {
			t.Errorf("%q is taken", text)
		}
	}
	leap, _, reason := parseRFC3339("2016-12-31T23:59:60Z")
	if want := time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(); reason != "" || leap != want {
		t.Errorf("leap second: %d, want %d, %q", leap, want, reason)
	}
}

func TestCombinedShapes(t *testing.T) {
	const tail = ` [01/Nov/2026:02:00:00 +0000] "GET /rest/api/v2/recordings?token=\"a b\" HTTP/1.1" 200 12 "-"`
	for start, want := range map[string]string{
		"192.0.2.1 - -": "192.0.2.1 https://gamma.xima.cloud", "192.0.2.1 - John Doe": "192.0.2.1 https://gamma.xima.cloud",
		"192.0.2.1 ident user": "192.0.2.1 https://gamma.xima.cloud", "- - -": " https://gamma.xima.cloud",
		"acme.xima.cloud 192.0.2.1 - -": "192.0.2.1 https://acme.xima.cloud", "acme.xima.cloud:80 192.0.2.1 - Jo Do": "192.0.2.1 http://acme.xima.cloud",
		"acme.xima.cloud:443 192.0.2.1 - -": "192.0.2.1 https://acme.xima.cloud",
		"192.0.2.1 - Al [the man":           "192.0.2.1 https://gamma.xima.cloud",
		"192.0.2.1":                         "", "192.0.2.1 -": "", "a b c d": "",
	} {
		o := testOptions(t)
		o.Format, o.Tenant = FormatCombined, "gamma"
		requests, _, _ := mustImport(t, start+tail, o)
		got := ""
		if len(requests) == 1 {
			got = requests[0].Client + " " + requests[0].Route.Origin
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", start, got, want)
		}
	}
}

func TestCombinedNeedsATenant(t *testing.T) {
	line := `192.0.2.1 - - [01/Nov/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 12` + "\n"
	_, rejects, _ := mustImport(t, line, testOptions(t))
	if len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "--tenant") {
		t.Errorf("got %v", rejects)
	}
	o := testOptions(t)
	o.Tenant = "Acme Corp."
	requests, _, _ := mustImport(t, line, o)
	if len(requests) != 1 || requests[0].Tenant != "Acme Corp." || requests[0].Route.Origin != "https://acme-corp.xima.cloud" {
		t.Errorf("got %v", requests)
	}
}

func TestCombinedSizes(t *testing.T) {
	for size, want := range map[string]int64{"0": 0, "-": 0, "12": 12, "1099511627776": listing.MaxBytes, "1099511627777": -1, "99999999999999999999": -1, "-5": -1, "": -1, "1.5": -1} {
		o := testOptions(t)
		o.Format, o.Tenant = FormatCombined, "acme"
		requests, rejects, _ := mustImport(t, `192.0.2.1 - - [01/Nov/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 `+size+"\n", o)
		if want < 0 && len(rejects) != 1 || want >= 0 && (len(requests) != 1 || requests[0].ResponseBytes != want) {
			t.Errorf("%q: %v, %v", size, requests, rejects)
		}
	}
}

func TestCombinedLastLineCutOff(t *testing.T) {
	whole := `192.0.2.1 - - [01/Nov/2026:02:00:00 +0000] "GET / HTTP/1.1" 200 12345 "-" "-"`
	cut := whole[:strings.Index(whole, "345")]
	o := testOptions(t)
	o.Tenant = "acme"
	requests, rejects, result := mustImport(t, whole+"\n"+cut, o)
	if len(requests) != 1 || len(rejects) != 0 || result.Waiting != 2 {
		t.Errorf("got %v, %v, %+v", requests, rejects, result)
	}
	if requests, _, _ = mustImport(t, whole+"\n"+whole, o); len(requests) != 2 {
		t.Errorf("a whole last line without its end: %v", requests)
	}
}

func TestUnescapeTarget(t *testing.T) {
	for in, want := range map[string]string{
		`/a b`: "/a%20b", `/\"q\"`: "/\"q\"", `/\x22\xC3\xa9\x00`: "/\"%C3%A9%00", `/\\x41`: `/\x41`, `/end\`: `/end\`, `/\x4`: "/x4",
	} {
		if got := unescapeTarget(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestCSVSeparatorsAndOrder(t *testing.T) {
	for _, separator := range []string{",", ";", "\t"} {
		text := strings.ReplaceAll("URL|status|x|Started_At|method\n\"https://acme.xima.cloud/rest/api/v2/recordings?a=1,2;3\"|200|\"a\"\"b\"|2026-11-01T02:00:00Z|GET\n", "|", separator)
		requests, rejects, result := mustImport(t, text, testOptions(t))
		if result.Format != FormatCSV || len(requests) != 1 || requests[0].Status != 200 {
			t.Errorf("%q: %v, %v", separator, requests, rejects)
		}
	}
}

// A stray quote must cost one record, not all that follow.
func TestCSVStrayQuote(t *testing.T) {
	var b strings.Builder
	b.WriteString("started_at,method,url,status,note\n")
	for i := range 300 {
		note := ""
		if i == 100 || i == 299 {
			note = `"open`
		}
		fmt.Fprintf(&b, "2026-11-01T02:00:00Z,GET,https://acme.xima.cloud/rest/api/v2/recordings,200,%s\n", note)
	}
	requests, rejects, _ := mustImport(t, b.String(), testOptions(t))
	if len(requests) != 298 || len(rejects) != 2 || rejects[0].Line != 102 || rejects[1].Line != 301 {
		t.Errorf("%d requests, %v", len(requests), rejects)
	}
}

// checkSplit compares splitCSV and inQuotes with encoding/csv on one record.
func checkSplit(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsAny(text, "\n\r") || text == "" {
		return
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	want, wantErr := r.Read()
	got, err := splitCSV(text, ',', nil)
	if (err == nil) != (wantErr == nil) || err == nil && !slices.Equal(got, want) {
		t.Fatalf("%q: got %q, %v, want %q, %v", text, got, err, want, wantErr)
	}
	if err == nil && inQuotes(text, ',', false) {
		t.Fatalf("%q: whole, but taken for open", text)
	}
}
