package rules

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/limits"
)

var tableRow = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| ([^|]*) \\| ([^|]*) \\|$")

// TestReadmeHasEachRule: in the README's table, each rule stands once, with its severity and in its words.
func TestReadmeHasEachRule(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## The rules\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var seen []string
	for _, row := range tableRow.FindAllStringSubmatch(table, -1) {
		r := Of(row[1])
		if r == nil {
			t.Errorf("the README has a rule %q", row[1])
			continue
		}
		seen = append(seen, r.Name)
		if severity, _, _ := strings.Cut(row[2], ";"); severity != string(r.Severity) || row[3] != r.Counts {
			t.Errorf("the README says of %s: %s, %q; the rule %s, %q", r.Name, row[2], row[3], r.Severity, r.Counts)
		}
		if strings.Contains(row[2], "; violation") != (r.Grave != nil) {
			t.Errorf("the README says of %s: %s", r.Name, row[2])
		}
	}
	for _, name := range Names() {
		n := 0
		for _, s := range seen {
			if s == name {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the README's table has rule %s %d times, want once", name, n)
		}
	}
}

// TestPolicyNamesEachRule: a rule that the built-in policy forgot would be told as ours.
func TestPolicyNamesEachRule(t *testing.T) {
	p, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if n, ok := p.Notes[name]; !ok || n.Section == "" && n.Page == "" && n.Basis == limits.BasisStated {
			t.Errorf(`limits/xima.toml: [rule.%s] must name the vendor's section or page, or say basis = "ours"`, name)
		}
	}
	for name := range p.Notes {
		if Of(name) == nil {
			t.Errorf("limits/xima.toml: [rule.%s]: there is no such rule", name)
		}
	}
}

// TestRulesAreWhole: each has what is told of it, and its causes are rules.
func TestRulesAreWhole(t *testing.T) {
	if len(All) > 62 {
		t.Fatalf("%d rules: masks of them have 63 bits, one for what was refused", len(All))
	}
	for _, r := range All {
		if r.Name == "" || r.Counts == "" || r.Advice == "" || r.Detail == nil || r.New == nil {
			t.Errorf("%q lacks something", r.Name)
		}
		if r.Severity.AtLeast(Warning) && r.Title == "" {
			t.Errorf("%s may be an incident's cause and has no title", r.Name)
		}
		for _, c := range r.Causes {
			if Of(c) == nil {
				t.Errorf("%s has a cause %q", r.Name, c)
			}
		}
	}
}
