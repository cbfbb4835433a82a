package commands

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/ingest/logs"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/store"
)

// timesUnknown says whether a log of this name was imported when nobody said what its times mean.
// It matters where now somebody does.
func (im *importer) timesUnknown(ctx context.Context, name string) (bool, error) {
	if im.o.time == logs.TimeAsLogged && im.o.mapping == nil {
		return false, nil
	}
	snapshot, err := im.store.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	file := privacy.File(filepath.Base(shown(name)))
	known := slices.ContainsFunc(snapshot.Sources(), func(s *store.Source) bool {
		return s.Kind == logs.FormatCombined && s.Name == file && s.TimeIs != store.TimeIsStart
	})
	return known, snapshot.Close()
}

// tellResult tells what the records of a file leave open.
func (im *importer) tellResult(name string, result logs.Result) {
	if n := result.UnknownSize; n > 0 {
		im.tell("headroom: import: %s does not tell the size of %s on the wire: counted as 0 bytes",
			shown(name), measure.Count(n, "answer"))
	}
	if len(result.NeverFound) > 0 {
		im.tell("headroom: import: no record of %s has a value for %s: compare the names in the mapping with the file",
			shown(name), strings.Join(result.NeverFound, ", "))
	}
	if result.TimesUnknown > 0 && im.o.time == logs.TimeAsLogged &&
		result.Format == logs.FormatCombined {
		im.tell(
			"headroom: import: %s does not say whether its times are the start of requests (Apache) or their end (nginx): "+
				"to have gaps judged, import it into a new database with --time start, --time end or --log-format; what is here stays",
			shown(name),
		)
	}
	if result.Waiting > 0 {
		im.tell(
			"headroom: import: line %d of %s has no line end and may be half-written: it is left for the next import",
			result.Waiting, shown(name))
	}
}

// all is "all 3 duplicates", or "the one duplicate".
func all(n int64, noun string) string {
	if n == 1 {
		return "the one " + noun
	}
	return fmt.Sprintf("all %d %ss", n, noun)
}
