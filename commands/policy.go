package commands

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/limits"
)

func newPolicyCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "policy",
		Usage: "print the vendor's rules in force, as a file to copy and correct",
		Description: "Checks the policy that --policy names, by default the built-in one, and prints its file.\n\n" +
			"Examples:\n" +
			"  headroom policy --output mine.toml\n" +
			"  headroom --policy mine.toml policy > /dev/null && headroom --policy mine.toml audit",
		Flags:  []cli.Flag{outputFlag()},
		Action: action(func(c *cli.Context) error { return runPolicy(c, s) }),
	}
}

func runPolicy(c *cli.Context, s *streams) error {
	if err := noArguments(c); err != nil {
		return err
	}
	name := c.String("policy")
	data, err := policyText(name)
	if err != nil {
		return err
	}
	if _, err := limits.Parse(name, data); err != nil {
		return err
	}
	return writeOutput(s.out, c.String("output"), c.String("db"), func(w io.Writer) error {
		if _, err := w.Write(data); err != nil {
			return fmt.Errorf("write policy: %w", err)
		}
		return nil
	})
}
