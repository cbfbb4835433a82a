package commands

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/tomldoc"
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
// says so. Of names, those that are asked for, it says that they are else left out; none means all.
func (s *session) tellSetAside(snap store.Snapshot, names []string) {
	var ignored []string
	for _, name := range s.knownTenants(snap) {
		switch {
		case !s.config.Tenants[name].Ignored:
		case slices.Contains(names, name):
			s.tell("headroom: the config ignores %s, which is told of since it was named", name)
		case requestsOf(snap, name) > 0:
			ignored = append(ignored, name)
		}
	}
	if ignored != nil {
		s.tell("headroom: left out, as the config says: %s", strings.Join(ignored, ", "))
	}
	for alias, of := range s.config.Aliases() {
		s.detail("headroom: %s counts as %s, as the config says", alias, of)
	}
}

// requestsOf is how many requests a snapshot has of a tenant.
func requestsOf(snap store.Snapshot, name string) int64 {
	for _, t := range snap.Tenants() {
		if t.Name == name {
			return t.Requests
		}
	}
	return 0
}

// tellMisnamed tells of names that look like slips. One is a tenant in the config that the log does
// not have, where it has one by nearly that name of which the config says nothing. That is told
// despite --quiet, too: its cap is missing from the audit. The other is a tenant of the log of
// which the config says nothing, where one by nearly that name has ten times as many requests
// (ours) or more.
func (s *session) tellMisnamed(snap store.Snapshot) {
	requests := map[string]int64{}
	var unsaid []string
	for _, t := range snap.Tenants() {
		requests[t.Name] = t.Requests
		if _, said := s.config.Tenants[t.Name]; !said {
			unsaid = append(unsaid, t.Name)
		}
	}
	for _, name := range s.config.Known() {
		if hint := didYouMean(name, unsaid); requests[name] == 0 && hint != "" {
			s.warn("headroom: the config's tenant %q has no requests%s", name, hint)
		}
	}
	for _, name := range unsaid {
		var larger []string
		for other, n := range requests {
			if n >= 10*requests[name] && undigited(other) != undigited(name) {
				larger = append(larger, other)
			}
		}
		slices.Sort(larger)
		if other := tomldoc.Nearest(name, larger); other != "" {
			s.tell("headroom: is the tenant %q, of %s, a slip for %q? Then write "+
				"headroom tenants --alias %s=%s, or --ignore %s", name,
				measure.Count(requests[name], "request"), other, quoted(name), quoted(other), quoted(name))
		}
	}
}

// undigited is a name without its digits: those that differ in nothing else were numbered.
func undigited(name string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, name)
}
