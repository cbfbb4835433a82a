package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/store"
)

// hostileNames are what someone may put into a name to act on a reader's terminal, spreadsheet or browser.
var hostileNames = []string{
	"</script><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "it's `$(reboot)`; rm -rf ~", "acme\u202egpj.exe\u2066", "\u200fחברה\u200e",
	"\x1b[2J\x1b[31mred\x1b]0;title\x07", "\u009b2J", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1", "\n=1", " =1", "\u200b=1", "\u00a0@x", "＝1", "＋1", "－1", "＠x",
	"a|b\n|c|\n# head\n[x](javascript:alert(1)) *b* _i_ <b> &lt;", `back\slash\|`, "\xff\xfe broken", strings.Repeat("x", 10_000), strings.Repeat("e\u0301\u0302", 5_000),
	"https://evil.example/login", "@octocat, WWW.evil.example and me@evil.example #12 GH-3", "", " ", "--flag", "'quote'", "]]>", "<!--", "\x00", "\u2028\u2029", "\U000e0041", "👩‍💻", "\ufeffbom", "two  spaces",
}

// spoil puts the name wherever text from outside may stand.
func spoil(name string) (*analyze.Report, []ExplainedRow, []TenantRow) {
	r := sample()
	r.PolicyName, r.PolicyVersion = name, name
	for i := range r.Tenants {
		t := &r.Tenants[i]
		t.Tenant, t.Spacing.Class = name, name
		for k := range t.Statuses {
			t.Statuses[k].Method, t.Statuses[k].Class = name, name
		}
		for k := range t.Findings {
			t.Findings[k].Detail, t.Findings[k].Advice, t.Findings[k].Section = name, name, name
		}
	}
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
		text := string(got)
		if strings.HasSuffix(kind, ".table") {
			text = ourColors.ReplaceAllString(text, "")
		}
		checkPrintable(t, kind, text)
		switch kind[strings.IndexByte(kind, '.')+1:] {
		case "csv":
			checkCSV(t, kind, got)
		case "html":
			checkHTML(t, got)
		case "markdown":
			checkMarkdown(t, kind, text)
		case "json":
			checkJSON(t, kind, got, name)
		case "table":
			for line := range strings.Lines(text) {
				if w := width(strings.TrimSuffix(line, "\n")); w > defaultWidth {
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

// checkHTML reads the page as XML, which it is on purpose: what is not closed or not escaped fails.
func checkHTML(t *testing.T, got []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(got))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("page: %v", err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local == "link" && len(e.Attr) == 2 && e.Attr[1].Value == "data:," {
			continue // the icon that is none
		}
		switch e.Name.Local {
		case "script", "img", "iframe", "object", "link", "base", "b":
			t.Errorf("the page has an element %q", e.Name.Local)
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "src" || a.Name.Local == "style" || a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") {
				t.Errorf("the page has an attribute %s=%q", a.Name.Local, a.Value)
			}
		}
	}
}

// linking is what becomes a link or calls somebody without being marked up.
var linking = regexp.MustCompile(`(?i)[a-z]://[^ ]|www\.[^ ]|@[\pL\pN]|#[0-9]+\b[^;]|\bgh-[0-9]`)

// checkMarkdown wants every line of a table to have the cells of its head, and no markup of others.
func checkMarkdown(t *testing.T, kind, text string) {
	t.Helper()
	cells := 0
	for line := range strings.Lines(text) {
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
	if link := linking.FindString(text); link != "" {
		t.Errorf("%s: GitHub makes a link or a mention of %q", kind, link)
	}
	if i := strings.IndexAny(text, "<>`"); i >= 0 && (i == 0 || text[i-1] != '\\') {
		t.Errorf("%s holds markup: %q", kind, text[max(0, i-40):min(len(text), i+40)])
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
	for _, name := range hostileNames {
		checkHostile(t, name)
	}
}

func FuzzHostile(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(checkHostile)
}

func TestFormulaGuard(t *testing.T) {
	for text, want := range map[string]cell{
		"=1": "'=1", "\t=1": `'\u0009=1`, "\rx": `'\u000dx`, "＝1": "'＝1", " +1": "' +1", "a=1": "a=1", "": "", "12": "12",
	} {
		if got := words(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		if os.Getenv("HEADROOM_CI") != "" {
			t.Fatal("no shell to ask")
		}
		t.Skip("no shell to ask")
	}
	for _, name := range hostileNames {
		quoted, ok := shellQuote(name)
		if !ok {
			continue
		}
		out, err := exec.Command(shell, "-c", "printf %s "+quoted).Output()
		if err != nil || string(out) != name {
			t.Errorf("%q quoted as %s reads as %q, %v", name, quoted, out, err)
		}
	}
}
