package commands

import (
	"strings"
	"testing"
)

func TestEveryCommandShowsAnExample(t *testing.T) {
	for _, c := range newApp(&streams{}).Commands {
		if !strings.Contains(c.Description, "Example") || !strings.Contains(c.Description, "\n  headroom "+c.Name) {
			t.Errorf("%s: no example in %q", c.Name, c.Description)
		}
		if c.Action == nil || c.Usage == "" {
			t.Errorf("%s: no action or no usage", c.Name)
		}
	}
}

// arrange must not change what an argument means, wherever flags stand.
func TestArrange(t *testing.T) {
	for line, want := range map[string]string{
		"headroom import a.log --tenant x":            "headroom import --tenant x -- a.log",
		"headroom import a.log --db=y -":              "headroom --db=y import -- a.log -",
		"headroom audit --db y --format json":         "headroom --db y audit --format json",
		"headroom --db y import -- --tenant":          "headroom --db y import -- --tenant",
		"headroom import --tenant --db a.log":         "headroom import --tenant --db -- a.log",
		"headroom help audit":                         "headroom help audit",
		"headroom audit --help":                       "headroom audit --help",
		"headroom --version":                          "headroom version",
		"headroom":                                    "headroom",
		"headroom audit --tenant a --tenant b -- c d": "headroom audit --tenant a --tenant b -- c d",
	} {
		got, err := arrange(newApp(&streams{}), strings.Fields(line))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", line, got, err, want)
		}
	}
}
