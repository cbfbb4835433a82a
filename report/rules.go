package report

import (
	"io"
	"strings"

	"github.com/6dcca832/headroom/limits"
)

// RuleRow is one rule of the audit, and what the policy says of it.
type RuleRow struct {
	Name, Severity, Counts, Advice string
	// Causes are the rules that this one is a known effect of.
	Causes []string
	// Section and Page are the vendor's, "" where the vendor says nothing of it.
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
		Section: textOrNull(r.Section), Page: textOrNull(r.Page), Basis: basis(r),
	}
}

// basis is what the rule rests on, in a word.
func basis(r *RuleRow) string {
	switch {
	case r.Basis != limits.BasisStated:
		return string(r.Basis)
	case r.Section == "":
		return string(limits.BasisOurs)
	}
	return "vendor"
}

// saidBy says whose the rule is, for people.
func saidBy(r *RuleRow) string {
	switch basis(r) {
	case "vendor":
		return r.Section
	case string(limits.BasisReading):
		return "our reading of " + r.Section
	}
	return "ours"
}
