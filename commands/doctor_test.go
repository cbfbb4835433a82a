package commands

import (
	"errors"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/ingest/proxy"
	"github.com/6dcca832/headroom/store"
)

// TestVerdict has what a trial can show, and what doctor makes of it.
func TestVerdict(t *testing.T) {
	seen := func(class string) *store.Request { return &store.Request{Route: &store.Route{Class: class}} }
	failed := errors.New("exit status 1")
	for _, c := range []struct {
		seen   *store.Request
		output string
		err    error
		ok     bool
		says   string
	}{
		{seen("trial"), "", nil, true, "captured"},
		{seen("trial"), "", failed, true, "but the program failed: exit status 1"},
		{seen(proxy.OpaqueClass), "unknown CA", failed, false, "does not trust the certificate"},
		{nil, "Traceback\nModuleNotFoundError: No module named 'requests'\n", failed, true, "not installed"},
		{nil, "warning\nerror: no compiler module\n", failed, false, "(error: no compiler module); do this"},
		{nil, "", nil, false, "came so far; do this"},
	} {
		says, ok := (&trial{advice: "do this"}).verdict(c.seen, c.output, c.err)
		if ok != c.ok || !strings.Contains(says, c.says) {
			t.Errorf("%+v: %v %q", c, ok, says)
		}
	}
}
