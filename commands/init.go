package commands

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/pathname"
)

func newInitCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "write a commented " + defaultConfig,
		Description: "Writes the file that --config names, by default " + defaultConfig + " in the current folder. It never overwrites.\n\n" +
			"Examples:\n" +
			"  headroom init\n" +
			"  headroom --config /etc/headroom.toml init",
		Action: action(func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return runInit(s, cmp.Or(c.String("config"), defaultConfig))
		}),
	}
}

func runInit(s *streams, name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf(
			"write %s: exists already and was not changed; remove it, or name another file with --config",
			pathname.Quote(name))
	}
	if err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	_, err = f.WriteString(config.Template)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(name)
		return fmt.Errorf("write config: %w", err)
	}
	_, err = fmt.Fprintf(s.out, "wrote %s: fill in what you know of your tenants\n", name)
	return err
}
