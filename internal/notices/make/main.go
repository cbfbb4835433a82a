// Command make writes notices.txt, in the folder above, from the modules that the program is built
// of.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	text, err := collect("../..")
	if err == nil {
		err = os.WriteFile("notices.txt", text, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// collect gathers the licences of the program whose module is in root.
func collect(root string) ([]byte, error) {
	cmd := exec.Command("go", "list", "-deps", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", ".")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list modules: %w", err)
	}
	modules := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
	slices.Sort(modules)
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("find the standard library: %w", err)
	}
	places := append(slices.Compact(modules),
		"The Go standard library\t"+strings.TrimSpace(string(goroot)),
		"Apache ECharts, in the page\t"+filepath.Join(root, "report", "page"))
	var b bytes.Buffer
	b.WriteString("headroom is built from the following, under these licences.\n")
	for _, place := range places {
		name, dir, _ := strings.Cut(place, "\t")
		if err := add(&b, name, dir); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// add writes the heading and the licences of one folder.
func add(b *bytes.Buffer, name, dir string) error {
	var files []string
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "*-LICENSE"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	if files == nil {
		return fmt.Errorf("%s: there is no licence in %s", name, dir)
	}
	fmt.Fprintf(b, "\n%s\n%s\n", strings.Repeat("=", 80), name)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "\n%s\n", bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
	}
	return nil
}
