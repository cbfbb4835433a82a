package analyze

import (
	"testing"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
)

// TestPersonalRequestsHaveNoParameters: nothing is kept of whom somebody dials, so nobody says that two dials were the same.
func TestPersonalRequestsHaveNoParameters(t *testing.T) {
	for name, role := range map[string]limits.Role{
		rules.BlindRetry: limits.RoleBadRequest, rules.HastyRetry: limits.RoleServerError, rules.PersistentError: limits.RoleServerError,
		rules.LostReport: limits.RoleDeferred,
	} {
		for _, r := range rules.All {
			if r.Name != name {
				continue
			}
			if k := (rules.Kind{Role: role}); !r.Hears(&k) {
				t.Errorf("%s does not hear %s", name, role)
			}
			if k := (rules.Kind{Role: role, Personal: true}); r.Hears(&k) {
				t.Errorf("%s hears requests whose parameters are not kept", name)
			}
		}
	}
}
