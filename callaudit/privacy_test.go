package callaudit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/callaudit"
	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/store"
)

// canaries are what must not be kept, whatever field an embedder puts it into.
var canaries = []string{"jane.doe@example.com", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "+1 (555) 123-0038"}

// TestNothingPersonalByTheFacade puts each canary into every text that the package takes: it is in
// neither the file, nor an audit, a forecast or the page.
func TestNothingPersonalByTheFacade(t *testing.T) {
	for _, canary := range canaries {
		told := callaudit.Tenant{CapBytes: 1000, CapToldOn: time.Unix(1.7e9, 0)}
		fillTexts(reflect.ValueOf(&told).Elem(), canary)
		c := callaudit.Config{Defaults: told, Tenants: map[string]callaudit.Tenant{"acme": told}}
		file := filepath.Join(t.TempDir(), "a.db")
		log, err := callaudit.Open(file, callaudit.WithConfig(c))
		if err != nil {
			t.Fatal(err)
		}
		if c.Defaults.CapToldBy != canary || c.Tenants["acme"].CapToldBy != canary {
			t.Error("the caller's own config was changed")
		}
		for _, url := range []string{audio, "http://other.example/x"} {
			client := &http.Client{Transport: log.Transport(vendor{}, ingest.WithClient(canary), ingest.WithTenant(canary),
				ingest.WithSource(&store.Source{Kind: canary, Name: canary}))}
			if err := get(client, url); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Reset(t.Context(), "acme", time.Now().Add(-time.Minute), "told by "+canary); err != nil {
			t.Fatal(err)
		}
		if err := log.Reset(t.Context(), canary, time.Now(), ""); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("a reset of tenant %q: %v", canary, err)
		}
		noneOf(t, canary, log)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("%q is in the file", canary)
		}
		if !bytes.Contains(data, []byte("told by ")) {
			t.Error("the note of the reset is not in the file")
		}
		named := callaudit.Config{Tenants: map[string]callaudit.Tenant{canary: {}}}
		if _, err := callaudit.Open(file, callaudit.WithConfig(named)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("a tenant with the name %q: %v", canary, err)
		}
	}
}

// fillTexts puts a text into every field that takes one. An alias is another tenant's name, and names of hosts and
// variables must look like such.
func fillTexts(v reflect.Value, text string) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if f := v.Field(i); f.Kind() == reflect.String && f.CanSet() && !slices.Contains([]string{"AliasOf", "Host", "TokenEnv"}, name) {
			f.SetString(text)
		}
	}
}

// noneOf checks everything that the log tells.
func noneOf(t *testing.T, canary string, log *callaudit.Log) {
	t.Helper()
	var s callaudit.Scope
	audit, err1 := log.Audit(t.Context(), s)
	forecast, err2 := log.Forecast(t.Context(), s)
	var page bytes.Buffer
	if err := errors.Join(err1, err2, log.WriteReport(t.Context(), &page, s)); err != nil {
		t.Fatal(err)
	}
	for what, v := range map[string]any{"audit": audit, "forecast": forecast, "page": page.String()} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("%q is in the %s", canary, what)
		}
	}
}
