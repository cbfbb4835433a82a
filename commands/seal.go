package commands

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/internal/measure"
)

func newSealCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "seal",
		Usage: "seal what was recorded, so that a later change can be told",
		Description: "Appends what is not sealed yet to each tenant's Merkle log and prints the seal line. Whoever has that\n" +
			"line from today can tell tomorrow whether anything before it was changed. import, run, pull and audit\n" +
			"seal by themselves. The key lies in the user's configuration folder, or where --key says.\n\n" +
			"Examples:\n" +
			"  headroom seal\n" +
			"  headroom seal >> seals.txt",
		Flags:  []cli.Flag{outputFlag()},
		Action: withStore(s, readSealOptions, runSeal, mustExist),
	}
}

type sealOptions struct{ output string }

func readSealOptions(c *cli.Context, _ *streams) (o sealOptions, err error) {
	o.output = c.String("output")
	return o, noArguments(c)
}

func runSeal(c *cli.Context, se *session, o sealOptions) error {
	if err := se.writable(); err != nil {
		return err
	}
	done, err := se.seal(c.Context)
	if err != nil {
		return err
	}
	se.tell("headroom: sealed %s", measure.Count(done.Rows, "row"))
	if done.Line == "" {
		return nil
	}
	if err := se.write(o.output, func(w io.Writer) error {
		_, err := io.WriteString(w, done.Line+"\n")
		return err
	}); err != nil {
		return fmt.Errorf("write the seal line: %w", err)
	}
	return se.markTold(c.Context)
}
