package report

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestFormatsPage: the examples of FORMATS.md have the keys that the program writes, no more and no fewer.
func TestFormatsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "FORMATS.md"))
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]any{
		"headroom.audit/v2": auditDoc{}, "headroom.usage/v1": usageDoc{}, "headroom.explain/v1": explainDoc{}, "headroom.forecast/v1": forecastDoc{}, "headroom.tenants/v1": tenantsDoc{},
	}
	for i, part := range strings.Split(string(page), "```json\n")[1:] {
		example, _, _ := strings.Cut(part, "```")
		var v map[string]any
		if err := json.Unmarshal([]byte(example), &v); err != nil {
			t.Errorf("example %d: %v", i+1, err)
			continue
		}
		name, _ := v["schema"].(string)
		doc, ok := docs[name]
		if !ok {
			continue // the request record: package ingest reads it
		}
		delete(docs, name)
		got, want := map[string]bool{}, map[string]bool{}
		keysOf("", v, got)
		keysOfType("", reflect.TypeOf(doc), want)
		if !maps.Equal(got, want) {
			t.Errorf("%s: the page has\n%v\nthe program\n%v", name, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
	for name := range docs {
		t.Errorf("FORMATS.md has no example of %s", name)
	}
}

// keysOf collects the paths of all keys.
func keysOf(path string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			into[path+"."+name] = true
			keysOf(path+"."+name, member, into)
		}
	case []any:
		for _, element := range v {
			keysOf(path, element, into)
		}
	}
}

func keysOfType(path string, typ reflect.Type, into map[string]bool) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		keysOfType(path, typ.Elem(), into)
	case reflect.Struct:
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Anonymous {
				keysOfType(path, f.Type, into)
				continue
			}
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			into[path+"."+name] = true
			keysOfType(path+"."+name, f.Type, into)
		}
	}
}
