package store_test

import (
	"os/exec"
	"strings"
	"testing"
)

// What analyses, imports and reports knows no database, so that it compiles without cgo.
func TestNoDatabaseBelowCommands(t *testing.T) {
	const module = "github.com/6dcca832/headroom/"
	args := []string{"list", "-deps"}
	for _, pkg := range []string{"store", "store/pack", "store/packed", "limits", "ingest/...", "analyze/...", "report/..."} {
		args = append(args, module+pkg)
	}
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if strings.Contains(pkg, "sqlite") || strings.Contains(pkg, "pgx") || pkg == "database/sql" {
			t.Errorf("%s is imported", pkg)
		}
	}
}
