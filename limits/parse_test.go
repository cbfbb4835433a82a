package limits

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// minimal is a small policy that is right; tests make one thing of it wrong.
const minimal = `name = "mini"
version = "1"
hosts = ["{tenant}.example"]
words = ["w"]
never = ['[0-9]{7}']

[[route]]
class = "a"
method = "GET"
path = "/a"
query = ["q"]

[[route]]
class = "b"
path = "/b/{+id}/{who}"

[keep]
id = '[a-z]+'
q = '[a-z]+'

[frequency]
class = "b"
min_interval = "2s"
backoff_max = "8s"

[egress]
class = "b"
window = "5d"
hours_per_day = 8
days = 5
factor = 2
bytes_per_hour = 1e6

[listing]
class = "a"
key = "k"
kept_as = "id"
start_ms = "at"
duration_ms = "long"
size_bytes = "big"

[[status]]
code = 200
name = "OK"
methods = ["GET", "POST"]
role = "ok"
meaning = "Done."

[[status]]
code = 429
name = "Slow"
methods = ["GET"]
role = "rate-limited"
meaning = "Too fast."
`

func mustParse(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Parse("p.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseMinimal(t *testing.T) {
	p := mustParse(t, minimal)
	if p.Egress.Window != 120*time.Hour || p.Frequency.MinInterval != 2*time.Second || p.Frequency.PullEvery != 0 {
		t.Errorf("got %+v and %+v", p.Egress, p.Frequency)
	}
	if got := p.Classes(); !slices.Equal(got, []string{"a", "b", "other"}) {
		t.Errorf("classes %v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`name = "mini"`, ``, "p.toml: the policy has no name"},
		{`version = "1"`, `version = ""`, "p.toml:2: the policy has no version"},
		{`version = "1"`, `version = 1`, `p.toml:2: "version" must be a text in quotes`},
		{`version`, `verison`, `p.toml:2: unknown key "verison"; did you mean "version"?`},
		{`query = `, `quarry = `, `p.toml:11: unknown key "quarry"; did you mean "query"?`},
		{`[egress]`, `[ingress]`, `p.toml:26: unknown key "ingress"; did you mean "egress"?`},
		{`days = 5`, `zzzzzzzz = 5`, `p.toml:30: unknown key "zzzzzzzz"; known here: `},
		{`version = "1"`, `version = `, "p.toml:2: "},
		{`hosts = ["{tenant}.example"]`, `hosts = []`, "p.toml:3: the policy has no hosts"},
		{`hosts = ["{tenant}.example"]`, `hosts = ["{tenant}.example."]`, "p.toml:3: host pattern \"{tenant}.example.\" must not end in a dot"},
		{`path = "/a"`, `path = "/a/../b"`, `segment ".." is neither`},
		{`"{tenant}.example"`, `"a.example"`, `p.toml:3: host pattern "a.example" must hold {tenant} exactly once`},
		{`"{tenant}.example"`, `"{tenant}.{tenant}"`, "exactly once"},
		{`"{tenant}.example"`, "\n\"https://{tenant}.example\"", "p.toml:4: host pattern"},
		{`"{tenant}.example"`, `"{tenant}.example", "{tenant}.example"`, "is there twice"},
		{`words = ["w"]`, `words = ["w/x"]`, `p.toml:4: word "w/x" cannot be a path segment`},
		{`words = ["w"]`, `words = ["w", "w"]`, `p.toml:4: word "w" is there twice`},
		{`'[0-9]{7}'`, `'[0-9'`, "p.toml:5: pattern: "},
		{`id = '[a-z]+'`, `id = '(x'`, `p.toml:18: pattern of "id": `},
		{`id = '[a-z]+'`, `id = 'x)|(y'`, `p.toml:18: pattern of "id": `},
		{`id = '[a-z]+'`, ``, "p.toml:15: path \"/b/{+id}/{who}\": a {+id} may only be kept with a pattern in [keep]"},
		{`q = '[a-z]+'`, ``, `p.toml:11: query value "q" may only be kept`},
		{`q = '[a-z]+'`, "q = '[a-z]+'\nz = 'z'", `p.toml:20: no route keeps a value named "z"`},
		{`class = "a"`, `class = ""`, `p.toml:8: class "" must be a word`},
		{`class = "a"`, `class = "A b"`, `p.toml:8: class "A b" must be a word`},
		{`method = "GET"`, `method = "get"`, `p.toml:9: method "get" must be a word in capitals`},
		{`path = "/a"`, `path = "a"`, `p.toml:10: path "a" must begin with /`},
		{`path = "/a"`, `path = "/a/"`, "p.toml:10: path"},
		{`path = "/a"`, `path = "/a b"`, "p.toml:10: path"},
		{`path = "/a"`, `path = "/a*"`, "p.toml:10: path"},
		{`path = "/a"`, `path = "/**/a/**"`, "p.toml:10: path"},
		{`path = "/a"`, `path = "/{a"`, "p.toml:10: path"},
		{`path = "/a"`, `path = "/{a}/{a}"`, "placeholder {a} is there twice"},
		{`/b/{+id}/{who}"`, "/b/{+id}/{who}\"\n[[route]]\nclass = \"c\"\npath = \"/b/{+id}/{who}\"", "p.toml:18: route \"/b/{+id}/{who}\" is there twice"},
		{"class = \"b\"\nmin", "class = \"bb\"\nmin", `p.toml:22: no route has the class "bb"`},
		{"class = \"b\"\nmin", "min", `p.toml:21: the rule names no class`},
		{`min_interval = "2s"`, `min_interval = "0s"`, "p.toml:23: min_interval must be a time above 0"},
		{`min_interval = "2s"`, `min_interval = "-2s"`, "p.toml:23: min_interval must be"},
		{`min_interval = "2s"`, `min_interval = "2"`, "p.toml:23: min_interval must be"},
		{`min_interval = "2s"`, `min_interval = 2`, "p.toml:23: "},
		{`min_interval = "2s"`, ``, "p.toml:21: min_interval must be"},
		{`backoff_max = "8s"`, `backoff_max = "1s"`, "p.toml:24: backoff_max is shorter"},
		{`backoff_max = "8s"`, "backoff_max = \"8s\"\ntolerance = \"2s\"", "p.toml:25: tolerance is as long as min_interval"},
		{`backoff_max = "8s"`, "backoff_max = \"8s\"\ntolerance = \"-2s\"", "p.toml:25: tolerance must be a time"},
		{`size_bytes = "big"`, "size_bytes = \"big\"\nkey_time = \"iso\"", `p.toml:41: key_time "iso" is not known`},
		{`[listing]`, "[headers]\nvendor_id = [\"a b\"]\n[listing]", `p.toml:35: header "a b" must be a name`},
		{`[listing]`, "[headers]\nvendor_id = [\"Set-Cookie\"]\n[listing]", `p.toml:35: header Set-Cookie may hold a secret`},
		{`[listing]`, "[rule.spacing]\nbasis = \"sure\"\n[listing]", `p.toml:35: basis "sure" is not known`},
		{`role = "ok"`, "role = \"ok\"\nclasses = [\"aa\"]", `no route has the class "aa"`},
		{`window = "5d"`, `window = "nand"`, "p.toml:28: window must be"},
		{`window = "5d"`, `window = "99999999999d"`, "p.toml:28: window must be"},
		{`factor = 2`, `factor = nan`, "p.toml:31: factor must be a number above 0"},
		{`factor = 2`, `factor = -2`, "p.toml:31: factor must be a number above 0"},
		{`1e6`, `inf`, "p.toml:32: bytes_per_hour must be"},
		{"class = \"a\"\nkey", "class = \"othr\"\nkey", `p.toml:35: no route has the class "othr"; did you mean "other"?`},
		{`start_ms = "at"`, ``, "p.toml:34: listing names no start_ms"},
		{`size_bytes = "big"`, `size = "big"`, `p.toml:40: unknown key "size"`},
		{`kept_as = "id"`, `kept_as = "idd"`, `p.toml:37: there is no pattern "idd" under [keep]; did you mean "id"?`},
		{`code = 200`, `code = 99`, "p.toml:43: status code 99 is not between 100 and 599"},
		{`code = 200`, `code = 600`, "p.toml:43: status code 600"},
		{`code = 429`, `code = 200`, "p.toml:50: status 200 is there twice"},
		{`code = 429`, `code = "429"`, `p.toml:50: "status.code" must be a whole number`},
		{`name = "OK"`, ``, "p.toml:42: status 200 needs a name"},
		{`"rate-limited"`, `"limited"`, `p.toml:53: status 429: role "limited" is not known`},
		{`["GET", "POST"]`, `[]`, "p.toml:45: status 200 names no methods"},
		{`["GET", "POST"]`, `["GET", "post"]`, `p.toml:45: status 200: method "post"`},
		{`["GET", "POST"]`, `["GET", "GET"]`, "p.toml:45: status 200: method GET is there twice"},
		{minimal[strings.Index(minimal, "[[status]]"):], ``, "p.toml: the policy has no statuses"},
	} {
		if !strings.Contains(minimal, c.old) {
			t.Fatalf("the policy does not hold %q", c.old)
		}
		_, err := Parse("p.toml", []byte(strings.Replace(minimal, c.old, c.new, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: error %v, want %q", c.new, c.old, err, c.want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("error of more than one line: %q", err)
		}
	}
}

func TestParseRefusesFilesThatAreNoPolicy(t *testing.T) {
	for _, data := range []string{"", "\x00\x01", "\xff\xfe", "{}", strings.Repeat("#", 1<<20+1)} {
		if _, err := Parse("p.toml", []byte(data)); err == nil || !strings.HasPrefix(err.Error(), "p.toml:") {
			t.Errorf("%.10q: error %v", data, err)
		}
	}
}

func TestBuiltinUnknown(t *testing.T) {
	_, err := Builtin("ximaa")
	want := `find policy "ximaa": headroom comes with ` + strings.Join(BuiltinNames(), ", ") + " only"
	if err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

func TestXimaStatuses(t *testing.T) {
	p := xima(t)
	want := map[int]struct {
		role    Role
		methods string
	}{
		200: {"ok", "GET POST"}, 202: {"deferred", "POST"}, 204: {"ok", "POST"}, 206: {"ok", "GET"},
		302: {"redirect", "GET"}, 307: {"redirect", "GET"}, 400: {"bad-request", "GET POST"},
		401: {"auth", "GET POST"}, 403: {"auth", "GET POST"}, 404: {"bad-request", "GET POST"},
		405: {"bad-request", "GET POST"}, 422: {"bad-request", "POST"}, 429: {"rate-limited", "GET POST"},
		500: {"server-error", "GET POST"}, 503: {"unavailable", "GET POST"}, 509: {"egress-cap", "GET"},
	}
	if len(p.Statuses) != len(want) {
		t.Errorf("%d statuses, want %d", len(p.Statuses), len(want))
	}
	for code := -1; code < 700; code++ {
		w, listed := want[code]
		if got := p.Role(code); got != w.role {
			t.Errorf("role of %d is %q, want %q", code, got, w.role)
		}
		for _, method := range []string{"GET", "POST", "PUT"} {
			st, expected := p.Status(code, method)
			if wantExpected := listed && strings.Contains(w.methods, method); expected != wantExpected {
				t.Errorf("%d to %s expected: %v, want %v", code, method, expected, wantExpected)
			}
			section, basis := "Expected Response Statuses", BasisStated
			if code == 206 || code/100 == 3 { // no page lists them
				section, basis = "", BasisOurs
			}
			if listed && (st.Code != code || st.Advice == "" || st.Section != section || st.Basis != basis) {
				t.Errorf("row of %d: %+v", code, st)
			}
		}
	}
}

// TestPartialContent: a resumed download is expected, and only that.
func TestPartialContent(t *testing.T) {
	p := xima(t)
	for _, c := range []struct {
		code          int
		method, class string
		want          bool
	}{
		{206, "GET", "recording_audio", true}, {206, "GET", "recording_list", false}, {206, "POST", "recording_audio", false},
		{200, "GET", "recording_list", true}, {418, "GET", "recording_audio", false},
	} {
		if got := p.Expects(c.code, c.method, c.class); got != c.want {
			t.Errorf("%d to %s of %s: %v", c.code, c.method, c.class, got)
		}
	}
}

// TestNotesNameTheirPages: what a rule is cited with must be on that page.
func TestNotesNameTheirPages(t *testing.T) {
	p := xima(t)
	if n := p.Notes["stale-pull"]; n.Page != "the guide's page on collecting recordings" || n.Basis != BasisStated {
		t.Errorf("stale-pull: %+v", n)
	}
	if n := p.Notes["auth"]; !strings.Contains(n.Advice, "Service User") {
		t.Errorf("auth: %+v", n)
	}
	page, err := os.ReadFile("../testdata/policies/xima-sections.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range p.Notes {
		if n.Section != "" && !slices.Contains(strings.Split(string(page), "\n"), n.Section) {
			t.Errorf("%s: no section %q", name, n.Section)
		}
		if n.Basis != BasisOurs && n.Page == "" {
			t.Errorf("%s is said to follow from a page, but names none", name)
		}
	}
}

func TestPersonalClasses(t *testing.T) {
	p := xima(t)
	for _, class := range p.Classes() {
		if got, want := p.IsPersonal(class), class == "click_to_dial" || class == "callback"; got != want {
			t.Errorf("%s: %v", class, got)
		}
	}
}

func TestMayKeepID(t *testing.T) {
	p := xima(t)
	for id, want := range map[string]bool{
		"8f3a2c1e-77aa-4c9e-9b1d-2f6d1a0c4e55": true, "Root=1-67891233-abcdef012345678912345678": true, "7d1f3a2b9c8e-FRA": true,
		"": false, "ann-lee": false, "+15550100123": false, "15550100123": false, "eyJhbGciOiJIUzI1NiJ9": false,
		"a b1": false, "a1\n": false, strings.Repeat("a1", 65): false, "ann@example.com1": false,
	} {
		if got := p.MayKeepID(id); got != want {
			t.Errorf("MayKeepID(%q) = %v", id, got)
		}
	}
}

func TestTenantOfHost(t *testing.T) {
	p := xima(t)
	for host, want := range map[string]string{
		"acme.xima.cloud": "acme", "ACME.Xima.Cloud": "acme", "acme.xima.cloud:8443": "acme", "a.b.xima.cloud": "", "xima.cloud": "",
		"acme.xima.cloud/x": "", "user@acme.xima.cloud": "", "acme.xima.cloud?x": "", "": "", "acme.xima.cloud.evil.example": "",
	} {
		if got := p.Tenant(host); got != want {
			t.Errorf("Tenant(%q) = %q, want %q", host, got, want)
		}
	}
}

func TestXimaRules(t *testing.T) {
	p := xima(t)
	f := p.Frequency
	if f.Class != "recording_audio" || f.MinInterval != 3*time.Second || f.BackoffMax != time.Minute || f.PullEvery != 120*time.Hour {
		t.Errorf("frequency %+v", f)
	}
	if p.Egress.Window != 120*time.Hour || f.Section != "Request Frequency Limit" || p.Egress.Section != "Rolling Egress Limit" {
		t.Errorf("egress %+v", p.Egress)
	}
	want := []string{"recording_list", "recording_audio", "historical_report", "click_to_dial", "callback", "other"}
	if got := p.Classes(); !slices.Equal(got, want) {
		t.Errorf("classes %v, want %v", got, want)
	}
}

func TestMayKeep(t *testing.T) {
	p := xima(t)
	if l := p.Listing; l.Class != "recording_list" || l.Key != "recordingKey" || l.Start != "startTime" || l.Duration != "duration" || l.Size != "size" {
		t.Errorf("listing %+v", l)
	}
	for value, want := range map[string]bool{
		"0f8fad5b-d9cb-469f-a165-70867728950e-1763938800000": true,
		"": false, "short": false, "+15550100123": false, "1555010012": false, "Cotterill-Ashdown": false, "has a space 1234": false,
	} {
		if got := p.MayKeep(p.Listing.KeptAs, value); got != want {
			t.Errorf("MayKeep(%q) = %v", value, got)
		}
	}
	if p.MayKeep("nothing", "0f8fad5b-d9cb") {
		t.Error("a name without a pattern is kept")
	}
}

func TestCap(t *testing.T) {
	e, o := xima(t).Egress, other(t).Egress
	for _, c := range []struct {
		e     Egress
		n     int
		bytes float64
		want  int64
	}{
		{e, 100, 0, 100 * 8 * 5 * 2527 * 3600 * 2},
		{e, 1, 1000, 80_000},
		{e, 1, math.NaN(), 8 * 5 * 2527 * 3600 * 2},
		{e, 0, 1000, 0},
		{e, -5, 1000, 0},
		{e, math.MaxInt, 1e15, math.MaxInt64},
		{o, 10, 0, 150_000_000},
		{Egress{}, 10, 1000, 0},
	} {
		if got := c.e.Cap(c.n, c.bytes); got != c.want {
			t.Errorf("Cap(%d, %v) = %d, want %d", c.n, c.bytes, got, c.want)
		}
	}
}

func TestOtherVendor(t *testing.T) {
	p := other(t)
	if p.Frequency.MinInterval != 1500*time.Millisecond || p.Egress.Window != 24*time.Hour {
		t.Errorf("rules %+v, %+v", p.Frequency, p.Egress)
	}
	if p.Role(420) != RoleRateLimited || p.Role(503) != RoleEgressCap || p.Role(429) != "" || p.Role(509) != "" {
		t.Errorf("roles %q %q %q %q", p.Role(420), p.Role(503), p.Role(429), p.Role(509))
	}
	if _, expected := p.Status(207, "DELETE"); !expected {
		t.Error("207 to DELETE is not expected")
	}
	if _, expected := p.Status(200, "POST"); expected {
		t.Error("200 to POST is expected")
	}
}

func TestPatternRunsAgreeWithRegexp(t *testing.T) {
	values := []string{"", "a", "aa", "ab", "a-1", "1234567", "+1234567", "12-34", "aaaaaaaaaaaaaaaaaaaa", "é", "AB", "a\n", "(123-456", "é123-4567", "(123-456\n"}
	for _, expr := range []string{"", "a", "a*", "a+b?", "[a-z]{2,4}", "^[+]?[0-9-]{7,20}$", "[^0-9]*", "(?i)ab", "a|b", "[a-z]*a", "[0-9]{2}-[0-9]+", "a$b", "(?s).", "é",
		"[+(]?[0-9(-]{7,8}", "[+(é]?[0-9(é-]{7,9}", "[^0-9]?[^a]{2,9}", "(?i)[a-b]?[a-c]{2}"} {
		p, err := compilePattern(expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if p.runs != nil && !allIn(v, &valueBytes) {
				continue
			}
			if got, want := p.match(v), p.re.MatchString(v); got != want {
				t.Errorf("%q matches %q: %v, want %v", expr, v, got, want)
			}
		}
	}
}
