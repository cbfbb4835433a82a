package commands

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	defaultDatabase = "headroom.db"
	defaultConfig   = "headroom.toml"
	defaultPolicy   = "xima"
)

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name:    "db",
			EnvVars: []string{"HEADROOM_DB"},
			Value:   defaultDatabase,
			Usage:   "the request log, a SQLite `FILE` or postgres://USER@HOST/DATABASE",
		},
		&cli.StringFlag{
			Name:    "config",
			EnvVars: []string{"HEADROOM_CONFIG"},
			Usage:   "what is known of the tenants, a TOML `FILE` (default: \"" + defaultConfig + "\" where it exists)",
		},
		&cli.StringFlag{
			Name:    "policy",
			EnvVars: []string{"HEADROOM_POLICY"},
			Value:   defaultPolicy,
			Usage:   "the vendor's rules: a built-in name, or a TOML `FILE`",
		},
		&cli.StringFlag{
			Name:  "key",
			Usage: "the key that signs seals, a `FILE` (default: in the user's configuration folder, made when it is first needed)",
		},
		&cli.BoolFlag{
			Name:    "quiet",
			Aliases: []string{"q"},
			Usage:   "print nothing but results and errors",
		},
		&cli.BoolFlag{
			Name:    "verbose",
			Aliases: []string{"v"},
			Usage:   "print what is read, and how long it takes",
		},
	}
}

func tenantsFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name:  "tenant",
		Usage: "only this `NAME`, \"acme\", these, \"acme,blue\", or those that a pattern fits, \"blue-*\"; an argument is the same",
	}
}

func rangeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name:  "since",
			Usage: "only requests from this `TIME` on: RFC 3339, \"2026-11-01\" (midnight UTC), \"yesterday\", or back from now, \"36h\" or \"7d\"",
		},
		&cli.StringFlag{Name: "until", Usage: "only requests before this `TIME`"},
		asOfFlag(),
	}
}

func asOfFlag() cli.Flag {
	return &cli.StringFlag{
		Name:  "as-of",
		Usage: "take this `TIME` as now (default: now, or --until where that is earlier)",
	}
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{
		Name:    "output",
		Aliases: []string{"o"},
		Usage:   "write to this `FILE`, whole or not at all (default: standard output, \"-\")",
	}
}

// neededOutputFlag is for what nobody wants on a terminal.
func neededOutputFlag() cli.Flag {
	return &cli.StringFlag{
		Name:    "output",
		Aliases: []string{"o"},
		Usage:   "write to this `FILE`, whole or not at all, or to standard output, \"-\"; needed",
	}
}

// formatFlag is a choice of formats, the first of which is the default.
func formatFlag(formats ...string) cli.Flag {
	return newChoiceFlag("format", "`FORMAT` of the output", formats...)
}

// choiceFlag is a flag with few values. arrange refuses others.
type choiceFlag struct {
	*cli.StringFlag
	among []string
}

// newChoiceFlag makes a flag with few values, the first of which is the default. Usage ends with
// them.
func newChoiceFlag(name, usage string, among ...string) *choiceFlag {
	return &choiceFlag{
		&cli.StringFlag{Name: name, Value: among[0], Usage: usage + ": " + strings.Join(among, ", ")},
		among,
	}
}

// newOptionalChoice makes a flag with few values, which usage names, and "" where it is not given.
func newOptionalChoice(name, usage string, among ...string) *choiceFlag {
	return &choiceFlag{&cli.StringFlag{Name: name, Usage: usage}, among}
}

func (f *choiceFlag) check(value string) error {
	if slices.Contains(f.among, value) {
		return nil
	}
	return fmt.Errorf("flag --%s: %q is none of %s%s", f.Name, value, strings.Join(f.among, ", "),
		didYouMean(value, f.among))
}

// span is which requests a command is about, and what time it is taken to be.
type span struct {
	asOf         time.Time
	since, until time.Time // zero means no bound
}

// readSpan reads --as-of, --since and --until.
func readSpan(c *cli.Context) (span, error) {
	s := span{}
	var err error
	if s.asOf, err = readTime(c, "as-of", time.Now()); err != nil {
		return span{}, err
	}
	given := !s.asOf.IsZero()
	s.asOf = orNow(s.asOf)
	if s.since, err = readTime(c, "since", s.asOf); err != nil {
		return span{}, err
	}
	if s.until, err = readTime(c, "until", s.asOf); err != nil {
		return span{}, err
	}
	if !given && !s.until.IsZero() && s.until.Before(s.asOf) {
		s.asOf = s.until // an audit of the past is made as of its end: what came later is no news to it
	}
	if !s.since.IsZero() && !s.until.IsZero() && !s.since.Before(s.until) {
		return span{}, errors.New("flag --until: must be later than --since")
	}
	return s, nil
}

// orNow is the time that was given, or now.
func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().UTC().Truncate(time.Microsecond)
	}
	return t
}

// readTime reads a flag that is a time; the zero time means that it was not given.
func readTime(c *cli.Context, flag string, now time.Time) (time.Time, error) {
	if !c.IsSet(flag) {
		return time.Time{}, nil
	}
	t, err := ParseTime(c.String(flag), now)
	if err != nil {
		return time.Time{}, fmt.Errorf("flag --%s: %w", flag, err)
	}
	return t, nil
}
