package logs

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

const tableMap = `
format = "csv"
[fields]
started_at = "ts"
method = "m"
url = "u"
status = "s"
response_bytes = "b"
duration_ms = "d"
`

// TestMappedTables: a table of other names is read as one of our own: what a spreadsheet does to
// numbers, lines and headers makes no number wrong and costs no record.
func TestMappedTables(t *testing.T) {
	row := func(s, b, d string) string {
		return strings.Join([]string{"2026-11-01T02:00:00.5Z", "GET", fieldURL1, s, b, d}, ";") + "\n"
	}
	const head = "ts;m;u;s;b;d\n"
	commas := strings.NewReplacer(";", ",", ",", ".")
	for name, c := range map[string]struct {
		text, want string // status, bytes, microseconds of each record; then how many were rejected
	}{
		"thousands with points":    {head + row("200", "25.000", "537,5"), "200 25000 537500, 0"},
		"thousands and decimals":   {head + row("200", "1.250.000", "1.537,5"), "200 1250000 1537500, 0"},
		"status with a decimal":    {head + row("200,0", "7", ""), "200 7 0, 0"},
		"point in a comma table":   {commas.Replace(head + row("200", "25,000", "1")), ", 1"},
		"quoted thousands":         {commas.Replace(head) + `2026-11-01T02:00:00.5Z,GET,` + fieldURL1 + `,200,"25,000",1` + "\n", "200 25000 1000, 0"},
		"sep= in front":            {"sep=;\n" + head + row("200", "7", "1"), "200 7 1000, 0"},
		"byte order mark and CRLF": {"\xef\xbb\xbf" + strings.ReplaceAll(head+row("200", "7", "1"), "\n", "\r\n"), "200 7 1000, 0"},
		"carriage returns alone":   {strings.ReplaceAll(head+row("200", "7", "1")+row("429", "0", "1"), "\n", "\r"), "200 7 1000, 429 0 1000, 0"},
		"header again":             {head + row("200", "7", "1") + head + row("429", "0", "1"), "200 7 1000, 429 0 1000, 0"},
		"quoted line break":        {"ts;m;u;s;b;d;n\n" + strings.Replace(row("200", "7", "1"), "\n", ";\"a\nb\"\n", 1), "200 7 1000, 0"},
		"separators at the end":    {head + strings.Replace(row("200", "7", "1"), "\n", ";;\n", 1), "200 7 1000, 0"},
		"no value":                 {head + row("200", "NULL", "NaN") + row("-", `\N`, "N/A"), "200 0 0, 0 0 0, 0"},
		"something behind the end": {head + strings.Replace(row("200", "7", "1"), "\n", ";x\n", 1), ", 1"},
	} {
		m, err := ParseMappingFile("m.toml", []byte(tableMap))
		if err != nil {
			t.Fatal(err)
		}
		o := testOptions(t)
		o.Mapping = m
		requests, rejects, _ := mustImport(t, c.text, o)
		var got strings.Builder
		for _, r := range requests {
			fmt.Fprintf(&got, "%d %d %d, ", r.Status, r.ResponseBytes, r.Duration)
		}
		if len(requests) == 0 {
			got.WriteString(", ")
		}
		fmt.Fprint(&got, len(rejects))
		if got.String() != c.want {
			t.Errorf("%s: %s %v, want %s", name, got.String(), rejects, c.want)
		}
	}
}

// TestMappedTablesThatLack: a column that is not there gives no zeros.
func TestMappedTablesThatLack(t *testing.T) {
	m, err := ParseMappingFile("m.toml", []byte(tableMap))
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(t)
	o.Mapping = m
	for head, says := range map[string]string{
		"ts;m;u;b;d":     `has no column "s", by which the mapping gives status`,
		"when;m;u;s;b;d": `has no column "ts"`,
		"ts;m;u;s;b;b;d": "gives response_bytes twice",
	} {
		if _, _, _, err := importText(t, strings.NewReader(head+"\n1;2;3;4;5\n"), o); err == nil ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", head, err, says)
		}
	}
	text := "ts;m;u;s;bytes;d\n2026-11-01T02:00:00.5Z;GET;" + fieldURL1 + ";200;7;1\n"
	if _, _, result := mustImport(t, text, o); fmt.Sprint(result.NeverFound) != "[response_bytes]" {
		t.Errorf("%+v", result)
	}
	for text, says := range map[string]string{
		`{"ts":1793498404,"m":"GET","u":"` + fieldURL1 + `"}`:                      "status is missing",
		`{"ts":1793498404,"m":"GET","u":"` + fieldURL1 + `","s":null}`:             "",
		`{"ts":1793498404,"m":"GET","u":"` + fieldURL1 + `","e":"read timed out"}`: "",
	} {
		o.Mapping, _ = ParseMapping("started_at=ts,method=m,url=u,status=s,error=e")
		requests, rejects, _ := mustImport(t, text+"\n", o)
		switch {
		case says != "" && (len(rejects) != 1 || rejects[0].Reason != says):
			t.Errorf("%s: %v, want %q", text, rejects, says)
		case says == "" && (len(requests) != 1 || requests[0].Status != 0):
			t.Errorf("%s: %v, %v", text, requests, rejects)
		}
	}
}

// TestJoinedAndEmptiedFiles: what stands at the head of a line and is no part of it.
func TestJoinedAndEmptiedFiles(t *testing.T) {
	line := logLine("10.0.0.7 - -", 0, ` "-" "x"`)
	for name, text := range map[string]string{
		"byte order mark of a second file": line + "\xef\xbb\xbf" + line,
		"emptied while it was written to":  line + strings.Repeat("\x00", 5000) + line,
		"carriage returns alone":           strings.ReplaceAll(line+line, "\n", "\r"),
		"a crash":                          line + line + strings.Repeat("\x00", 5000),
	} {
		requests, rejects, _ := mustImport(t, text, acmeOptions(t))
		if len(requests) != 2 || requests[1].Client != "10.0.0.7" || len(rejects) > 0 {
			t.Errorf("%s: %+v, %v", name, requests, rejects)
		}
	}
}

// TestCutShortByItsError: an answer after which something went wrong did not come whole.
func TestCutShortByItsError(t *testing.T) {
	text := `{"ended_at":"2026-11-01T02:00:05.5Z","errormsg":"transfer closed with 900 bytes remaining to read","exitcode":18,` +
		`"http_code":200,"method":"GET","response_code":200,"size_download":100,"time_total":1.25,"url_effective":"` + fieldURL1 + "\"}\n"
	o := acmeOptions(t)
	o.Mapping = builtinMappings["curl-w"]
	requests, rejects, _ := mustImport(t, text, o)
	if len(requests) != 1 || !requests[0].CutShort || requests[0].Error == "" {
		t.Errorf("%+v, %v", requests, rejects)
	}
}

// TestQuotesThatNeverClose: what is read ahead behind each of them costs no more than reading it,
// or a file of some megabytes takes minutes.
func TestQuotesThatNeverClose(t *testing.T) {
	line := `x","` + strings.Repeat("y", 8000) + "\n" // open alone, and behind another such line
	text := "started_at,method,url,status\n" + strings.Repeat(line, 200)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, rejects, _ := mustImport(t, text, acmeOptions(t))
	runtime.ReadMemStats(&after)
	if len(rejects) != 200 || !strings.Contains(rejects[0].Reason, "never closed") {
		t.Errorf("%d rejects: %.1v", len(rejects), rejects)
	}
	if spent := int(after.TotalAlloc - before.TotalAlloc); spent > 50*len(text) {
		t.Errorf("%d bytes of memory were used up by %d", spent, len(text))
	}
}
