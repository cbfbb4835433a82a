package logs

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/jsonscan"
)

const harHead = `{"log":{"creator":{"name":"x"},"entries":[`

func harEntryText(extra string) string {
	return `{"startedDateTime":"2026-11-01T02:00:00.5Z","time":1,"request":{"method":"GET","url":"https://acme.xima.cloud/rest/api/v2/recordings"},` +
		`"response":{"status":200,"bodySize":7` + extra + `}}`
}

func TestHARThatBreaksOff(t *testing.T) {
	whole := harHead + harEntryText("") + "," + harEntryText("") + "]}}"
	for cut := len(harHead); cut < len(whole); cut++ {
		requests, rejects, _ := mustImport(t, whole[:cut], testOptions(t))
		if len(rejects) != 1 || rejects[0].Line != int64(len(requests))+1 || !strings.Contains(rejects[0].Reason, "too early") {
			t.Fatalf("cut to %d bytes: %d requests, %v", cut, len(requests), rejects)
		}
	}
	requests, rejects, _ := mustImport(t, harHead+harEntryText("")+",,", testOptions(t))
	if len(requests) != 1 || len(rejects) != 1 {
		t.Errorf("broken inside: %d requests, %v", len(requests), rejects)
	}
}

// Nothing behind the first document may be passed over unseen.
func TestHARDocumentsInARow(t *testing.T) {
	one := harHead + harEntryText("") + "]}}"
	requests, rejects, _ := mustImport(t, one+"\n"+strings.Replace(one, `"x"`, `"y"`, 1)+"\n", testOptions(t))
	if len(requests) != 2 || len(rejects) != 0 || requests[0].Client != "x" || requests[1].Client != "y" {
		t.Errorf("two documents: %v, %v", requests, rejects)
	}
	requests, rejects, _ = mustImport(t, one+"x", testOptions(t))
	if len(requests) != 1 || len(rejects) != 1 || rejects[0].Line != 2 {
		t.Errorf("something else behind it: %v, %v", requests, rejects)
	}
}

