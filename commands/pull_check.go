package commands

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/internal/config"
)

// checkPullTenants refuses what a look into the database could not mend: no tenant, a name that is
// in no config while there is no database, no token for any of them.
func (s *session) checkPullTenants(db string, asked []string) error {
	names := s.config.Names()
	if len(asked) == 0 && len(names) == 0 {
		return errors.New(
			"there is no tenant to pull: name one, or write it into headroom.toml, which \"headroom init\" makes",
		)
	}
	if len(asked) > 0 {
		if isURL(db) || fileExists(db) {
			return nil // the database may know more names
		}
		var err error
		if names, err = config.Chosen(asked, names, names); err != nil {
			return fmt.Errorf("flag --tenant: %w", err)
		}
	}
	return s.checkTokens(names)
}

// checkTokens refuses to begin where no tenant has a token: nothing could be done.
func (s *session) checkTokens(names []string) error {
	var envs []string
	for _, name := range names {
		env := s.tokenEnv(name)
		if os.Getenv(env) != "" {
			return nil
		}
		if !slices.Contains(envs, env) {
			envs = append(envs, env)
		}
	}
	const few = 3
	if len(envs) > few {
		envs = append(envs[:few], "…")
	}
	return fmt.Errorf("there is no token: put it into the environment variable %s",
		strings.Join(envs, ", "))
}

// tokenEnv is the environment variable with a tenant's token.
func (s *session) tokenEnv(tenant string) string {
	return cmp.Or(s.config.Tenant(tenant).TokenEnv, defaultTokenEnv)
}
