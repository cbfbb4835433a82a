package limits

import (
	"os"
	"strings"
	"testing"
	"unicode"
)

// refill makes the URL that a record of m would be exported with.
func refill(m Match) string {
	var b strings.Builder
	b.WriteString(m.Origin)
	rest, key := m.Template, m.Key
	for {
		before, after, found := strings.Cut(rest, "{+")
		b.WriteString(before)
		if !found {
			break
		}
		var value string
		value, key, _ = strings.Cut(key, "/")
		b.WriteString(value)
		_, rest, _ = strings.Cut(after, "}")
	}
	if m.Query != "" {
		b.WriteString("?" + m.Query)
	}
	return b.String()
}

func FuzzMatch(f *testing.F) {
	for _, c := range ximaMatches {
		f.Add(c.method, c.url)
	}
	f.Add("GET", "https://api-z.voice.example/accounts/a/media/m-00ff/12?codec=opus&x&codec=wav")
	f.Add("GET", base+"/rest/%%34%31/a%2Fb?startTime=1&&endTime=2026-11-01T00:00")
	f.Add("GET", "https://api.acme.example../rest/a")
	f.Add("GET", base+"/rest/api/v2/recordings/key-abcdefghijklmnop")
	f.Add("GET", "https://acme\u3002xima.cloud:0443/rest/api/v2/recordings/0f8b6c1e-6a5d/jane")
	policies := []*Policy{xima(f), other(f)}
	f.Fuzz(func(t *testing.T, method, url string) {
		for _, p := range policies {
			m, err := p.Match(method, url)
			if err != nil {
				if m != (Match{}) {
					t.Errorf("error %v with %+v", err, m)
				}
				continue
			}
			checkIdempotent(t, p, method, m)
			checkKept(t, p, m)
			if m, err = p.MatchKeyed(method, url, testDigest); err == nil {
				checkIdempotent(t, p, method, m)
				checkKept(t, p, m)
			}
		}
	})
}

func testDigest(string) string { return "key-abcdefghijklmnop" }

// A record's URL is read again as the same record. What was left out once is not missed again.
func checkIdempotent(t *testing.T, p *Policy, method string, m Match) {
	t.Helper()
	again, err := p.Match(method, refill(m))
	want := m
	want.Lossless = true
	if err != nil || again != want {
		t.Errorf("%s %q\nagain %+v, %v\nwant  %+v", method, refill(m), again, err, want)
	}
	if class := p.Reclassify(method, m.Origin, m.Template); class != m.Class {
		t.Errorf("reclassified %q as %s, want %s", m.Template, class, m.Class)
	}
}

// Only the policy's own texts, values that match a pattern, and digests are kept.
func checkKept(t *testing.T, p *Policy, m Match) {
	t.Helper()
	for s := range strings.SplitSeq(strings.TrimPrefix(m.Template, "/"), "/") {
		if s != "" && s != "*" && !p.rules.words[s] && !strings.HasPrefix(s, "{") {
			t.Errorf("template %q keeps %q", m.Template, s)
		}
	}
	keys := strings.Split(m.Key, "/")
	if m.Key == "" {
		keys = nil
	}
	if strings.Count(m.Template, "{+") != len(keys) {
		t.Errorf("template %q with key %q", m.Template, m.Key)
	}
	for _, k := range keys {
		if !IsDigest(k) && (p.refused(k) || !matchesAny(p, k)) {
			t.Errorf("kept %q, which fits no pattern", k)
		}
	}
}

func matchesAny(p *Policy, value string) bool {
	for _, keep := range p.rules.keep {
		if keep.re.MatchString(value) {
			return true
		}
	}
	return false
}

func FuzzParse(f *testing.F) {
	f.Add(minimal)
	files := []string{"../testdata/policies/othervendor.toml"}
	for _, name := range BuiltinNames() {
		files = append(files, name+".toml")
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add("[[route]]\npath = '/'\n[[route]]\npath='/**'")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("p.toml", []byte(text))
		if (p == nil) == (err == nil) {
			t.Fatalf("policy %v, error %v", p, err)
		}
		if err != nil {
			if s := err.Error(); !strings.HasPrefix(s, "p.toml:") || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("error %q is no line that says where", s)
			}
			return
		}
		host := strings.Replace(p.Hosts[0], "{tenant}", "t", 1)
		for _, r := range p.Routes {
			method := r.Method
			m, err := p.Match(method, "https://"+host+r.Path)
			if err != nil {
				t.Fatalf("path %q: %v", r.Path, err)
			}
			checkIdempotent(t, p, method, m)
		}
	})
}
