package commands

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/internal/measure"
)

func newPruneCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "prune",
		Usage: "remove what is older than a time, for good",
		Description: "Removes every request, listed recording and event before --before, and what only they named. The ledger of\n" +
			"pulls stays, so that no recording is fetched twice.\n" +
			"Hashes stay, so that the seals still hold and tell how much is gone. Asks first where it runs on a terminal.\n\n" +
			"Examples:\n" +
			"  headroom prune --before 400d\n" +
			"  headroom prune --before 2026-01-01",
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name:  "before",
				Usage: "remove what is from before this `TIME`: RFC 3339, \"2026-01-01\" (midnight UTC), or back from now, \"400d\"; needed",
			},
		},
		Action: withStore(s, readPruneOptions, runPrune, mustExist),
	}
}

type pruneOptions struct{ before time.Time }

func readPruneOptions(c *cli.Context, _ *streams) (o pruneOptions, err error) {
	if err := noArguments(c); err != nil {
		return o, err
	}
	now := time.Now()
	if o.before, err = readTime(c, "before", now); err != nil {
		return o, err
	}
	if o.before.IsZero() {
		return o, errors.New("flag --before: is needed; see \"headroom help prune\"")
	}
	if o.before.After(now) {
		return o, fmt.Errorf("flag --before: %s is in the future", stamp(o.before))
	}
	return o, nil
}

func runPrune(c *cli.Context, se *session, o pruneOptions) error {
	if err := se.writable(); err != nil {
		return err
	}
	if _, asks := terminal(se.in); asks &&
		!se.confirm(
			fmt.Sprintf("Remove everything before %s from %s for good?", stamp(o.before), se.store.Path())) {
		return errors.New("nothing was removed")
	}
	key, err := se.key()
	if err != nil {
		return err
	}
	done, err := evidence.Prune(c.Context, se.store, evidence.PruneOptions{
		SealOptions: se.sealOptions(key), Before: o.before.UnixMicro(), Night: se.night,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(se.out, "removed %s (%s) and %s from before %s\n", measure.Count(done.Requests, "request"),
		measure.Bytes(done.Bytes), measure.Count(done.Other, "other row"), stamp(o.before)); err != nil {
		return err
	}
	se.tellSeal(c.Context, done.Line)
	return nil
}

// night is the beginning of a tenant's night.
func (s *session) night(tenant string, at time.Time) time.Time {
	return nightOf(at, s.config.About(tenant).Zone)
}

// confirm asks a person on a terminal.
func (s *streams) confirm(question string) bool {
	fmt.Fprintf(s.err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(s.in).ReadString('\n') // no answer is no
	return strings.EqualFold(strings.TrimSpace(answer), "y")
}
