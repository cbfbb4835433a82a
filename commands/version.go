package commands

import (
	"runtime"
	"runtime/debug"
	"strings"

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
			return writeText(s, c, "headroom "+version()+" ("+builtFrom()+")\n")
		}),
	}
}

// version is the module's, as the go command stamps it: a tag, or a pseudo-version with the first
// digits of the commit. It is "(devel)" where the build was told to record neither.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// builtFrom tells what the program was built from, and by what: the commit of a build from a
// checkout, the module's checksum of a "go install" by version, neither where none was recorded.
func builtFrom() string {
	var of []string
	if info, ok := debug.ReadBuildInfo(); ok {
		of = sources(info)
	}
	return strings.Join(append(of, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH), ", ")
}

func sources(info *debug.BuildInfo) (of []string) {
	if info.Main.Sum != "" {
		of = append(of, "module "+info.Main.Sum)
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			of = append(of, "commit "+s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			of = append(of, "with changes that are not committed")
		}
	}
	return of
}
