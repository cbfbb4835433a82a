package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/limits"
)

func TestRulesSayWhoseTheyAre(t *testing.T) {
	rows := []RuleRow{
		{Name: "a", Severity: "violation", Counts: "gaps", Causes: []string{"b", "c"}, Section: "S", Page: "P"},
		{Name: "b", Severity: "warning", Counts: "x", Section: "S", Basis: limits.BasisReading},
		{Name: "c", Severity: "notice", Counts: "y"},
	}
	for format, want := range map[string][]string{
		"table":    {"our reading of S", "ours"},
		"csv":      {"a,violation,gaps,,b c,S,P,vendor", "c,notice,y,,,,,ours"},
		"json":     {`"schema": "headroom.rules/v1"`, `"basis": "our reading"`, `"section": null`},
		"markdown": {"| a |"},
	} {
		var b bytes.Buffer
		if err := Rules(&b, rows, Options{Format: format}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(b.String(), w) {
				t.Errorf("%s: no %q in\n%s", format, w, b.String())
			}
		}
	}
}
