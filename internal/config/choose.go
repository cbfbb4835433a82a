package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/internal/tomldoc"
)

// Choose gives the tenants that something is to be told of: those that are asked for, each once, or
// none, which means all, where nothing is asked for and nothing is set aside. Recorded are those
// that the log has, without aliases. Tenants that are ignored are left out, unless they are asked
// for by name.
//
// Each of what is asked for is a name, several names with commas between, or a pattern such as
// "blue-*". A name that nobody knows is an error that names the nearest.
func (c *Config) Choose(recorded, asked []string) ([]string, error) {
	known := c.KnownWith(recorded)
	told := slices.DeleteFunc(slices.Clone(known),
		func(name string) bool { return c.Tenants[name].Ignored })
	switch {
	case len(asked) == 0 && len(told) == len(known):
		return nil, nil
	case len(asked) == 0 && len(told) == 0:
		return nil, errors.New("the config ignores every tenant; name one")
	case len(asked) == 0:
		return told, nil
	}
	return Chosen(asked, known, told)
}

// KnownWith are the tenants of the log, recorded, and those of the config but for its aliases, in
// order.
func (c *Config) KnownWith(recorded []string) []string {
	known := slices.DeleteFunc(c.Names(),
		func(name string) bool { return c.Tenants[name].AliasOf != "" })
	known = append(known, recorded...)
	slices.Sort(known)
	return slices.Compact(known)
}

// KnownAmong are those of Known that are among some names, or all of them where there are none: of
// those, silence is told, too.
func (c *Config) KnownAmong(names []string) []string {
	known := c.Known()
	if names != nil {
		known = slices.DeleteFunc(known, func(name string) bool { return !slices.Contains(names, name) })
	}
	return known
}

// Chosen are the known tenants that are asked for, each once; none means that all are. See Choose.
// A name that is known is taken as it stands, since it may hold a comma or a star. Patterns choose
// among told.
func Chosen(asked, known, told []string) ([]string, error) {
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
		return nil, UnknownTenant(pattern, known)
	}
	var names []string
	for _, name := range told {
		fits, err := path.Match(pattern, name)
		if err != nil {
			return nil, fmt.Errorf("pattern %q cannot be read; write one such as \"blue-*\"", pattern)
		}
		if fits {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil, UnknownTenant(pattern, known)
	}
	return names, nil
}

// UnknownTenant says that a tenant is not known, with the nearest that is, or the first few.
func UnknownTenant(name string, known []string) error {
	const few = 8
	what := "is not known"
	if strings.ContainsAny(name, "*?[") {
		what = "fits no tenant"
	}
	nearest := tomldoc.Nearest(name, known)
	switch {
	case len(known) == 0:
		return fmt.Errorf("%q %s: no tenant is known, neither in the database nor in the config", name,
			what)
	case nearest != "":
		return fmt.Errorf("%q %s; did you mean %q?", name, what, nearest)
	case len(known) > few:
		return fmt.Errorf("%q %s; known are %s and %d more, which \"headroom tenants\" lists", name, what,
			strings.Join(known[:few], ", "), len(known)-few)
	}
	return fmt.Errorf("%q %s; known are %s", name, what, strings.Join(known, ", "))
}
