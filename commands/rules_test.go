package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
)

// TestRulesSayTheirSourceInOneVoice: "rules", "rules NAME", their JSON, an audit's finding in words and in JSON, and
// the page say the same of where a rule comes from, with a policy that names it and with one that does not.
func TestRulesSayTheirSourceInOneVoice(t *testing.T) {
	xima, err := limits.Builtin(defaultPolicy)
	if err != nil {
		t.Fatal(err)
	}
	silent := *xima
	silent.Notes = nil
	for _, policy := range []*limits.Policy{xima, &silent} {
		for _, r := range rules.All {
			row := ruleRow(r, policy)
			var one, doc, audit, auditDoc, html bytes.Buffer
			note := policy.Note(r.Name)
			found := &analyze.Report{PolicyName: policy.Name, Tenants: []analyze.Result{{
				Tenant: "acme", Requests: 1, Verdict: analyze.Warn, Findings: []analyze.Finding{{
					Rule: r.Name, Severity: r.Severity, Count: 1, Section: note.Section, Page: note.Page, Basis: note.Basis,
				}},
			}}}
			picture := &report.Picture{Policy: policy, Audit: found}
			for _, err := range []error{
				writeRule(&one, row),
				report.Rules(&doc, []report.RuleRow{row}, report.Options{Format: "json"}),
				report.Audit(&audit, found, report.Options{Format: "table", Width: 400}),
				report.Audit(&auditDoc, found, report.Options{Format: "json"}),
				page.Write(&html, picture),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			words := row.Source()
			for what, text := range map[string]string{"rules " + r.Name: one.String(), "audit": audit.String()} {
				if !strings.Contains(text, words+"\n") {
					t.Errorf("%s: %s does not say %q:\n%s", r.Name, what, words, text)
				}
			}
			if plain := strings.NewReplacer("&#39;", "'", "&amp;", "&").Replace(html.String()); !strings.Contains(plain, words) {
				t.Errorf("%s: the page does not say %q", r.Name, words)
			}
			var listed struct{ Rules []struct{ Basis string } }
			var audited struct {
				Tenants []struct{ Findings []struct{ Basis string } }
			}
			if err := json.Unmarshal(doc.Bytes(), &listed); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(auditDoc.Bytes(), &audited); err != nil {
				t.Fatal(err)
			}
			basis := listed.Rules[0].Basis
			if other := audited.Tenants[0].Findings[0].Basis; other != basis {
				t.Errorf("%s: basis %q in the list, %q in the audit", r.Name, basis, other)
			}
			begins := map[string]string{"vendor": "the vendor's page: ", "our reading": "our reading of ", "ours": "headroom's own rule"}[basis]
			if begins == "" || !strings.HasPrefix(words, begins) {
				t.Errorf("%s: basis %q and the words %q", r.Name, basis, words)
			}
			var table bytes.Buffer
			if err := report.Rules(&table, []report.RuleRow{row}, report.Options{Format: "table", Width: 400}); err != nil {
				t.Fatal(err)
			}
			said := strings.Fields(table.String())
			own := said[len(said)-1] == "ours"
			if own != (basis == "ours") || strings.Contains(table.String(), "our reading of") != (basis == "our reading") {
				t.Errorf("%s: basis %q and the list\n%s", r.Name, basis, table.String())
			}
			if policy == &silent && basis != "ours" {
				t.Errorf("%s: a policy that does not name it gives %q", r.Name, basis)
			}
		}
	}
}

// TestFindingsSayWhatRulesSays: the same of an audit that found something, through the program.
func TestFindingsSayWhatRulesSays(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	server := t.TempDir() + "/a.db"
	rows := ""
	for i := range 2 {
		rows += fmt.Sprintf(`{"started_at":"2026-11-01T02:00:0%dZ","method":"GET","url":"https://acme.xima.cloud/rest/api/v2/recordings/`+
			`0f8fad5b-d9cb-469f-a165-708677289500-1793500000000","status":200,"response_bytes":1000,"tenant":"acme"}`+"\n", i)
	}
	command := func(stdin string, args ...string) []byte {
		var out, errs bytes.Buffer
		if code := Main(t.Context(), append([]string{"headroom", "-q", "--db", server}, args...), strings.NewReader(stdin), &out, &errs); code == exitFailed {
			t.Fatalf("%v: %s", args, errs.String())
		}
		return out.Bytes()
	}
	command(rows, "import", "-")
	var audited struct {
		Tenants []struct {
			Findings []struct{ Rule, Basis string }
		}
	}
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
	if err := json.Unmarshal(command("", "audit", "--as-of", at, "--format", "json"), &audited); err != nil {
		t.Fatal(err)
	}
	stale := false
	for _, f := range audited.Tenants[0].Findings {
		var listed struct{ Rules []struct{ Basis string } }
		if err := json.Unmarshal(command("", "rules", f.Rule, "--format", "json"), &listed); err != nil {
			t.Fatal(err)
		}
		stale = stale || f.Rule == rules.StalePull
		if listed.Rules[0].Basis != f.Basis {
			t.Errorf("%s: %q in the audit, %q in the list of rules", f.Rule, f.Basis, listed.Rules[0].Basis)
		}
	}
	if !stale {
		t.Errorf("no stale-pull, which has a page and no section: %+v", audited)
	}
}
