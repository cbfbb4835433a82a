package report

import (
	"cmp"
	"io"
	"strings"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report/text"
)

// RuleRow is one rule of the audit, and what the policy says of it.
type RuleRow struct {
	Name, Severity, Counts, Advice string
	// Causes are the rules that this one is a known effect of.
	Causes []string
	// Section, Page and Basis are those of limits.Policy.Note.
	Section, Page string
	Basis         limits.Basis
}

type rulesDoc struct {
	Schema string    `json:"schema"`
	Rules  []ruleDoc `json:"rules"`
}

type ruleDoc struct {
	Rule     string   `json:"rule"`
	Severity string   `json:"severity"`
	Counts   string   `json:"counts"`
	Advice   string   `json:"advice"`
	Causes   []string `json:"causes"`
	Section  *string  `json:"section"`
	Page     *string  `json:"page"`
	Basis    string   `json:"basis"`
}

// Rules lists rules in the order given. It returns an error that is ErrFormat for
// an unknown format, and w's.
func Rules(w io.Writer, rows []RuleRow, o Options) error {
	l := &listing{
		what: "rules", empty: "There are no rules.",
		columns: []column{
			{head: "Rule"},
			{head: "Severity"},
			{head: "Counts", wrap: true},
			{head: "Said by", wrap: true},
		},
		squeeze: []squeeze{{3, 16}, {2, 24}},
		head:    []string{"rule", "severity", "counts", "advice", "causes", "section", "page", "basis"},
	}
	doc := rulesDoc{Schema: "headroom.rules/v1", Rules: []ruleDoc{}}
	for i := range rows {
		d := newRuleDoc(&rows[i])
		doc.Rules = append(doc.Rules, d)
		l.rows = append(l.rows, []string{d.Rule, d.Severity, d.Counts, saidBy(&rows[i])})
		l.records = append(l.records, map[string]cell{
			"rule": words(d.Rule), "severity": words(d.Severity), "counts": words(d.Counts),
			"advice": words(d.Advice),
			"causes": words(strings.Join(d.Causes, " ")), "section": words(rows[i].Section),
			"page": words(rows[i].Page), "basis": words(d.Basis),
		})
	}
	l.doc = doc
	return l.write(w, o)
}

func newRuleDoc(r *RuleRow) ruleDoc {
	return ruleDoc{
		Rule: r.Name, Severity: r.Severity, Counts: r.Counts, Advice: r.Advice,
		Causes:  append([]string{}, r.Causes...),
		Section: textOrNull(r.Section), Page: textOrNull(r.Page),
		Basis: basisWord(r.Section, r.Page, r.Basis),
	}
}

// Source says whose the rule is, in the words of findings.
func (r *RuleRow) Source() string { return basisWords(r.Section, r.Page, r.Basis) }

// saidBy is Source for a narrow column.
func saidBy(r *RuleRow) string {
	where := text.Clean(cmp.Or(r.Section, r.Page))
	switch {
	case r.Basis == limits.BasisOurs || where == "" && r.Basis == limits.BasisStated:
		return "ours"
	case r.Basis == limits.BasisReading:
		return "our reading of " + cmp.Or(where, "what the vendor publishes")
	}
	return where
}
