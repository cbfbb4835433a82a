package commands

import (
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func newVersionCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "tell which version of headroom this is",
		Description: "Example:\n  headroom version",
		Action: action(func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			_, err := fmt.Fprintln(s.out, "headroom", version())
			return err
		}),
	}
}

// version is the module's, with the commit of a build from a checkout where the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			v += " " + s.Value
		}
	}
	return v
}
