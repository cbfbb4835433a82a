package commands

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/store"
)

// readTenants gives the tenants that are asked for, as they were written: those of --tenant, and
// the arguments. It refuses an argument that was meant to be a file.
func readTenants(c *cli.Context) ([]string, error) {
	for _, arg := range c.Args().Slice() {
		if hint := fileHint(c.Command, arg); hint != "" {
			return nil, fmt.Errorf("argument %q would be a tenant's name; %s, and for a tenant --tenant %s",
				arg, hint, quoted(arg))
		}
	}
	return slices.Concat(c.StringSlice("tenant"), c.Args().Slice()), nil
}

// fileHint says what to do with an argument that looks like a file, "" for one that does not.
func fileHint(cmd *cli.Command, arg string) string {
	name := strings.TrimSuffix(strings.ToLower(arg), ".gz")
	switch path.Ext(name) {
	case ".log", ".jsonl", ".har", ".ndjson":
		return "to read a file, write headroom import " + quoted(arg)
	case ".db", ".sqlite", ".sqlite3":
		return "to use a database, write --db " + quoted(arg)
	case ".toml":
		return "to use a configuration, write --config " + quoted(arg)
	case ".html", ".json", ".csv", ".md", ".txt", ".prom":
		if find(cmd.Flags, "output") != nil {
			return "to write to a file, write --output " + quoted(arg)
		}
	}
	return ""
}

// tenants are the known ones among those that are asked for; none means all. It refuses what nobody
// knows. Tenants that the config ignores are left out, unless they are asked for by name.
func (s *session) tenants(snap store.Snapshot, asked []string) ([]string, error) {
	names, err := s.config.Choose(store.TenantNames(snap), asked)
	if err != nil {
		return nil, fmt.Errorf("flag --tenant: %w", err)
	}
	return names, nil
}

// knownTenants are those of the log and of the config, in order, without aliases where the snapshot
// has none.
func (s *session) knownTenants(snap store.Snapshot) []string {
	return s.config.KnownWith(store.TenantNames(snap))
}

// tellSetAside tells of the tenants that are left out, or counted as others, because the config
// says so.
func (s *session) tellSetAside(snap store.Snapshot) {
	var ignored []string
	for _, t := range snap.Tenants() {
		if s.config.Tenants[t.Name].Ignored {
			ignored = append(ignored, t.Name)
		}
	}
	if ignored != nil {
		s.tell("headroom: left out, as the config says: %s", strings.Join(ignored, ", "))
	}
	for alias, of := range s.config.Aliases() {
		s.detail("headroom: %s counts as %s, as the config says", alias, of)
	}
}

// tellMisnamed tells of tenants in the config that the log does not have, where it has one by
// nearly that name of which the config says nothing: its cap would be missing from the audit
// without a word.
func (s *session) tellMisnamed(snap store.Snapshot) {
	recorded := map[string]bool{}
	var unsaid []string
	for _, t := range snap.Tenants() {
		recorded[t.Name] = true
		if _, said := s.config.Tenants[t.Name]; !said {
			unsaid = append(unsaid, t.Name)
		}
	}
	for _, name := range s.config.Known() {
		if hint := didYouMean(name, unsaid); !recorded[name] && hint != "" {
			s.tell("headroom: the config's tenant %q has no requests%s", name, hint)
		}
	}
}
