package commands

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
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

// A hook of a pull that is not complete names the tenants that are not, and only those.
func TestHookOfPullNamesTenants(t *testing.T) {
	s := newPullSite(t, sim.Config{Agents: 1, MeanCall: 3 * time.Hour, BytesPerSecond: 1})
	var got []hookWord
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var word hookWord
		if err := json.NewDecoder(r.Body).Decode(&word); err != nil {
			t.Error(err)
		}
		got = append(got, word)
	}))
	defer hook.Close()
	s.write("headroom.toml", "[hooks]\non_success = \""+hook.URL+"\"\non_failure = \""+hook.URL+"\"\n"+
		"[tenants.acme]\nagents = 2\n[tenants.blue]\ntoken_env = \"TOKEN_OF_BLUE\"\n")
	said, code := s.run(append(s.upstream("pull", "--max-transfer", "1"), "blue")...)
	if code != exitPartly || len(got) != 1 || len(got[0].Tenants) != 2 {
		t.Fatalf("exit code %d, hooks got %+v\n%s", code, got, said)
	}
	blue, acme := got[0].Tenants[0], got[0].Tenants[1] // an error comes first
	if acme.Tenant != "acme" || acme.Missing == 0 || acme.Error != "" {
		t.Errorf("of acme, whose recordings are too large, it got %+v", acme)
	}
	if blue.Tenant != "blue" || !strings.Contains(blue.Error, "TOKEN_OF_BLUE") {
		t.Errorf("of blue, which has no token, it got %+v", blue)
	}
	if said, code := s.run(s.upstream("pull")...); code != exitDone || len(got) != 2 || got[1].Tenants != nil {
		t.Errorf("exit code %d, hooks got %+v\n%s", code, got, said)
	}
}
