package commands

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every metric that the alert rules and the dashboard name is one that the program gives.
func TestDeployedFilesNameMetricsThatExist(t *testing.T) {
	known := map[string]bool{}
	for _, d := range descriptions {
		name := regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(d.String())
		if name == nil {
			t.Fatalf("no name in %s", d)
		}
		known[name[1]] = true
	}
	for _, file := range []string{"prometheus/headroom.rules.yml", "prometheus/headroom.test.yml", "grafana/headroom.json"} {
		text, err := os.ReadFile(filepath.Join("../deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		names := regexp.MustCompile(`\bheadroom_[a-z_]+`).FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
}

func TestAlertRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("HEADROOM_CI") != "" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed")
	}
	for _, args := range [][]string{{"check", "rules", "headroom.rules.yml"}, {"test", "rules", "headroom.test.yml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "../deploy/prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// What Prometheus's own linter says of the metrics, as a scrape gives them.
func TestMetricsPassTheLinter(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("HEADROOM_CI") != "" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed")
	}
	server, add := served(t, november)
	add("acme", 4)
	text, _ := fetch(t, server.URL+"/metrics", "")
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
