package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/tomldoc"
)

// arrange puts arguments into the order that the cli package needs: global flags, command, its
// flags, its arguments. So a flag may stand anywhere, as people write them, but for what follows
// the name of a program to run. A command or flag that there is none of is an error that names the
// nearest.
func arrange(app *cli.App, args []string) ([]string, error) {
	a := arranger{app: app}
	rest := args[min(1, len(args)):]
	for len(rest) > 0 {
		var err error
		if rest, err = a.take(rest); err != nil {
			return nil, err
		}
	}
	ordered := append([]string{app.Name}, a.global...)
	if a.command != "" {
		ordered = append(append(ordered, a.command), a.own...)
	}
	if len(a.plain) > 0 && a.command != "help" && a.command != "h" {
		ordered = append(ordered, "--") // an argument may look like a flag from here on
	}
	return append(ordered, a.plain...), nil
}

// arranger sorts arguments one by one.
type arranger struct {
	app                *cli.App
	command            string
	cmd                *cli.Command // nil before the command, and for help
	global, own, plain []string
}

// take sorts the first argument, and its value if it has one, and returns the others.
func (a *arranger) take(args []string) ([]string, error) {
	arg := args[0]
	switch {
	case arg == "--":
		a.plain = append(a.plain, args[1:]...)
		return nil, nil
	case arg == "--version" && a.command == "":
		a.command = "version"
		return nil, nil
	case len(arg) > 1 && arg[0] == '-':
		return a.flag(args)
	case a.command == "":
		return args[1:], a.setCommand(arg)
	case a.cmd == nil && a.app.Command(arg) == nil:
		return nil, a.unknownCommand(arg)
	case a.command == runCommand: // from its name on, all is the program's
		a.plain = append(a.plain, args...)
		return nil, nil
	}
	a.plain = append(a.plain, arg)
	return args[1:], nil
}

func (a *arranger) setCommand(name string) error {
	a.command = name
	a.cmd = a.app.Command(name)
	if a.cmd == nil && name != "help" && name != "h" {
		return a.unknownCommand(name)
	}
	return nil
}

func (a *arranger) unknownCommand(name string) error {
	var names []string
	for _, c := range a.app.Commands {
		names = append(names, c.Name)
	}
	return fmt.Errorf("unknown command %q%s; \"headroom help\" lists the commands", name,
		didYouMean(name, append(names, "help")))
}

// flag sorts a flag with its value.
func (a *arranger) flag(args []string) ([]string, error) {
	name, value, hasValue := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
	list, f := &a.global, find(a.app.Flags, name)
	if a.cmd != nil && find(a.cmd.Flags, name) != nil {
		list, f = &a.own, find(a.cmd.Flags, name)
	}
	if name == "help" || name == "h" {
		list, f = &a.own, cli.HelpFlag
		if a.command == "" {
			list = &a.global
		}
	}
	if f == nil {
		return nil, a.unknownFlag(args[0], name)
	}
	n := 1
	if _, isBool := f.(*cli.BoolFlag); !isBool && !hasValue {
		n = 2
	}
	if len(args) < n {
		return nil, fmt.Errorf("%sflag %s needs a value", a.where(), args[0])
	}
	if n == 2 {
		value, hasValue = args[1], true
	}
	if hasValue {
		if err := checkValue(f, value); err != nil {
			return nil, fmt.Errorf("%s%w", a.where(), err)
		}
	}
	*list = append(*list, args[:n]...)
	return args[n:], nil
}

// checkValue refuses what cannot be the value of a flag. Texts are the command's to read. The cli
// package would print its help behind an error of its own.
func checkValue(f cli.Flag, value string) (err error) {
	wanted := ""
	switch f := f.(type) {
	case *choiceFlag:
		return f.check(value)
	case *cli.IntFlag:
		wanted = "a whole number, as in 10"
		_, err = strconv.ParseInt(value, 0, strconv.IntSize)
	case *cli.DurationFlag:
		wanted = "a duration, as in 30s or 5m"
		_, err = time.ParseDuration(value)
	case *cli.BoolFlag:
		wanted = "true or false"
		_, err = strconv.ParseBool(value)
	}
	if err != nil {
		return fmt.Errorf("flag --%s: %q is not %s", f.Names()[0], value, wanted)
	}
	return nil
}

func (a *arranger) unknownFlag(arg, name string) error {
	var names []string
	flags := a.app.Flags
	if a.cmd != nil {
		flags = slices.Concat(a.cmd.Flags, flags)
	}
	for _, f := range flags {
		// Of a single letter, only what begins with it is near.
		if long := f.Names()[0]; len(name) > 1 || strings.HasPrefix(long, name) {
			names = append(names, "--"+long)
		}
	}
	if len(name) == 1 && len(names) > 0 {
		return fmt.Errorf("%sunknown flag %q; did you mean %q?", a.where(), arg, names[0])
	}
	arg, _, _ = strings.Cut(arg, "=")
	return fmt.Errorf("%sunknown flag %q%s; see \"%s\"", a.where(), arg, didYouMean("--"+name, names),
		strings.TrimSpace("headroom help "+a.command))
}

func (a *arranger) where() string {
	if a.command == "" {
		return ""
	}
	return a.command + ": "
}

func find(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// didYouMean is a hint to the candidate that word is nearest to, "" where none is near.
func didYouMean(word string, candidates []string) string {
	if best := tomldoc.Nearest(word, candidates); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}
