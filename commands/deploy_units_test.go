package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"
)

const installed = "/usr/bin/headroom"

// takes says what is wrong with a command line of the program, whose first word is its name.
func takes(t *testing.T, words ...string) error {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var out, told bytes.Buffer
	args := append(slices.Clone(words), "--help") // which does nothing else, once the flags are known
	if Main(context.Background(), args, strings.NewReader(""), &out, &told) != 0 {
		return errors.New(told.String())
	}
	return nil
}

// units gives the texts of deploy/systemd by name.
func units(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../deploy/systemd/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("units are %q: %v", files, err)
	}
	all := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = string(text)
	}
	return all
}

// systemd itself reads the units without a word, where it has another program to start.
func TestUnitsAreSystemds(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("HEADROOM_CI") == "1" {
			t.Fatal(err)
		}
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for name, text := range units(t) {
		file := filepath.Join(dir, name)
		text = strings.ReplaceAll(text, installed, "/bin/true")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}

// environment are the variables that the program reads.
func environment() map[string]bool {
	known := map[string]bool{defaultTokenEnv: true}
	add := func(flags []cli.Flag) {
		for _, f := range flags {
			if f, ok := f.(cli.DocGenerationFlag); ok {
				for _, name := range f.GetEnvVars() {
					known[name] = true
				}
			}
		}
	}
	app := newApp(&streams{})
	add(app.Flags)
	for _, c := range app.Commands {
		add(c.Flags)
	}
	return known
}

// The commands and variables of units and compose file are the program's.
func TestDeployedFilesNameWhatTheProgramHas(t *testing.T) {
	known := environment()
	variables := func(file, text string) {
		for _, name := range regexp.MustCompile(`\bHEADROOM_[A-Z_]+`).FindAllString(text, -1) {
			if !known[name] {
				t.Errorf("%s: the program reads no %s", file, name)
			}
		}
	}
	for file, text := range units(t) {
		variables(file, text)
		lines := commandLines(text)
		if strings.HasSuffix(file, ".service") && len(lines) == 0 {
			t.Errorf("%s starts nothing", file)
		}
		for _, line := range lines {
			parts := []string{line}
			if script, ok := strings.CutPrefix(line, "/bin/sh -c '"); ok {
				parts = regexp.MustCompile(installed+`[^;|']*`).FindAllString(script, -1)
			}
			for _, part := range parts {
				words := strings.Fields(part)
				if words[0] != installed {
					t.Errorf("%s starts %s", file, words[0])
				}
				if err := takes(t, words...); err != nil {
					t.Errorf("%s: %s: %v", file, part, err)
				}
			}
		}
	}
	if takes(t, installed, "push", "--evry", "5m") == nil {
		t.Error("a flag that is none is taken")
	}
}

// commandLines are what a unit starts, as a shell would read it: systemd joins lines that end in a
// backslash, and has a dollar sign doubled.
func commandLines(unit string) (lines []string) {
	unit = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(unit, " ")
	for _, m := range regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindAllStringSubmatch(unit, -1) {
		lines = append(lines, strings.ReplaceAll(m[1], "$$", "$"))
	}
	return lines
}

// The nightly unit audits whatever became of the pull, and fails where either could not be made or
// the audit found something; recordings that are missing are the audit's to judge.
func TestNightlyUnitKeepsTheWorseCode(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	lines := commandLines(units(t)["headroom-nightly.service"])
	if len(lines) != 1 {
		t.Fatalf("the unit starts %q", lines)
	}
	fake := filepath.Join(t.TempDir(), "headroom")
	line := strings.ReplaceAll(lines[0], installed, fake)
	for _, c := range []struct{ pull, audit, want int }{
		{0, 0, 0}, {3, 0, 0}, {2, 0, 2}, {130, 0, 130},
		{0, 1, 1}, {3, 1, 1}, {2, 1, 1}, {0, 2, 2}, {3, 2, 2},
	} {
		script := fmt.Sprintf("#!/bin/sh\necho $1\n[ $1 = pull ] && exit %d\nexit %d\n", c.pull, c.audit)
		if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", line)
		out, err := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != c.want || string(out) != "pull\naudit\n" {
			t.Errorf("pull %d, audit %d: exit code %d, want %d; %q, %v", c.pull, c.audit, code, c.want, out, err)
		}
	}
}

// compose is what the test reads of the compose file.
type compose struct {
	Services map[string]struct {
		Image       string
		Environment map[string]string
		Command     []string
		Volumes     []string
		Secrets     []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct{ Test []string }
	}
	Secrets map[string]struct{ File string }
	Volumes map[string]any
}

// The compose file refers to nothing that it or the repository lacks.
func TestComposeFileHoldsTogether(t *testing.T) {
	text, err := os.ReadFile("../deploy/postgres/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile("../postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	known := environment()
	for name, s := range c.Services {
		if s.Image == "" {
			t.Errorf("%s has no image", name)
		}
		for other, d := range s.DependsOn {
			on, found := c.Services[other]
			if !found || d.Condition == "service_healthy" && len(on.Healthcheck.Test) == 0 {
				t.Errorf("%s waits for %s, which never comes", name, other)
			}
		}
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, found := c.Volumes[from]; !found && !strings.HasPrefix(from, "./") {
				t.Errorf("%s mounts %s, which is not there", name, from)
			}
		}
		given := map[string]bool{}
		for _, secret := range s.Secrets {
			given[secret] = true
			if c.Secrets[secret].File == "" {
				t.Errorf("%s needs the secret %s, which is not there", name, secret)
			}
		}
		told := strings.Join(s.Command, " ")
		for variable, value := range s.Environment {
			told += " " + value
			if strings.HasPrefix(variable, "HEADROOM_") && !known[variable] {
				t.Errorf("%s: the program reads no %s", name, variable)
			}
		}
		for _, secret := range regexp.MustCompile(`/run/secrets/(\w+)`).FindAllStringSubmatch(told, -1) {
			if !given[secret[1]] {
				t.Errorf("%s reads the secret %s, which it is not given", name, secret[1])
			}
		}
		for _, role := range regexp.MustCompile(`\bheadroom_\w+`).FindAllString(told, -1) {
			if !bytes.Contains(schema, []byte("CREATE ROLE "+role)) {
				t.Errorf("%s: postgres.sql makes no role %s", name, role)
			}
		}
		if _, line, found := strings.Cut(told, "exec headroom "); found {
			line, _, _ = strings.Cut(line, " postgres:")
			if err := takes(t, append([]string{"headroom"}, strings.Fields(line)...)...); err != nil {
				t.Errorf("%s: %s: %v", name, line, err)
			}
		}
	}
	if len(c.Services) != 2 {
		t.Errorf("%d services", len(c.Services))
	}
}
