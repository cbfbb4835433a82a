package commands

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestFormatsPageHasTheHooks: FORMATS.md explains each member of what a hook gets, and its example is such a thing.
func TestFormatsPageHasTheHooks(t *testing.T) {
	page, err := os.ReadFile("../FORMATS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## What hooks get")
	section, _, _ = strings.Cut(section, "\n## ")
	_, example, _ := strings.Cut(section, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	d := json.NewDecoder(strings.NewReader(example))
	d.DisallowUnknownFields()
	var word hookWord
	if err := d.Decode(&word); err != nil {
		t.Fatalf("the example: %v", err)
	}
	typ := reflect.TypeOf(word)
	for i := range typ.NumField() {
		member, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(section, "| `"+member+"` |") {
			t.Errorf("FORMATS.md does not explain %s", member)
		}
		if reflect.ValueOf(word).Field(i).IsZero() {
			t.Errorf("the example lacks %s", member)
		}
	}
}
