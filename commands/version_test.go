package commands

import (
	"runtime/debug"
	"slices"
	"testing"
)

// A build from a checkout tells its commit, one by "go install" its module's checksum.
func TestVersionTellsItsSources(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "8a1f"}
	for name, c := range map[string]struct {
		info debug.BuildInfo
		want []string
	}{
		"checkout": {debug.BuildInfo{Settings: []debug.BuildSetting{commit}}, []string{"commit 8a1f"}},
		"changed": {
			debug.BuildInfo{Settings: []debug.BuildSetting{commit, {Key: "vcs.modified", Value: "true"}}},
			[]string{"commit 8a1f", "with changes that are not committed"},
		},
		"go install": {
			debug.BuildInfo{Main: debug.Module{Version: "v0.1.0", Sum: "h1:x="}},
			[]string{"module h1:x="},
		},
		"neither": {},
	} {
		if got := sources(&c.info); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
