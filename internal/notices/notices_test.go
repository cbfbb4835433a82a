package notices

import (
	"os/exec"
	"strings"
	"testing"
)

func TestEachModuleIsThere(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", ".")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range append(strings.Split(strings.TrimSpace(string(out)), "\n"), "Apache ECharts, in the page") {
		if !strings.Contains(Text, "\n"+module+"\n") {
			t.Errorf("%s is missing: go generate ./internal/notices", module)
		}
	}
}
