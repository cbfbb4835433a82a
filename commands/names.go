package commands

import (
	"errors"
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

// chosen are the known tenants that are asked for, each once; none means that all are.
//
// Each of what is asked for is a name, several names with commas between, or a pattern such as
// "blue-*". A name that is known is taken as it stands, since it may hold a comma or a star.
// Patterns choose among told.
func chosen(asked, known, told []string) ([]string, error) {
	var names []string
	take := func(more ...string) {
		for _, name := range more {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, one := range asked {
		if slices.Contains(known, one) {
			take(one)
			continue
		}
		for part := range strings.SplitSeq(one, ",") {
			matching, err := matching(strings.TrimSpace(part), known, told)
			if err != nil {
				return nil, err
			}
			take(matching...)
		}
	}
	return names, nil
}

// matching are the known tenant of a name, or those of told that fit a pattern.
func matching(pattern string, known, told []string) ([]string, error) {
	if slices.Contains(known, pattern) {
		return []string{pattern}, nil
	}
	if !strings.ContainsAny(pattern, "*?[") {
		return nil, unknownTenant(pattern, known)
	}
	var names []string
	for _, name := range told {
		fits, err := path.Match(pattern, name)
		if err != nil {
			return nil, fmt.Errorf("flag --tenant: pattern %q cannot be read; write one such as \"blue-*\"",
				pattern)
		}
		if fits {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil, unknownTenant(pattern, known)
	}
	return names, nil
}

// tenants are the known ones among those that are asked for; none means all. It refuses what nobody
// knows. Tenants that the config ignores are left out, unless they are asked for by name.
func (s *session) tenants(snap store.Snapshot, asked []string) ([]string, error) {
	known := s.knownTenants(snap)
	told := slices.DeleteFunc(slices.Clone(known),
		func(name string) bool { return s.config.Tenants[name].Ignored })
	switch {
	case len(asked) == 0 && len(told) == len(known):
		return nil, nil
	case len(asked) == 0 && len(told) == 0:
		return nil, errors.New("the config ignores every tenant; name one with --tenant")
	case len(asked) == 0:
		return told, nil
	}
	return chosen(asked, known, told)
}

// knownTenants are those of the log and of the config, in order, without aliases where the snapshot
// has none.
func (s *session) knownTenants(snap store.Snapshot) []string {
	aliases := s.config.Aliases()
	known := slices.DeleteFunc(s.config.Names(), func(name string) bool { return aliases[name] != "" })
	for _, t := range snap.Tenants() {
		known = append(known, t.Name)
	}
	slices.Sort(known)
	return slices.Compact(known)
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

// unknownTenant names the nearest known tenant, or the first few.
func unknownTenant(name string, known []string) error {
	const few = 8
	what := "is not known"
	if strings.ContainsAny(name, "*?[") {
		what = "fits no tenant"
	}
	switch hint := didYouMean(name, known); {
	case len(known) == 0:
		return fmt.Errorf(
			"flag --tenant: %q %s: no tenant is known, neither in the database nor in the config", name,
			what)
	case hint != "":
		return fmt.Errorf("flag --tenant: %q %s%s", name, what, hint)
	case len(known) > few:
		return fmt.Errorf(
			"flag --tenant: %q %s; known are %s and %d more, which \"headroom tenants\" lists", name, what,
			strings.Join(known[:few], ", "), len(known)-few)
	}
	return fmt.Errorf("flag --tenant: %q %s; known are %s", name, what, strings.Join(known, ", "))
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
