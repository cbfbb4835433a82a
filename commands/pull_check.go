package commands

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/pull/api"
)

// checkPullTenants refuses what a look into the database could not mend: no tenant, a name that is
// in no config while there is no database, no token for any of them.
func (s *session) checkPullTenants(db string, asked []string) error {
	names := s.config.Names()
	if len(asked) == 0 && len(names) == 0 {
		return errors.New(
			"there is no tenant to pull: write one into headroom.toml, which \"headroom init\" makes",
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
		if readToken(env) != "" {
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

// readToken is the token in an environment variable, without the spaces and the carriage return
// that a file's line may leave around it; no token holds any.
func readToken(env string) string { return strings.TrimSpace(os.Getenv(env)) }

// nameTokens adds to a tenant's error about its token the variable that the token came from.
func (s *session) nameTokens(results []pull.Result) {
	for i := range results {
		var e *api.Error
		if errors.As(results[i].Err, &e) && e.Role == limits.RoleAuth {
			results[i].Err = fmt.Errorf("%w (its token is in %s)", results[i].Err,
				s.tokenEnv(results[i].Tenant))
		}
	}
}

// withoutConfig adds to an error for want of what a config says where one was looked for.
func withoutConfig(c *cli.Context, err error) error {
	if c.String("config") != "" || fileExists(defaultConfig) {
		return err
	}
	folder, absErr := filepath.Abs(".")
	if absErr != nil {
		return err
	}
	return fmt.Errorf("%w; there is no %s in %s", err, defaultConfig, pathname.Quote(folder))
}

// tokenEnv is the environment variable with a tenant's token.
func (s *session) tokenEnv(tenant string) string {
	return cmp.Or(s.config.Tenant(tenant).TokenEnv, defaultTokenEnv)
}
