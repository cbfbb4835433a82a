package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/callaudit"
)

// TestFacadeCountsAsTheCommandsDo: a Go program with the same headroom.toml leaves out and counts together the same
// tenants as the commands do, whether it names the file or gives its values.
func TestFacadeCountsAsTheCommandsDo(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	folder := t.TempDir()
	name := func(s string) string { return filepath.Join(folder, s) }
	var rows strings.Builder
	for i, tenant := range []string{"acme", "acme", "acmi", "sandbox", "blue", "acmi", "sandbox"} {
		fmt.Fprintf(&rows, `{"started_at":"2026-11-01T02:00:%02dZ","method":"GET","url":"https://%s.xima.cloud/rest/api/v2/recordings/`+
			`0f8fad5b-d9cb-469f-a165-7086772895%02d-1793500000000","status":200,"response_bytes":%d,"tenant":"%s"}`+"\n",
			5*i, tenant, i, 1000+i, tenant)
	}
	for file, text := range map[string]string{
		"a.jsonl": rows.String(),
		"headroom.toml": "[tenants.acme]\ncap = 9000\n[tenants.acmi]\nalias_of = \"acme\"\n[tenants.sandbox]\nignore = true\n" +
			"[tenants.corp]\nagents = 3\n",
	} {
		if err := os.WriteFile(name(file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) []byte {
		var out, errs bytes.Buffer
		all := append([]string{"headroom", "-q", "--db", name("a.db"), "--config", name("headroom.toml")}, args...)
		if code := Main(t.Context(), all, strings.NewReader(""), &out, &errs); code == exitFailed {
			t.Fatalf("%v: %s", args, errs.String())
		}
		return out.Bytes()
	}
	command("import", name("a.jsonl"))
	type row struct {
		Tenant   string
		Verdict  string
		Requests int64
		Egress   struct {
			Current int64 `json:"current_bytes"`
		}
		Current int64 `json:"current_bytes"`
	}
	told := func(args ...string) (lines []string) {
		var doc struct{ Tenants []row }
		if err := json.Unmarshal(command(append(args, "--as-of", "2026-11-02", "--format", "json")...), &doc); err != nil {
			t.Fatal(err)
		}
		for _, r := range doc.Tenants {
			lines = append(lines, fmt.Sprintln(r.Tenant, r.Verdict, r.Requests, r.Egress.Current+r.Current))
		}
		return lines
	}
	audit, forecast := fmt.Sprint(told("audit")), fmt.Sprint(told("forecast"))
	if !strings.Contains(audit, "corp no-data 0 0") || !strings.Contains(audit, " 4 4008") || strings.Contains(audit, "sandbox") {
		t.Fatalf("the command says %s", audit)
	}
	for what, opt := range map[string]callaudit.Option{
		"file": callaudit.WithConfigFile(name("headroom.toml")),
		"values": callaudit.WithConfig(callaudit.Config{Tenants: map[string]callaudit.Tenant{
			"acme": {CapBytes: 9000}, "acmi": {AliasOf: "acme"}, "sandbox": {Ignored: true}, "corp": {Agents: 3},
		}}),
	} {
		log, err := callaudit.Open(name("a.db"), opt)
		if err != nil {
			t.Fatal(err)
		}
		s := callaudit.Scope{AsOf: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}
		for range 2 { // the second time from saved states
			a, err := log.Audit(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			f, err := log.Forecast(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			var audited, projected []string
			for i := range a.Tenants {
				r := &a.Tenants[i]
				audited = append(audited, fmt.Sprintln(r.Tenant, r.Verdict, r.Requests, r.Egress.Current))
			}
			for i := range f.Tenants {
				p := &f.Tenants[i]
				projected = append(projected, fmt.Sprintln(p.Tenant, "", 0, p.Current))
			}
			if fmt.Sprint(audited) != audit || fmt.Sprint(projected) != forecast {
				t.Errorf("%s:\n%s%s, the commands:\n%s%s", what, audited, projected, audit, forecast)
			}
		}
		var page bytes.Buffer
		if err := log.WriteReport(t.Context(), &page, s); err != nil {
			t.Fatal(err)
		}
		if html := page.String(); strings.Contains(html, "sandbox") || strings.Contains(html, "acmi") || !strings.Contains(html, "corp") {
			t.Errorf("%s: the page has other tenants than the command's", what)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
