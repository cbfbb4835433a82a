package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/report/reporttest"
	"github.com/6dcca832/headroom/report/text"
	"github.com/6dcca832/headroom/store"
)

// spoil puts the name wherever text from outside may stand.
func spoil(name string) (*analyze.Report, []ExplainedRow, []TenantRow) {
	r := reporttest.Spoil(name)
	rows := []ExplainedRow{{Why: name, Request: store.Request{
		ID: 1, Tenant: name, Query: name, Client: name, Key: name, Route: &store.Route{Method: name, Origin: name, Template: "/{+key}"},
	}}}
	return r, rows, []TenantRow{{Tenant: name, Window: name, Zone: name}}
}

var ourColors = regexp.MustCompile("\x1b\\[[0-9]+m")

func checkHostile(t *testing.T, name string) {
	t.Helper()
	r, rows, tenants := spoil(name)
	for kind, got := range outputs(t, r, rows, tenants, Options{Color: true}) {
		shown := string(got)
		if strings.HasSuffix(kind, ".table") {
			shown = ourColors.ReplaceAllString(shown, "")
		}
		checkPrintable(t, kind, shown)
		switch kind[strings.IndexByte(kind, '.')+1:] {
		case "csv":
			checkCSV(t, kind, got)
		case "markdown":
			checkMarkdown(t, kind, shown)
		case "json":
			checkJSON(t, kind, got, name)
		case "table":
			for line := range strings.Lines(shown) {
				if w := text.Width(strings.TrimSuffix(line, "\n")); w > defaultWidth && (kind != "brief.table" || w > text.MaxDetail+10) {
					t.Errorf("%s: a line takes %d columns: %q", kind, w, line)
				}
			}
		}
	}
}

// checkPrintable wants no character that acts instead of showing.
func checkPrintable(t *testing.T, kind, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s is not UTF-8", kind)
	}
	for i, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s holds %U at %d: %q", kind, r, i, text[max(0, i-40):min(len(text), i+40)])
			return
		}
	}
}

func checkCSV(t *testing.T, kind string, got []byte) {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(got)).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	for _, record := range records {
		for _, field := range record {
			start, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(field, unicode.IsSpace))
			if strings.ContainsRune("=+-@\t\r＝＋－＠", start) {
				t.Errorf("%s: a field starts a formula: %q", kind, field)
			}
		}
	}
}

// linking is what becomes a link or calls somebody without being marked up.
var linking = regexp.MustCompile(`(?i)[a-z]://[^ ]|www\.[^ ]|@[\pL\pN]|#[0-9]+\b[^;]|\bgh-[0-9]`)

// checkMarkdown wants every line of a table to have the cells of its head, and no markup of others.
func checkMarkdown(t *testing.T, kind, shown string) {
	t.Helper()
	cells := 0
	for line := range strings.Lines(shown) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(line, "|")
		if cells > 0 && n != cells {
			t.Errorf("%s: a row has %d bars, its head %d: %q", kind, n, cells, line)
		}
		cells = n
	}
	if link := linking.FindString(shown); link != "" {
		t.Errorf("%s: GitHub makes a link or a mention of %q", kind, link)
	}
	if i := strings.IndexAny(shown, "<>`"); i >= 0 && (i == 0 || shown[i-1] != '\\') {
		t.Errorf("%s holds markup: %q", kind, shown[max(0, i-40):min(len(shown), i+40)])
	}
}

// checkJSON wants the name back unchanged, as far as JSON can hold it.
func checkJSON(t *testing.T, kind string, got []byte, name string) {
	t.Helper()
	var doc struct {
		Tenants  []struct{ Tenant string }
		Requests []struct{ Why string }
	}
	if err := json.Unmarshal(got, &doc); err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	var back string
	if len(doc.Tenants) > 0 {
		back = doc.Tenants[0].Tenant
	} else {
		back = doc.Requests[0].Why
	}
	if utf8.ValidString(name) && back != name {
		t.Errorf("%s: %q came back as %q", kind, name, back)
	}
}

func TestHostile(t *testing.T) {
	for _, name := range reporttest.HostileNames {
		checkHostile(t, name)
	}
}

func FuzzHostile(f *testing.F) {
	for _, name := range reporttest.HostileNames {
		f.Add(name)
	}
	f.Fuzz(checkHostile)
}

func TestFormulaGuard(t *testing.T) {
	for s, want := range map[string]cell{
		"=1": "'=1", "\t=1": `'\u0009=1`, "\rx": `'\u000dx`, "＝1": "'＝1", " +1": "' +1", "a=1": "a=1", "": "", "12": "12",
	} {
		if got := words(s); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}
