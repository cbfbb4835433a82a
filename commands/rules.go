package commands

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
)

func newRulesCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "rules",
		Usage:     "tell what each rule of the audit counts, where it comes from, and what to do",
		ArgsUsage: "[RULE]",
		Description: "Examples:\n" +
			"  headroom rules\n" +
			"  headroom rules spacing\n" +
			"  headroom rules --format json",
		Flags: []cli.Flag{formatFlag(report.Formats()...), outputFlag()},
		Action: action(func(c *cli.Context) error {
			look := readLook(c, s)
			text, err := policyText(c.String("policy"))
			if err != nil {
				return err
			}
			policy, err := limits.Parse(c.String("policy"), text)
			if err != nil {
				return err
			}
			name := c.Args().First()
			if c.NArg() > 1 || name != "" && rules.Of(name) == nil {
				return fmt.Errorf("there is no rule %q%s; \"headroom rules\" lists them",
					strings.Join(c.Args().Slice(), " "), didYouMean(name, rules.Names()))
			}
			return writeOutput(s.out, c.String("output"), c.String("db"), func(w io.Writer) error {
				if name != "" && look.Format == "table" {
					return writeRule(w, ruleRow(rules.Of(name), policy))
				}
				return report.Rules(w, ruleRows(name, policy), look)
			})
		}),
	}
}

// ruleRows are all rules, or the one of a name.
func ruleRows(name string, p *limits.Policy) (rows []report.RuleRow) {
	for _, r := range rules.All {
		if name == "" || r.Name == name {
			rows = append(rows, ruleRow(r, p))
		}
	}
	return rows
}

func ruleRow(r *rules.Rule, p *limits.Policy) report.RuleRow {
	note := p.Note(r.Name)
	return report.RuleRow{
		Name: r.Name, Severity: string(r.Severity), Counts: r.Counts,
		Advice: cmp.Or(note.Advice, r.Advice), Causes: r.Causes,
		Section: note.Section, Page: note.Page, Basis: note.Basis,
	}
}

// writeRule tells all of one rule, for people.
func writeRule(w io.Writer, r report.RuleRow) error {
	lines := []string{
		r.Name + " (" + r.Severity + ")", "  Counts  " + r.Counts, "  From    " + r.Source(),
		"  Do      " + r.Advice,
	}
	if len(r.Causes) > 0 {
		lines = append(lines, "  May be an effect of "+strings.Join(r.Causes, ", "))
	}
	if _, err := io.WriteString(w, strings.Join(lines, "\n")+"\n"); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
