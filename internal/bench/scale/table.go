package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

// bars is what was measured beside what is asked for.
type bars []bar

type bar struct {
	what, unit   string
	figure, need float64
	atLeast      bool
}

func (b *bars) atMost(what string, figure, need float64, unit string) {
	*b = append(*b, bar{what, unit, figure, need, false})
}

func (b *bars) atLeast(what string, figure, need float64, unit string) {
	*b = append(*b, bar{what, unit, figure, need, true})
}

func (b bar) kept() bool { return b.atLeast == (b.figure >= b.need) || b.figure == b.need }

// print writes a row a bar. A busy machine misses bars that an idle one keeps: the ratios suffer
// least.
func (b bars) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "\nbar\tmeasured\tasked for\t\n")
	for _, r := range b {
		sign, verdict := "≤", "missed"
		if r.atLeast {
			sign = "≥"
		}
		if r.kept() {
			verdict = "kept"
		}
		fmt.Fprintf(w, "%s\t%.4g %s\t%s %g %s\t%s\n", r.what, r.figure, r.unit, sign, r.need, r.unit, verdict)
	}
}
