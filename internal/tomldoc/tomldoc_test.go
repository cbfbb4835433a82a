package tomldoc

import (
	"strings"
	"testing"
)

type sample struct {
	Name   string         `toml:"name"`
	Tables map[string]row `toml:"tables"`
	Rows   []row          `toml:"rows"`
}

type row struct {
	Agents int   `toml:"agents"`
	List   []any `toml:"list"`
}

func TestDecodeNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"name = 1":                         `f.toml:1: "name" must be a text in quotes`,
		"\nnmae = \"x\"":                   `f.toml:2: unknown key "nmae"; did you mean "name"?`,
		"[tables.a]\nagents = true":        `f.toml:2: "tables.a.agents" must be a whole number`,
		"name = ":                          "f.toml:1: ",
		strings.Repeat("#", maxDocument+1): "f.toml: file has 1048577 bytes",
		"\xff\xfen":                        "f.toml: file is text in UTF-16",
	} {
		_, err := Decode("f.toml", []byte(text), new(sample))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: error %v, want %s", text, err, want)
		}
	}
}

func TestErrorf(t *testing.T) {
	text := "name = \"x\"\n[tables.a]\nagents = 1\nlist = [\n1,\n2]\n[[rows]]\n[[rows]]\nagents = 2\n"
	doc, err := Decode("f.toml", []byte(text), new(sample))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"name": "f.toml:1: no", "tables.a.agents": "f.toml:3: no", "tables.a.list[1]": "f.toml:6: no",
		"rows[1].agents": "f.toml:9: no", "tables.a.missing": "f.toml:2: no", "missing": "f.toml: no",
	} {
		if got := doc.Errorf(key, "no").Error(); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"agentz": "agents", "agnts": "agents", "capp": "cap", "zzz": "", "": ""} {
		if got := Nearest(word, []string{"agents", "cap"}); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
