package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/internal/measure"
)

func newSealCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "seal",
		Usage: "seal what was recorded, so that a later change can be told",
		Description: "Appends what is not sealed yet to each tenant's Merkle log and prints the seal line. Whoever has that\n" +
			"line from today can tell tomorrow whether anything before it was changed. import, run, proxy, pull, serve\n" +
			"and audit seal by themselves. The key lies in the user's configuration folder, or where --key says.\n\n" +
			"--tsq writes a query for a time stamping authority (RFC 3161), --tsr takes its answer in. headroom itself\n" +
			"asks nobody.\n\n" +
			"Examples:\n" +
			"  headroom seal\n" +
			"  headroom seal >> seals.txt\n" +
			"  headroom seal --tsq seal.tsq\n" +
			"  curl -H 'Content-Type: application/timestamp-query' --data-binary @seal.tsq https://AUTHORITY > seal.tsr\n" +
			"  headroom seal --tsr seal.tsr",
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name:  "tsq",
				Usage: "also write a query for a time stamp of the newest seal to this `FILE`",
			},
			&cli.StringFlag{
				Name:  "tsr",
				Usage: "seal nothing, but keep the authority's answer in this `FILE` with the seal that it is about",
			},
			outputFlag(),
		},
		Action: withStore(s, readSealOptions, runSeal, mustExist),
	}
}

type sealOptions struct {
	output, query string
	answer        []byte // of a time stamping authority; nil where none is taken in
	answerFile    string
}

func readSealOptions(c *cli.Context, _ *streams) (o sealOptions, err error) {
	o.output, o.query, o.answerFile = c.String("output"), c.String("tsq"), c.String("tsr")
	switch {
	case o.query == "-":
		return o, errors.New("flag --tsq: needs the name of a file, since the seal line goes to standard output")
	case o.query != "" && o.answerFile != "":
		return o, errors.New("flag --tsr: does not go with --tsq: the answer comes after the query")
	case o.answerFile != "":
		if o.answer, err = readSmall(o.answerFile); err != nil {
			return o, fmt.Errorf("flag --tsr: %w", err)
		}
	}
	return o, noArguments(c)
}

func runSeal(c *cli.Context, se *session, o sealOptions) error {
	if err := se.writable(); err != nil {
		return err
	}
	if o.answerFile != "" {
		return se.addTimeStamp(c.Context, o)
	}
	key, err := se.key()
	if err != nil {
		return err
	}
	done, err := evidence.Seal(c.Context, se.store, se.sealOptions(key))
	if err != nil {
		return err
	}
	se.tell("headroom: sealed %s", measure.Count(done.Rows, "row"))
	se.tellFirst(done)
	if done.Line == "" {
		return nil
	}
	line := done.Line
	if o.query != "" {
		if line, err = se.writeQuery(c.Context, o.query); err != nil {
			return err
		}
	}
	if err := se.write(o.output, func(w io.Writer) error {
		_, err := io.WriteString(w, line+"\n")
		return err
	}); err != nil {
		return fmt.Errorf("write the seal line: %w", err)
	}
	return se.markTold(c.Context)
}

// writeQuery writes the query for a time stamp of the newest seal, whose line it gives.
func (s *session) writeQuery(ctx context.Context, name string) (line string, err error) {
	line, query, err := evidence.NewestSeal(ctx, s.store)
	if err != nil {
		return "", err
	}
	err = s.write(name, func(w io.Writer) error { _, err := w.Write(query); return err })
	return line, err
}

// addTimeStamp keeps what a time stamping authority answered.
func (s *session) addTimeStamp(ctx context.Context, o sealOptions) error {
	line, at, err := evidence.AddTimeStamp(ctx, s.store, o.answer)
	if err != nil {
		return fmt.Errorf("flag --tsr: %s: %w", o.answerFile, err)
	}
	return s.write(o.output, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\nhas a time stamp of %s; \"headroom verify --tsa-ca FILE\" checks who made it\n",
			line, at.Format(time.RFC3339))
		return err
	})
}
