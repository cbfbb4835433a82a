package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// UnexpectedStatus is the name of the rule.
const UnexpectedStatus = "unexpected-status"

var unexpectedStatus = Rule{
	Name: UnexpectedStatus, Severity: Warning,
	Counts: "answers the vendor's table does not list for the method",
	Advice: "The vendor's table does not list this answer for this method: look at the rows, and report it to support if it persists.",
	Title:  "Answers came that the vendor's table does not list",
	Hears:  func(k *Kind) bool { return k.Code != 0 && !k.Expected && !k.Opaque },
	New: every(func(_ *Facts, c *Call) Evidence {
		method, status := c.Method, c.Status
		return Evidence{Word: fmt.Sprintf("%d to %s", status, method), Why: func() string {
			return fmt.Sprintf("%s was answered %d, which the vendor's table does not list for it", method,
				status)
		}}
	}),
	Detail: func(f *Found) string {
		return "answers that the vendor's table does not list for the method: " + byCount(f.Words)
	},
}

// byCount writes "reset ×12, dns ×3".
func byCount(counts map[string]int64) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = fmt.Sprintf("%s ×%d", k, counts[k])
	}
	return strings.Join(words, ", ")
}
