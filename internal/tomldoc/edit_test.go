package tomldoc

import (
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	for _, c := range []struct{ text, key, value, want string }{
		{"", "agents", "5", "[tables.\"a b\"]\nagents = 5\n"},
		{"name = 'x'", "agents", "5", "name = 'x'\n\n[tables.\"a b\"]\nagents = 5\n"},
		{"[tables.\"a b\"]\n", "agents", "5", "[tables.\"a b\"]\nagents = 5\n"},
		{"[tables.'a b'] # ours\nlist = [\n1]\n[tables.c]\n", "agents", "5", "[tables.'a b'] # ours\nagents = 5\nlist = [\n1]\n[tables.c]\n"},
		{"[tables.'a b']\nagents=3 # sure\n[tables.c]\nagents = 4\n", "agents", "5", "[tables.'a b']\nagents = 5 # sure\n[tables.c]\nagents = 4\n"},
		{"[tables.'a b']\r\nagents=3", "agents", `"x"`, "[tables.'a b']\r\nagents = \"x\"\n"},
		{"\ufeff[tables.'a b']\r\nagents=3 # sure\r\n", "agents", "5", "\ufeff[tables.'a b']\r\nagents = 5 # sure\r\n"},
		{"\ufeff[tables.'a b']\r\n", "agents", "5", "\ufeff[tables.'a b']\r\nagents = 5\r\n"},
		{"\ufeff", "agents", "5", "\ufeff[tables.\"a b\"]\nagents = 5\n"},
	} {
		got, err := Set([]byte(c.text), []string{"tables", "a b"}, c.key, c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%q: %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{
		"tables = {'a b' = {agents = 1}}\n",
		"tables = {'a b' = {name = 1}}\n",
		"tables.'a b'.agents = 1\n",
		"[tables]\n'a b' = {agents = 1, list = []}\n",
		"[tables.'a b']\nagents = [\n1,\n2]\n",
	} {
		if got, err := Set([]byte(text), []string{"tables", "a b"}, "agents", "5"); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestAddTable(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "[tables.\"a b\"]\n",
		"\ufeff[tables.'a b']\n": "\ufeff[tables.'a b']\n",
		"\ufeffx = 1":            "\ufeffx = 1\n\n[tables.\"a b\"]\n",
	} {
		if got := AddTable([]byte(text), []string{"tables", "a b"}); string(got) != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"plain", `a"b\c`, "tab\tand\x7f", "ü€"} {
		var got struct {
			Name string `toml:"name"`
		}
		if _, err := Decode("f.toml", []byte("name = "+Quote(s)), &got); err != nil || got.Name != s {
			t.Errorf("%q came back as %q, %v", s, got.Name, err)
		}
	}
}

func FuzzSet(f *testing.F) {
	f.Add("[tables.'a b']\nagents=3 # sure\n", "agents")
	f.Add("tables = {'a b' = {name = 1}}\n", "agents")
	f.Fuzz(func(t *testing.T, text, key string) {
		if !bareKey.MatchString(key) {
			return
		}
		got, err := Set([]byte(text), []string{"tables", "a b"}, key, "5")
		if err == nil && !strings.Contains(string(got), key+" = 5") {
			t.Errorf("%q: %q", text, got)
		}
	})
}
