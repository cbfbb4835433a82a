package report

import (
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
)

// nightsListing has a row for each night of a tenant that is counted.
func nightsListing(t *analyze.Result) *listing {
	l := &listing{
		columns: []column{
			{head: "Night of"}, {head: "Requests", right: true}, {head: "Recordings", right: true},
			{head: "Audio", right: true}, {head: "Refused", right: true},
			{head: "Shortest\ngap", right: true}, {head: "Rules broken", wrap: true},
		},
		squeeze: []squeeze{{6, 16}},
	}
	for i := range t.Nights {
		n := &t.Nights[i]
		l.rows = append(l.rows, []string{
			measure.Date(n.Date, n.Date.Location()), measure.Grouped(n.Requests),
			measure.Grouped(n.Recordings), measure.Bytes(n.Bytes), measure.Grouped(n.Refused),
			measure.Duration(n.Least), firedWords(n),
		})
	}
	return l
}

// firedWords are how often each rule fired in a night.
func firedWords(n *analyze.NightCount) string {
	words := make([]string, len(n.Findings))
	for i, f := range n.Findings {
		words[i] = rules.Names()[f.Of] + " ×" + measure.Grouped(f.N)
	}
	return strings.Join(words, ", ")
}
