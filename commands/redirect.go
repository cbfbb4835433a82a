package commands

import (
	"cmp"
	"strings"
)

// tellRedirects tells which tenants' calls the config sends elsewhere than the policy would, token
// included: somebody else may have written the config. Without names, it tells of all.
func (s *session) tellRedirects(names ...string) {
	if names == nil {
		names = s.config.Names()
	}
	for _, name := range names {
		to := ""
		if at := s.config.Tenants[name].Place(); at != nil {
			to = at.Host
		}
		usual, ok := s.policy.Host(strings.ToLower(name))
		if to != "" && (!ok || to != usual) {
			s.tell("headroom: the config sends the calls of %s, and their token, to %s and not to %s", name,
				to, cmp.Or(usual, "a host of the policy"))
		}
	}
}
