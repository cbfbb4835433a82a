package commands

import (
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/notices"
)

func newVersionCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "tell which version of headroom this is",
		Description: "Examples:\n  headroom version\n  headroom version --notices",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "notices", Usage: "print the licences of what headroom is built from"},
			outputFlag(),
		},
		Action: action(func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if c.Bool("notices") {
				return writeText(s, c, notices.Text)
			}
			return writeText(s, c, "headroom "+version()+"\n")
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