func TestHARPassesOverLargeTexts(t *testing.T) {
	var before, after runtime.MemStats
	in := io.MultiReader(strings.NewReader(harHead+harEntryText("")+","), strings.NewReader(
		`{"startedDateTime":"2026-11-01T02:00:00.5Z","response":{"bodySize":7,"status":200,"content":{"size":1,"text":"`),
		&repeated{n: 100 << 20}, strings.NewReader(`\\\" end"}},"request":{"method":"GET","url":"https://acme.xima.cloud/rest/api/v2/recordings"}}]}}`))
	o := testOptions(t)
	runtime.ReadMemStats(&before)
	requests, rejects, _, err := importText(t, in, o)
	runtime.ReadMemStats(&after)
	if err != nil || len(requests) != 2 || len(rejects) != 0 {
		t.Fatalf("%d requests, %v, %v", len(requests), rejects, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 20<<20 {
		t.Errorf("a text of 100 MiB cost %d MiB", used>>20)
	}
}

func TestHARSizes(t *testing.T) {
	for _, c := range []struct {
		response string
		want     int64
		unknown  bool
	}{
		{`,"_transferSize":705,"headersSize":205`, 500, false},
		{`,"_transferSize":705,"headersSize":-1,"headers":[{"name":"Content-Length","value":"600"}]`, 600, false},
		{`,"_transferSize":705,"headersSize":-1,"headers":[{"name":"Content-Length","value":"900"}]`, 705, false},
		{`,"_transferSize":705`, 705, false},
		{``, 7, false},
		{`,"bodySize":-1,"content":{"size":9}`, 0, true},
		{`,"bodySize":null,"content":{"size":9}`, 7, false},
		{`,"bodySize":0,"content":{"size":0}`, 0, false},
		{`,"bodySize":-1,"headers":[{"name":"content-length","value":"250"}],"content":{"size":900}`, 250, false},
		{`,"status":304,"bodySize":5509,"content":{"size":9}`, 0, false},
		{`,"status":204,"bodySize":5509`, 0, false},
		{`,"bodySize":-1,"headers":[{"name":"Content-Length","value":"999999999999999999"}],"content":{"size":9}`, 0, true},
		{`,"bodySize":1e999,"content":{"size":9}`, 0, true},
	} {
		requests, rejects, result := mustImport(t, harHead+harEntryText(c.response)+"]}}", testOptions(t))
		if len(requests) != 1 {
			t.Fatalf("%s: %v", c.response, rejects)
		}
		if requests[0].ResponseBytes != c.want || (result.UnknownSize == 1) != c.unknown {
			t.Errorf("%s: %d bytes, %d unknown", c.response, requests[0].ResponseBytes, result.UnknownSize)
		}
	}
}

// TestHARThatIsCutShort: less came than the answer said. What is encoded, or what only one of the sizes says, is whole.
func TestHARThatIsCutShort(t *testing.T) {
	const length = `"headers":[{"name":"Content-Length","value":"1000"}`
	for response, want := range map[string]bool{
		`,"bodySize":500,"content":{"size":500},` + length + `]`:                                            true,
		`,"bodySize":-1,"headersSize":200,"_transferSize":700,"content":{"size":500},` + length + `]`:       true,
		`,"bodySize":500,"content":{"size":500},` + length + `,{"name":"Content-Encoding","value":"gzip"}]`: false,
		`,"bodySize":1000,"content":{"size":500},` + length + `]`:                                           false,
		`,"bodySize":1000,"content":{"size":1000},` + length + `]`:                                          false,
		`,"bodySize":"500","content":{"size":"500"},` + length + `]`:                                        true,
		`,"status":304,"bodySize":500,"content":{"size":500},` + length + `]`:                               false,
		`,"bodySize":0,"content":{"size":0},` + length + `]`:                                                false,
		`,"_errorMessage":"Connection reset","bodySize":1000,"content":{"size":1000}`:                       true,
	} {
		requests, rejects, _ := mustImport(t, harHead+harEntryText(response)+"]}}", testOptions(t))
		if len(requests) != 1 || requests[0].CutShort != want {
			t.Errorf("%s: %+v, %v", response, requests, rejects)
		}
	}
}

// TestHARStatusAsText: the ways in which recorders write a status, or that there is none.
func TestHARStatusAsText(t *testing.T) {
	for text, want := range map[string]int{`"200"`: 200, `"0"`: 0, `0.0`: 0, `-1`: 0, `"-999"`: 0, `1`: 0, `200.0`: 200} {
		requests, rejects, _ := mustImport(t, harHead+harEntryText(`,"statusText":"x","status":`+text)+"]}}", testOptions(t))
		if len(requests) != 1 || requests[0].Status != want {
			t.Errorf("%s: %+v, %v", text, requests, rejects)
		}
	}
}

func TestHARBodyIsPartOfTheParameters(t *testing.T) {
	entry := func(body string) string {
		return strings.Replace(harEntryText(""), `"method":"GET"`, `"postData":{"text":"`+body+`"},"method":"POST"`, 1)
	}
	large := strings.Repeat("x", maxHARBody+1)
	text := harHead + strings.Join([]string{entry("a"), entry("a"), entry("b"), entry(""), entry(large + "1"), entry(large + "1")}, ",") + "]}}"
	requests, rejects, _ := mustImport(t, text, testOptions(t))
	if len(requests) != 6 {
		t.Fatal(rejects)
	}
	p := func(i int) string { return requests[i].Params }
	if p(0) == "" || p(0) != p(1) || p(0) == p(2) || p(4) == "" || p(4) != p(5) {
		t.Errorf("params %q", []string{p(0), p(1), p(2), p(4), p(5)})
	}
	hash := ingest.NewParams([]byte("test key"), "POST", requests[0].URL())
	_, _ = hash.Write([]byte("a"))
	if p(0) != hash.Sum() {
		t.Errorf("params %s differ from what the transport computes, %s", p(0), hash.Sum())
	}
}

func TestJSONStreamSkips(t *testing.T) {
	deep := strings.Repeat("[", jsonscan.MaxDepth+1) + strings.Repeat("]", jsonscan.MaxDepth+1)
	for text, want := range map[string]bool{
		`{"a":[1,"]}",{"b":"\\\""}],"c":null}`: true, `"\\"`: true, `"\\\"" `: true, `-1.5e3`: true, `tru`: false, `]`: false,
		`{`: false, `"`: false, `"\"`: false, `,1`: false, ``: false, deep: false, deep[1 : len(deep)-1]: true,
	} {
		text := harHead + harEntryText(`,"content":{"size":1,"comment":`+text+`}`) + "]}}"
		requests, _, _ := mustImport(t, text, testOptions(t))
		if got := len(requests) == 1; got != want {
			t.Errorf("%.60q: taken %v, want %v", text, got, want)
		}
	}
}
